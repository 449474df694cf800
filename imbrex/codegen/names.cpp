#include "imbrex/codegen/names.h"

#include <cctype>

namespace imbrex::codegen {
namespace {

constexpr const char* kReserved[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "char8_t",
    "char16_t", "char32_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const", "consteval", "constexpr",
    "constinit", "const_cast", "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum",
    "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "long", "mutable",
    "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected", "public",
    "register", "reinterpret_cast", "requires", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast",
    "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "union",
    "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq", "unix", "linux", "main",
    // of the headers that are included
    "vf", "vi", "vm", "sum64", "add", "sub", "mul", "div", "min", "max", "neg", "abs", "abs_", "sqrt", "sqrt_", "recip", "rsqrt",
    "exp", "exp_", "log", "log_", "eq", "ne", "lt", "le", "gt", "ge", "select", "even", "odd", "interleave_lo", "interleave_hi",
    "interleaved", "vf_pair", "broadcast", "broadcast_i", "iota_i", "f32_of", "i32_of", "f32_exact", "saturate_i8", "saturate_u8",
    "reduce_max", "reduce_min", "reduce_sum_i", "smaller", "larger", "floor_div", "floor_mod", "tiles_of", "Part", "part_of",
    "Scratch", "FloatMode", "wait_for_all", "nanoseconds", "trace_begin", "trace_end", "fail_assumption", "checked_index",
    "all_distinct", "keep", "add_to_lanes", "fold_lanes", "Gathered", "gather_columns", "copy_tile", "memcpy", "memset", "run",
    "pack", "call", "Queue", "queues", "Tasks", "TaskOfTiles", "task_of_tiles", "streams_to", "finish_streams", "fetch_rows",
    "claim_rows", "shared", "scratch", "task", "c", "n", "r", "j", "k", "group", "block", "pair", "half", "dims", "nth", "ith",
    "workspace_bytes", "kernel", "tensors", "timespec", "clock_gettime"};

}  // namespace

Names::Names() : used_(std::begin(kReserved), std::end(kReserved)) {}

std::string Names::fresh(const std::string& stem) {
  std::string base;
  for (char each : stem) base += std::isalnum(static_cast<unsigned char>(each)) ? each : '_';
  if (base.empty() || std::isdigit(static_cast<unsigned char>(base[0]))) base = "v" + base;
  // Reserved by the language: a leading underscore with a capital, and two underscores anywhere.
  for (size_t at = base.find("__"); at != std::string::npos; at = base.find("__")) base.erase(at, 1);
  if (base[0] == '_') base = "v" + base;
  std::string name = base;
  for (int i = 2; !used_.insert(name).second; ++i) name = base + "_" + std::to_string(i);
  return name;
}

}  // namespace imbrex::codegen

#include "imbrex/runtime/aot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/codegen/generate.h"
#include "imbrex/codegen/names.h"
#include "imbrex/codegen/text.h"
#include "imbrex/ir/hash.h"
#include "imbrex/ir/print.h"
#include "imbrex/runtime/abi.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/runtime/file.h"
#include "imbrex/runtime/jit.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;
using codegen::c_identifier;

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

constexpr const char* kTryFolder = "a folder that you may write to";
constexpr const char* kOurs = "imbrex_";  // what the names in our headers begin with

void write_if_changed(const fs::path& path, const std::string& text) {
  if (read_file(path) == text) return;
  fs::create_directories(path.parent_path());
  if (!replace_file(path, text, Permission::umask))
    throw UserError("file-unwritable", fmt::format("{} cannot be written", path.string()), kTryFolder);
}

std::string names_of(const std::vector<const target::Target*>& targets, const char* separator) {
  std::string text;
  for (const target::Target* target : targets) text += (text.empty() ? "" : separator) + target->name;
  return text;
}

// A file's name without its end.
std::string stem_of(const AotKernel& kernel, const target::Target& target) {
  return fmt::format("{}_{}", kernel.symbol, target.name);
}

bool is_usable(const std::string& symbol) {
  return !symbol.empty() && symbol == c_identifier(symbol) && !codegen::is_reserved_word(symbol) && !symbol.starts_with(kOurs);
}

// Each kernel has files and enumerators of its own, also where letters have no case.
void check_symbols(const AotRequest& request) {
  std::set<std::string> taken;
  for (const AotKernel& kernel : request.kernels) {
    if (!is_usable(kernel.symbol))
      throw UserError("bad-symbol", fmt::format("`{}` is not the name of a C function, or one of Imbrex's own", kernel.symbol),
                      (request.is_of_command ? "--symbol " : "the symbol ") + usable_symbol(kernel.symbol));
    std::set<std::string> own = {upper(kernel.symbol)};
    for (const target::Target* target : request.targets) own.insert(upper(stem_of(kernel, *target)));
    for (const std::string& name : own)
      if (!taken.insert(name).second)
        throw UserError("bad-symbol", fmt::format("two kernels would have files or constants called {}", name),
                        fmt::format("another name than `{}` for one of them", kernel.symbol));
  }
}

std::string hint_of_targets(const AotRequest& request, imbrex_architecture architecture) {
  const std::vector<const target::Target*> possible = target::targets_of(architecture);
  return request.is_of_command ? "--isa " + names_of(possible, ",")
                               : "targets of one architecture, as these are: " + names_of(possible, ", ");
}

// A library is of one architecture: another's compiler refuses even the flags.
void check_architectures(const AotRequest& request) {
  const target::Target* first = nullptr;
  for (const target::Target* target : request.targets) {
    const imbrex_architecture architecture = target->needs.architecture;
    if (architecture == IMBREX_ANY_ARCHITECTURE) continue;
    if (first == nullptr) first = target;
    if (architecture == first->needs.architecture) continue;
    throw UserError("mixed-isas",
                    fmt::format("{} is code for {} and {} for {}: no library holds both", first->name,
                                target::name_of(first->needs.architecture), target->name, target::name_of(architecture)),
                    hint_of_targets(request, first->needs.architecture));
  }
}

void check_targets_differ(const AotRequest& request) {
  std::set<std::string> seen;
  for (const target::Target* target : request.targets)
    if (!seen.insert(target->name).second)
      throw UserError("option-value", fmt::format("the instruction set {} is given twice", target->name),
                      fmt::format("{}{} once", request.is_of_command ? "--isa with " : "", target->name));
}

void check(const AotRequest& request) {
  if (request.kernels.empty()) throw UserError("no-kernel", "there is no kernel to write", "the name of at least one kernel");
  if (request.targets.empty())
    throw UserError("unknown-isa", "there is no instruction set to write kernels for",
                    hint_of_targets(request, IMBREX_THIS_ARCHITECTURE));
  check_targets_differ(request);
  check_architectures(request);
  check_symbols(request);
  const fs::path header = request.header;
  if (!header.has_filename() || header.is_absolute() || *header.begin() == "imbrex" ||
      std::find(header.begin(), header.end(), "..") != header.end())
    throw UserError("bad-header", fmt::format("the header '{}' is not a file name in the folder of the kernels", request.header),
                    request.is_of_command ? "--header kernels.h" : "kernels.h");
}

// The function in the library: another for each kernel that one symbol may stand for, such as the presets of one, and for other
// bits. The symbol alone is the header's: as a function of libraries it would mean whichever is linked or loaded first.
std::string own_function(const AotKernel& kernel) {
  const std::string meaning = fmt::format("{}semantics {}\n", ir::print(kernel.program), IMBREX_SEMANTICS);
  return fmt::format("{}_{}", kernel.symbol, ir::sha256_hex(meaning).substr(0, 16));
}

std::string table_function(const AotKernel& kernel, const target::Target& target) {
  return fmt::format("{}_{}", own_function(kernel), target.name);
}

// The generated file, under a name of its own for each target. No macro tells of -ffp-contract=fast behind the kernel's flags,
// which would change results, and of some others: for g++ a pragma undoes them; what clang made with the first is not handed out.
std::string kernel_source(const AotKernel& kernel, const Translation& translation, const target::Target& target) {
  const std::string function = table_function(kernel, target);
  return fmt::format(
             R"(// Products and sums are rounded one by one, and integers wrap, also where -ffp-contract=fast or -fno-wrapv comes last.
#ifdef __clang__
#define imbrex_kernel_{0} {1}_of_any_flags
#else
#pragma GCC optimize("fp-contract=off,wrapv,no-associative-math")
#define imbrex_kernel_{0} {1}
#endif
)",
             codegen::symbol_of(translation.program()), function) +
         translation.source +
         fmt::format(R"(
#ifdef __clang__
extern "C" const imbrex_kernel* {0}(void) {{
  volatile float factor = 1 + 0x1p-12f;  // its square is rounded, if by itself, to 1 + 2^-11
  const float x = factor;
  return x * x - (1 + 0x1p-11f) == 0 ? {0}_of_any_flags() : nullptr;
}}
#endif
)",
                     function);
}

// What a target needs, as C.
std::string needs_text(const imbrex_needs& needs) {
  std::string features;
  for (int32_t i = 0; i < needs.feature_count; ++i) {
    const imbrex_cpu_feature& feature = needs.features[i];
    features +=
        fmt::format("{}{{{}, {}, '{}', {}}}", i == 0 ? "" : ", ", feature.leaf, feature.subleaf, feature.reg, feature.bit);
  }
  return fmt::format("{{imbrex_architecture({}), {:#x}, {}, {}, {{{}}}}}", static_cast<int>(needs.architecture),
                     needs.saved_states, needs.requested_state, needs.feature_count, features);
}

std::string dispatcher_source(const AotKernel& kernel, const std::vector<const target::Target*>& targets) {
  std::string text = fmt::format(
      "// {}: chooses the instruction set at run time.\n#include \"imbrex/runtime/abi.h\"\n"
      "#include \"imbrex/runtime/dispatch.h\"\n\nextern \"C\" {{\n",
      codegen::comment(kernel.description));
  for (const target::Target* target : targets)
    text += fmt::format("const imbrex_kernel* {}(void);\n", table_function(kernel, *target));
  text += "}\n\nstatic const imbrex_built_target built[] = {\n";
  for (const target::Target* target : targets)
    text += fmt::format("    {{\"{}\", {}}},\n", target->name, needs_text(target->needs));
  text += fmt::format(
      "}};\nstatic signed char answers[{0}];\n\nextern \"C\" const imbrex_kernel* {1}(const char* isa) {{\n"
      "  switch (imbrex_choose_target(built, answers, {0}, isa)) {{\n",
      targets.size(), own_function(kernel));
  for (size_t i = 0; i < targets.size(); ++i)
    text += fmt::format("    case {}: return {}();\n", i, table_function(kernel, *targets[i]));
  return text + "    default: return nullptr;\n  }\n}\n";
}

// Names that differ by case alone, and one called "count", get underscores.
std::string enumeration(const AotKernel& kernel, const char* what, const std::vector<std::string>& names) {
  std::set<std::string> taken = {"COUNT"};
  std::string text = "enum {\n";
  for (size_t i = 0; i < names.size(); ++i) {
    std::string name = upper(c_identifier(names[i]));
    while (!taken.insert(name).second) name += "_";
    text += fmt::format("  {}_{}_{} = {},\n", upper(kernel.symbol), what, name, i);
  }
  return text + fmt::format("  {}_{}_COUNT = {}\n}};\n", upper(kernel.symbol), what, names.size());
}

// One tensor's line of the comment: its role, type and shape.
std::string tensor_line(const ir::Tensor& tensor) {
  std::string shape;
  for (const ir::IndexExpr& extent : tensor.shape) shape += (shape.empty() ? "" : ", ") + ir::to_text(extent);
  return fmt::format(" *   {:<7}{:<12}{} [{}]\n", ir::declared_as(tensor), tensor.name, name_of(tensor.dtype), shape);
}

std::string kernel_declaration(const AotKernel& kernel) {
  std::vector<std::string> tensors, dims;
  std::string text = fmt::format("\n/* {}\n", codegen::comment(kernel.description));
  for (const ir::Tensor& tensor : kernel.program.tensors) {
    text += tensor_line(tensor);
    tensors.push_back(tensor.name);
  }
  for (const ir::Dim& dim : kernel.program.dims) {
    text += fmt::format(" *   dimension {}: {}\n", dim.name, dim.max ? fmt::format("1 to {}", *dim.max) : "1 or more");
    dims.push_back(dim.name);
  }
  text += fmt::format(
      " */\nconst imbrex_kernel* {0}(const char* isa);\n"
      "static inline const imbrex_kernel* {1}(const char* isa) {{ return {0}(isa); }}\n"
      "#define {2}_FUNCTION \"{0}\" /* its name in the library, such as for dlsym */\n",
      own_function(kernel), kernel.symbol, upper(kernel.symbol));
  text += "/* Numbers of its tensors, as in imbrex_call.tensors, and of its dimensions, as in imbrex_call.dims. */\n";
  size_t most_axes = 1;  // for arrays, which have no fewer
  for (const ir::Tensor& tensor : kernel.program.tensors) most_axes = std::max(most_axes, tensor.shape.size());
  text += enumeration(kernel, "TENSOR", tensors) + enumeration(kernel, "DIM", dims);
  return text +
         fmt::format("enum {{ {}_MAX_RANK = {} }}; /* axes of the tensor that has most */\n", upper(kernel.symbol), most_axes);
}

constexpr const char* kHeaderComment = R"(/* Kernels compiled ahead of time. A call, in this order:
 *
 *   const imbrex_kernel* kernel = NAME(NULL);     once; NULL if this processor runs none that was built, or if clang built it
 *                                                 with -ffp-contract=fast behind its flags
 *   kernel->tensors[i].packed_bytes               not 0: a weight that is packed once, into memory of yours of that many bytes,
 *   kernel->pack(i, source, strides, ...)         aligned to 64; [in, out] or [out, in] differ by `strides` alone
 *   kernel->workspace_bytes(dims, nth)            bytes of one workspace for nth threads, aligned to 64
 *   call.tensors[i]                               `input` points to what is read, `output` to what is written
 *   imbrex_check_call(kernel, &call, ...)         when buffers or sizes change: says what is wrong with a call instead of crashing
 *   kernel->run(&call)                            on each of nth threads, with its ith; allocates nothing
 *
 * Each function returns the kernel for the best instruction set that this processor and operating system run. `isa`, or else the
 * environment variable IMBREX_ISA, forces one of these; NULL if it cannot run here, or is none of these:
 *   @TARGETS@
 * Results are the same bits for each instruction set and number of threads. imbrex/runtime/abi.h has the types.
 *
 * NAME is a function of this header alone. The library's, which it calls, has a name that ends in a number of the program and
 * of its semantics: another preset's library, linked or loaded in its place, does not have it. Languages that cannot read this
 * header declare that function, and dlsym finds it under NAME_FUNCTION. */
)";

// `targets`: the best first.
std::string header_text(const AotRequest& request, const std::vector<const target::Target*>& targets) {
  std::string declarations;
  for (const AotKernel& kernel : request.kernels) declarations += kernel_declaration(kernel);
  // Headers of one name, in two folders, do not hide each other.
  const std::string guard =
      fmt::format("IMBREX_{}_{}", upper(c_identifier(request.header)), upper(ir::sha256_hex(declarations).substr(0, 16)));
  std::string text = kHeaderComment;
  const std::string_view place = "@TARGETS@";
  text.replace(text.find(place), place.size(), names_of({targets.rbegin(), targets.rend()}, ", "));
  text += fmt::format(
      "#ifndef {0}\n#define {0}\n\n#include \"imbrex/runtime/abi.h\"\n#include \"imbrex/runtime/check_call.h\"\n"
      "#include \"imbrex/runtime/packed_label.h\"\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n",
      guard);
  return text + declarations + "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
}

}  // namespace

std::string usable_symbol(const std::string& name) {
  const std::string symbol = c_identifier(name.empty() ? "kernel" : name);
  if (symbol.starts_with(kOurs)) return "kernel_" + symbol;
  return codegen::is_reserved_word(symbol) ? symbol + "_kernel" : symbol;
}

WrittenAhead write_ahead_of_time(const AotRequest& request) try {
  check(request);
  std::vector<const target::Target*> targets = request.targets;
  std::sort(targets.begin(), targets.end(), std::greater<>());  // the best first: the dispatcher asks in this order
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  const fs::path source = request.directory / "source", include = request.directory / "include";
  WrittenAhead written;
  std::vector<fs::path>& sources = written.sources;
  for (const AotKernel& kernel : request.kernels) {
    for (const target::Target* target : targets) {
      const target::Machine machine = request.rates ? target::Machine(*target, *request.rates) : target::Machine(*target);
      const Translation translation = translate(kernel.program, {.machine = machine, .optimize = kernel.optimize});
      const std::string stem = stem_of(kernel, *target);
      std::string flags = "-std=c++20\n-O3\n-fno-exceptions\n-fno-rtti\n";
      for (const std::string& flag : target::compiler_flags(*target)) flags += flag + "\n";
      write_if_changed(source / (stem + ".flags"), flags);
      sources.push_back(source / (stem + ".cpp"));
      write_if_changed(sources.back(), kernel_source(kernel, translation, *target));
      written.assumed.push_back({target, assumptions_of(translation.program())});
    }
    sources.push_back(source / (kernel.symbol + ".cpp"));
    write_if_changed(sources.back(), dispatcher_source(kernel, targets));
  }
  for (const EmbeddedHeader& header : embedded_headers()) {
    write_if_changed(source / header.path, header.text);
    for (const char* used_by_callers :
         {"imbrex/runtime/abi.h", "imbrex/runtime/call_memory.h", "imbrex/runtime/check_call.h", "imbrex/runtime/packed_label.h"})
      if (std::string(header.path) == used_by_callers) write_if_changed(include / header.path, header.text);
  }
  write_if_changed(include / request.header, header_text(request, targets));
  return written;
} catch (const fs::filesystem_error& error) {
  throw UserError("file-unwritable", fmt::format("kernels cannot be written: {}", error.what()), kTryFolder);
}

}  // namespace imbrex::runtime

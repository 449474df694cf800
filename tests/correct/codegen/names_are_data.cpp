// Whatever an author calls a kernel, a scope, a tap, a tensor, a tile or a loop: it compiles without a warning, means the same,
// and nothing of it is C++.
#include <gtest/gtest.h>

#include "imbrex/codegen/names.h"
#include "imbrex/codegen/text.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

TEST(Literals, hold_any_bytes) {
  EXPECT_EQ(codegen::literal("plain name"), "\"plain name\"");
  EXPECT_EQ(codegen::literal("a\"b\\c"), R"("a\042b\134c")");
  EXPECT_EQ(codegen::literal("\n1\x7f\xff"), R"("\0121\177\377")");
  EXPECT_EQ(codegen::literal("?\?/"), R"("\077\077/")");
}

TEST(Comments, end_where_their_line_ends_and_hide_nothing) {
  EXPECT_EQ(codegen::comment("rows of q, 16 * t / 2"), "rows of q, 16 * t / 2");
  EXPECT_EQ(codegen::comment("größe 大きさ"), "größe 大きさ");
  EXPECT_EQ(codegen::comment("a\nint b;"), R"(a\x0aint b;)");
  EXPECT_EQ(codegen::comment("draws in \\"), R"(draws in \x5c)");
  EXPECT_EQ(codegen::comment("draws in ?\?/"), R"(draws in ?\x3f/)");
  EXPECT_EQ(codegen::comment("*/ int b; /*"), R"(*\x2f int b; \x2f*)");
  EXPECT_EQ(codegen::comment("\xff\xc3"), R"(\xff\xc3)");
  EXPECT_EQ(codegen::comment("\u202e\u200b"), R"(\xe2\x80\xae\xe2\x80\x8b)");
}

TEST(Identifiers, are_the_authors_alone) {
  codegen::Names names;
  EXPECT_EQ(names.own("row"), "row");
  EXPECT_EQ(names.own("row"), "row_2");
  EXPECT_EQ(names.fresh("row"), "row_");
  EXPECT_EQ(names.fresh("row"), "row_2_");
  EXPECT_EQ(names.fresh("row_2"), "row_2_2_");
  EXPECT_EQ(names.fresh("__x__y_"), "x_y_");
  EXPECT_EQ(names.fresh("_Upper"), "Upper_");
  EXPECT_EQ(names.fresh("9lives"), "v9lives_");
  EXPECT_EQ(names.fresh(""), "v_");
}

ir::Program parsed(const std::string& text) {
  ir::Program program = ir::parse(text, "names.tile");
  ir::verify_or_throw(program);
  EXPECT_EQ(ir::print(ir::parse(ir::print(program), "again.tile")), ir::print(program));
  return program;
}

// Keywords, macros of common headers, names of the headers that generated code includes, and of what it holds itself.
const std::vector<std::string> kWords = {
    "double",      "class",    "NULL",      "EOF",       "errno",      "stdin",  "INT_MAX", "assert",   "unix",    "linux",
    "std",         "main",     "abs",       "exp",       "memcpy",     "call",   "shared",  "scratch",  "kernel_", "run",
    "pack",        "dims",     "nth",       "vf",        "sum64",      "mul",    "row",     "before",   "part",    "task_number",
    "group",       "block",    "half",      "floor_div", "smaller",    "larger", "Scratch", "Queue",    "int64_t", "uint16_t",
    "size_t",      "_x",       "_X",        "__x",       "x__y",       "x_",     "x_row",   "x_stride", "row_",    "IMBREX_F32",
    "kTensors",    "time",     "y0",        "imbrex",    "isa",        "true",   "nullptr", "co_await", "not",     "xor",
    "alignas",     "restrict", "kDimNames", "x_y",       "float_mode", "queues", "i386",    "signal",   "FLT_MAX", "I",
    "imbrex_call", "__LINE__", "größe",     "gr_e",      "вход",       "入力",   "出力",    "🙂",     "é",       "è"};

// Each word names a tensor, a tile and a loop, one of each in a kernel.
ir::Program with_words(size_t number) {
  const auto word = [&](size_t i) { return kWords[(number + i) % kWords.size()]; };
  return parsed(fmt::format(R"(imbrex 1
kernel "words" {{
  dim {dim} typical 5
  input {x}: f32[{dim}, 40]
  output {y}: f32[{dim}, 40]
  create {s}: f32[{dim}, 40]
  parallel {t} in tiles({dim}, 2) {{
    let {v} = {x}[{t}, :] * row_sum({x}[{t}, :])
    range {n} in tiles(40, 16) {{ {s}[{t}, {n}] = {x}[{t}, {n}] + 1.0 }}
    {y}[{t}, :] = {v} + {s}[{t}, :]
  }}
}}
)",
                            fmt::arg("dim", word(0)), fmt::arg("x", word(1)), fmt::arg("y", word(2)), fmt::arg("s", word(3)),
                            fmt::arg("t", word(4)), fmt::arg("v", word(5)), fmt::arg("n", word(6))));
}

const std::vector<std::string> kTexts = {"s\" + (__builtin_trap(), 0) + *\"",
                                         "a\nint broken = ;",
                                         "ends in \\",
                                         "?\?/",
                                         "*/ int broken; /*",
                                         ")imbrex\"",
                                         "//",
                                         "",
                                         "9",
                                         std::string("\x01\x7f\xff"),
                                         "größe 大きさ",
                                         "scratch",
                                         "shared",
                                         "N",
                                         "%s%n{}",
                                         std::string(300, ','),
                                         "a, b",
                                         "a-b",
                                         "a_b"};

ir::Program with_text(const std::string& text) {
  ir::Program program = parsed(R"(imbrex 1
kernel "k" {
  dim N typical 5
  input x: f32[N, 40]
  output y: f32[N, 40]
  parallel t in tiles(N, 2) {
    at "scope" {
      let v = x[t, :] * 2.0
      tap "tap" v
      y[t, :] = v + row_sum(v)
    }
  }
}
)");
  program.name = text;
  auto& scope = std::get<ir::At>(std::get<ir::Loop>(program.body[0].node).body[0].node);
  scope.name = text;
  std::get<ir::Tap>(scope.body[1].node).name = text;
  return parsed(ir::print(program));
}

std::string told_of;
void note_tap(void*, const char* name, imbrex_dtype, const void*, int64_t, int64_t, const int64_t*, int32_t) { told_of = name; }

TEST(Names, of_any_kind_compile_and_compute_the_same) {
  std::vector<ir::Program> programs;
  for (size_t i = 0; i < kWords.size(); i += 3) {
    programs.push_back(with_words(i));
    programs.back().name = fmt::format("words {}", i);
  }
  for (const std::string& text : kTexts) programs.push_back(with_text(text));
  const GeneratedCode code(programs, target::targets().front(), "-O0", true);
  ASSERT_EQ(code.error(), "");
  for (const ir::Program& program : programs) {
    const imbrex_kernel* kernel = code.kernel(program);
    ASSERT_NE(kernel, nullptr) << program.name;
    EXPECT_EQ(kernel->name, program.name);
    const std::string &dim = program.dims[0].name, &input = program.tensors[0].name;
    Array x = Array::zeros(DType::f32, {5, 40});
    for (int64_t i = 0; i < x.size(); ++i) reinterpret_cast<float*>(x.bytes.data())[i] = static_cast<float>(i % 17) - 8;
    EXPECT_EQ(difference_from_interpreter(program, kernel, {{dim, 5}}, {{input, x}}, 1, 0), std::nullopt) << program.name;
    if (program.tensors[0].name != "x") continue;
    Watch watch;
    watch.tap = note_tap;
    run_generated(program, kernel, {{dim, 5}}, {{input, x}}, 1, 0, watch);
    EXPECT_EQ(told_of, program.name);
  }
}

// Twins: names whose letters and digits are alike are still two kernels.
TEST(Names, that_differ_make_symbols_that_differ) {
  const auto symbol = [](const char* name) {
    ir::Program program;
    program.name = name;
    return codegen::symbol_of(program);
  };
  EXPECT_EQ(symbol("front"), "front");
  EXPECT_NE(symbol("a-b"), symbol("a_b"));
  EXPECT_NE(symbol("a-b"), symbol("a.b"));
}

TEST(Flags, make_index_arithmetic_wrap_for_every_instruction_set) {
  for (const target::Target* target : target::targets_with_code()) {
    const std::vector<std::string> flags = target::compiler_flags(*target);
    for (const char* flag : {"-fwrapv", "-ffp-contract=off"})
      EXPECT_EQ(std::count(flags.begin(), flags.end(), flag), 1) << flag << " for " << target->name;
  }
}

}  // namespace
}  // namespace imbrex::test

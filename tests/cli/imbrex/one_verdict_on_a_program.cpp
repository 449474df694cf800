// Every command and the C++ call accept the same programs, and refuse the others for the same reason, before anything runs.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/runtime/aot.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

struct Case {
  const char* name;
  const char* id;  // of its error; "" where it is accepted
  std::string body;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

const std::string kRows = "dim T typical 16\ninput x: f32[T, 8]\noutput y: f32[T, 8]\n";

const std::string kStreamed = "dim T typical 16\ninput x: f32[T, 32]\noutput y: f32[T, 32]\n";
const std::string kProduct = "dim T typical 16\ninput x: bf16[T, 64]\nweight w: bf16[64, 32]\noutput y: f32[T, 32]\n";
const std::string kProductOfA = "parallel t in tiles(T, 16) {\ny[t, :] = matmul(a[t, :], w[:, :])\n}\n";

std::vector<Case> cases() {
  const std::string counted = "input count: int32[1]\nread n = count[0]\n";
  const std::string copies = "y[:, :] = x[:, :]\n";
  return {
      {"plain", "", kRows + "parallel t in tiles(T, 4) {\ny[t, :] = x[t, :] + 1.0\n}\n"},
      {"annotated", "", kRows + "parallel t in tiles(T, 4) @as_written {\ny[t, :] = x[t, :] + 1.0\n}\n"},
      {"misspelt", "unknown-annotation", kRows + "parallel t in tiles(T, 4) @as_writen {\ny[t, :] = x[t, :] + 1.0\n}\n"},
      {"misplaced", "unknown-annotation", kRows + "parallel t in tiles(T, 4) {\ny[t, :] = x[t, :] + 1.0 @tile(4)\n}\n"},
      {"streamed", "", kStreamed + "parallel t in tiles(T, 4) {\ny[t, :] = x[t, :] + 1.0 @stream\n}\n"},
      {"streamed_by_parts_of_lines", "annotation-without-effect",
       kStreamed +
           "parallel t in tiles(T, 4) {\ny[t, 0 +: 4] = x[t, 0 +: 4] @stream\ny[t, 4 +: 28] = x[t, 4 +: 28] @stream\n}\n"},
      {"streamed_to_a_temporary", "annotation-without-effect",
       kStreamed + "create s: f32[T, 32]\ns[:, :] = x[:, :] @stream\ny[:, :] = s[:, :] + 1.0\n"},
      {"streamed_product", "annotation-without-effect", kProduct + "y[:, :] = matmul(x[:, :], w[:, :]) @stream\n"},
      {"tiles", "",
       kProduct + "create a: bf16[T, 64] @tiles\na[:, :] = cast(cast(x[:, :], f32) + 1.0, bf16, rint)\n" + kProductOfA},
      {"tiles_that_are_added", "annotation-without-effect",
       kProduct + "create a: bf16[T, 64] @tiles\na[:, :] = x[:, :]\ny[:, :] = cast(a[:, 0 +: 32], f32)\n"},
      {"lost", "output-not-written",
       kRows + "range i in 0 .. 2 {\ny[i * (T // 2) +: T // 2, :] = x[i * (T // 2) +: T // 2, :]\n}\n"},
      {"outside", "out-of-bounds", kRows + "y[:, :] = x[1 +: T, :]\n"},
      {"shifted", "", "dim T typical 16\ninput x: f32[T + 3, 8]\noutput y: f32[T, 8]\ny[:, :] = x[3 +: T, :]\n"},
      {"halved", "",
       "dim T typical 16\ninput x: f32[T // 2, 8]\noutput y: f32[T, 8]\ny[:, :] = full(f32, [T, 8], 1.0)\ny[0 +: T // 2, :] = "
       "x[:, :]\n"},
      {"bounded", "", kRows + counted + copies + "create s: f32[min(max(n, 1), T), 8]\ns[0, :] = x[0, :]\ny[0, :] = s[0, :]\n"},
      {"unbounded", "unbounded-tile",
       kRows + counted + copies + "create s: f32[max(n, 1), 8]\ns[0, :] = x[0, :]\ny[0, :] = s[0, :]\n"},
      {"largest", "tile-too-large",
       kRows + copies + "let a = full(f32, [65536, 65536], 1.0)\nlet b = col_sum(a)\ny[0, :] = columns(b, 0, 8)\n"},
      {"block", "partial-block",
       "input x: bf16[4, 96]\nweight w: bf16[96, 8]\noutput y: f32[4, 8]\nlet s = matmul(x[:, 0 +: 48], w[0 +: 48, :])\n"
       "s = matmul_acc(s, x[:, 48 +: 48], w[48 +: 48, :])\ny[:, :] = s\n"},
  };
}

std::string id_in(const std::string& text) {
  const size_t begin = text.find("error [");
  return begin == std::string::npos ? "" : text.substr(begin + 7, text.find(']', begin) - begin - 7);
}

class OneVerdict : public ::testing::TestWithParam<Case> {};

TEST_P(OneVerdict, of_every_command_and_call) {
  const TemporaryFolder folder;
  const std::string file = folder.file("k.tile"), text = "imbrex 1\nkernel \"k\" {\n" + GetParam().body + "}\n";
  write_text(file, text);
  const std::string out = folder.file("out");
  for (const std::string& command :
       {"check '" + file + "'", "check '" + file + "' --brief --json", "run '" + file + "' --repeat 1",
        "run '" + file + "' --backend interpreter", "run '" + file + "' --checked", "run '" + file + "' --as-written --repeat 1",
        "emit '" + file + "'", "emit '" + file + "' --as-written --why", "explain '" + file + "'",
        "bench '" + file + "' --rounds 1 --no-cold", "aot '" + file + "' --isa scalar --output '" + out + "'"}) {
    const CommandResult result = imbrex_command(command);
    if (command.find("--json") != std::string::npos) {
      EXPECT_NE((result.out + result.err).find(GetParam().id), std::string::npos) << command << "\n" << result.out;
    } else {
      EXPECT_EQ(id_in(result.err + result.out), GetParam().id) << command << "\n" << result.err << result.out;
    }
    EXPECT_EQ(result.status, GetParam().id[0] == 0 ? 0 : 1) << command << "\n" << result.err << result.out;
  }
  std::string by_call;
  try {
    runtime::CompileOptions options;
    options.flags = {"-O0"};
    options.cache.directory = folder.file("cache");
    runtime::compile(ir::parse(text, file), options);
  } catch (const UserError& error) {
    by_call = error.diagnostics().front().id;
  }
  EXPECT_EQ(by_call, GetParam().id);
}

INSTANTIATE_TEST_SUITE_P(Programs, OneVerdict, ::testing::ValuesIn(cases()), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace imbrex::tests

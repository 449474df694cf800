// Under the flags of a careful project: the headers of a kernel in C and C++, and all that is generated, optimized, so that
// warnings of what the optimizer sees show too.
#include <gtest/gtest.h>

#include "imbrex/target/target.h"
#include "support/command.h"

namespace imbrex::tests {
namespace {

constexpr const char* kWarnings = "-Wall -Wextra -Wcast-qual -Wformat=2 -Werror";

class Warnings : public testing::Test {
 protected:
  void SetUp() override {
    expect_none(
        fmt::format("'{}' aot deepseek_v4/qkv_proj_rope --preset flash --symbol front -o '{}'", IMBREX_COMMAND, folder_.path()));
  }
  static void expect_none(const std::string& command) {
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.status, 0) << command << "\n" << result.err;
    EXPECT_EQ(result.err, "") << command;
  }

  TemporaryFolder folder_;
};

TEST_F(Warnings, NoneInTheHeaderOfAKernel) {
  write_text(folder_.file("user.h"),
             "#include \"kernels.h\"\nint64_t limit(void);\nint64_t limit(void) { return IMBREX_TOO_MANY_BYTES; }\n");
  for (const char* compiler : {"cc -std=c11 -x c -pedantic -Wconversion", "c++ -std=c++11 -x c++ -pedantic -Wold-style-cast",
                               "c++ -std=c++23 -x c++ -pedantic -Wold-style-cast"})
    expect_none(fmt::format("{} {} -O2 -c -o /dev/null -I '{}' '{}'", compiler, kWarnings, folder_.file("include"),
                            folder_.file("user.h")));
}

// Whose inputs are const.
TEST_F(Warnings, NoneInTheExample) {
  expect_none(fmt::format("'{}' aot deepseek_v4/qkv_proj_rope --preset demo --header deepseek_v4_qkv_proj_rope.h -o '{}'",
                          IMBREX_COMMAND, folder_.file("demo")));
  expect_none(fmt::format("cc -std=gnu11 -pedantic -Wconversion {} -O2 -c -o /dev/null -I '{}' '{}/examples/engine.c'", kWarnings,
                          folder_.file("demo/include"), IMBREX_SOURCE_DIR));
}

// A caller in each language: an input that is const needs no cast.
TEST_F(Warnings, NoneInACallWithConstInputs) {
  write_text(folder_.file("call.h"), R"(#include "kernels.h"
imbrex_status call_of(const float* x, float* y, const int64_t* strides, char* text, size_t size);
imbrex_status call_of(const float* x, float* y, const int64_t* strides, char* text, size_t size) {
  imbrex_tensor tensors[FRONT_TENSOR_COUNT];
  imbrex_call call;
  tensors[0].input = x;
  tensors[0].strides = strides;
  tensors[1].output = y;
  call.tensors = tensors;
  return imbrex_check_call(front(NULL), &call, text, size);
}
)");
  for (const char* compiler : {"cc -std=c11 -x c -pedantic", "cc -std=c17 -x c -pedantic", "c++ -std=c++11 -x c++ -pedantic",
                               "c++ -std=c++17 -x c++ -pedantic", "c++ -std=c++23 -x c++ -pedantic"})
    expect_none(fmt::format("{} {} -Wno-maybe-uninitialized -Wno-uninitialized -O2 -c -o /dev/null -I '{}' '{}'", compiler,
                            kWarnings, folder_.file("include"), folder_.file("call.h")));
}

TEST_F(Warnings, NoneInGeneratedCode) {
  const std::string source = folder_.file("source");
  for (const target::Target* target : target::targets_of(IMBREX_THIS_ARCHITECTURE))
    expect_none(fmt::format("c++ {0} -Wold-style-cast '@{1}/front_{2}.flags' -c -o /dev/null -I '{1}' '{1}/front_{2}.cpp'",
                            kWarnings, source, target->name));
  expect_none(fmt::format("c++ -std=c++20 {0} -Wold-style-cast -O2 -c -o /dev/null -I '{1}' '{1}/front.cpp'", kWarnings, source));
}

}  // namespace
}  // namespace imbrex::tests

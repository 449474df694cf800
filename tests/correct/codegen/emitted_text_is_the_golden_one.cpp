// The text of a few kernels, kept in golden/ so that every change of it is seen and read. After an intended change:
// IMBREX_UPDATE_GOLDEN=1 build/tests/correct_codegen --gtest_filter='Golden.*'
#include <gtest/gtest.h>

#include <fstream>

#include "imbrex/codegen/generate.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/plan/make_plan.h"
#include "support/optimized.h"

namespace imbrex::codegen {
namespace {

struct Kept {
  const char *kernel, *preset, *file;
};
constexpr Kept kKept[] = {{"nn/rms_norm", "", "rms_norm.cpp"},
                          {"nn/softmax", "", "softmax.cpp"},
                          {"deepseek_v4/qkv_proj_rope", "demo", "qkv_proj_rope_demo.cpp"}};

std::string emitted(const Kept& kept) {
  const ir::Program program = kernels::build(kept.kernel, "", kept.preset, {}).program;
  return generate(plan::make_plan(test::optimized(program).program, test::one_machine(), false), test::one_machine());
}

TEST(Golden, text_is_as_it_was) {
  for (const Kept& kept : kKept) {
    const std::string path = std::string(IMBREX_SOURCE_DIR) + "/tests/correct/codegen/golden/" + kept.file, text = emitted(kept);
    if (std::getenv("IMBREX_UPDATE_GOLDEN")) {
      std::ofstream(path) << text;
      continue;
    }
    std::ifstream in(path);
    EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(in), {})) << path;
  }
}

TEST(Golden, lines_are_not_too_long) {
  for (const Kept& kept : kKept) {
    std::istringstream lines(emitted(kept));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 130u) << line;
  }
}

TEST(Golden, text_is_the_same_for_every_instruction_set_but_for_the_header) {
  const ir::Program program = kernels::build("nn/rms_norm", "", "", {}).program;
  const auto without_names = [&](const target::Target* target) {
    std::string text = generate(plan::make_plan(program, *target, false), *target);
    const std::string& name = target->name;
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name)) text.erase(at, name.size());
    return text;
  };
  for (const target::Target* target : target::targets_with_code())
    EXPECT_EQ(without_names(target), without_names(&target::targets().front())) << target->name;
}

}  // namespace
}  // namespace imbrex::codegen

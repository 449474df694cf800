#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/kernels/registry.h"

namespace imbrex {
namespace {

TEST(EveryKernel, PrintsParsesAndVerifies) {
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants)
      for (const kernels::Preset& preset : entry.presets) {
        SCOPED_TRACE(entry.name + " " + variant + " " + preset.name);
        const ir::Program program = kernels::build(entry.name, variant, preset.name, {}).program;
        EXPECT_TRUE(ir::verify(program).empty());
        const std::string text = ir::print(program);
        EXPECT_TRUE(ir::equal(ir::parse(text, "printed"), program)) << text;
      }
}

// Every option of every kernel is described with a range that holds the presets' values.
TEST(EveryKernel, HasPresetsWithinItsOptions) {
  for (const kernels::Entry& entry : kernels::registry())
    for (const kernels::Preset& preset : entry.presets) {
      EXPECT_EQ(preset.options.size(), entry.options.size()) << entry.name;
      for (const kernels::OptionInfo& option : entry.options) {
        ASSERT_TRUE(preset.options.count(option.name)) << entry.name << " " << option.name;
        EXPECT_TRUE(option.allows(preset.options.at(option.name))) << entry.name << " " << option.name;
      }
    }
}

// Each recorded statement knows a line of the kernel's source.
TEST(EveryKernel, KnowsItsSourceLines) {
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants) {
      const ir::Program program = kernels::build(entry.name, variant, "", {}).program;
      ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
        const SourceLine where = program.where(statement.origin);
        EXPECT_NE(where.file.find("imbrex/kernels/"), std::string::npos) << where.file;
        EXPECT_GT(where.line, 0);
        return true;
      });
    }
}

}  // namespace
}  // namespace imbrex

// imbrex list --targets: a line for each target, which says what this machine does with it.
#include <gtest/gtest.h>

#include "cli/imbrex/imbrex_command.h"
#include "imbrex/target/target.h"

namespace imbrex::tests {
namespace {

TEST(Targets, AreListedWithWhatThisMachineDoesWithThem) {
  const CommandResult result = imbrex_command("list --targets");
  ASSERT_EQ(result.status, 0) << result.err;
  for (const target::Target& target : target::targets()) {
    const std::string use = !target.has_code()          ? "; for `imbrex check` alone"
                            : target::runs_here(target) ? "; runs here"
                            : target::is_of_this_architecture(target)
                                ? ""
                                : fmt::format("; for {}, ahead of time alone", target::name_of(target.needs.architecture));
    const std::string line = fmt::format("\n{:<18}{}{}\n", target.name, target.description, use);
    EXPECT_NE(("\n" + result.out).find(line), std::string::npos) << line << result.out;
  }
}

TEST(Targets, HaveDescriptionsThatAreTheNameOfNoOther) {
  for (const target::Target& target : target::targets()) {
    const target::Target* named = target::target_named(target.description);
    EXPECT_TRUE(named == nullptr || named == &target) << target.name << " is described as " << target.description;
  }
}

}  // namespace
}  // namespace imbrex::tests

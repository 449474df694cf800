// What `imbrex aot` writes can be read by whoever the umask lets, and the flags beside a source are all that it needs.
#include "cli/aot/host_project.h"
#include "imbrex/target/target.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

TEST(GeneratedFiles, FollowTheUmask) {
  const TemporaryFolder folder;
  for (const auto& [umask, permissions] : {std::pair("022", 0644), std::pair("007", 0660)}) {
    const std::string output = folder.file(umask);
    ASSERT_EQ(run_command(fmt::format("umask {} && '{}' aot nn/rms_norm -o '{}'", umask, IMBREX_COMMAND, output)).status, 0);
    int files = 0;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(output)) {
      if (!entry.is_regular_file()) continue;
      EXPECT_EQ(static_cast<int>(entry.status().permissions()), permissions) << entry.path();
      EXPECT_EQ(entry.path().string().find("partial"), std::string::npos) << entry.path();
      ++files;
    }
    EXPECT_GT(files, 10);
  }
}

TEST(GeneratedFiles, HaveAllTheirFlagsBesideThem) {
  const TemporaryFolder folder;
  ASSERT_EQ(run_command(fmt::format("'{}' aot nn/rms_norm -o '{}'", IMBREX_COMMAND, folder.path())).status, 0);
  for (const target::Target* target : target::targets_of(IMBREX_THIS_ARCHITECTURE)) {
    const std::string& isa = target->name;
    const std::string flags = "\n" + read_text(folder.file(fmt::format("source/nn_rms_norm_{}.flags", isa)));
    for (const char* flag : {"-std=c++20", "-O3", "-fno-fast-math", "-ffp-contract=off", "-fwrapv"})
      EXPECT_NE(flags.find(fmt::format("\n{}\n", flag)), std::string::npos) << flag << " in" << flags;
  }
}

TEST(GeneratedFiles, SayInTheHeaderWhichInstructionSetsTheyAreFor) {
  const TemporaryFolder folder;
  for (const imbrex_architecture architecture : target::kArchitectures) {
    const std::vector<const target::Target*> targets = target::targets_of(architecture);
    const std::string first = targets.front()->name, best = targets.back()->name;
    ASSERT_EQ(
        run_command(fmt::format("'{}' aot nn/rms_norm --isa {},{} -o '{}'", IMBREX_COMMAND, best, first, folder.path())).status,
        0);
    const std::string header = read_text(folder.file("include/kernels.h"));
    EXPECT_NE(header.find(fmt::format("\n *   {}, {}\n", first, best)), std::string::npos) << header;
  }
}

}  // namespace
}  // namespace imbrex::tests

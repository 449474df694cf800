#include <gtest/gtest.h>

#include <filesystem>

#include "support/command.h"
#include "support/temporary_folder.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// The scripts in a folder of their own, with a cmake that says when it begins and ends.
void install(const TemporaryFolder& folder) {
  for (const char* name : {"run", "scripts"})
    fs::copy(fs::path(IMBREX_SOURCE_DIR) / name, folder.file(name), fs::copy_options::recursive);
  fs::create_directory(folder.file("bin"));
  write_text(folder.file("bin/cmake"),
             "#!/bin/sh\necho begin >> log\nsleep 0.3\necho end >> log\nmkdir -p build\n"
             "printf '#!/bin/sh\\necho ran\\n' > build/imbrex\nchmod +x build/imbrex\n");
  fs::permissions(folder.file("bin/cmake"), fs::perms::owner_all);
}

TEST(Scripts, BuildOneAfterTheOtherInOneFolder) {
  const TemporaryFolder folder;
  install(folder);
  const CommandResult both =
      run_command(fmt::format("cd '{0}' && export PATH='{0}/bin':$PATH && (./run list & ./run list; wait)", folder.path()));
  EXPECT_EQ(both.status, 0) << both.out << both.err;
  EXPECT_NE(both.out.find("another ./run or ./test builds in build: waiting for it"), std::string::npos) << both.out << both.err;
  EXPECT_EQ(read_text(folder.file("log")), "begin\nend\nbegin\nend\nbegin\nend\nbegin\nend\n");
}

TEST(Scripts, WorkThroughALink) {
  const TemporaryFolder folder, elsewhere;
  install(folder);
  fs::create_symlink(folder.file("run"), elsewhere.file("imbrex"));
  const CommandResult linked =
      run_command(fmt::format("cd / && PATH='{}/bin':$PATH '{}' list", folder.path(), elsewhere.file("imbrex")));
  EXPECT_EQ(linked.status, 0) << linked.out << linked.err;
  EXPECT_NE(linked.out.find("ran\n"), std::string::npos) << linked.out << linked.err;
}

// Where it is called, paths mean what they say.
TEST(Scripts, RunWhereTheyAreCalled) {
  const TemporaryFolder folder, elsewhere;
  install(folder);
  write_text(folder.file("bin/cmake"),
             "#!/bin/sh\nmkdir -p build\nprintf '#!/bin/sh\\npwd -P\\necho \"$@\"\\n' > build/imbrex\nchmod +x build/imbrex\n");
  const std::string run =
      fmt::format("cd '{}' && PATH='{}/bin':$PATH '{}' ", elsewhere.path(), folder.path(), folder.file("run"));
  const CommandResult other = run_command(run + "check a.tile");
  EXPECT_NE(other.out.find(fmt::format("\n{}\ncheck a.tile\n", fs::canonical(elsewhere.path()).string())), std::string::npos)
      << other.out << other.err;
  const CommandResult main = run_command(run);
  EXPECT_NE(main.out.find(fmt::format("--checkpoint {}/build/checkpoints/flash ", fs::canonical(folder.path()).string())),
            std::string::npos)
      << main.out << main.err;
}

TEST(Scripts, RunOnACheckpointThatIsMadeOnce) {
  const TemporaryFolder folder;
  install(folder);
  write_text(folder.file("bin/cmake"),
             "#!/bin/sh\nmkdir -p build\ncat > build/imbrex <<'end'\n#!/bin/sh\necho \"$@\" >> calls\n"
             "if [ \"$1\" = make-checkpoint ]; then mkdir -p \"$2\"; touch \"$2/config.json\"; fi\nend\nchmod +x build/imbrex\n");
  const CommandResult result =
      run_command(fmt::format("cd '{0}' && PATH='{0}/bin':$PATH && ./run && ./run && ./run --preset pro", folder.path()));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  const std::string run = "run deepseek_v4/qkv_proj_rope --checkpoint build/checkpoints/flash --layer 2 --batch 64 --seq 2\n";
  EXPECT_EQ(read_text(folder.file("calls")), "make-checkpoint build/checkpoints/flash --preset flash --layers 2\n" + run + run +
                                                 "run deepseek_v4/qkv_proj_rope --preset pro\n");
}

// Where they may install it, too: apt-get does not find it.
TEST(Scripts, TestWithoutWhatOnlySomeTestsNeed) {
  const TemporaryFolder folder;
  install(folder);
  fs::copy(fs::path(IMBREX_SOURCE_DIR) / "test", folder.file("test"));
  write_text(folder.file("scripts/packages.txt"), "more  no-such-package  command  no-such-command\n");
  write_text(folder.file("bin/apt-get"), "#!/bin/sh\nexit 100\n");
  write_text(folder.file("bin/ctest"), "#!/bin/sh\necho tested\n");
  for (const char* program : {"bin/apt-get", "bin/ctest"}) fs::permissions(folder.file(program), fs::perms::owner_all);
  const CommandResult result = run_command(fmt::format("cd '{0}' && PATH='{0}/bin':$PATH ./test", folder.path()));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("tests that need no-such-command are skipped"), std::string::npos) << result.out << result.err;
  EXPECT_NE(result.out.find("tested\n"), std::string::npos) << result.out << result.err;
}

}  // namespace
}  // namespace imbrex::tests

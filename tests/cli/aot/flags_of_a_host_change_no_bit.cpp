// What a project compiles everything else with does not reach a kernel, or the build stops and says why.
#include "cli/aot/host_project.h"

namespace imbrex::tests {
namespace {

using HostFlags = HostProject;

// The machine code itself, so that no input has to be found which shows a difference.
TEST_F(HostFlags, LeaveMachineCodeAsItIs) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers are flags of the host";
  write_project("imbrex_add_kernels(norms KERNEL nn/rms_norm ISAS scalar avx2 SYMBOL norm)\n");
  const auto code = [&](const std::string& flags) {
    configure_and_build("-DCMAKE_CXX_FLAGS=" + flags);
    std::string text;
    for (const char* isa : {"scalar", "avx2"})
      text += read_text(path(fmt::format("build/CMakeFiles/norms.dir/norms/source/norm_{}.cpp.o", isa)));
    EXPECT_FALSE(text.empty());
    return text;
  };
  const std::string plain = code("");
  for (const char* flags : {"-ffast-math", "-funsafe-math-optimizations", "-ffinite-math-only", "-Ofast"})
    EXPECT_TRUE(code(flags) == plain) << flags;
}

// -Ofast does not override a -fno-fast-math before it, these do.
TEST_F(HostFlags, ThatComeLastStopTheBuild) {
  succeed(fmt::format("'{}' aot nn/rms_norm --isa scalar --output '{}'", IMBREX_COMMAND, path("out")));
  const std::string source = path("out/source/nn_rms_norm_scalar");
  const std::string compile = fmt::format("c++ -fsyntax-only -I '{}' '@{}.flags' '{}.cpp' ", path("out/source"), source, source);
  succeed(compile);
  for (const char* flag : {"-ffast-math", "-funsafe-math-optimizations", "-ffinite-math-only"}) {
    const CommandResult result = run_command(compile + flag);
    EXPECT_NE(result.status, 0) << flag;
    EXPECT_NE(result.err.find("would change this kernel's results: put @<kernel>_<target>.flags behind all other flags"),
              std::string::npos)
        << result.err;
  }
}

}  // namespace
}  // namespace imbrex::tests

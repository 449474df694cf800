// What a project compiles everything else with does not reach a kernel, or the build stops and says why.
#include "cli/aot/clang.h"
#include "cli/aot/host_project.h"
#include "imbrex/target/target.h"

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
  for (const char* flags : {"-ffast-math", "-funsafe-math-optimizations", "-ffinite-math-only", "-Ofast", "-ffp-contract=fast"})
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

// Wherever it stands: no flag of a kernel's undoes it.
TEST_F(HostFlags, ThatRoundLaterStopTheBuild) {
#if !defined(__x86_64__) || defined(__clang__)
  GTEST_SKIP() << "a flag of g++ for x86";
#endif
  succeed(fmt::format("'{}' aot nn/rms_norm --isa scalar --output '{}'", IMBREX_COMMAND, path("out")));
  const std::string source = path("out/source/nn_rms_norm_scalar");
  const CommandResult result =
      run_command(fmt::format("c++ -fsyntax-only -I '{0}' -mfpmath=387 '@{1}.flags' '{1}.cpp' ", path("out/source"), source));
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("-mfpmath=387 or the like would change this kernel's results"), std::string::npos) << result.err;
}

// Of which no macro tells.
TEST_F(HostFlags, ThatContractComeLastInVain) {
  for (const char* kernel : {"nn/rms_norm", "nn/softmax", "deepseek_v4/qkv_proj_rope"}) {
    succeed(fmt::format("'{}' aot {} --isa avx2 --symbol kernel --output '{}'", IMBREX_COMMAND, kernel, path("out")));
    const std::string source = path("out/source/kernel_avx2");
    const auto code = [&](const std::string& flags) {
      succeed(fmt::format("c++ -I '{}' '@{}.flags' {} -c -o '{}' '{}.cpp'", path("out/source"), source, flags, path("object"),
                          source));
      return read_text(path("object"));
    };
    for (const char* flag : {"-ffp-contract=fast", "-fno-wrapv", "-ftrapv", "-fassociative-math"})
      EXPECT_TRUE(code("") == code(flag)) << kernel << " " << flag;
  }
}

TEST_F(HostFlags, ThatContractGetNoKernelOfClang) {
  const std::string clang = clang_here();
  if (clang.empty()) GTEST_SKIP() << no_clang;
  if (!target::runs_here(*target::target_named("avx2"))) GTEST_SKIP() << "this processor has no FMA";
  succeed(fmt::format("'{}' aot nn/rms_norm --isa avx2 --symbol kernel --output '{}'", IMBREX_COMMAND, path("out")));
  write("main.c", "#include \"kernels.h\"\nint main(void) { return kernel(NULL) == NULL; }\n");
  const std::string source = path("out/source"), file = source + "/kernel";
  succeed(fmt::format("cc -c -o '{0}/main.o' -I '{0}/../include' '{1}'", source, path("host/main.c")));
  const auto status = [&](const std::string& flags) {
    succeed(fmt::format("{0} -I '{1}' '@{2}_avx2.flags' {3} -c -o '{2}_avx2.o' '{2}_avx2.cpp'", clang, source, file, flags));
    succeed(fmt::format("{0} -std=c++20 -I '{1}' -o '{1}/main' '{1}/main.o' '{2}.cpp' '{2}_avx2.o'", clang, source, file));
    return run_command(source + "/main").status;
  };
  EXPECT_EQ(status(""), 0);
  EXPECT_EQ(status("-ffp-contract=fast"), 1);
}

}  // namespace
}  // namespace imbrex::tests

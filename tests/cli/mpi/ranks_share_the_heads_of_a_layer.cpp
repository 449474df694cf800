// imbrex-mpi on one machine: ranks share its processors, and talk over its loopback interface.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

#include "imbrex/checkpoint/safetensors.h"
#include "support/command.h"

namespace imbrex::tests {
namespace {

#ifndef IMBREX_MPI_COMMAND
TEST(Ranks, ShareTheHeadsOfALayer) { GTEST_SKIP() << "no imbrex-mpi was built: MPI is not there"; }
#else

constexpr const char* kName = "deepseek_v4/qkv_proj_rope";

class Ranks : public testing::Test {
 protected:
  void SetUp() override {
    if (*IMBREX_SANITIZE) GTEST_SKIP() << "MPI is not built with sanitizers";
    const CommandResult made =
        run_command(fmt::format("'{}' make-checkpoint '{}' --preset tiny --layers 0-1 --seed 3", IMBREX_COMMAND, model()));
    ASSERT_EQ(made.status, 0) << made.err;
  }
  std::string model() const { return folder_.file("model"); }

  // Open MPI keeps a session's files in a folder of TMPDIR that is named after the user. Two runs that start at once can
  // both try to make it, and the second then fails, so each run has its own TMPDIR.
  std::string mpirun(const std::string& ranks) const {
    static std::atomic<int> runs = 0;
    const std::string session = folder_.file(fmt::format("s{}", runs++));
    std::filesystem::create_directory(session);
    return fmt::format(
        "env TMPDIR='{}' OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 '{}' --oversubscribe --bind-to none "
        "--mca btl self,tcp --mca btl_tcp_if_include lo --mca oob_tcp_if_include lo {}",
        session, IMBREX_MPIRUN, ranks);
  }
  std::string command(const std::string& rest) const {
    return fmt::format("'{}' run {} --checkpoint '{}' {}", IMBREX_MPI_COMMAND, kName, model(), rest);
  }
  // Two ranks with command lines of their own. Where they wait for each other forever, `timeout` ends them.
  CommandResult run_two(const std::string& first, const std::string& second) const {
    return run_command(fmt::format("timeout 100 {} {} : -n 1 {}", mpirun("-n 1"), first, second));
  }
  CommandResult run(int ranks, const std::string& rest) const {
    return run_command(fmt::format("{} {}", mpirun(fmt::format("-n {}", ranks)), command(rest)));
  }

  std::string tensors_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(model()))
      if (entry.path().extension() == ".safetensors") return entry.path().string();
    ADD_FAILURE() << "the checkpoint has no file of tensors";
    return {};
  }

  TemporaryFolder folder_;
};

bool says(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

// 4 heads: 1, 2, 3 and 4 ranks have 4, 2, 1 or 2, and 1 of them. Where they share tokens, some have fewer than others, or none.
TEST_F(Ranks, GiveTheBitsOfOneProcess) {
  const std::string rest = "--layer 1 --seed 7";
  const CommandResult alone = run_command(fmt::format("'{}' run {} --checkpoint '{}' {} --tokens 5 --repeat 1 --save '{}'",
                                                      IMBREX_COMMAND, kName, model(), rest, folder_.file("alone")));
  ASSERT_EQ(alone.status, 0) << alone.out << alone.err;
  const checkpoint::SafetensorsFile expected(folder_.file("alone/outputs.safetensors"));
  for (const char* share : {"tokens", "none"})
    for (const int tokens : {1, 3, 5}) {
      const auto to = [&](int ranks) { return folder_.file(fmt::format("{}_{}_{}", share, tokens, ranks)); };
      std::map<int, CommandResult> results = {{1, {}}, {2, {}}, {3, {}}, {4, {}}};
      std::vector<std::thread> runs;  // a start is mostly waiting
      for (auto& [ranks, result] : results)
        runs.emplace_back([&, ranks = ranks, &result = result] {
          result = run(ranks,
                       fmt::format("{} --tokens {} --share {} --repeat 2 --verify --save '{}'", rest, tokens, share, to(ranks)));
        });
      for (std::thread& each : runs) each.join();
      for (const auto& [ranks, result] : results) {
        SCOPED_TRACE(fmt::format("{} ranks, {} tokens, --share {}", ranks, tokens, share));
        ASSERT_EQ(result.status, 0) << result.out << result.err;
        for (const char* output : {"q", "kv", "qr", "qr_scale"})
          EXPECT_TRUE(says(result.out, fmt::format("PASS {}: the same bits as of one process", output))) << result.out;
        if (tokens != 5) continue;
        const checkpoint::SafetensorsFile saved(to(ranks) + "/outputs.safetensors");
        for (const char* output : {"q", "kv", "qr", "qr_scale"}) {
          const Array a = saved.read(output), b = expected.read(output);
          EXPECT_EQ(a.shape, b.shape) << output;
          EXPECT_TRUE(a.bytes == b.bytes) << output;
        }
      }
    }
}

// Whatever it was, it is what the numbers beside it say, and where one way was asked for, nothing is chosen.
TEST_F(Ranks, SayWhoComputesWhatAllNeed) {
  const CommandResult both = run(2, "--tokens 5 --repeat 3");
  ASSERT_EQ(both.status, 0) << both.out << both.err;
  double of_tokens = 0, of_none = 0, saved = 0;
  char chosen[16] = "";
  const auto line = [&](const char* begin) {
    const size_t at = both.out.find(begin);
    return at == std::string::npos ? "" : both.out.c_str() + at;
  };
  EXPECT_EQ(std::sscanf(line("  --share tokens: "), "  --share tokens: %lf ms = ", &of_tokens), 1) << both.out;
  EXPECT_EQ(std::sscanf(line("  --share none: "), "  --share none: %lf ms, all 5 tokens on every rank", &of_none), 1) << both.out;
  EXPECT_EQ(std::sscanf(line("chosen: "), "chosen: --share %15[a-z], %lf ms (", chosen, &saved), 2) << both.out;
  EXPECT_TRUE(says(both.out, " for 2 or 3 of 5 tokens a rank + ")) << both.out;
  EXPECT_TRUE(says(both.out, "what does not belong to heads (kv, qr, qr_scale), both ways, medians of 3 rounds")) << both.out;
  EXPECT_GE(saved, 0);
  EXPECT_LE(std::string(chosen) == "tokens" ? of_tokens : of_none, std::string(chosen) == "tokens" ? of_none : of_tokens);

  const CommandResult tokens = run(2, "--tokens 4 --repeat 1 --share tokens");
  EXPECT_TRUE(says(tokens.out, "--share tokens: kv, qr, qr_scale for 2 of 4 tokens a rank, and an exchange of 0.004898 MiB\n"))
      << tokens.out;
  EXPECT_FALSE(says(tokens.out, "chosen")) << tokens.out;
  const CommandResult none = run(2, "--tokens 4 --repeat 1 --share none");
  EXPECT_TRUE(says(none.out, "--share none: what does not belong to heads, of all 4 tokens on every rank\n")) << none.out;
  const CommandResult alone = run(1, "--tokens 4 --repeat 1");
  EXPECT_FALSE(says(alone.out, "--share")) << alone.out;
  const CommandResult wrong = run(2, "--tokens 4 --share columns");
  EXPECT_TRUE(says(wrong.err, "--share: columns not in {auto,tokens,none}")) << wrong.err;
}

TEST_F(Ranks, ReadTheirPartAlone) {
  const CommandResult one = run(1, "--tokens 1 --repeat 1"), three = run(3, "--tokens 1 --repeat 1");
  ASSERT_EQ(three.status, 0) << three.out << three.err;
  EXPECT_TRUE(says(one.out, "  rank 0: heads = 4, 0.8775 MiB read")) << one.out;
  EXPECT_TRUE(says(three.out, "  rank 1: heads = 1, 0.5025 MiB read")) << three.out;
  EXPECT_TRUE(says(three.out, "  rank 2: heads = 2, 0.6275 MiB read")) << three.out;
}

size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

// Each its own, by what it holds; a file that was damaged is made anew, and the bits are those of one process that packs.
TEST_F(Ranks, KeepWhatTheyPack) {
  const std::string folder = folder_.file("kept"), rest = fmt::format("--tokens 5 --repeat 1 --verify --packed '{}'", folder);
  const auto files = [&] {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/packed")) found.push_back(entry.path());
    return found;
  };
  const auto expect_mapped = [&](int ranks, size_t mapped, const char* share = "auto") {
    const CommandResult result = run(ranks, fmt::format("{} --share {}", rest, share));
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    EXPECT_EQ(count(result.out, "mapped as packed before"), mapped) << result.out << result.err;
    EXPECT_EQ(count(result.out, ": the same bits as of one process"), 4u) << result.out;
    return result;
  };
  expect_mapped(3, 0);
  EXPECT_EQ(files().size(), 3u);
  EXPECT_EQ(expect_mapped(3, 3, "none").err, "");
  EXPECT_EQ(expect_mapped(3, 3, "tokens").err, "");
  expect_mapped(2, 1);  // the last two heads are the last rank's of two and of three
  EXPECT_EQ(files().size(), 4u);
  expect_mapped(3, 3);
  // Two runs at once, from files that are damaged.
  for (const auto& file : files()) std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  std::vector<std::thread> runs;
  std::vector<CommandResult> results(2);
  for (CommandResult& result : results) runs.emplace_back([&] { result = run(3, rest); });
  for (std::thread& each : runs) each.join();
  for (const CommandResult& result : results) EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_GE(count(results[0].err + results[1].err, " is not mapped: it has "), 3u) << results[0].err;
  EXPECT_EQ(expect_mapped(3, 3).err, "");
}

TEST_F(Ranks, AreNoMoreThanHeads) {
  const CommandResult result = run(5, "--tokens 1");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(says(result.err, "5 ranks share heads = 4: some would have nothing to do")) << result.err;
}

TEST_F(Ranks, EndTogetherWhereOneFails) {
  const CommandResult result =
      run_command(fmt::format("{} {} : -n 1 {} run {} --checkpoint '{}' --tokens 1", mpirun("-n 1"), command("--tokens 1"),
                              IMBREX_MPI_COMMAND, kName, folder_.file("nowhere")));
  EXPECT_EQ(result.status, 1) << result.out << result.err;
  EXPECT_TRUE(says(result.err, "rank 1: error [file-unreadable]: ")) << result.err;
}

TEST_F(Ranks, SayOnceWhatAllFailOf) {
  const CommandResult few = run(3, "--tokens 1 --isa none-such");
  EXPECT_EQ(count(few.err, "none-such"), 1u) << few.err;
  const std::string tensors = tensors_file();
  std::filesystem::resize_file(tensors, std::filesystem::file_size(tensors) - 1);
  const CommandResult result = run(3, "--tokens 1");
  EXPECT_EQ(result.status, 1) << result.out << result.err;
  EXPECT_EQ(count(result.err, "error ["), 1u) << result.err;
  EXPECT_EQ(count(result.err, tensors), 1u) << result.err;
  EXPECT_FALSE(says(result.err, "rank 0: error")) << result.err;
}

TEST_F(Ranks, SayOnceWhatIsWrongInTheCommandLinesOfAll) {
  for (const auto& [options, expected] : {std::pair{"--seed -1", "error [option-value]: --seed -1: expected an integer from 0 "},
                                          {"--save ''", "--save is given an empty text"},
                                          {"--set heads", "--set 'heads': expected NAME=VALUE"},
                                          {"--layer 9", "layer 9 "}}) {
    const CommandResult result = run(3, fmt::format("--tokens 1 {}", options));
    EXPECT_EQ(result.status, 1) << result.out << result.err;
    EXPECT_EQ(count(result.err, "error ["), 1u) << result.err;
    EXPECT_EQ(count(result.err, expected), 1u) << result.err;
    EXPECT_FALSE(says(result.err, "rank 0: error")) << result.err;
    EXPECT_FALSE(says(result.err, "ranks 0, 1, 2: error")) << result.err;
  }
  const CommandResult one = run_two(command("--tokens 1"), command("--tokens 1 --seed -1"));
  EXPECT_EQ(one.status, 1) << one.out << one.err;
  EXPECT_TRUE(says(one.err, "rank 1: error [option-value]: --seed -1")) << one.err;
}

// Ranks that send and await unlike messages would wait forever, and those of two layers give bits of neither.
TEST_F(Ranks, RefuseUnlikeOptions) {
  const std::string same = "--tokens 4 ";
  for (const auto& [first, second, expected] :
       {std::tuple{"--share tokens", "--share none", "--share is tokens on rank 0 and none on rank 1"},
        {"--repeat 1", "--repeat 3", "--repeat is 1 on rank 0 and 3 on rank 1"},
        {"--verify", "", "--verify is given on rank 0 and not given on rank 1"},
        {"", "--gather", "--gather is not given on rank 0 and given on rank 1"},
        {"--share tokens --layer 0", "--share tokens --layer 1", "--layer is 0 on rank 0 and 1 on rank 1"},
        {"--share tokens", "--share tokens --seed 9", "--seed is 1 on rank 0 and 9 on rank 1"},
        {"--variant fused", "--variant plain", "the variant is fused on rank 0 and plain on rank 1"},
        {"--set row_splits=1", "--set row_splits=2", "row_splits is 1 on rank 0 and 2 on rank 1"},
        {"--help", "", "--help is given on rank 0 and not given on rank 1"}}) {
    const CommandResult result = run_two(command(same + first), command(same + second));
    EXPECT_EQ(result.status, 1) << result.out << result.err;
    EXPECT_TRUE(says(result.err, fmt::format("error [ranks-differ]: {}\n", expected))) << result.err;
    EXPECT_EQ(count(result.err, "error ["), 1u) << result.err;
    EXPECT_FALSE(says(result.out, "PASS")) << result.out;
  }
  const CommandResult saved = run_two(command(same + fmt::format("--save '{}'", folder_.file("a"))), command(same));
  EXPECT_TRUE(says(saved.err, "--save is given on rank 0 and not given on rank 1")) << saved.err;
}

TEST_F(Ranks, TakeOptionsThatEachMayHaveOfItsOwn) {
  const std::string same = "--tokens 4 --repeat 1 --verify ";
  const CommandResult result =
      run_two(command(same + fmt::format("--isa avx2 --threads 1 --machine zen4 --save '{}'", folder_.file("a"))),
              command(same + fmt::format("--isa scalar --threads 2 --machine zen5 --packed off --save '{}'", folder_.file("b"))));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_TRUE(says(result.out, "2 ranks on avx2 (rank 0) and scalar (rank 1), 1 thread (rank 0) and 2 threads (rank 1), "))
      << result.out;
  EXPECT_EQ(count(result.out, ": the same bits as of one process"), 4u) << result.out;
}

// Rows that are exchanged are equal afterwards, whatever they were computed from.
TEST_F(Ranks, RefuseUnlikeWeights) {
  const std::string other = folder_.file("other");
  const CommandResult made =
      run_command(fmt::format("'{}' make-checkpoint '{}' --preset tiny --layers 0-1 --seed 4", IMBREX_COMMAND, other));
  ASSERT_EQ(made.status, 0) << made.err;
  for (const char* share : {"tokens", "none", "auto"}) {
    const std::string rest = fmt::format("--tokens 4 --repeat 1 --share {}", share);
    const CommandResult result =
        run_two(command(rest), fmt::format("'{}' run {} --checkpoint '{}' {}", IMBREX_MPI_COMMAND, kName, other, rest));
    EXPECT_EQ(result.status, 1) << result.out << result.err;
    EXPECT_TRUE(says(result.err,
                     "error [ranks-differ]: rank 1 has other bits than rank 0 in gamma_ckv, gamma_cq, norm_w, wkv, wq_a, "
                     "which all ranks need alike\n"))
        << result.err;
    EXPECT_EQ(count(result.err, "error ["), 1u) << result.err;
    EXPECT_FALSE(says(result.out, "PASS")) << result.out;
  }
  const CommandResult alike = run(2, "--tokens 4 --repeat 1 --share tokens");
  EXPECT_EQ(alike.status, 0) << alike.err;
  EXPECT_TRUE(says(alike.out, "PASS gamma_ckv, gamma_cq, norm_w, rope_cos, rope_sin, wkv, wq_a, x: the same bits in all ranks\n"))
      << alike.out;
  EXPECT_TRUE(says(alike.out, "PASS kv: the same bits in all ranks, after the exchange\n")) << alike.out;
}

TEST_F(Ranks, NameTheKernelsThatTheyCanShare) {
  for (const char* kernel : {"nn/softmax", "deepseek_v4/qkv_proj_rope_w8a16", "some.tile"}) {
    const CommandResult result =
        run_command(fmt::format("{} '{}' run {} --checkpoint '{}'", mpirun("-n 2"), IMBREX_MPI_COMMAND, kernel, model()));
    EXPECT_EQ(result.status, 1) << result.out << result.err;
    EXPECT_TRUE(says(result.err, fmt::format("'{}' is no kernel that ranks can share", kernel))) << result.err;
    EXPECT_TRUE(says(result.err, fmt::format("try: {}\n", kName))) << result.err;
    EXPECT_FALSE(says(result.err, "--checkpoint")) << result.err;
  }
  const CommandResult unknown =
      run_command(fmt::format("{} '{}' run nn/sofmax --checkpoint '{}'", mpirun("-n 2"), IMBREX_MPI_COMMAND, model()));
  EXPECT_TRUE(says(unknown.err, "error [unknown-kernel]")) << unknown.err;
}

TEST_F(Ranks, SayOnceWhatSomeFailOf) {
  const std::string wrong =
      fmt::format("{} run {} --checkpoint '{}' --tokens 1", IMBREX_MPI_COMMAND, kName, folder_.file("nowhere"));
  const CommandResult result = run_command(fmt::format("{} {} : -n 2 {}", mpirun("-n 1"), command("--tokens 1"), wrong));
  EXPECT_EQ(result.status, 1) << result.out << result.err;
  EXPECT_TRUE(says(result.err, "ranks 1, 2: error [file-unreadable]: ")) << result.err;
  EXPECT_EQ(count(result.err, "error ["), 1u) << result.err;
}

// The run goes on for hours unless it is ended, and exchanges tokens all the time.
TEST_F(Ranks, EndTogetherWhereOneIsKilled) {
  const std::string mark = folder_.file("marked");
  std::thread killer([&] {
    for (int tries = 0; tries < 600; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      // Their command lines begin with the program and name the mark.
      std::istringstream found(run_command(fmt::format("pgrep -f '^{} run .*{}'", IMBREX_MPI_COMMAND, mark)).out);
      const std::vector<pid_t> ranks{std::istream_iterator<pid_t>(found), {}};
      if (ranks.size() < 3) continue;
      std::this_thread::sleep_for(std::chrono::seconds(2));  // they run
      kill(ranks.back(), SIGKILL);
      return;
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  const CommandResult result = run(3, fmt::format("--tokens 64 --share tokens --repeat 1000000 --save '{}'", mark));
  killer.join();
  EXPECT_NE(result.status, 0) << result.out;
  EXPECT_TRUE(says(result.err, "signal 9")) << result.err;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(120));
}

TEST_F(Ranks, SayHowTheyAreCalled) {
  const CommandResult result = run_command(fmt::format("'{}' run --help", IMBREX_MPI_COMMAND));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(says(result.out, "--checkpoint")) << result.out;
  const CommandResult wrong = run(2, "--no-such-option");
  EXPECT_NE(wrong.status, 0);
  EXPECT_EQ(wrong.err.find("error [command-line]"), wrong.err.rfind("error [command-line]")) << wrong.err;  // said once
  EXPECT_TRUE(says(wrong.err, "try: imbrex-mpi run --help")) << wrong.err;
}

#endif

}  // namespace
}  // namespace imbrex::tests

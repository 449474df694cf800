// Where the tasks of a kernel's first phase take unequal times, idle workers steal tasks of others, and the bits stay
// those of the interpreter. Where they are equal, nobody waits for anybody.
#include <gtest/gtest.h>

#include <atomic>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

constexpr int64_t kRows = 40;

// Tasks that worker 1 did, the slow one, of those in the scope "work".
struct Shares {
  std::atomic<int64_t> tasks{0}, of_slow_worker{0};
};
void trace(void* user, int ith, const char* name, uint64_t, uint64_t) {
  if (std::string(name) != "work") return;
  auto& shares = *static_cast<Shares*>(user);
  ++shares.tasks;
  if (ith == 1) ++shares.of_slow_worker;
  if (ith == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// Of a kernel with this body, on two workers; its outputs are the interpreter's on 1, 2 and 3.
double share_of_slow_worker(const std::string& body) {
  const ir::Program program = ir::parse(
      "imbrex 1\nkernel \"tasks\" {\ndim N\ninput x: f32[N, 16]\ninput n: int32[N]\noutput y: f32[N, 16]\n" + body + "\n}\n",
      "tasks.tile");
  ir::verify_or_throw(program);
  const Dims dims{{"N", kRows}};
  Tensors inputs{{"x", Array::zeros(DType::f32, {kRows, 16})}, {"n", Array::zeros(DType::int32, {kRows})}};
  for (int64_t i = 0; i < kRows * 16; ++i) inputs["x"].as<float>()[i] = static_cast<float>(i % 37) * 0.125f;
  for (int64_t i = 0; i < kRows; ++i) inputs["n"].as<int32_t>()[i] = static_cast<int32_t>(i * i % 11);
  const GeneratedCode code(std::span(&program, 1), target::Machine(*target::target_named("scalar")));
  if (!code.error().empty()) throw std::runtime_error(code.error());
  for (int threads = 1; threads <= 3; ++threads)
    EXPECT_EQ(difference_from_interpreter(program, code.kernel(program), dims, inputs, threads, 0), std::nullopt);
  Shares shares;
  const RunResult result = run_generated(program, code.kernel(program), dims, inputs, 2, 0, {trace, nullptr, &shares});
  EXPECT_EQ(result.error, "");
  EXPECT_GT(shares.tasks, 0);
  return static_cast<double>(shares.of_slow_worker) / static_cast<double>(shares.tasks);
}

std::string phase(const std::string& loop, const std::string& work) {
  return "parallel " + loop + " {\nat \"work\" {\n" + work + "\n}\n}";
}
const std::string kSum = "let sum = x[t, :]\n", kStore = "\ny[t, :] = sum";

TEST(UnequalTasks, OfACausalKernelAreStolen) {
  EXPECT_LT(share_of_slow_worker(phase("t in 0 .. N", kSum + "range s in 0 .. t {\nsum = sum + x[s, :]\n}" + kStore)), 0.4);
  EXPECT_LT(share_of_slow_worker(phase(
                "t in tiles(N, 2)",
                kSum + "range s in tiles(t.begin, 8) {\nsum = sum + x[s.begin, :] * cast(int32(s.size), f32, rint)\n}" + kStore)),
            0.4);
}

TEST(UnequalTasks, OfDataAreStolen) {
  const std::string count = "read count = n[t]\nassume count >= 0\nassume count <= N\n";
  EXPECT_LT(share_of_slow_worker(phase("t in 0 .. N", count + kSum + "range s in 0 .. count {\nsum = sum + x[s, :]\n}" + kStore)),
            0.4);
}

TEST(UnequalTasks, ThatABranchDecidesAreStolen) {
  EXPECT_LT(share_of_slow_worker(phase("t in 0 .. N", kSum + "if t >= 20 {\nsum = sum * 2.0\n}" + kStore)), 0.4);
}

TEST(UnequalTasks, InABranchAreStolen) {
  const std::string causal = phase("t in 0 .. N", kSum + "range s in 0 .. t {\nsum = sum + x[s, :]\n}" + kStore);
  const std::string other = "parallel u in 0 .. N {\ny[u, :] = x[u, :]\n}";
  EXPECT_LT(share_of_slow_worker("if N >= 8 {\n" + causal + "\n} else {\n" + other + "\n}"), 0.4);
  EXPECT_LT(share_of_slow_worker("if N < 8 {\n" + other + "\n} else {\n" + causal + "\n}"), 0.4);
}

// Those of a loop have one queue for all its iterations: they stay with their workers.
TEST(UnequalTasks, InALoopAreNot) {
  const std::string causal = phase("t in 0 .. N", kSum + "range s in 0 .. t {\nsum = sum + x[s, :]\n}" + kStore);
  EXPECT_EQ(share_of_slow_worker("range again in 0 .. 2 {\n" + causal + "\n}"), 0.5);
}

TEST(EqualTasks, AreNot) {
  EXPECT_EQ(share_of_slow_worker(phase("t in 0 .. N", kSum + "range s in 0 .. N {\nsum = sum + x[s, :]\n}" + kStore)), 0.5);
  // Each has the same triangle, and a last tile that is smaller.
  EXPECT_EQ(share_of_slow_worker(phase(
                "t in tiles(N, 3)", kSum + "range a in 0 .. 8 {\nrange b in 0 .. a {\nsum = sum + x[t, b +: 1]\n}\n}" + kStore)),
            0.5);
  EXPECT_EQ(share_of_slow_worker(phase("t in 0 .. N", kSum + "if N >= 20 {\nsum = sum * 2.0\n}" + kStore)), 0.5);
}

}  // namespace
}  // namespace imbrex::test

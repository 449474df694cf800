// The cost model: which limit a scope is at, and what follows from a machine's rates.
#include <fstream>
#include <set>

#include "correct/optimize/optimized.h"
#include "imbrex/optimize/estimate_scopes.h"

namespace imbrex::optimize {
namespace {

using target::Product;

target::Machine zen4() { return {*target::target_named("avx512"), target::rates_named("zen4")}; }

std::map<std::string, ScopeCost> costs(const ir::Program& program, int64_t T) {
  std::map<std::string, ScopeCost> by_name;
  for (const ScopeCost& scope : estimate_scopes(program, {{"T", T}}, zen4())) by_name[scope.name] = scope;
  return by_name;
}

TEST(Estimates, CountWhatTheFrontDoes) {
  const ir::Program front = test::optimized(kernels::build("deepseek_v4/qkv_proj_rope", "plain", "flash", {}).program).program;
  const auto at_128 = costs(front, 128);
  // Multiply-adds of the contract, exactly: T * D * Q, T * D * 512, T * Q * H * 512.
  EXPECT_EQ(at_128.at("qr_proj").work.of(Product::bf16), 128.0 * 4096 * 1024);
  EXPECT_EQ(at_128.at("kv_proj").work.of(Product::bf16), 128.0 * 4096 * 512);
  EXPECT_EQ(at_128.at("q").work.of(Product::i8), 128.0 * 1024 * 64 * 512);
  EXPECT_EQ(at_128.at("q").work.tasks, 64 * 2);  // heads, tiles of 72 rows
  EXPECT_EQ(at_128.at("qr_proj").estimate.limit, "products");
  // Barriers stand only where one scope reads what another stored: before the projections, the norms, and q.
  std::set<size_t> phases;
  for (const auto& [name, cost] : at_128) phases.insert(cost.phase);
  EXPECT_EQ(phases.size(), 4u);
  EXPECT_EQ(at_128.at("qr_proj").phase, at_128.at("kv_proj").phase);
  // Rows pass by a panel of half a L2 cache: the weights are read from there, not again from further away.
  EXPECT_LT(at_128.at("q").work.memory, 1.3 * (1024.0 * 64 * 512 + 128.0 * 64 * 512 * 2));
  EXPECT_GT(at_128.at("q").work.l2, 1024.0 * 64 * 512);
  // A single row takes the time of the weights' bytes.
  const auto at_1 = costs(front, 1);
  EXPECT_EQ(at_1.at("q").estimate.limit, "memory");
  EXPECT_GE(at_1.at("q").bytes, 1024.0 * 64 * 512);
  EXPECT_LT(at_1.at("q").bytes, 1.1 * 1024 * 64 * 512);
}

TEST(Estimates, FewTasksLeaveCoresIdle) {
  Work work;
  work.of(Product::bf16) = 1e9;
  work.tasks = 1;
  const double one = estimate(work, zen4()).seconds;
  work.tasks = 2;
  EXPECT_NEAR(estimate(work, zen4()).seconds, one / 2, 1e-6);
  work.tasks = 3;
  EXPECT_NEAR(estimate(work, zen4()).seconds, one / 1.5, 1e-6);
}

// A panel of weights stays in cache for all rows; where reading rows again is dear and the cache holds all weights, rows stay.
TEST(Estimates, AnotherMachineMayChooseAnotherOrderOfTasks) {
  const ir::Program program = checked(R"(
  dim T typical 2048
  input x: bf16[T, 2048]
  weight w: bf16[2048, 128]
  output y: f32[T, 128]
  parallel n in tiles(128, 32) @tile(32) {
    y[:, n] = matmul(x[:, :], w[:, n])
  }
)");
  target::Machine slow = zen4();
  slow.rates.l3 = slow.rates.memory = slow.rates.memory_of_all = 2e8;
  const auto outermost = [&](const Optimized& after) {
    for (const ir::Statement& statement : after.program.body)
      if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) return loop->variable.substr(0, 1);
    return std::string();
  };
  const Optimized rows_pass = test::optimized(program), panels_pass = test::optimized(program, slow);
  EXPECT_EQ(outermost(rows_pass), "t") << ir::print(rows_pass.program);
  EXPECT_EQ(outermost(panels_pass), "n") << ir::print(panels_pass.program);
  expect_same_bits(program, panels_pass.program);
}

TEST(Estimates, AnotherMachineMayChooseOtherTiles) {
  const ir::Program program = kernels::build("nn/matmul", "tiled", "demo", {{"columns", 1024}}).program;
  target::Machine many = zen4();
  many.rates.cores = 8;
  const Optimized two = test::optimized(program), eight = test::optimized(program, many);
  EXPECT_NE(ir::print(two.program), ir::print(eight.program));
  expect_same_bits(program, eight.program);
}

TEST(Estimates, RatesAreReadAsTheyAreWritten) {
  const std::string path = testing::TempDir() + "/imbrex_rates";
  std::ofstream(path) << target::text_of(zen4().rates);
  EXPECT_EQ(target::text_of(target::read_rates(path)), target::text_of(zen4().rates));
  const auto refused = [&](const std::string& text) {
    std::ofstream(path) << text;
    try {
      target::read_rates(path);
    } catch (const UserError& error) {
      return error.diagnostics().at(0).id;
    }
    return std::string("read");
  };
  const std::string whole = target::text_of(zen4().rates);
  EXPECT_EQ(refused(whole), "read");
  EXPECT_EQ(refused(whole + "cores 2\n"), "machine-file");
  EXPECT_EQ(refused(whole + "speed 2\n"), "machine-file");
  EXPECT_EQ(refused(whole.substr(0, whole.rfind("l3_bytes"))), "machine-file");
  EXPECT_EQ(refused("bf16 0\n"), "machine-file");
  const std::string older = whole.substr(0, whole.rfind("fetched_ahead"));
  EXPECT_EQ(refused(older), "read");
  for (const char* bytes : {"-1", "0.5", "1e17"}) EXPECT_EQ(refused(older + "fetched_ahead " + bytes + "\n"), "machine-file");
  EXPECT_EQ(refused("bf16 nan\n"), "machine-file");
  EXPECT_EQ(refused("bf16 fast\n"), "machine-file");
}

}  // namespace
}  // namespace imbrex::optimize

// Columns of a weight that share a scale may be any number: the optimizer's tiles begin with a block of them, or lie in one. What its
// author pins across blocks is compiled as written, and said.
#include <gtest/gtest.h>

#include <numeric>

#include "correct/optimize/optimized.h"
#include "support/generated_code.h"

namespace imbrex::optimize {
namespace {

struct Blocks {
  int64_t columns, block;
  bool transposed;
};

constexpr Blocks kBlocks[] = {{1280, 48, false}, {1280, 48, true},    {192, 96, true},   {200, 1, false},
                              {177, 3, true},    {320, 41, false},    {320, 80, true},   {960, 100, false},
                              {300, 7, true},    {1100, 1031, false}, {100, 1000, true}, {2600, 257, false}};

std::string name_of(const Blocks& of) {
  return fmt::format("blocks_{}_of_{}_{}", of.block, of.columns, of.transposed ? "t" : "n");
}

// z = max(x w, 0) with blocks of 32 of k, its weights beside those of another product where `gate` is a number of columns that
// share a scale there.
ir::Program product(const Blocks& of, int64_t gate = 0) {
  const auto weight = [&](const char* name, const char* scales, int64_t block) {
    const int64_t blocks = (of.columns + block - 1) / block;
    return of.transposed ? fmt::format("  weight {}: e4m3[{}, 64]\n  input {}: e8m0[{}, 2]\n", name, of.columns, scales, blocks)
                         : fmt::format("  weight {}: e4m3[64, {}]\n  input {}: e8m0[2, {}]\n", name, of.columns, scales, blocks);
  };
  const auto multiplied = [&](const char* name, const char* scales, int64_t block) {
    return fmt::format("matmul_expanded({}[:, :], x[:, :], {}[:, :], [32, {}]{})", scales, name, block,
                       of.transposed ? ", transpose_b" : "");
  };
  std::string value = fmt::format("max({}, 0.0)", multiplied("w", "s", of.block));
  std::string declared = weight("w", "s", of.block);
  if (gate > 0) {
    declared += weight("g", "sg", gate);
    value += " * " + multiplied("g", "sg", gate);
  }
  ir::Program program = checked(
      fmt::format("  dim T\n  input x: bf16[T, 64]\n{}  output z: f32[T, {}]\n  z[:, :] = {}\n", declared, of.columns, value));
  program.name = name_of(of) + (gate > 0 ? fmt::format("_beside_{}", gate) : "");
  return program;
}

// Each window of 128 columns is divided by its sum.
ir::Program windows(int64_t block) {
  ir::Program program = checked(fmt::format(R"(  dim T
  input x: bf16[T, 64]
  weight w: e4m3[64, 2048]
  input s: e8m0[2, {0}]
  output z: bf16[T, 2048]
  create p: f32[T, 2048]
  p[:, :] = matmul_expanded(s[:, :], x[:, :], w[:, :], [32, {1}])
  parallel h in 0 .. 16 {{
    let v = p[:, h * 128 +: 128]
    z[:, h * 128 +: 128] = cast(v / (1.0 + row_sum(v * v)), bf16, rint)
  }}
)",
                                            (2048 + block - 1) / block, block));
  program.name = fmt::format("windows_of_blocks_{}", block);
  return program;
}

std::vector<ir::Program> programs() {
  std::vector<ir::Program> all;
  for (const Blocks& of : kBlocks) all.push_back(product(of));
  all.push_back(product({640, 48, false}, 80));
  all.push_back(product({640, 96, true}, 64));
  for (const int64_t block : {48, 64, 96, 128, 256, 100}) all.push_back(windows(block));
  return all;
}

std::map<std::string, Array> inputs_of(const ir::Program& program, int64_t tokens) {
  std::mt19937 random(static_cast<uint32_t>(tokens));
  std::map<std::string, Array> inputs;
  for (const ir::Tensor& tensor : program.tensors) {
    if (tensor.role != ir::Role::input) continue;
    std::vector<int64_t> shape;
    for (const ir::IndexExpr& extent : tensor.shape)
      shape.push_back(ir::evaluate(extent, [&](const ir::Index&) { return tokens; }));
    Array& array = inputs[tensor.name] = random_array(tensor.dtype, shape, random);
    if (tensor.dtype == DType::e4m3)
      for (std::byte& code : array.bytes) code &= std::byte{0xf7};  // no NaN
    if (tensor.dtype == DType::e8m0)
      for (std::byte& code : array.bytes) code = static_cast<std::byte>(120 + random() % 8);
  }
  return inputs;
}

TEST(BlocksOfScales, AreOptimizedOnEveryTarget) {
  uint64_t number = 0;
  const std::vector<const target::Target*> targets = test::runnable_targets();
  const std::vector<ir::Program> all = programs();
  for (const target::Target* target : targets) {
    const target::Machine machine = test::machine_by(number++, *target);
    std::vector<ir::Program> written, optimized_programs;
    for (size_t i = 0; i < all.size(); ++i)
      if (test::is_turn_of(target, targets, i)) written.push_back(all[i]);
    for (const ir::Program& program : written) {
      const Optimized result = test::optimized(program, machine);
      EXPECT_TRUE(result.is_scheduled) << program.name << ": " << result.reason;
      expect_proven(result.program);
      optimized_programs.push_back(result.program);
    }
    const test::GeneratedCode code(optimized_programs, machine);
    ASSERT_EQ(code.error(), "") << target->name;
    for (size_t i = 0; i < written.size(); ++i)
      for (const int64_t tokens : {1, 37}) {
        const auto difference = test::difference_from_interpreter(written[i], code.kernel(optimized_programs[i]), {{"T", tokens}},
                                                                  inputs_of(written[i], tokens), 2, 0);
        EXPECT_FALSE(difference) << target->name << ", " << written[i].name << ": " << *difference;
      }
  }
}

// Packed weights lie in parts of 16 columns: tiles that begin elsewhere would have them packed for each product.
TEST(BlocksOfScales, HaveTilesOfPackedColumnsWhereTheyCan) {
  const auto tile_of = [](const ir::Program& program) {
    const Optimized result = test::optimized(program);
    int64_t tile = 0;
    ir::for_each_statement(result.program.body, [&](const ir::Statement& statement) {
      const auto* loop = std::get_if<ir::Loop>(&statement.node);
      if (loop && loop->variable.starts_with("n")) tile = loop->tile;
      return true;
    });
    return tile;
  };
  for (const Blocks& of : kBlocks) {
    const int64_t tile = tile_of(product(of));
    EXPECT_TRUE(tile % of.block == 0 || of.block % tile == 0 || tile >= of.columns || of.block >= of.columns)
        << name_of(of) << ": " << tile;
    EXPECT_TRUE(tile % 16 == 0 || std::lcm(16, of.block) > 1024) << name_of(of) << ": " << tile;
  }
  EXPECT_EQ(tile_of(product({640, 48, false}, 80)) % 240, 0);
}

TEST(BlocksOfScales, ThatNoTilesFitAreCompiledAsWrittenAndSaid) {
  const auto expect_reason = [](const ir::Program& program, const char* reason) {
    const Optimized result = test::optimized(program);
    EXPECT_FALSE(result.is_scheduled);
    EXPECT_NE(result.reason.find(reason), std::string::npos) << result.reason;
  };
  expect_reason(product({5000, 1000, false}, 999),
                "g has a scale for each 999 columns, w has a scale for each 1000 columns, and tiles of ");
  expect_reason(checked(R"(  dim T
  input x: bf16[T, 64]
  weight w: e4m3[64, 1280]
  input s: e8m0[2, 27]
  output z: f32[T, 1280]
  parallel n in tiles(1280, 96) {
    z[:, n] = matmul_expanded(s[:, n.begin // 48 +: (n.size + 47) // 48], x[:, :], w[:, n], [32, 48])
  }
)"),
                "w is multiplied with the scales s for only a part of its columns or of k");
}

}  // namespace
}  // namespace imbrex::optimize

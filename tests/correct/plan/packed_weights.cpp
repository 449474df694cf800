#include "imbrex/plan/packed_weights.h"

#include "correct/optimize/optimized.h"

namespace imbrex::plan {
namespace {

const std::string kHead = R"(
  dim T
  input x: bf16[T, 64]
  weight w: bf16[64, 96]
  weight v: bf16[96, 64]
  output y: f32[T, 96]
)";

void expect_packed(const std::string& names, const std::string& body, const std::string& why = "") {
  const ir::Program before = optimize::checked(kHead + body);
  const PackedWeights weights = packed_weights(before);
  std::string packed;
  for (const auto& [name, weight] : weights.packed) packed += name;
  EXPECT_EQ(packed, names);
  ASSERT_EQ(weights.refused.size(), why.empty() ? 0u : 1u);
  for (const auto& refused : weights.refused) EXPECT_EQ(refused.tensor + ": " + refused.reason, why);
}

TEST(PackedWeights, AreThoseThatOnlyProductsReadWhole) {
  expect_packed("w", "  y[:, :] = matmul(x[:, :], w[:, :])");
  expect_packed("w", R"(
  parallel n in tiles(96, 32) {
    y[:, n] = matmul(x[:, :], w[:, n])
  })");
  const PackedWeights weights = packed_weights(optimize::checked(kHead + "  y[:, :] = matmul(x[:, :], v[:, :], transpose_b)"));
  ASSERT_TRUE(weights.packed.contains("v"));
  EXPECT_TRUE(weights.packed.at("v").transposed);
  EXPECT_EQ(weights.packed.at("v").inner, 64);
  EXPECT_EQ(weights.packed.at("v").columns, 96);
}

TEST(PackedWeights, SayWhyOthersAreNot) {
  expect_packed("", R"(
  parallel n in tiles(96, 24) {
    y[:, n] = matmul(x[:, :], w[:, n])
  })",
                "w: its columns do not begin at a multiple of 16");
  expect_packed("", "  y[:, :] = matmul(x[:, 0 +: 32], w[0 +: 32, :])", "w: this product takes only a part of its inner axis");
  expect_packed("", R"(
  y[:, :] = matmul(x[:, :], w[:, :]) + cast(w[0, :], f32))",
                "w: it is read outside of matrix products too");
  expect_packed("", R"(
  view flat = w: [6144]
  y[:, :] = matmul(x[:, :], w[:, :]))",
                "w: a view shares its memory");
  expect_packed("", R"(
  let both = matmul(x[:, :], w[:, :])
  y[:, :] = both + matmul(cast(matmul(cast(both, bf16, rint), w[:, :], transpose_b), bf16, rint), w[:, :]))",
                "w: some products take it as it is and some transposed");
}

// Packed for blocks of k, or for all of it.
TEST(PackedWeights, AreTakenInLikeBlocks) {
  const auto packed = [](const std::string& second) {
    return packed_weights(
        optimize::checked("dim T\ninput x: int8[T, 128]\ninput z: bf16[T, 128]\nweight w: int8[128, 32]\n"
                          "input t: f32[2, 1]\ninput u: f32[4, 1]\noutput y: f32[T, 32]\n"
                          "let first = matmul_scaled(1.0, t[:, :], x[:, :], w[:, :], [64, 32])\n"
                          "y[:, :] = first + " +
                          second));
  };
  EXPECT_EQ(packed("matmul_scaled(1.0, full(f32, [2, 2], 2.0), x[:, :], w[:, :], [64, 16])").packed.count("w"), 1u);
  for (const char* second :
       {"cast(matmul(x[:, :], w[:, :]), f32, rint)", "matmul_scaled(1.0, u[:, :], x[:, :], w[:, :], [32, 32])",
        "matmul_scaled(1.0, t[:, :], z[:, :], w[:, :], [64, 32])"}) {
    const PackedWeights weights = packed(second);
    EXPECT_TRUE(weights.packed.empty()) << second;
    ASSERT_EQ(weights.refused.size(), 1u) << second;
    EXPECT_EQ(weights.refused[0].reason, "products take it in different blocks or types") << second;
  }
}

// Products that expand a weight take it in any blocks, as they do with those of which sums are scaled and bf16 is multiplied.
TEST(PackedWeights, AreExpandedFromOneForm) {
  const PackedWeights weights = packed_weights(optimize::checked(
      "dim T\ninput z: bf16[T, 128]\nweight w: e4m3[128, 32]\ninput t: f32[2, 1]\ninput u: f32[4, 2]\noutput y: f32[T, 32]\n"
      "y[:, :] = matmul_expanded(t[:, :], z[:, :], w[:, :], [64, 32]) + matmul_expanded(u[:, :], z[:, :], w[:, :], [32, 16])"));
  ASSERT_EQ(weights.packed.count("w"), 1u);
  EXPECT_EQ(weights.packed.at("w").multiplied_as, DType::bf16);
}

// What the caller may change between two runs is read where the caller has it.
TEST(PackedWeights, AreDeclared) {
  for (const char* declared : {"input", "weight", "inout"}) {
    const ir::Program program = optimize::checked(fmt::format(
        "dim T\ninput x: bf16[T, 64]\n{} w: bf16[64, 96]\noutput y: f32[T, 96]\ny[:, :] = matmul(x[:, :], w[:, :])", declared));
    const bool is_weight = std::string(declared) == "weight";
    EXPECT_EQ(packed_weights(program).packed.size(), is_weight ? 1u : 0u);
  }
  const PackedWeights of_input = packed_weights(optimize::checked(
      "dim T\ninput x: bf16[T, 64]\ninput w: bf16[64, 96]\noutput y: f32[T, 96]\ny[:, :] = matmul(x[:, :], w[:, :])"));
  ASSERT_EQ(of_input.refused.size(), 1u);
  EXPECT_EQ(of_input.refused[0].reason, "it is an input, which each run may change; declare it a weight if none does");
}

TEST(PackedWeights, HaveAPackedFormOfAFixedSize) {
  const std::string head = "dim T\ninput x: bf16[T, 64]\noutput y: f32[T, T]\n";
  const PackedWeights weights =
      packed_weights(optimize::checked(head + "weight w: bf16[64, T]\ny[:, :] = matmul(x[:, :], w[:, :])"));
  EXPECT_TRUE(weights.packed.empty());
  ASSERT_EQ(weights.refused.size(), 1u);
  EXPECT_EQ(weights.refused[0].reason, "its size is not a constant");
}

TEST(PackedWeights, AreMatricesOfConstantSizesThatNobodyWrites) {
  expect_packed("", R"(
  create t: bf16[64, 96]
  t[:, :] = w[:, :]
  y[:, :] = matmul(x[:, :], t[:, :]))");
}

}  // namespace
}  // namespace imbrex::plan

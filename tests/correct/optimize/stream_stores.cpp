#include "imbrex/optimize/stream_stores.h"

#include "correct/optimize/same_bits.h"

namespace imbrex::optimize {
namespace {

// The tensors whose stores are marked, one letter for each store.
std::string streamed(const ir::Program& program) {
  std::string names;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    const auto* store = std::get_if<ir::Store>(&statement.node);
    if (store && find(statement.annotations, "stream")) names += store->tensor;
    return true;
  });
  return names;
}

void expect_streamed(const std::string& names, const std::string& body) {
  const ir::Program before = checked(R"(
  dim T
  input x: f32[T, 64]
  inout z: f32[T, 64]
  output y: f32[T, 64]
  output w: f32[T, 64]
)" + body);
  const ir::Program after = stream_stores(before);
  EXPECT_EQ(streamed(after), names) << ir::print(after);
  EXPECT_EQ(streamed(stream_stores(after)), names) << "marked twice";
  expect_same_bits(before, after);
}

TEST(StreamStores, MarksEachStoreToAnOutput) {
  expect_streamed("yyw", R"(
  y[:, 0 +: 32] = x[:, 0 +: 32] * 2.0
  y[:, 32 +: 32] = x[:, 0 +: 32] * 3.0
  w[:, :] = x[:, :])");
}

TEST(StreamStores, KeepsWhatIsReadAgain) {
  expect_streamed("w", R"(
  y[:, :] = x[:, :] * 2.0
  w[:, :] = y[:, :] + 1.0)");
}

TEST(StreamStores, KeepsWhatHasAView) {
  expect_streamed("w", R"(
  view rows = y: [T * 64]
  y[:, :] = x[:, :] * 2.0
  w[:, :] = x[:, :])");
}

TEST(StreamStores, KeepsRowsThatFillNoLines) {
  const ir::Program before = checked(R"(
  dim T
  input x: f32[T, 64]
  output narrow: f32[T, 24]
  output single: f32[T, 1]
  output bytes: int8[T, 64]
  narrow[:, :] = x[:, 0 +: 24]
  single[:, :] = row_sum(x[:, :])
  bytes[:, :] = cast(x[:, :], int8, rint)
)");
  EXPECT_EQ(streamed(stream_stores(before)), "");
}

TEST(StreamStores, KeepsTemporariesAndWhatTheCallerReads) {
  expect_streamed("yw", R"(
  create a: f32[T, 64]
  a[:, :] = x[:, :] * 2.0
  z[:, :] = a[:, :]
  y[:, :] = a[:, :] + 1.0
  w[:, :] = a[:, :])");
}

}  // namespace
}  // namespace imbrex::optimize

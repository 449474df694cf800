#include "imbrex/optimize/forward_single_use.h"

#include "correct/optimize/same_bits.h"
#include "imbrex/optimize/pipeline.h"

namespace imbrex::optimize {
namespace {

constexpr const char* kHead = R"(
  dim T
  input x: f32[T, 40]
  inout z: f32[T, 40]
  output y: f32[T, 40]
)";

int count_lets(const ir::Program& program) {
  int count = 0;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    const auto* assign = std::get_if<ir::Assign>(&statement.node);
    count += assign && assign->declares;
    return true;
  });
  return count;
}

void expect_lets(int lets, const std::string& body) {
  const ir::Program before = checked(kHead + body), after = forward_single_use(before);
  EXPECT_EQ(count_lets(after), lets) << ir::print(after);
  expect_same_bits(before, after);
}

TEST(ForwardSingleUse, NestsAChain) {
  expect_lets(0, R"(
  let a = x[:, :] * 2.0
  let b = a + 1.0
  let c = exp(b)
  y[:, :] = c - x[:, :])");
}

TEST(ForwardSingleUse, KeepsWhatIsUsedTwice) {
  expect_lets(1, R"(
  let a = x[:, :] * 2.0
  y[:, :] = a * a)");
}

TEST(ForwardSingleUse, MovesNoLoadPastAStore) {
  expect_lets(1, R"(
  let old = z[:, :]
  z[:, :] = x[:, :]
  y[:, :] = old)");
  expect_lets(1, R"(
  view w = z: [T * 40]
  let old = w[0 +: 40]
  range t in 0 .. T { z[t, :] = x[t, :] }
  y[:, :] = x[:, :]
  y[0, :] = old)");
  expect_lets(1, R"(
  view w = z: [T * 40]
  let old = z[0, :]
  w[:] = reshape(x[:, :], [1, T * 40])
  y[:, :] = x[:, :] + old)");
  expect_lets(0, R"(
  let old = x[:, :]
  z[:, :] = z[:, :] * 3.0
  y[:, :] = old)");
}

TEST(ForwardSingleUse, MovesNoReadPastARebinding) {
  expect_lets(2, R"(
  let s = x[:, :]
  let before = s * 2.0
  s = s + 1.0
  y[:, :] = before + s)");
}

TEST(ForwardSingleUse, StaysOutOfLoops) {
  expect_lets(1, R"(
  let scale = row_max(x[0, :])
  range t in 0 .. T { y[t, :] = x[t, :] * scale })");
}

TEST(AsWritten, RunsEveryPassAndKeepsTheBits) {
  const ir::Program before = checked(std::string(kHead) + R"(
  parallel t in tiles(T, 8) {
    at "norm" {
      let s = full(f32, [t.size, 1], 0.0)
      range d in tiles(40, 16) {
        if d.index == 0 { s = row_sum(x[t, d] * x[t, d]) } else { s = row_sum_acc(s, x[t, d] * x[t, d]) }
      }
      let mean = s * 0.025
      let inv = 1.0 / sqrt(mean + 1e-06)
      range e in tiles(40, 16) {
        let scaled = x[t, e] * inv
        y[t, e] = scaled * 2.0
      }
    }
  })");
  std::vector<Step> trace;
  const ir::Program after = as_written(before, &trace);
  ASSERT_EQ(trace.size(), 3u);
  EXPECT_TRUE(ir::equal(trace.back().program, after));
  EXPECT_EQ(count_loops(after, ir::Loop::Kind::range), 0) << ir::print(after);
  for (const Step& step : trace) expect_same_bits(before, step.program);
}

}  // namespace
}  // namespace imbrex::optimize

#include "imbrex/plan/assume_each_element.h"

#include "correct/optimize/same_bits.h"

namespace imbrex::plan {
namespace {

bool names_a_tile(const ir::Program& program) {
  std::set<std::string> tiles;
  bool found = false;
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    if (const auto* assign = std::get_if<ir::Assign>(&s.node)) tiles.insert(assign->name);
    const auto* assume = std::get_if<ir::Assume>(&s.node);
    if (!assume) return true;
    for (const ir::Comparison& each : assume->condition)
      for (const ir::IndexExpr& side : {each.left, each.right})
        for (const std::string& name : ir::names_in(side)) found = found || tiles.contains(name);
    return true;
  });
  return found;
}

ir::Program program_of(const std::string& text) {
  ir::Program program = ir::parse("imbrex 1\nkernel \"k\" {\n" + text + "\n}\n", "k.tile");
  ir::verify_or_throw(program);
  return program;
}

TEST(AssumeEachElement, ReadsIndicesFromATile) {
  const ir::Program before = program_of(R"(
  input x: f32[4, 20]
  input index: int32[3]
  inout y: f32[5, 20]
  let rows = index[:]
  assume rows >= 0 and rows < 4
  assume_distinct rows
  y[by rows, :] = x[0 +: 3, :])");
  ASSERT_TRUE(names_a_tile(before));
  const ir::Program after = assume_each_element(before).program;
  ir::verify_or_throw(after);
  EXPECT_FALSE(names_a_tile(after)) << ir::print(after);
  const auto run = [](const ir::Program& program, std::vector<int32_t> index) {
    std::map<std::string, Array> tensors;
    tensors["x"] = Array::zeros(DType::f32, {4, 20});
    for (int64_t i = 0; i < 80; ++i) tensors["x"].as<float>()[i] = static_cast<float>(i);
    tensors["index"] = Array::zeros(DType::int32, {3});
    std::copy(index.begin(), index.end(), tensors["index"].as<int32_t>());
    tensors["y"] = Array::zeros(DType::f32, {5, 20});
    interpret::run(program, {}, tensors);
    return tensors.at("y").bytes;
  };
  EXPECT_EQ(run(before, {2, 0, 3}), run(after, {2, 0, 3}));
  // Row 4 is there, and not what is assumed.
  EXPECT_THROW(run(before, {2, 4, 3}), UserError);
  EXPECT_THROW(run(after, {2, 4, 3}), UserError);
}

// Each index that is read from an input of whose elements something is assumed gets the assumption, behind the read.
TEST(AssumeEachElement, SaysItOfIndices) {
  const ByElement by_element = assume_each_element(program_of(R"(
  input x: f32[4, 20]
  input index: int32[3]
  input other: int32[3]
  output y: f32[4, 20]
  let rows = index[:]
  assume rows >= 0 and rows < 4
  y[:, :] = x[:, :]
  range k in 0 .. 3 {
    read i = index[k]
    read j = other[k]
    y[i, :] = x[0, :]
  })"));
  const ir::Program& after = by_element.program;
  ir::verify_or_throw(after);
  const std::string text = ir::print(after);
  EXPECT_NE(text.find("read i = index[k]\n    assume i >= 0\n    assume i < 4\n    read j = other[k]\n    y[i, :] ="),
            std::string::npos)
      << text;
  std::vector<std::string> assumed;
  for (const ByElement::Assumed& each : by_element.assumed) assumed.push_back(ir::print(each.condition));
  EXPECT_EQ(assumed, (std::vector<std::string>{"rows >= 0 and rows < 4", "i >= 0", "i < 4"}));
}

TEST(AssumeEachElement, LeavesOthersAlone) {
  const ir::Program before = program_of(R"(
  input x: f32[4, 20]
  input index: int32[1]
  output y: f32[1, 20]
  read i = index[0]
  assume i >= 0 and i < 4
  y[:, :] = x[i, :])");
  EXPECT_TRUE(ir::equal(before, assume_each_element(before).program));
}

}  // namespace
}  // namespace imbrex::plan

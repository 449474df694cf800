#include "imbrex/optimize/split_at_conditions.h"

#include <algorithm>
#include <optional>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/budget.h"

namespace imbrex::optimize {
namespace {

using namespace imbrex::ir;

bool mentions(const IndexExpr& e, const std::string& name) { return names_in(e).contains(name); }

bool is_same(const Comparison& a, const Comparison& b) {
  return a.compare == b.compare && same(a.left, b.left) && same(a.right, b.right);
}

// Calls `visit` for the branches of a block that stand in no inner loop.
void for_each_branch(const Block& block, const std::function<void(const If&)>& visit) {
  for_each_statement(block, [&](const Statement& statement) {
    if (const auto* branch = std::get_if<If>(&statement.node)) visit(*branch);
    return !std::holds_alternative<Loop>(statement.node);
  });
}

std::optional<Comparison> comparison_with(const Loop& loop) {
  std::optional<Comparison> found;
  for_each_branch(loop.body, [&](const If& branch) {
    for (const Comparison& comparison : branch.condition)
      if (!found && (mentions(comparison.left, loop.variable) || mentions(comparison.right, loop.variable))) found = comparison;
  });
  return found;
}

Compare mirrored(Compare compare) {
  switch (compare) {
    case Compare::lt: return Compare::gt;
    case Compare::le: return Compare::ge;
    case Compare::gt: return Compare::lt;
    case Compare::ge: return Compare::le;
    default: return compare;
  }
}

// What a comparison says of the number of the iteration: for a loop over integers the variable, for tiles their index.
struct Question {
  Compare compare;
  IndexExpr with;
};

std::optional<Question> question_of(const Comparison& comparison, const Loop& loop, const Ranges& ranges) {
  Linear apart = linear(sub(comparison.left, comparison.right), ranges);
  const auto taken = [&](const std::string& leaf) -> int64_t {
    const auto part = apart.parts.find(leaf);
    if (part == apart.parts.end()) return 0;
    const int64_t coefficient = part->second.coefficient;
    apart.parts.erase(part);
    return coefficient;
  };
  const std::string& v = loop.variable;
  const int64_t variable = taken(v), begin = taken(v + ".begin"), size = taken(v + ".size"), index = taken(v + ".index");
  const int64_t sign = variable + begin + index != 0 ? variable + begin + index : size;
  if (sign != 1 && sign != -1) return std::nullopt;
  const Compare compare = sign == 1 ? comparison.compare : mirrored(comparison.compare);
  // sign * (what is asked for) compared with `other`.
  IndexExpr other = simplify(sign == 1 ? sub(constant(0), to_index(apart)) : to_index(apart), ranges);
  if (mentions(other, v)) return std::nullopt;
  if (loop.tile == 0 || (index != 0 && begin == 0 && size == 0)) return Question{compare, other};
  if (index != 0) return std::nullopt;

  const IndexExpr tile = constant(loop.tile);
  if (begin != 0 && size == 0) {  // where the tile begins
    const IndexExpr from = simplify(sub(other, loop.begin), ranges);
    if (constant_value(simplify(mod(from, tile), ranges)) != 0) return std::nullopt;
    return Question{compare, simplify(floor_div(from, tile), ranges)};
  }
  if (begin == size) {  // where it ends: the last tile with the loop, and none behind it
    const Range behind = range_of(sub(other, add(loop.begin, loop.extent)), ranges);
    if (behind.least.value_or(-1) < 0) return std::nullopt;
    const IndexExpr tiles = ceil_div(loop.extent, tile);
    if (*behind.least == 0 && behind.most != 0) return std::nullopt;
    const IndexExpr last = simplify(*behind.least == 0 ? sub(tiles, constant(1)) : tiles, ranges);
    if (compare == Compare::eq || compare == Compare::ge) return Question{Compare::ge, last};
    if (compare == Compare::ne || compare == Compare::lt) return Question{Compare::lt, last};
    return std::nullopt;
  }
  if (begin != 0 || constant_value(other) != loop.tile) return std::nullopt;
  const IndexExpr whole = simplify(floor_div(loop.extent, tile), ranges);  // tiles of the whole size
  if (compare == Compare::eq || compare == Compare::ge) return Question{Compare::lt, whole};
  if (compare == Compare::ne || compare == Compare::lt) return Question{Compare::ge, whole};
  return std::nullopt;
}

// With `answer` in the place of the comparison.
Block answered(const Block& block, const Comparison& comparison, bool answer) {
  Block result;
  for (Statement statement : block) {
    if (auto* at = std::get_if<At>(&statement.node)) at->body = answered(at->body, comparison, answer);
    if (auto* branch = std::get_if<If>(&statement.node)) {
      branch->then_block = answered(branch->then_block, comparison, answer);
      branch->else_block = answered(branch->else_block, comparison, answer);
      const size_t before = branch->condition.size();
      std::erase_if(branch->condition, [&](const Comparison& c) { return is_same(c, comparison); });
      const bool asked = branch->condition.size() < before;
      if (asked && (!answer || branch->condition.empty())) {
        const Block& taken = answer ? branch->then_block : branch->else_block;
        result.insert(result.end(), taken.begin(), taken.end());
        continue;
      }
    }
    result.push_back(std::move(statement));
  }
  return result;
}

}  // namespace

std::vector<Loop> split_at_condition(const Loop& loop, const Ranges& ranges) {
  const std::optional<Comparison> comparison = comparison_with(loop);
  const std::optional<Question> question = comparison ? question_of(*comparison, loop, ranges) : std::nullopt;
  if (!question) return {};

  // The numbers of the iterations at which the answer changes, and the first answer.
  const IndexExpr next = add(question->with, constant(1));
  std::vector<IndexExpr> places;
  bool answer = false;
  switch (question->compare) {
    case Compare::lt: places = {question->with}, answer = true; break;
    case Compare::le: places = {next}, answer = true; break;
    case Compare::gt: places = {next}; break;
    case Compare::ge: places = {question->with}; break;
    case Compare::eq: places = {question->with, next}; break;
    case Compare::ne: places = {question->with, next}, answer = true; break;
  }

  // In what the loop counts, iterations or elements, from its begin.
  const IndexExpr step = constant(std::max<int64_t>(loop.tile, 1)), none = constant(0);
  std::vector<IndexExpr> numbers{none}, begins{none};
  for (const IndexExpr& place : places) {
    numbers.push_back(simplify(max(loop.tile > 0 ? place : sub(place, loop.begin), none), ranges));
    begins.push_back(simplify(min(mul(numbers.back(), step), loop.extent), ranges));
  }
  begins.push_back(loop.extent);
  std::vector<Loop> parts;
  for (size_t i = 0; i < numbers.size(); ++i, answer = !answer) {
    Loop part = loop;
    part.begin = simplify(add(loop.begin, begins[i]), ranges);
    part.extent = simplify(sub(begins[i + 1], begins[i]), ranges);
    if (const auto extent = constant_value(part.extent); extent && *extent < 1) continue;
    part.body = answered(loop.body, *comparison, answer);
    Budget::spend(16 * part.body.size());
    for (Statement& statement : part.body)
      statement = substitute(std::move(statement), [&](const Index& leaf) -> std::optional<IndexExpr> {
        if (leaf.kind != Index::Kind::span_index || leaf.name != loop.variable) return std::nullopt;
        return add(span_index(loop.variable), numbers[i]);
      });
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace imbrex::optimize

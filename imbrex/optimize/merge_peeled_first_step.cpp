#include "imbrex/optimize/merge_peeled_first_step.h"

#include <cmath>
#include <optional>
#include <set>

#include "imbrex/ir/never_empty.h"
#include "imbrex/ir/reads.h"
#include "imbrex/ir/verify_accumulators.h"
#include "imbrex/ir/visit.h"

namespace imbrex::optimize {
namespace {

using namespace imbrex::ir;

bool is_first_iteration(const Condition& condition, const Loop& loop) {
  if (condition.size() != 1 || condition[0].compare != Compare::eq) return false;
  const IndexExpr &left = condition[0].left, &right = condition[0].right;
  if (left->name != loop.variable) return false;
  using Kind = Index::Kind;
  if (loop.tile == 0) return left->kind == Kind::name && same(right, loop.begin);
  return (left->kind == Kind::span_index && constant_value(right) == 0) ||
         (left->kind == Kind::span_begin && same(right, loop.begin));
}

// `first` starts what `next` continues, on the same operands.
bool starts(const Expr& first, const Assign& next) {
  const Expr& e = *next.value;
  if (continued_form(first.op) != e.op || first.transpose_a != e.transpose_a || first.transpose_b != e.transpose_b) return false;
  if (e.args[0]->op != Op::variable || e.args[0]->name != next.name) return false;
  for (size_t i = 0; i < first.args.size(); ++i)
    if (!equal(first.args[i], e.args[i + 1])) return false;
  return true;
}

struct Peeled {
  size_t at = 0;                   // of the `if` in the loop's body
  std::vector<std::string> tiles;  // the accumulators
};

std::optional<Peeled> find_peeled(const Loop& loop) {
  for (size_t at = 0; at < loop.body.size(); ++at) {
    const auto* branch = std::get_if<If>(&loop.body[at].node);
    if (!branch || !is_first_iteration(branch->condition, loop)) continue;
    if (branch->then_block.empty() || branch->then_block.size() != branch->else_block.size()) return std::nullopt;
    Peeled peeled{at, {}};
    std::set<std::string> assigned;
    for (size_t i = 0; i < branch->then_block.size(); ++i) {
      const auto* first = std::get_if<Assign>(&branch->then_block[i].node);
      const auto* next = std::get_if<Assign>(&branch->else_block[i].node);
      if (!first || !next || first->declares || next->declares || first->name != next->name || !starts(*first->value, *next))
        return std::nullopt;
      // One step for each accumulator, and none that reads another one.
      if (!assigned.insert(first->name).second) return std::nullopt;
      peeled.tiles.push_back(first->name);
    }
    for (const std::string& tile : peeled.tiles)
      for (const Statement& step : branch->then_block)
        if (reads_tile(step, tile)) return std::nullopt;
    return peeled;
  }
  return std::nullopt;
}

// Before the `if`, nothing of the body reads or assigns the accumulators; behind it, nothing assigns them.
bool only_the_branch_assigns(const Loop& loop, const Peeled& peeled) {
  bool only = true;
  for (size_t i = 0; i < loop.body.size(); ++i) {
    if (i == peeled.at) continue;
    for_each_statement(Block{loop.body[i]}, [&](const Statement& inner) {
      const auto* assign = std::get_if<Assign>(&inner.node);
      for (const std::string& tile : peeled.tiles)
        if ((assign && assign->name == tile) || (i < peeled.at && reads_tile(inner, tile))) only = false;
      return true;
    });
  }
  return only;
}

bool starts_at_zero(const Block& block, size_t loop_at, const std::string& tile) {
  for (size_t i = loop_at; i-- > 0;) {
    const auto* assign = std::get_if<Assign>(&block[i].node);
    if (!assign) return false;
    if (assign->name == tile)
      return assign->value->op == Op::constant && assign->value->value == 0 && !std::signbit(assign->value->value);
  }
  return false;
}

// Zeros of either sign that start a row sum are the sum of nothing, +0 (docs/semantics.md): from here on they look so.
Program with_positive_zeros(Program program) {
  const std::set<std::string> sums = row_sum_accumulators(program);
  for_each_statement(program.body, [&](Statement& statement) {
    auto* assign = std::get_if<Assign>(&statement.node);
    if (!assign || assign->value->op != Op::constant || !std::signbit(assign->value->value) || !sums.contains(assign->name))
      return true;
    const Expr& zeros = *assign->value;
    assign->value = make_constant(zeros.dtype, zeros.rows, zeros.columns, 0.0, {{}, zeros.origin});
    return true;
  });
  return program;
}

class Merge {
 public:
  explicit Merge(const Program& program) : program_(program) {}

  Block block(const Block& source) {
    Block result;
    for (size_t i = 0; i < source.size(); ++i) {
      Statement statement = source[i];
      if (!find(statement.annotations, "as_written")) {
        if (auto* at = std::get_if<At>(&statement.node)) at->body = block(at->body);
        if (auto* branch = std::get_if<If>(&statement.node)) {
          branch->then_block = block(branch->then_block);
          branch->else_block = block(branch->else_block);
        }
        if (auto* loop = std::get_if<Loop>(&statement.node)) {
          if (loop->kind != Loop::Kind::parallel) merge(source, i, *loop, result);
          loop->body = block(loop->body);
        }
      }
      result.push_back(std::move(statement));
    }
    return result;
  }

 private:
  // Changes the loop in place and adds the zeros to `before`.
  void merge(const Block& source, size_t loop_at, Loop& loop, Block& before) {
    const auto peeled = find_peeled(loop);
    if (!peeled || !only_the_branch_assigns(loop, *peeled)) return;
    bool zero_already = true;
    for (const std::string& tile : peeled->tiles) zero_already = zero_already && starts_at_zero(source, loop_at, tile);
    if (!zero_already && !is_never_empty(program_, loop.extent)) return;

    const Block steps = std::get<If>(loop.body[peeled->at].node).else_block;
    if (!zero_already)
      for (const Statement& step : steps) {
        const Assign& assign = std::get<Assign>(step.node);
        Statement zeros = step;
        zeros.node = Assign{
            assign.name,
            make_constant(assign.value->dtype, assign.value->rows, assign.value->columns, 0, {{}, assign.value->origin}), false};
        before.push_back(std::move(zeros));
      }
    loop.body.erase(loop.body.begin() + static_cast<ptrdiff_t>(peeled->at));
    loop.body.insert(loop.body.begin() + static_cast<ptrdiff_t>(peeled->at), steps.begin(), steps.end());
  }

  const Program& program_;
};

}  // namespace

ir::Program merge_peeled_first_step(const ir::Program& program) {
  ir::Program result = with_positive_zeros(program);
  result.body = Merge(program).block(result.body);
  return result;
}

}  // namespace imbrex::optimize

#include "imbrex/plan/assume_each_element.h"

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "imbrex/ir/place.h"
#include "imbrex/ir/visit.h"

namespace imbrex::plan {
namespace {

using ir::Statement;

class Rewriter {
 public:
  explicit Rewriter(const ir::Program& program) {
    ir::for_each_place(program, [this](const Statement& s, const ir::Place& place) {
      for (const ir::Guard& guard : place.guards)
        if (guard.of_index && said_.insert(guard.of_index).second) of_indices_[&s].push_back(guard.of_index);
    });
    for (const ir::Dim& dim : program.dims) names_.insert(dim.name);
    for (const ir::Tensor& tensor : program.tensors) names_.insert(tensor.name);
    ir::for_each_statement(program.body, [&](const Statement& s) {
      if (const auto* create = std::get_if<ir::CreateTensor>(&s.node)) names_.insert(create->tensor.name);
      if (const auto* view = std::get_if<ir::View>(&s.node)) names_.insert(view->name);
      if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) names_.insert(read->name);
      if (const auto* loop = std::get_if<ir::Loop>(&s.node)) names_.insert(loop->variable);
      if (const auto* assign = std::get_if<ir::Assign>(&s.node)) {
        names_.insert(assign->name);
        if (assign->declares) tiles_[assign->name] = assign->value;
      }
      return true;
    });
  }

  ir::Block block(const ir::Block& statements) {
    ir::Block result;
    for (const Statement& s : statements) {
      if (const auto known = of_indices_.find(&s); known != of_indices_.end())
        for (const auto& condition : known->second) {
          result.push_back({ir::Assume{*condition}, {}, s.origin});
          assumed_.push_back({*condition, s.origin});
        }
      Statement changed = s;
      if (const auto* loop = std::get_if<ir::Loop>(&s.node)) std::get<ir::Loop>(changed.node).body = block(loop->body);
      if (const auto* at = std::get_if<ir::At>(&s.node)) std::get<ir::At>(changed.node).body = block(at->body);
      if (const auto* branch = std::get_if<ir::If>(&s.node))
        changed.node = ir::If{branch->condition, block(branch->then_block), block(branch->else_block)};
      if (std::holds_alternative<ir::Assume>(s.node))
        assume(s, result);
      else
        result.push_back(std::move(changed));
    }
    return result;
  }
  std::vector<ByElement::Assumed> assumed() && { return std::move(assumed_); }

 private:
  // The tile that a comparison names; "" if none.
  std::string tile_in(const ir::Comparison& comparison) const {
    std::set<std::string> names = ir::names_in(comparison.left);
    names.merge(ir::names_in(comparison.right));
    for (const std::string& name : names)
      if (tiles_.contains(name)) return name;
    return "";
  }

  std::string fresh(const std::string& stem) {
    std::string name = stem;
    for (int n = 2; !names_.insert(name).second; ++n) name = stem + "_" + std::to_string(n);
    return name;
  }

  // Neighbouring comparisons of one tile stay one assumption.
  void assume(const Statement& s, ir::Block& out) {
    const ir::Condition& condition = std::get<ir::Assume>(s.node).condition;
    for (size_t i = 0; i < condition.size();) {
      const std::string tile = tile_in(condition[i]);
      ir::Condition same;
      for (; i < condition.size() && tile_in(condition[i]) == tile; ++i) same.push_back(condition[i]);
      assumed_.push_back({condition, s.origin});
      if (tile.empty())
        out.push_back({ir::Assume{std::move(same)}, s.annotations, s.origin});
      else
        assume_elements(tile, std::move(same), s.origin, out);
    }
  }

  void assume_elements(const std::string& tile, ir::Condition condition, int origin, ir::Block& out) {
    const ir::Expr& value = *tiles_.at(tile);
    const auto put = [&](auto node, ir::Block& block) { block.push_back({std::move(node), {}, origin}); };
    const auto all = [](const ir::IndexExpr& size) { return ir::Axis{ir::Axis::Kind::range, ir::constant(0), size, {}}; };
    const std::string elements = fresh(tile + "_elements"), row = fresh(tile + "_row"), column = fresh(tile + "_column");
    const std::string element = fresh(tile + "_element");
    put(ir::CreateTensor{{elements, DType::int32, {value.rows, value.columns}, ir::Role::temporary, {}, origin}}, out);
    put(
        ir::Store{
            elements, {all(value.rows), all(value.columns)}, ir::make_variable(tile, DType::int32, value.rows, value.columns)},
        out);

    const auto rename = [&](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
      if (leaf.kind == ir::Index::Kind::name && leaf.name == tile) return ir::named(element);
      return std::nullopt;
    };
    for (ir::Comparison& comparison : condition) {
      comparison.left = ir::substitute(comparison.left, rename);
      comparison.right = ir::substitute(comparison.right, rename);
    }
    ir::Loop columns{ir::Loop::Kind::range, 0, column, ir::constant(0), value.columns, 0, {}, {}};
    put(ir::ReadIndex{element, elements, {ir::named(row), ir::named(column)}}, columns.body);
    put(ir::Assume{std::move(condition)}, columns.body);
    ir::Loop rows{ir::Loop::Kind::range, 0, row, ir::constant(0), value.rows, 0, {}, {}};
    put(std::move(columns), rows.body);
    put(std::move(rows), out);
  }

  std::set<std::string> names_;
  std::map<std::string, ir::ExprPtr> tiles_;
  std::vector<ByElement::Assumed> assumed_;
  // What assumptions about tiles say of indices, by the first statement where it holds.
  std::map<const Statement*, std::vector<std::shared_ptr<const ir::Condition>>> of_indices_;
  std::set<std::shared_ptr<const ir::Condition>> said_;
};

}  // namespace

ByElement assume_each_element(const ir::Program& program) {
  ByElement result{program, {}};
  Rewriter rewriter(program);
  result.program.body = rewriter.block(program.body);
  result.assumed = std::move(rewriter).assumed();
  return result;
}

}  // namespace imbrex::plan

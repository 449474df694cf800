#include "imbrex/ir/place.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "imbrex/ir/visit.h"

namespace imbrex::ir {
namespace {

class PlaceWalk {
 public:
  PlaceWalk(const Program& program, const std::function<void(const Statement&, const Place&)>& visit)
      : program_(program), visit_(visit) {}

  // What a block makes known ends with it.
  void block(const Block& statements) {
    const size_t binders = place_.binders.size();
    const auto guards = place_.guards;
    const auto elements = place_.elements;
    run(statements);
    place_.binders.resize(binders);
    place_.guards = guards;
    place_.elements = elements;
    forget_rebound(statements);
  }

  void run(const Block& statements) {
    for (const Statement& statement : statements) {
      visit_(statement, place_);
      std::visit([&](const auto& node) { enter(node, statement.origin); }, statement.node);
    }
  }

 private:
  template <class Node>
  void enter(const Node&, int) {}
  void enter(const Assign& node, int) {
    if (!node.declares) forget(node.name);
    if (!node.declares) return;
    if (const Expr* load = load_of_indices(*node.value); load && is_whole_input(*load)) inputs_[node.name] = load->name;
  }
  void enter(const ReadIndex& node, int origin) {
    place_.binders.push_back({node.name, nullptr, &node, origin});
    const auto guards = place_.guards;
    for (const Guard& guard : guards)
      if (guard.assumed && !guard.of_index) assume_of_index(guard.condition[0], node);
  }
  void enter(const Assume& node, int) {
    // One by one: what is known of one tile ends alone.
    for (const Comparison& comparison : node.condition) {
      place_.guards.push_back({std::span(&comparison, 1), true, true, place_.binders.size()});
      for (const Binder& binder : place_.binders)
        if (binder.read) assume_of_index(comparison, *binder.read);
    }
  }
  void enter(const AssumeElements& node, int) { place_.elements.push_back(node); }
  void enter(const At& node, int) {
    const At* outer = std::exchange(place_.at, &node);
    run(node.body);  // not block(): what is read or assumed inside a scope stays known behind it
    place_.at = outer;
  }
  void enter(const If& node, int) {
    const auto before = place_.guards;
    const auto branch = [&](const Block& body, bool holds) {
      place_.guards.push_back({std::span(node.condition), holds, false, place_.binders.size()});
      block(body);
      place_.guards = before;
    };
    branch(node.then_block, true);
    branch(node.else_block, false);
    forget_rebound(node.then_block);
    forget_rebound(node.else_block);
  }
  void enter(const Loop& node, int origin) {
    forget_rebound(node.body);  // by an earlier iteration
    place_.binders.push_back({node.variable, &node, nullptr, origin});
    block(node.body);
    place_.binders.pop_back();
  }

  bool is_whole_input(const Expr& e) const {
    if (e.slice.size() != 1 || e.slice[0].kind != Axis::Kind::range) return false;
    return std::any_of(program_.tensors.begin(), program_.tensors.end(), [&](const Tensor& tensor) {
      return tensor.name == e.name && tensor.role == Role::input && constant_value(e.slice[0].begin) == 0 &&
             same(e.slice[0].size, tensor.shape[0]);
    });
  }
  // No other name of the comparison is that of a tile.
  bool is_one_tile(const Comparison& comparison, const std::string& tile) const {
    const std::set<std::string> names = names_in(comparison);
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      const auto is_it = [&](const auto& each) { return each.name == name; };
      return name == tile || std::any_of(program_.dims.begin(), program_.dims.end(), is_it) ||
             std::any_of(place_.binders.begin(), place_.binders.end(), is_it);
    });
  }
  // What is assumed of a tile of all elements of the index's tensor, which is never written, is assumed of the index.
  void assume_of_index(const Comparison& comparison, const ReadIndex& index) {
    for (const std::string& name : names_in(comparison)) {
      const auto input = inputs_.find(name);
      if (input == inputs_.end() || input->second != index.tensor || !is_one_tile(comparison, name)) continue;
      const auto condition = std::make_shared<const Condition>(Condition{with_name(comparison, name, named(index.name))});
      place_.guards.push_back({std::span(*condition), true, true, place_.binders.size(), condition});
    }
  }

  void forget(const std::string& tile) {
    inputs_.erase(tile);
    std::erase_if(place_.guards,
                  [&](const Guard& guard) { return guard.assumed && names_in(guard.condition[0]).contains(tile); });
    std::erase_if(place_.elements, [&](const AssumeElements& assumed) { return assumed.tile == tile; });
  }
  void forget_rebound(const Block& body) {
    for_each_statement(body, [&](const Statement& statement) {
      if (const auto* assign = std::get_if<Assign>(&statement.node); assign && !assign->declares) forget(assign->name);
      return true;
    });
  }

  const Program& program_;
  const std::function<void(const Statement&, const Place&)>& visit_;
  Place place_;
  std::map<std::string, std::string> inputs_;  // by tile: the input of which it holds all elements
};

}  // namespace

void for_each_place(const Program& program, const std::function<void(const Statement&, const Place&)>& visit) {
  PlaceWalk(program, visit).run(program.body);
}

Comparison negated(const Comparison& comparison) {
  const auto opposite = [&] {
    switch (comparison.compare) {
      case Compare::lt: return Compare::ge;
      case Compare::le: return Compare::gt;
      case Compare::eq: return Compare::ne;
      case Compare::ne: return Compare::eq;
      case Compare::ge: return Compare::lt;
      case Compare::gt: return Compare::le;
    }
    throw InternalError("a comparison is one of six");
  };
  return {comparison.left, opposite(), comparison.right};
}

Comparison with_name(const Comparison& comparison, const std::string& from, const IndexExpr& to) {
  const auto rename = [&](const Index& leaf) -> std::optional<IndexExpr> {
    if (leaf.kind == Index::Kind::name && leaf.name == from) return to;
    return std::nullopt;
  };
  return {substitute(comparison.left, rename), comparison.compare, substitute(comparison.right, rename)};
}

std::set<std::string> names_in(const Comparison& comparison) {
  std::set<std::string> names = names_in(comparison.left);
  names.merge(names_in(comparison.right));
  return names;
}

}  // namespace imbrex::ir

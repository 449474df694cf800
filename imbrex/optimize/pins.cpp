#include "imbrex/optimize/pins.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/check_annotations.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {
namespace {

bool mentions(const ir::IndexExpr& e, const std::string& name) { return e && ir::names_in(e).contains(name); }

// Which loops and scopes a pin stands on decides what it binds: the axes of stores and products that go along the loop's span,
// or, for a scope, all rows.
class TilesOf {
 public:
  TilesOf(const ir::Statement& statement, const BaseOfView& bases) : statement_(statement), bases_(bases) {
    if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) span_ = loop->tile > 0 ? loop->variable : "";
    is_scope_ = std::holds_alternative<ir::At>(statement.node);
  }

  TilePin along(bool rows) const {
    TilePin pin;
    pin.of_rows = rows;
    ir::for_each_statement(ir::Block{statement_}, [&](const ir::Statement& inner) {
      if (const auto* store = std::get_if<ir::Store>(&inner.node)) note(*store, rows, pin);
      ir::for_each_expr(inner, [&](const ir::Expr& e) {
        if (kind_of(e.op) != ir::OpKind::product) return;
        if (!is_along(rows ? e.rows : e.columns)) return;
        const ir::Expr& weight = *e.args.back();
        if (weight.op == ir::Op::load) pin.weights.insert(base_of(bases_, weight.name));
      });
      return true;
    });
    return pin;
  }

 private:
  bool is_along(const ir::IndexExpr& extent) const { return is_scope_ || (!span_.empty() && mentions(extent, span_)); }

  void note(const ir::Store& store, bool rows, TilePin& pin) const {
    const size_t rank = store.slice.size();
    if (rank == 0 || (rows && rank < 2)) return;
    const ir::Axis& axis = rows ? store.slice.front() : store.slice.back();
    if (axis.kind == ir::Axis::Kind::range && is_along(axis.size)) pin.stored.insert(base_of(bases_, store.tensor));
  }

  const ir::Statement& statement_;
  const BaseOfView& bases_;
  std::string span_;
  bool is_scope_ = false;
};

class Reader {
 public:
  Reader(const ir::Program& program, std::vector<Exclusion>& exclusions)
      : program_(program), exclusions_(exclusions), bases_(bases_of_views(program)) {}

  Pins run() {
    pins_.program = program_;
    if (find(program_.annotations, "no_fusion")) alone_scopes(pins_.program.body);
    block(pins_.program.body);
    return std::move(pins_);
  }

 private:
  void block(ir::Block& body) {
    for (ir::Statement& statement : body) {
      const bool kept = find(statement.annotations, "as_written");
      if (kept) pin(statement, Exclusion::Kind::as_written, "its author pinned it with @as_written");
      if (!kept && find(statement.annotations, "no_fusion")) {
        const std::string name = name_for(statement);
        // The border of a loop stays when the loop itself is dissolved.
        if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) {
          std::erase_if(statement.annotations, [](const ir::Annotation& each) { return each.name == "no_fusion"; });
          const int origin = statement.origin;
          statement = {ir::At{loop->variable, {statement}}, {}, origin, {{-1, "", origin}}};  // no scope of the author's
        }
        pin(statement, Exclusion::Kind::separate, "its author lets nothing fuse across it, with @no_fusion");
        exclusions_.back().what = name;
      }
      if (const ir::Annotation* tile = find(statement.annotations, "tile"); tile && !kept) tiles(statement, *tile);
      if (kept) continue;
      if (auto* at = std::get_if<ir::At>(&statement.node)) block(at->body);
      if (auto* loop = std::get_if<ir::Loop>(&statement.node)) block(loop->body);
      if (auto* branch = std::get_if<ir::If>(&statement.node)) {
        block(branch->then_block);
        block(branch->else_block);
      }
    }
  }

  void pin(ir::Statement& statement, Exclusion::Kind kind, std::string reason) {
    mark(statement, {exclusions_.size()});
    exclusions_.push_back({kind, name_for(statement), program_.where(statement.origin), std::move(reason), true});
  }

  void alone_scopes(ir::Block& body) {
    ir::for_each_statement(body, [&](ir::Statement& statement) {
      const bool scope = std::holds_alternative<ir::At>(statement.node);
      if (scope && !find(statement.annotations, "no_fusion")) statement.annotations.push_back({"no_fusion", {}});
      return !scope;
    });
  }

  void tiles(ir::Statement& statement, const ir::Annotation& annotation) {
    const TilesOf bound(statement, bases_);
    const auto value = [&](size_t i) -> int64_t {
      const auto* n = i < annotation.values.size() ? std::get_if<int64_t>(&annotation.values[i]) : nullptr;
      return n && *n > 0 ? *n : 0;
    };
    const bool is_scope = std::holds_alternative<ir::At>(statement.node);
    bool any = false;
    for (const bool rows : {true, false}) {
      TilePin pin = bound.along(rows);
      pin.size = is_scope ? value(rows ? 0 : 1) : value(0);
      if (pin.size == 0 || (pin.weights.empty() && pin.stored.empty())) continue;
      pin.what = name_for(statement);
      if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) pin.what = "loop " + loop->variable;
      pin.where = program_.where(statement.origin);
      pins_.tiles.push_back(std::move(pin));
      any = true;
    }
    if (!any) {
      statement.annotations.push_back({"as_written", {}});
      pin(statement, Exclusion::Kind::as_written, "its author pinned tiles that no schedule chooses");
    }
  }

  const ir::Program& program_;
  std::vector<Exclusion>& exclusions_;
  BaseOfView bases_;
  Pins pins_;
};

}  // namespace

Pins read_pins(const ir::Program& program, std::vector<Exclusion>& exclusions) {
  check_annotations(program);
  return Reader(program, exclusions).run();
}

std::vector<TilePin> followed(std::vector<TilePin> pins, const ir::Program& part) {
  const BaseOfView bases = bases_of_views(part);
  std::set<std::string> stay;
  for (const ir::Tensor& tensor : part.tensors) stay.insert(tensor.name);
  // By tensor, what is stored from its elements, and the right sides of the products that take them.
  std::map<std::string, std::set<std::string>> next, multiplied;
  for (const ir::Statement& statement : part.body) {
    std::set<std::string> elements;
    const std::function<void(const ir::ExprPtr&)> walk = [&](const ir::ExprPtr& e) {
      const bool product = kind_of(e->op) == ir::OpKind::product;
      if (product) {
        const ir::Expr &left = *e->args[e->args.size() - 2], &right = *e->args.back();
        if (left.op == ir::Op::load && right.op == ir::Op::load)
          multiplied[base_of(bases, left.name)].insert(base_of(bases, right.name));
        return;
      }
      if (e->op == ir::Op::load) elements.insert(base_of(bases, e->name));
      for (const ir::ExprPtr& arg : e->args) walk(arg);
    };
    ir::for_each_statement(ir::Block{statement}, [&](const ir::Statement& inner) {
      if (const auto* store = std::get_if<ir::Store>(&inner.node)) walk(store->value);
      if (const auto* assign = std::get_if<ir::Assign>(&inner.node)) walk(assign->value);
      return true;
    });
    const std::set<std::string> stores = uses_of(statement, bases).stores;
    for (const std::string& load : elements) next[load].insert(stores.begin(), stores.end());
  }
  std::set<std::string> stored, loaded;
  for (const ir::Statement& statement : part.body) {
    const Uses uses = uses_of(statement, bases);
    stored.insert(uses.stores.begin(), uses.stores.end());
    loaded.insert(uses.loads.begin(), uses.loads.end());
  }
  const auto meets = [](const std::set<std::string>& a, const std::set<std::string>& b) {
    return std::any_of(a.begin(), a.end(), [&](const std::string& name) { return b.contains(name); });
  };
  std::erase_if(pins, [&](const TilePin& pin) { return !meets(pin.weights, loaded) && !meets(pin.stored, stored); });
  for (TilePin& pin : pins) {
    if (!pin.weights.empty()) pin.stored.clear();  // a product is found by what it multiplies with
    std::set<std::string> seen;
    std::function<void(const std::string&)> follow = [&](const std::string& tensor) {
      if (!seen.insert(tensor).second) return;
      pin.operands_of.insert(multiplied[tensor].begin(), multiplied[tensor].end());
      if (stay.contains(tensor) || !multiplied[tensor].empty()) return;
      for (const std::string& later : next[tensor]) {
        pin.stored.insert(later);
        follow(later);
      }
    };
    for (const std::string& tensor : std::set<std::string>(pin.stored)) follow(tensor);
  }
  return pins;
}

}  // namespace imbrex::optimize

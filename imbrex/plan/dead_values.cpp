#include "imbrex/plan/dead_values.h"

#include <set>

#include "imbrex/ir/visit.h"

namespace imbrex::plan {
namespace {

using ir::Block;
using ir::Op;
using ir::Statement;

class DeadValues {
 public:
  explicit DeadValues(bool keeps_taps) : keeps_taps_(keeps_taps) {}

  void run(Block& body) {
    do {
      note(body);
      dropped_ = false;
      drop(body);
    } while (dropped_);
  }

 private:
  // What is read, and which indices come from data. Reading a variable only to rebind it counts: such loops are rare.
  void note(const Block& body) {
    read_.clear();
    ir::for_each_statement(body, [&](const Statement& s) {
      if (const auto* index = std::get_if<ir::ReadIndex>(&s.node)) from_data_.insert(index->name);
      if (const auto* distinct = std::get_if<ir::AssumeElements>(&s.node)) read_.insert(distinct->tile);
      if (const auto* store = std::get_if<ir::Store>(&s.node))
        for (const ir::Axis& axis : store->slice) read_.insert(axis.tile);
      if (!keeps_taps_ && std::holds_alternative<ir::Tap>(s.node)) return true;
      // A rebinding that may fail keeps the declaration before it.
      const auto* assign = std::get_if<ir::Assign>(&s.node);
      if (assign && may_fail(assign->value)) kept_.insert(assign->name);
      ir::for_each_expr(s, [&](const ir::Expr& e) {
        if (e.op == Op::variable) read_.insert(e.name);
        for (const ir::Axis& axis : e.slice) read_.insert(axis.tile);
      });
      return true;
    });
  }

  bool may_fail(const ir::ExprPtr& value) const {
    bool found = false;
    ir::for_each_expr(value, [&](const ir::Expr& e) {
      found = found || e.op == Op::gather;
      for (const ir::Axis& axis : e.slice) {
        if (axis.kind == ir::Axis::Kind::by)
          found = true;
        else
          for (const std::string& name : ir::names_in(ir::add(axis.begin, axis.size))) found = found || from_data_.contains(name);
      }
    });
    return found;
  }

  bool is_dead(const Statement& s) const {
    if (std::holds_alternative<ir::Tap>(s.node)) return !keeps_taps_;
    const auto* assign = std::get_if<ir::Assign>(&s.node);
    return assign && !read_.contains(assign->name) && !may_fail(assign->value) && !kept_.contains(assign->name);
  }

  void drop(Block& body) {
    dropped_ = std::erase_if(body, [&](const Statement& s) { return is_dead(s); }) > 0 || dropped_;
    for (Statement& s : body) {
      if (auto* loop = std::get_if<ir::Loop>(&s.node)) drop(loop->body);
      if (auto* at = std::get_if<ir::At>(&s.node)) drop(at->body);
      if (auto* branch = std::get_if<ir::If>(&s.node)) {
        drop(branch->then_block);
        drop(branch->else_block);
      }
    }
  }

  const bool keeps_taps_;
  bool dropped_ = false;
  std::set<std::string> read_, from_data_, kept_;
};

}  // namespace

ir::Program without_dead_values(const ir::Program& program, bool keeps_taps) {
  ir::Program result = program;
  DeadValues(keeps_taps).run(result.body);
  return result;
}

}  // namespace imbrex::plan

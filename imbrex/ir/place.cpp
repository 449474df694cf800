#include "imbrex/ir/place.h"

#include <utility>

#include "imbrex/ir/visit.h"

namespace imbrex::ir {
namespace {

class Walk {
 public:
  explicit Walk(const std::function<void(const Statement&, const Place&)>& visit) : visit_(visit) {}

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
  }
  void enter(const ReadIndex& node, int origin) { place_.binders.push_back({node.name, nullptr, &node, origin}); }
  void enter(const Assume& node, int) {
    // One by one: what is known of one tile ends alone.
    for (const Comparison& comparison : node.condition)
      place_.guards.push_back({std::span(&comparison, 1), true, true, place_.binders.size()});
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

  void forget(const std::string& tile) {
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

  const std::function<void(const Statement&, const Place&)>& visit_;
  Place place_;
};

}  // namespace

void for_each_place(const Program& program, const std::function<void(const Statement&, const Place&)>& visit) {
  Walk(visit).run(program.body);
}

std::set<std::string> names_in(const Comparison& comparison) {
  std::set<std::string> names = names_in(comparison.left);
  names.merge(names_in(comparison.right));
  return names;
}

}  // namespace imbrex::ir

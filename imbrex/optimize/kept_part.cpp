#include "imbrex/optimize/kept_part.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "imbrex/ir/print.h"
#include "imbrex/ir/rename.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/terms.h"

namespace imbrex::optimize {
namespace {

// Without what never changes meaning. Names are unique in the whole program, so that a scope's statements may stand without it.
void strip(ir::Block& block) {
  for (size_t i = 0; i < block.size();) {
    if (auto* at = std::get_if<ir::At>(&block[i].node)) {
      const ir::Block inside = std::move(at->body);
      const auto place = block.erase(block.begin() + static_cast<std::ptrdiff_t>(i));
      block.insert(place, inside.begin(), inside.end());
    } else if (std::holds_alternative<ir::Tap>(block[i].node)) {
      block.erase(block.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  for (ir::Statement& statement : block) {
    statement.annotations.clear();
    if (auto* create = std::get_if<ir::CreateTensor>(&statement.node)) create->tensor.annotations.clear();
    if (auto* branch = std::get_if<ir::If>(&statement.node)) strip(branch->then_block), strip(branch->else_block);
    if (auto* loop = std::get_if<ir::Loop>(&statement.node)) {
      loop->kind = ir::Loop::Kind::range;
      loop->stages = 0;
      strip(loop->body);
    }
  }
}

bool is_declaration(const ir::Statement& statement) {
  return std::holds_alternative<ir::CreateTensor>(statement.node) || std::holds_alternative<ir::View>(statement.node);
}

// ---- the order of operands ----------------------------------------------------------------------------------------------------

// Names under which a part reads alike however its operands stand: of a tensor from outside what is known of it, of all else the
// number of its declaration. Two names are never one.
std::map<std::string, std::string> names_without_order(const ir::Program& part, const Identity& identity) {
  std::map<std::string, std::string> names;
  std::set<std::string> taken;
  const auto add = [&](const std::string& name, const std::string& as) {
    if (names.contains(name)) return;
    std::string now = as;
    for (int i = 2; !taken.insert(now).second; ++i) now = as + "." + std::to_string(i);
    names.emplace(name, now);
  };
  for (const ir::Tensor& tensor : part.tensors) add(tensor.name, ".t" + identity(tensor.name));
  ir::for_each_statement(part.body, [&](const ir::Statement& statement) {
    const std::string now = ".d" + std::to_string(names.size());
    if (const auto* create = std::get_if<ir::CreateTensor>(&statement.node)) add(create->tensor.name, now);
    if (const auto* view = std::get_if<ir::View>(&statement.node)) add(view->name, now);
    if (const auto* assign = std::get_if<ir::Assign>(&statement.node)) add(assign->name, now);
    if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) add(read->name, now);
    if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) add(loop->variable, now);
    return true;
  });
  return names;
}

// a > b is b < a.
ir::Op without_greater(ir::Op op) { return op == ir::Op::gt ? ir::Op::lt : op == ir::Op::ge ? ir::Op::le : op; }

ir::ExprPtr with_ordered_operands(const ir::ExprPtr& value) {
  return ir::rewrite(value, [](const ir::ExprPtr& e) {
    const bool is_mirrored = without_greater(e->op) != e->op;
    const bool is_out_of_order = commutes(e->op) && e->args.size() == 2 && ir::print(e->args[1]) < ir::print(e->args[0]);
    if (!is_mirrored && !is_out_of_order) return e;
    auto ordered = std::make_shared<ir::Expr>(*e);
    ordered->op = without_greater(e->op);
    std::swap(ordered->args[0], ordered->args[1]);
    return ir::ExprPtr(ordered);
  });
}

void order_operands(ir::Program& part) {
  ir::for_each_statement(part.body, [](ir::Statement& statement) {
    if (auto* assign = std::get_if<ir::Assign>(&statement.node)) assign->value = with_ordered_operands(assign->value);
    if (auto* store = std::get_if<ir::Store>(&statement.node)) store->value = with_ordered_operands(store->value);
    return true;
  });
}

ir::Program under(ir::Program part, const std::map<std::string, std::string>& names) {
  return ir::renamed(std::move(part), [&](const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? name : found->second;
  });
}

}  // namespace

KeptPart kept_part(const ir::Program& program, size_t first, size_t last, const BaseOfView& bases, const Identity& identity) {
  Uses uses;
  ir::Program part;
  for (size_t i = first; i <= last; ++i) {
    const Uses own = uses_of(program.body[i], bases);
    uses.loads.insert(own.loads.begin(), own.loads.end());
    uses.stores.insert(own.stores.begin(), own.stores.end());
    uses.names.insert(own.names.begin(), own.names.end());
  }
  // A view of a view needs that one, too.
  for (size_t i = last + 1; i-- > 0;)
    if (const auto* view = std::get_if<ir::View>(&program.body[i].node); view && uses.names.contains(view->name))
      uses.names.insert(view->base);
  const auto add_tensor = [&](ir::Tensor tensor) {
    if (!uses.loads.contains(tensor.name) && !uses.stores.contains(tensor.name)) return;
    tensor.role = uses.stores.contains(tensor.name) ? ir::Role::inout : ir::Role::input;
    tensor.is_weight = false;
    tensor.annotations.clear();
    part.tensors.push_back(std::move(tensor));
  };
  for (const ir::Tensor& tensor : program.tensors) add_tensor(tensor);
  for (size_t i = 0; i <= last; ++i) {
    if (const auto* create = std::get_if<ir::CreateTensor>(&program.body[i].node)) add_tensor(create->tensor);
    if (const auto* view = std::get_if<ir::View>(&program.body[i].node); view && uses.names.contains(view->name))
      part.body.push_back(program.body[i]);
  }
  // What scopes inside the part declare stays where it is.
  const auto outer_views = static_cast<std::ptrdiff_t>(part.body.size());
  for (size_t i = first; i <= last; ++i)
    if (!is_declaration(program.body[i])) part.body.push_back(program.body[i]);
  strip(part.body);
  const std::map<std::string, std::string> in_order = names_without_order(part, identity);
  std::map<std::string, std::string> own_names;
  for (const auto& [name, now] : in_order) own_names[now] = name;
  part = under(std::move(part), in_order);
  order_operands(part);

  std::set<std::string> dims;
  for (const ir::Dim& dim : program.dims) dims.insert(dim.name);
  std::map<std::string, std::string> names;
  std::map<std::string, size_t> places;
  // What the part computes comes first: views stand before it in an order of their own.
  ir::Block computing(part.body.begin() + outer_views, part.body.end());
  for (const ir::Block* block : {&computing, &part.body})
    ir::for_each_name(*block, [&](const std::string& name) {
      if (dims.contains(name) || names.contains(name)) return;
      places[name] = names.size();
      names.emplace(name, ".n" + std::to_string(names.size()));
    });
  const auto place = [&](const std::string& name) { return places.contains(name) ? places.at(name) : places.size(); };
  std::stable_sort(part.tensors.begin(), part.tensors.end(),
                   [&](const ir::Tensor& a, const ir::Tensor& b) { return place(a.name) < place(b.name); });
  std::stable_sort(part.body.begin(), part.body.begin() + outer_views, [&](const ir::Statement& a, const ir::Statement& b) {
    return place(std::get<ir::View>(a.node).name) < place(std::get<ir::View>(b.node).name);
  });

  KeptPart result;
  for (const ir::Tensor& tensor : part.tensors) result.tensors.push_back(own_names.at(tensor.name));
  result.stores = uses.stores;
  result.text = ir::print(under(std::move(part), names));
  return result;
}

bool do_the_same(const ir::Block& a, const ir::Block& b) {
  const auto text_of = [](const ir::Block& block) {
    ir::Program alone;
    alone.body = block;
    strip(alone.body);
    alone = under(alone, names_without_order(alone, [](const std::string& tensor) { return tensor; }));
    order_operands(alone);
    return ir::print(alone);
  };
  return text_of(a) == text_of(b);
}

}  // namespace imbrex::optimize

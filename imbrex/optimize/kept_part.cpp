#include "imbrex/optimize/kept_part.h"

#include <algorithm>
#include <map>

#include "imbrex/ir/print.h"
#include "imbrex/ir/rename.h"
#include "imbrex/ir/visit.h"

namespace imbrex::optimize {
namespace {

// Without what never changes meaning.
void strip(ir::Block& block) {
  std::erase_if(block, [](const ir::Statement& s) { return std::holds_alternative<ir::Tap>(s.node); });
  for (ir::Statement& statement : block) {
    statement.annotations.clear();
    if (auto* create = std::get_if<ir::CreateTensor>(&statement.node)) create->tensor.annotations.clear();
    if (auto* at = std::get_if<ir::At>(&statement.node)) at->name.clear(), strip(at->body);
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

}  // namespace

KeptPart kept_part(const ir::Program& program, size_t first, size_t last, const BaseOfView& bases) {
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
    if (i >= first && !is_declaration(program.body[i])) part.body.push_back(program.body[i]);
  }
  strip(part.body);

  std::set<std::string> dims;
  for (const ir::Dim& dim : program.dims) dims.insert(dim.name);
  std::map<std::string, std::string> names;
  std::map<std::string, size_t> places;
  // What the part computes comes first: views stand before it in an order of their own.
  ir::Block computing = part.body;
  std::erase_if(computing, is_declaration);
  for (const ir::Block* block : {&computing, &part.body})
    ir::for_each_name(*block, [&](const std::string& name) {
      if (dims.contains(name) || names.contains(name)) return;
      places[name] = names.size();
      names.emplace(name, ".n" + std::to_string(names.size()));
    });
  const auto place = [&](const std::string& name) { return places.contains(name) ? places.at(name) : places.size(); };
  std::stable_sort(part.tensors.begin(), part.tensors.end(),
                   [&](const ir::Tensor& a, const ir::Tensor& b) { return place(a.name) < place(b.name); });
  const auto behind_views = std::stable_partition(part.body.begin(), part.body.end(), is_declaration);
  std::stable_sort(part.body.begin(), behind_views, [&](const ir::Statement& a, const ir::Statement& b) {
    return place(std::get<ir::View>(a.node).name) < place(std::get<ir::View>(b.node).name);
  });

  KeptPart result;
  for (const ir::Tensor& tensor : part.tensors) result.tensors.push_back(tensor.name);
  result.stores = uses.stores;
  result.text = ir::print(ir::renamed(std::move(part), [&](const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? name : found->second;
  }));
  return result;
}

}  // namespace imbrex::optimize

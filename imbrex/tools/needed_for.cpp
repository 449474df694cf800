#include "imbrex/tools/needed_for.h"

#include "imbrex/optimize/uses.h"

namespace imbrex::tools {
namespace {

class Part {
 public:
  Part(const ir::Program& program, std::set<std::string> tensors)
      : bases_(optimize::bases_of_views(program)), needed_(std::move(tensors)) {}

  // What is kept needs more, in a loop also from what stands behind it: until that is all there.
  ir::Block of(const ir::Block& body) {
    for (;;) {
      const size_t before = needed_.size();
      ir::Block kept = kept_of(body);
      for (const ir::Statement& statement : kept) {
        optimize::Uses uses = optimize::uses_of(statement, bases_);
        needed_.merge(uses.names);
        needed_.merge(uses.loads);
      }
      if (needed_.size() == before) return kept;
    }
  }

 private:
  ir::Block kept_of(const ir::Block& block) const {
    ir::Block kept;
    for (ir::Statement statement : block)
      if (std::visit([&](auto& node) { return keeps(node); }, statement.node)) kept.push_back(std::move(statement));
    return kept;
  }

  bool keeps(ir::Loop& loop) const { return keeps_body(loop.body); }
  bool keeps(ir::At& scope) const { return keeps_body(scope.body); }
  bool keeps(ir::If& branch) const {
    const bool keeps_then = keeps_body(branch.then_block), keeps_else = keeps_body(branch.else_block);
    return keeps_then || keeps_else;
  }
  bool keeps_body(ir::Block& body) const {
    body = kept_of(body);
    return !body.empty();
  }
  bool keeps(const ir::CreateTensor& create) const { return needed_.contains(create.tensor.name); }
  bool keeps(const ir::View& view) const { return needed_.contains(view.name); }
  bool keeps(const ir::Assign& assign) const { return needed_.contains(assign.name); }
  bool keeps(const ir::Store& store) const { return needed_.contains(optimize::base_of(bases_, store.tensor)); }
  bool keeps(const ir::ReadIndex& read) const { return needed_.contains(read.name); }
  bool keeps(const ir::Tap&) const { return false; }
  bool keeps(const ir::Assume&) const { return false; }
  bool keeps(const ir::AssumeElements&) const { return false; }

  const optimize::BaseOfView bases_;
  std::set<std::string> needed_;
};

}  // namespace

ir::Program needed_for(const ir::Program& program, const std::set<std::string>& tensors) {
  ir::Program part = program;
  part.body = Part(program, tensors).of(program.body);
  std::erase_if(part.tensors,
                [&](const ir::Tensor& tensor) { return tensor.role == ir::Role::output && !tensors.contains(tensor.name); });
  return part;
}

}  // namespace imbrex::tools

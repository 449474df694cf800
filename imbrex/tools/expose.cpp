#include "imbrex/tools/expose.h"

#include <algorithm>

namespace imbrex::tools {
namespace {

bool depends_on_dims_only(const ir::Program& program, const ir::Tensor& tensor) {
  for (const ir::IndexExpr& extent : tensor.shape)
    for (const std::string& name : ir::names_in(extent))
      if (std::none_of(program.dims.begin(), program.dims.end(), [&](const ir::Dim& dim) { return dim.name == name; }))
        return false;
  return true;
}

// Takes the created tensors out of a block and of the scopes inside it.
void take(ir::Block& block, const ir::Program& program, const std::vector<std::string>& names, std::vector<ir::Tensor>& taken) {
  for (auto statement = block.begin(); statement != block.end();) {
    if (auto* at = std::get_if<ir::At>(&statement->node)) take(at->body, program, names, taken);
    const auto* create = std::get_if<ir::CreateTensor>(&statement->node);
    if (create == nullptr || std::find(names.begin(), names.end(), create->tensor.name) == names.end() ||
        !depends_on_dims_only(program, create->tensor)) {
      ++statement;
      continue;
    }
    taken.push_back(create->tensor);
    statement = block.erase(statement);
  }
}

}  // namespace

ir::Program with_temporaries_as_outputs(ir::Program program, const std::vector<std::string>& names,
                                        std::vector<std::string>& exposed) {
  std::vector<ir::Tensor> taken;
  ir::Block body = std::move(program.body);
  take(body, program, names, taken);
  program.body = std::move(body);
  for (ir::Tensor& tensor : taken) {
    exposed.push_back(tensor.name);
    tensor.role = ir::Role::output;
    program.tensors.push_back(std::move(tensor));
  }
  return program;
}

}  // namespace imbrex::tools

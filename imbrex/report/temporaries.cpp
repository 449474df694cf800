#include "imbrex/report/temporaries.h"

#include <algorithm>

#include "imbrex/base/checked.h"
#include "imbrex/ir/visit.h"

namespace imbrex::report {
namespace {

std::vector<Temporary> created_in(const ir::Program& program, const std::map<std::string, int64_t>& dims) {
  std::vector<Temporary> found;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    const auto* create = std::get_if<ir::CreateTensor>(&statement.node);
    if (create == nullptr) return true;
    if (const auto bytes = bytes_at(create->tensor, dims)) found.push_back({create->tensor.name, *bytes});
    return true;
  });
  return found;
}

}  // namespace

std::optional<int64_t> bytes_at(const ir::Tensor& tensor, const std::map<std::string, int64_t>& dims) {
  std::optional<int64_t> bytes = bytes_of(tensor.dtype);
  for (const ir::IndexExpr& extent : tensor.shape) {
    for (const std::string& name : ir::names_in(extent))
      if (!dims.contains(name)) return std::nullopt;
    const auto value = ir::checked_evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); });
    bytes = bytes && value ? checked_mul(*bytes, std::max<int64_t>(*value, 0)) : std::nullopt;
  }
  return bytes;
}

Temporaries temporaries_of(const ir::Program& written, const ir::Program& made, const std::map<std::string, int64_t>& dims) {
  Temporaries result{{}, created_in(made, dims)};
  for (Temporary& tensor : created_in(written, dims))
    if (std::none_of(result.kept.begin(), result.kept.end(), [&](const Temporary& kept) { return kept.tensor == tensor.tensor; }))
      result.gone.push_back(std::move(tensor));
  return result;
}

}  // namespace imbrex::report

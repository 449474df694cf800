#include "imbrex/plan/packed_weights.h"

#include "imbrex/ir/loops.h"
#include "imbrex/ir/visit.h"

namespace imbrex::plan {
namespace {

using ir::Expr;
using ir::Op;
using ir::Statement;

constexpr int64_t kBlockColumns = 16;  // target/isa/packing.h

// Why a tensor cannot be packed ahead, seen from one of its uses; "" if it can.
std::string obstacle(const ir::Tensor& tensor, const Expr& load, bool transposed, const ir::Loops& loops) {
  if (tensor.shape.size() != 2) return "it has " + std::to_string(tensor.shape.size()) + " axes, and not two";
  if (!ir::constant_value(tensor.shape[0]) || !ir::constant_value(tensor.shape[1])) return "its size is not a constant";
  for (const ir::Axis& axis : load.slice)
    if (axis.kind != ir::Axis::Kind::range) return "its slice is not a plain matrix";
  const ir::Axis &inner = load.slice[transposed ? 1 : 0], &outer = load.slice[transposed ? 0 : 1];
  if (ir::constant_value(inner.begin) != 0 || !ir::same(inner.size, tensor.shape[transposed ? 1 : 0]))
    return "this product takes only a part of its inner axis";
  if (!ir::is_multiple(outer.begin, kBlockColumns, loops)) return "its columns do not begin at a multiple of 16";
  return {};
}

// Inputs, which nothing stores to.
std::map<std::string, const ir::Tensor*> inputs_of(const ir::Program& program) {
  std::map<std::string, const ir::Tensor*> inputs;
  for (const ir::Tensor& tensor : program.tensors)
    if (tensor.role == ir::Role::input) inputs[tensor.name] = &tensor;
  return inputs;
}

}  // namespace

std::optional<int64_t> block_of_k(const ir::Expr& product) {
  return product.op == Op::matmul_scaled ? std::optional(product.block.k) : std::nullopt;
}

PackedWeights packed_weights(const ir::Program& program) {
  const std::map<std::string, const ir::Tensor*> inputs = inputs_of(program);
  const ir::Loops loops = ir::loops_of(program);
  PackedWeights result;
  std::map<std::string, std::string> refused;  // why, by tensor
  std::map<std::string, int> uses, as_weights, origins;
  ir::for_each_statement(program.body, [&](const Statement& s) {
    if (const auto* view = std::get_if<ir::View>(&s.node)) refused[view->base] = "a view shares its memory";
    if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) ++uses[read->tensor];
    ir::for_each_expr(s, [&](const Expr& e) {
      if (e.op == Op::load) ++uses[e.name];
      if (kind_of(e.op) != ir::OpKind::product) return;
      const Expr& weights = *e.args.back();
      if (weights.op != Op::load || !inputs.contains(weights.name)) return;
      const ir::Tensor& tensor = *inputs.at(weights.name);
      ++as_weights[tensor.name];
      origins[tensor.name] = s.origin;
      if (!tensor.is_weight) refused[tensor.name] = "it is an input, which each run may change; declare it a weight if none does";
      const std::string why = obstacle(tensor, weights, e.transpose_b, loops);
      if (!why.empty()) {
        refused.try_emplace(tensor.name, why);
        return;
      }
      const auto extent = [&](bool last) { return *ir::constant_value(tensor.shape[last ? 1 : 0]); };
      const PackedWeight packed{extent(e.transpose_b), extent(!e.transpose_b), e.transpose_b,
                                tensor.dtype,          ir::multiplied_as(e),   block_of_k(e)};
      const auto [found, is_new] = result.packed.try_emplace(tensor.name, packed);
      if (!is_new && found->second.transposed != packed.transposed)
        refused.try_emplace(tensor.name, "some products take it as it is and some transposed");
      if (!is_new && (found->second.multiplied_as != packed.multiplied_as || found->second.block_of_k != packed.block_of_k))
        refused.try_emplace(tensor.name, "products take it in different blocks or types");
    });
    return true;
  });
  for (const auto& [name, count] : as_weights) {
    if (uses[name] != count) refused.try_emplace(name, "it is read outside of matrix products too");
    const auto why = refused.find(name);
    if (why == refused.end()) continue;
    result.packed.erase(name);
    result.refused.push_back({name, why->second, origins[name]});
  }
  return result;
}

}  // namespace imbrex::plan

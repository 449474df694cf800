
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "random/random_kernel.h"

namespace imbrex::test {
namespace {

using ir::Block;
using ir::Program;
using ir::Statement;

std::vector<Block*> blocks_of(Statement& statement) {
  if (auto* loop = std::get_if<ir::Loop>(&statement.node)) return {&loop->body};
  if (auto* at = std::get_if<ir::At>(&statement.node)) return {&at->body};
  if (auto* branch = std::get_if<ir::If>(&statement.node)) return {&branch->then_block, &branch->else_block};
  return {};
}

// Changes the statement that is number `target` in the order of the text; false if there are not that many.
bool change_statement(Block& block, size_t& target, bool unwrap) {
  for (size_t k = 0; k < block.size(); ++k) {
    if (target-- == 0) {
      Block inside;
      if (unwrap)
        for (Block* inner : blocks_of(block[k])) inside.insert(inside.end(), inner->begin(), inner->end());
      block.erase(block.begin() + static_cast<std::ptrdiff_t>(k));
      block.insert(block.begin() + static_cast<std::ptrdiff_t>(k), inside.begin(), inside.end());
      return true;
    }
    for (Block* inner : blocks_of(block[k]))
      if (change_statement(*inner, target, unwrap)) return true;
  }
  return false;
}

bool still_fails(const RandomCase& candidate, const std::function<bool(const RandomCase&)>& fails) {
  return ir::verify(candidate.program).empty() && fails(candidate);
}

// Drops each statement, last first, or puts what is inside it in its place. True if anything could go.
bool shrink_statements(RandomCase& smallest, const std::function<bool(const RandomCase&)>& fails) {
  size_t count = 0;
  ir::for_each_statement(smallest.program.body, [&](const Statement&) { return ++count, true; });
  bool shrunk = false;
  for (size_t k = count; k-- > 0;)
    for (bool unwrap : {false, true}) {
      RandomCase candidate = smallest;
      size_t target = k;
      if (!change_statement(candidate.program.body, target, unwrap) || !still_fails(candidate, fails)) continue;
      smallest = std::move(candidate);
      shrunk = true;
      break;
    }
  return shrunk;
}

// Drops the stores to a tensor, and its creation.
void drop_tensor(Block& block, const std::string& name) {
  std::erase_if(block, [&](const Statement& statement) {
    const auto* store = std::get_if<ir::Store>(&statement.node);
    const auto* create = std::get_if<ir::CreateTensor>(&statement.node);
    return (store && store->tensor == name) || (create && create->tensor.name == name);
  });
  for (Statement& statement : block)
    for (Block* inner : blocks_of(statement)) drop_tensor(*inner, name);
}

// Drops each tensor that the rest does without, together with what fills it.
bool shrink_tensors(RandomCase& smallest, const std::function<bool(const RandomCase&)>& fails) {
  std::vector<std::string> names;
  for (const ir::Tensor& tensor : smallest.program.tensors) names.push_back(tensor.name);
  ir::for_each_statement(smallest.program.body, [&](const Statement& statement) {
    if (const auto* create = std::get_if<ir::CreateTensor>(&statement.node)) names.push_back(create->tensor.name);
    return true;
  });
  bool shrunk = false;
  for (const std::string& name : names) {
    RandomCase candidate = smallest;
    drop_tensor(candidate.program.body, name);
    std::erase_if(candidate.program.tensors, [&](const ir::Tensor& tensor) { return tensor.name == name; });
    candidate.inputs.erase(name);
    if (!still_fails(candidate, fails)) continue;
    smallest = std::move(candidate);
    shrunk = true;
  }
  return shrunk;
}

// Puts one of its arguments, or zeros, in the place of each value that is stored or named.
bool shrink_values(RandomCase& smallest, const std::function<bool(const RandomCase&)>& fails) {
  const auto value_of = [](Statement& statement) -> ir::ExprPtr* {
    if (auto* store = std::get_if<ir::Store>(&statement.node)) return &store->value;
    if (auto* assign = std::get_if<ir::Assign>(&statement.node)) return &assign->value;
    return nullptr;
  };
  const auto zeros = [](const ir::ExprPtr& like) {
    const bool has_constants = like->dtype != DType::boolean && (!is_float(like->dtype) || like->dtype == DType::f32);
    const ir::ExprPtr zero = ir::make_constant(has_constants ? like->dtype : DType::f32, like->rows, like->columns, 0);
    if (has_constants) return zero;
    return like->dtype == DType::boolean ? ir::make_binary(ir::Op::ne, zero, zero)
                                         : ir::make_cast(zero, like->dtype, ir::CastMode::rint);
  };
  size_t count = 0;
  ir::for_each_statement(smallest.program.body, [&](const Statement&) { return ++count, true; });
  bool shrunk = false;
  for (size_t target = 0; target < count; ++target)
    for (size_t argument = 0;; ++argument) {
      RandomCase candidate = smallest;
      size_t number = 0;
      bool changed = false, exhausted = true;
      ir::for_each_statement(candidate.program.body, [&](Statement& statement) {
        ir::ExprPtr* value = number++ == target ? value_of(statement) : nullptr;
        if (!value || (*value)->args.empty() || argument > (*value)->args.size()) return true;
        exhausted = false;
        const ir::ExprPtr simpler = argument == 0 ? zeros(*value) : (*value)->args[argument - 1];
        changed = simpler->dtype == (*value)->dtype && same(simpler->rows, (*value)->rows) &&
                  same(simpler->columns, (*value)->columns) && !ir::equal(simpler, *value);
        *value = simpler;
        return true;
      });
      if (exhausted) break;
      if (!changed || !still_fails(candidate, fails)) continue;
      smallest = std::move(candidate);
      shrunk = true;
      argument = 0;
    }
  return shrunk;
}

bool shrink_dims(RandomCase& smallest, const std::function<bool(const RandomCase&)>& fails) {
  bool shrunk = false;
  for (const auto& [name, value] : std::map<std::string, int64_t>(smallest.dims))
    for (int64_t smaller : {int64_t{1}, value / 2, value - 1}) {
      if (smaller < 1 || smaller >= smallest.dims[name]) continue;
      RandomCase candidate = smallest;
      candidate.dims[name] = smaller;
      Random random(candidate.seed);
      candidate.inputs = random_inputs(candidate.program, candidate.dims, random);
      if (!still_fails(candidate, fails)) continue;
      smallest = std::move(candidate);
      shrunk = true;
      break;
    }
  return shrunk;
}

}  // namespace

RandomCase shrink(RandomCase failing, const std::function<bool(const RandomCase&)>& fails) {
  for (bool shrunk = true; shrunk;) {
    shrunk = shrink_statements(failing, fails);
    shrunk = shrink_tensors(failing, fails) || shrunk;
    shrunk = shrink_values(failing, fails) || shrunk;
    shrunk = shrink_dims(failing, fails) || shrunk;
  }
  return failing;
}

}  // namespace imbrex::test

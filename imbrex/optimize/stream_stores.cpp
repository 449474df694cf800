#include "imbrex/optimize/stream_stores.h"

#include <set>

#include "imbrex/ir/visit.h"

namespace imbrex::optimize {
namespace {

// Its rows are whole cache lines, of a type that stores past the caches have a form for.
bool fills_lines(const ir::Tensor& tensor) {
  constexpr int64_t kLineBytes = 64;
  const auto columns = tensor.shape.empty() ? std::nullopt : ir::constant_value(tensor.shape.back());
  return (tensor.dtype == DType::f32 || tensor.dtype == DType::bf16) && columns &&
         *columns * bytes_of(tensor.dtype) % kLineBytes == 0;
}

}  // namespace

ir::Program stream_stores(const ir::Program& program) {
  std::set<std::string> kept;  // what is read, and what has views, through which it could be
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    if (const auto* view = std::get_if<ir::View>(&s.node)) kept.insert({view->base, view->name});
    if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) kept.insert(read->tensor);
    ir::for_each_expr(s, [&](const ir::Expr& e) {
      if (e.op == ir::Op::load) kept.insert(e.name);
    });
    return true;
  });
  std::set<std::string> streamed;
  for (const ir::Tensor& tensor : program.tensors)
    if (tensor.role == ir::Role::output && !kept.contains(tensor.name) && fills_lines(tensor)) streamed.insert(tensor.name);
  ir::Program result = program;
  ir::for_each_statement(result.body, [&](ir::Statement& s) {
    const auto* store = std::get_if<ir::Store>(&s.node);
    if (store && streamed.contains(store->tensor) && !find(s.annotations, "stream")) s.annotations.push_back({"stream", {}});
    return true;
  });
  return result;
}

}  // namespace imbrex::optimize

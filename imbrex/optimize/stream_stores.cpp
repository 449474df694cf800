#include "imbrex/optimize/stream_stores.h"

#include <algorithm>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/plan/make_plan.h"

namespace imbrex::optimize {
namespace {

// Its rows are whole cache lines, of a type that stores past the caches have a form for.
bool fills_lines(const ir::Tensor& tensor) {
  constexpr int64_t kLineBytes = 64;
  const auto columns = tensor.shape.empty() ? std::nullopt : ir::constant_value(tensor.shape.back());
  return (tensor.dtype == DType::f32 || tensor.dtype == DType::bf16) && columns &&
         *columns * bytes_of(tensor.dtype) % kLineBytes == 0;
}

template <class Visit>
void for_each_marked(ir::Program& program, Visit visit) {
  ir::for_each_statement(program.body, [&](ir::Statement& s) {
    if (std::holds_alternative<ir::Store>(s.node) && find(s.annotations, "stream")) visit(s);
    return true;
  });
}

ir::Annotation& mark_on(ir::Statement& s) {
  return *std::find_if(s.annotations.begin(), s.annotations.end(), [](const auto& each) { return each.name == "stream"; });
}

}  // namespace

// Which form a store has is no matter of the target.
std::set<int64_t> streamed_stores(const ir::Program& program) {
  ir::Program numbered = program;
  int64_t count = 0;
  for_each_marked(numbered, [&](ir::Statement& s) { mark_on(s).values = {count++}; });
  if (count == 0) return {};
  const plan::Plan plan = plan::make_plan(as_written(numbered), target::targets().front(), false);
  std::set<int64_t> streamed;
  for (const ir::Statement* store : plan.streams)
    streamed.insert(std::get<int64_t>(find(store->annotations, "stream")->values[0]));
  return streamed;
}

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
  const std::set<int64_t> effective = streamed_stores(result);
  int64_t number = 0;
  for_each_marked(result, [&](ir::Statement& s) {
    if (!effective.contains(number++)) std::erase_if(s.annotations, [](const auto& each) { return each.name == "stream"; });
  });
  return result;
}

}  // namespace imbrex::optimize

#include "imbrex/codegen/symbols.h"

#include <fmt/format.h>

#include <functional>
#include <set>

#include "imbrex/ir/visit.h"

namespace imbrex::codegen {
namespace {

using ir::Expr;
using ir::IndexExpr;
using ir::Op;
using ir::Statement;
using Kind = ir::Index::Kind;

void count(Symbols& symbols, const Expr& e) {
  if (e.op == Op::variable) ++symbols.variables.at(e.name).mentions;
  for (const ir::Axis& axis : e.slice)
    if (axis.kind == ir::Axis::Kind::by) ++symbols.variables.at(axis.tile).mentions;
  if (e.op == Op::row_sum_acc && e.dtype == ir::DType::f32) symbols.variables.at(e.args[0]->name).accumulator = true;
}

void note_statement(Symbols& symbols, const Statement& s) {
  if (const auto* create = std::get_if<ir::CreateTensor>(&s.node)) {
    const ir::Tensor& t = create->tensor;
    symbols.tensors[t.name] = {t.name, t.name, t.dtype, t.shape, -1, false, {}, {}};
  } else if (const auto* view = std::get_if<ir::View>(&s.node)) {
    const TensorSymbol& base = symbols.tensors.at(view->base);
    symbols.tensors[view->name] = {view->name, base.storage, base.dtype, view->shape, base.argument, false, {}, {}};
  } else if (const auto* assign = std::get_if<ir::Assign>(&s.node)) {
    VariableSymbol& variable = symbols.variables[assign->name];
    if (assign->declares) {
      variable.name = assign->name;
      variable.dtype = assign->value->dtype;
      variable.rows = assign->value->rows;
      variable.columns = assign->value->columns;
    }
    ++variable.mentions;
    if (assign->value->op == Op::row_sum_acc && assign->value->dtype == ir::DType::f32) variable.accumulator = true;
  } else if (const auto* store = std::get_if<ir::Store>(&s.node)) {
    symbols.tensors.at(store->tensor).written = true;
    for (const ir::Axis& axis : store->slice)
      if (axis.kind == ir::Axis::Kind::by) ++symbols.variables.at(axis.tile).mentions;
  } else if (const auto* loop = std::get_if<ir::Loop>(&s.node)) {
    symbols.loops[loop->variable] = {loop->begin, loop->extent, loop->tile, {}, {}, {}};
  } else if (const auto* distinct = std::get_if<ir::AssumeElements>(&s.node)) {
    ++symbols.variables.at(distinct->tile).mentions;
  }
}

bool is_loose(const IndexExpr& e) {
  return e->kind == Kind::add || e->kind == Kind::sub || (e->kind == Kind::constant && e->value < 0);
}

}  // namespace

const char* memory_type(ir::DType dtype) { return element_type(dtype).memory; }

Symbols::Symbols(const ir::Program& program) : program_loops(ir::loops_of(program)) {
  for (const ir::Dim& dim : program.dims) dims[dim.name] = names.fresh(dim.name);
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    const ir::Tensor& t = program.tensors[i];
    tensors[t.name] = {t.name, t.name, t.dtype, t.shape, static_cast<int>(i), false, names.fresh(t.name), {}};
  }
  ir::for_each_statement(program.body, [&](const Statement& s) { return note_statement(*this, s), true; });
  ir::for_each_statement(program.body, [&](const Statement& s) {
    ir::for_each_expr(s, [&](const Expr& e) { count(*this, e); });
    return true;
  });
  for (auto& [name, tensor] : tensors)
    if (tensor.written) tensors.at(tensor.storage).written = true;
  for (auto& [name, tensor] : tensors) tensor.written = tensors.at(tensor.storage).written;
}

std::string Symbols::operand(const IndexExpr& e) const { return is_loose(e) ? "(" + text(e) + ")" : text(e); }

std::string Symbols::text(const IndexExpr& e) const {
  switch (e->kind) {
    case Kind::constant: return std::to_string(e->value);
    case Kind::name: {
      if (const auto dim = dims.find(e->name); dim != dims.end()) return dim->second;
      if (const auto read = reads.find(e->name); read != reads.end()) return read->second;
      return loops.at(e->name).begin_text;
    }
    case Kind::span_begin: return loops.at(e->name).begin_text;
    case Kind::span_size: return loops.at(e->name).size_text;
    case Kind::span_index: return loops.at(e->name).index_text;
    case Kind::add: return text(e->a) + " + " + (ir::constant_value(e->b).value_or(0) < 0 ? operand(e->b) : text(e->b));
    case Kind::sub: return text(e->a) + " - " + operand(e->b);
    case Kind::mul: return operand(e->a) + " * " + operand(e->b);
    case Kind::floor_div: return "floor_div(" + text(e->a) + ", " + text(e->b) + ")";
    case Kind::mod: return "floor_mod(" + text(e->a) + ", " + text(e->b) + ")";
    case Kind::min: return "smaller(" + text(e->a) + ", " + text(e->b) + ")";
    case Kind::max: return "larger(" + text(e->a) + ", " + text(e->b) + ")";
  }
  throw InternalError("an index expression of no kind");
}

std::optional<int64_t> Symbols::fixed(const IndexExpr& e) const { return ir::fixed_value(e, program_loops); }

bool Symbols::is_multiple(const IndexExpr& e, int64_t of) const { return ir::is_multiple(e, of, program_loops); }

bool Symbols::at_most(const IndexExpr& e, int64_t limit) const {
  switch (e->kind) {
    case Kind::constant: return e->value <= limit;
    case Kind::span_size: return loops.at(e->name).tile <= limit;
    case Kind::min: return at_most(e->a, limit) || at_most(e->b, limit);
    case Kind::max: return at_most(e->a, limit) && at_most(e->b, limit);
    default: return false;
  }
}

bool Symbols::depends_on_data(const IndexExpr& e) const {
  std::set<std::string> seen;  // spans of spans name each other twice, in their begin and their extent
  const std::function<bool(const IndexExpr&)> depends = [&](const IndexExpr& at) {
    for (const std::string& name : ir::names_in(at)) {
      if (dims.contains(name) || !seen.insert(name).second) continue;
      const auto loop = loops.find(name);
      if (loop == loops.end() || depends(loop->second.begin) || depends(loop->second.extent)) return true;
    }
    return false;
  };
  return depends(e);
}

void write_dims(const ir::Program& program, const Symbols& symbols, const std::string& text, const char* type, const char* from,
                Writer& out) {
  for (size_t i = 0; i < program.dims.size(); ++i) {
    const std::string& name = symbols.dims.at(program.dims[i].name);
    if (mentions(text, name)) out.line(fmt::format("const {} {} = {}dims[{}];", type, name, from, i));
  }
}

}  // namespace imbrex::codegen

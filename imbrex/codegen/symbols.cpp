#include "imbrex/codegen/symbols.h"

#include <fmt/format.h>

#include <set>

namespace imbrex::codegen {
namespace {

using ir::IndexExpr;
using Kind = ir::Index::Kind;

bool is_loose(const IndexExpr& e) {
  return e->kind == Kind::add || e->kind == Kind::sub || (e->kind == Kind::constant && e->value < 0);
}

}  // namespace

const char* memory_type(ir::DType dtype) { return element_type(dtype).memory; }

Symbols::Symbols(const ir::Program& program, const plan::Symbols& planned) {
  for (const ir::Dim& dim : program.dims) dims[dim.name] = names.fresh(dim.name);
  for (const auto& [name, tensor] : planned.tensors) tensors[name] = {tensor, {}, {}};
  for (const auto& [name, tile] : planned.tiles) tiles[name] = {tile, {}, {}};
  for (const auto& [name, loop] : planned.loops) loops[name].loop = loop;
}

ir::IndexExpr Symbols::name_stride(const std::string& name) {
  const std::string key = name + " is a stride";  // no author's name has a space
  strides_[key] = name;
  return ir::named(key);
}

std::string Symbols::number_of(const LoopSymbol& symbol) const {
  if (!symbol.index.empty()) return variables.use(symbol.index);
  const ir::IndexExpr& begin = symbol.loop->begin;
  const std::string variable = variables.use(symbol.variable);
  const std::string from_begin = ir::constant_value(begin) == 0 ? variable : variable + " - " + operand(begin);
  if (symbol.loop->tile == 0) return from_begin;
  return fmt::format("({} / {})", ir::constant_value(begin) == 0 ? from_begin : "(" + from_begin + ")", symbol.tile);
}

std::string Symbols::operand(const IndexExpr& e) const { return is_loose(e) ? "(" + text(e) + ")" : text(e); }

std::string Symbols::text(const IndexExpr& e) const {
  switch (e->kind) {
    case Kind::constant: return std::to_string(e->value);
    case Kind::name: {
      for (const auto* texts : {&dims, &reads, &strides_})
        if (const auto found = texts->find(e->name); found != texts->end()) return variables.use(found->second);
      return variables.use(loops.at(e->name).variable);
    }
    case Kind::span_begin: return variables.use(loops.at(e->name).variable);
    case Kind::span_size: {
      const LoopSymbol& loop = loops.at(e->name);
      return loop.size.empty() ? loop.tile : variables.use(loop.size);
    }
    case Kind::span_index: return number_of(loops.at(e->name));
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

void write_sizes_of_dims(const ir::Program& program, const Symbols& symbols, const std::vector<ir::IndexExpr>& used_by,
                         Writer& out) {
  std::set<std::string> used;
  for (const IndexExpr& e : used_by) used.merge(ir::names_in(e));
  for (size_t i = 0; i < program.dims.size(); ++i)
    if (used.contains(program.dims[i].name))
      out.line(fmt::format("const Size {} = dims[{}];", symbols.dims.at(program.dims[i].name), i));
}

}  // namespace imbrex::codegen

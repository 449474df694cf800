#include "imbrex/codegen/row_reductions.h"

#include <fmt/format.h>

namespace imbrex::codegen {
namespace {

using ir::DType;
using ir::Expr;
using ir::Op;
using Kind = plan::RowStep::Kind;

bool is_sum(const Expr& e) { return e.op == Op::row_sum || e.op == Op::row_sum_acc; }

std::string identity(const Expr& e) {
  if (is_sum(e)) return "0";
  const bool is_max = e.op == Op::row_max;
  if (e.dtype == DType::f32) return is_max ? "-__builtin_inff()" : "__builtin_inff()";
  return is_max ? "INT32_MIN" : "INT32_MAX";
}

template <class Visit>
void for_each_assigned(const plan::RowNest& nest, Visit visit) {
  for (const std::vector<plan::Pass>& stage : nest.stages)
    for (const plan::Pass& pass : stage)
      for (const plan::RowStep& step : pass.steps)
        if (const ir::Assign* assign = plan::assign_of(step)) visit(step, assign->name);
}

}  // namespace

bool RowReductions::is_f32_sum(const plan::RowStep& step) const {
  return step.kind == Kind::row_reduction && step.value->dtype == DType::f32 && is_sum(*step.value);
}
bool RowReductions::is_f32_extreme(const plan::RowStep& step) const {
  return step.kind == Kind::row_reduction && step.value->dtype == DType::f32 && !is_sum(*step.value);
}
bool RowReductions::is_in_memory(const plan::RowStep& step) const {
  return is_f32_sum(step) && symbols_.tiles.at(assign_of(step)->name).accumulator;
}

std::string RowReductions::name_of(const plan::RowStep& step) {
  std::string& name = names_[step.statement];
  if (name.empty()) name = symbols_.names.fresh(assign_of(step)->name + "_lanes");
  return name;
}

std::string RowReductions::position_of(const plan::RowStep& step) const {
  return step.value->op == Op::row_sum ? "0" : symbols_.variables.use(symbols_.tiles.at(assign_of(step)->name).position);
}

// The lanes of a sum in memory, cleared or copied where the sum starts here.
std::string RowReductions::begin_lanes(const plan::RowStep& step, Writer& out) {
  std::string lanes = values_.row_of_variable(assign_of(step)->name);
  if (step.value->op == Op::row_sum) {
    out.line(fmt::format("memset({}, 0, 64 * sizeof(float));", lanes));
  } else if (step.value->args[0]->name != assign_of(step)->name) {
    out.line(fmt::format("memcpy({}, {}, 64 * sizeof(float));", lanes, values_.row_of_variable(step.value->args[0]->name)));
  }
  return lanes;
}

void RowReductions::begin(const plan::RowStep& step, Writer& before_loop) {
  const Expr& e = *step.value;
  if (is_in_memory(step)) {
    begin_lanes(step, before_loop);
    return;
  }
  const std::string name = name_of(step);
  if (is_f32_sum(step)) {
    before_loop.line("sum64 " + name + ";");
    before_loop.line(name + ".clear();");
  } else if (is_f32_extreme(step)) {
    before_loop.line(fmt::format("{} {};", e.op == Op::row_max ? "max64" : "min64", name));
    before_loop.line(name + ".clear();");
  } else {
    before_loop.line(fmt::format("vi {} = broadcast_i({});", name, identity(e)));
  }
}

void RowReductions::add(const plan::RowStep& step, const Place& place, const std::string& lane_block, Writer& loop) {
  const Expr& e = *step.value;
  const std::string x = values_.text(e.args.back(), place);
  if (is_in_memory(step)) {
    const std::string lanes = values_.row_of_variable(assign_of(step)->name),
                      count = place.count.empty() ? "" : ", " + place.count;
    loop.line(fmt::format("add_to_lanes({}, {} + {}, {}{});", lanes, position_of(step), place.column, x, count));
    return;
  }
  const std::string name = name_of(step);
  const std::string kept = place.count.empty() ? x
                           : is_sum(e)         ? fmt::format("keep({}, {})", x, place.count)
                                               : fmt::format("keep({}, {}, {})", x, place.count, identity(e));
  if (takes_groups_of_64(step))
    loop.line(fmt::format("{}.add_at({}, {});", name, lane_block, kept));
  else
    loop.line(fmt::format("{0} = {1}({0}, {2});", name, is_sum(e) ? "add" : e.op == Op::row_max ? "max" : "min", kept));
}

std::string RowReductions::end(const plan::RowStep& step) {
  if (is_in_memory(step)) return {};
  const Expr& e = *step.value;
  const std::string name = name_of(step);
  std::string value;
  if (is_f32_sum(step))
    value = name + ".fold()";
  else if (is_sum(e))
    value = fmt::format("reduce_sum_i({})", name);
  else
    value = fmt::format("{}{}", e.op == Op::row_max ? "reduce_max" : "reduce_min",
                        is_f32_extreme(step) ? fmt::format("({}.lanes())", name) : fmt::format("_i({})", name));
  if (e.op == Op::row_sum_acc) value = fmt::format("add({}, {})", values_.text(e.args[0], Place{}), value);
  return value;
}

std::string RowReductions::over_one_column(const plan::RowStep& step, Writer& out) {
  const Expr& e = *step.value;
  const std::string x = values_.text(e.args.back(), Place{});
  if (is_in_memory(step)) {
    const std::string lanes = begin_lanes(step, out);
    out.line(fmt::format("{0}[floor_mod({1}, 64)] += {2};", lanes, position_of(step), x));
    return {};
  }
  if (e.op == Op::row_sum_acc) return fmt::format("add({}, {})", values_.text(e.args[0], Place{}), x);
  return is_f32_sum(step) ? fmt::format("add(0.0f, {})", x) : x;
}

void RowReductions::start_positions(const plan::RowNest& nest, Writer& out) const {
  for_each_assigned(nest, [&](const plan::RowStep& step, const std::string& name) {
    const TileSymbol& variable = symbols_.tiles.at(name);
    if (!variable.accumulator) return;
    if (step.kind == Kind::row_reduction && step.value->op == Op::row_sum_acc) {
      const std::string from = symbols_.tiles.at(step.value->args[0]->name).position;
      if (from != variable.position)
        out.line(fmt::format("{} = {};", symbols_.variables.use(variable.position), symbols_.variables.use(from)));
    } else {
      out.line(symbols_.variables.use(variable.position) + " = 0;");
    }
  });
}

void RowReductions::advance_positions(const plan::RowNest& nest, Writer& out) const {
  for_each_assigned(nest, [&](const plan::RowStep& step, const std::string& name) {
    const TileSymbol& variable = symbols_.tiles.at(name);
    if (step.kind != Kind::row_reduction || !variable.accumulator) return;
    const ir::IndexExpr columns = lowering_.plan.bounds.elements_along(step.columns, *step.statement);
    out.line(fmt::format("{} += {};", symbols_.variables.use(variable.position), symbols_.text(columns)));
  });
}

}  // namespace imbrex::codegen

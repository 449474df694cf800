#include "imbrex/codegen/row_loops.h"

#include <fmt/format.h>

#include <set>

#include "imbrex/codegen/row_values.h"
#include "imbrex/codegen/split.h"
#include "imbrex/ir/visit.h"

namespace imbrex::codegen {
namespace {

using ir::DType;
using ir::Expr;
using ir::ExprPtr;
using ir::Op;
using Kind = RowStep::Kind;

constexpr int64_t kLanes = 16, kSumLanes = 64;

const ir::Assign* assign_of(const RowStep& step) { return std::get_if<ir::Assign>(&step.statement->node); }

bool stores_listed_rows(const RowGroup& group) {
  const auto* store = std::get_if<ir::Store>(&group.segments.front().steps.front().statement->node);
  if (!store) return false;
  for (const ir::Axis& axis : store->slice)
    if (axis.kind == ir::Axis::Kind::by) return true;
  return false;
}

class GroupWriter {
 public:
  GroupWriter(Lowering& lowering, const RowGroup& group, Writer& declarations, Writer& work, bool shared)
      : lowering_(lowering), symbols_(lowering.symbols), group_(group), declarations_(declarations), work_(work), shared_(shared),
        one_row_(ir::is_one(group.rows) && !stores_listed_rows(group)), row_(one_row_ ? "0" : symbols_.names.fresh("row")), values_(lowering, one_row_, row_) {}

  void write() {
    place_variables();
    const int depth = work_.depth() + 1;
    Writer row_begin(depth), body(depth);
    values_.row_begin = &row_begin;
    for (const Segment& segment : group_.segments) {
      values_.forget_hoisted();
      values_.registers.clear();
      if (segment.is_single()) write_singles(segment, body);
      else if (segment.steps.front().kind == Kind::concat) write_concat(segment.steps.front(), body);
      else write_columns(segment, body);
    }
    start_positions();
    work_.open(one_row_ ? "" : fmt::format("for (int64_t {0} = 0; {0} < {1}; ++{0})", row_, symbols_.text(group_.rows)));
    const std::string condition = row_condition();
    if (!condition.empty()) work_.line("if (!" + condition + ") continue;");
    work_.append(row_begin);
    work_.append(body);
    work_.close();
    advance_positions();
  }

 private:
  template <class Visit>
  void for_each_step(Visit visit) {
    for (const Segment& segment : group_.segments)
      for (const RowStep& step : segment.steps) visit(segment, step);
  }

  // Decides for each variable that the group writes: a C++ value, memory for one row, or a full tile.
  void place_variables() {
    std::map<std::string, int> mentions;
    std::map<std::string, std::set<const Segment*>> segments;
    std::set<std::string> in_memory, declared;
    for_each_step([&](const Segment& segment, const RowStep& step) {
      ir::for_each_expr(step.value, [&](const Expr& e) {
        if (e.op == Op::variable) ++mentions[e.name], segments[e.name].insert(&segment);
        if (reads_across_columns(e.op))
          if (e.args[0]->op == Op::variable) in_memory.insert(e.args[0]->name);
      });
      const ir::Assign* assign = assign_of(step);
      if (!assign) return;
      ++mentions[assign->name], segments[assign->name].insert(&segment);
      if (assign->declares) declared.insert(assign->name);
      if (step.kind == Kind::interleave || step.kind == Kind::concat) in_memory.insert(assign->name);
    });
    for_each_step([&](const Segment&, const RowStep& step) {
      const ir::Assign* assign = assign_of(step);
      if (!assign) return;
      VariableSymbol& variable = symbols_.variables.at(assign->name);
      const bool local = declared.contains(assign->name) && mentions[assign->name] == variable.mentions && !variable.accumulator;
      const bool in_register = local && !in_memory.contains(assign->name);
      if (in_register && (ir::is_one(variable.columns) || segments[assign->name].size() == 1)) return;
      if (!local || one_row_) {
        lowering_.place(declarations_, shared_, variable, step.statement->origin);
      } else if (!values_.row_buffers.contains(assign->name)) {
        values_.row_buffers[assign->name] = lowering_.take(work_, false, memory_type(variable.dtype), memory_bytes(variable.dtype),
                                                           variable.columns, variable.name + "_row", step.statement->origin);
      }
    });
  }

  bool has_memory(const std::string& name) const {
    return values_.row_buffers.contains(name) || !symbols_.variables.at(name).data.empty();
  }

  // The attribute of a value that is computed only for the checks of its accesses, or overwritten before anything reads it.
  const char* unused(const RowStep& step) {
    const std::string& name = assign_of(step)->name;
    bool is_later = false, is_read = has_memory(name), is_gone = false;
    for_each_step([&](const Segment&, const RowStep& other) {
      if (is_later && !is_gone) {
        ir::for_each_expr(*other.statement, [&](const Expr& e) {
          is_read = is_read || (e.op == Op::variable && e.name == name);
          for (const ir::Axis& axis : e.slice) is_read = is_read || axis.tile == name;
        });
        const ir::Assign* assign = assign_of(other);
        is_gone = assign && assign->name == name;
      }
      is_later = is_later || other.statement == step.statement;
    });
    return is_read ? "" : "[[maybe_unused]] ";
  }

  // ---- one element per row ----------------------------------------------------------------------------------------------------

  void write_singles(const Segment& segment, Writer& out) {
    values_.before_loop = &out;
    for (const RowStep& step : segment.steps) {
      if (const auto* store = std::get_if<ir::Store>(&step.statement->node)) {
        store_value(*store, step, Place{}, out);
        continue;
      }
      if (step.kind == Kind::row_reduction) {
        reduce_single(step, out);
      } else if (step.kind == Kind::interleave) {
        const std::string pointer = values_.row_of_variable(assign_of(step)->name);
        const Expr& e = *step.value;
        const std::string first = values_.text(e.args[0], Place{}), second = values_.text(e.args[1], Place{});
        out.line(values_.store(e.dtype, pointer, first, Place{}));
        out.line(values_.store(e.dtype, pointer + " + 1", second, Place{}));
      } else {
        assign_single(step, values_.text(step.value, Place{}), out);
      }
    }
  }

  void assign_single(const RowStep& step, const std::string& value, Writer& out) {
    const ir::Assign& assign = *assign_of(step);
    const VariableSymbol& variable = symbols_.variables.at(assign.name);
    if (variable.accumulator) {  // only zero starts a sum this way
      const std::string pointer = values_.row_of_variable(assign.name);
      out.line(fmt::format("memset({}, 0, 64 * sizeof(float));", pointer));
      return;
    }
    const std::string name = symbols_.names.fresh(assign.name);
    out.line(fmt::format("{}const {} {} = {};", unused(step), scalar_type(variable.dtype), name, value));
    values_.scalars[assign.name] = name;
    if (has_memory(assign.name)) out.line(values_.store(variable.dtype, values_.row_of_variable(assign.name), name, Place{}));
  }

  // Over a single column a sum is 0 + x, and a maximum is x.
  void reduce_single(const RowStep& step, Writer& out) {
    const Expr& e = *step.value;
    const std::string x = values_.text(e.args.back(), Place{});
    const bool is_f32 = e.dtype == DType::f32;
    if (symbols_.variables.at(assign_of(step)->name).accumulator) {
      const std::string lanes = begin_lanes(step, out);
      out.line(fmt::format("{0}[floor_mod({1}, 64)] += {2};", lanes, position_of(step), x));
    } else if (e.op == Op::row_sum_acc) {
      assign_single(step, fmt::format("add({}, {})", values_.text(e.args[0], Place{}), x), out);
    } else {
      assign_single(step, e.op == Op::row_sum ? (is_f32 ? fmt::format("add(0.0f, {})", x) : x) : x, out);
    }
  }

  void store_value(const ir::Store& store, const RowStep& step, const Place& place, Writer& out) {
    const std::string pointer = values_.row_of(store.tensor, store.slice);
    out.line(values_.store(step.value->dtype, pointer, values_.text(step.value, place), place));
  }

  // Rows listed by data are stored only where they exist. Such a store is a group of its own.
  std::string row_condition() const {
    const RowStep& step = group_.segments.front().steps.front();
    const auto* store = std::get_if<ir::Store>(&step.statement->node);
    if (!store) return {};
    for (size_t i = 0; i < store->slice.size(); ++i) {
      const ir::Axis& axis = store->slice[i];
      if (axis.kind != ir::Axis::Kind::by) continue;
      return fmt::format("row_exists(call, {}, {}[{}], {})", lowering_.implicit_check(), symbols_.variables.at(axis.tile).data, row_,
                         symbols_.text(symbols_.tensors.at(store->tensor).shape[i]));
    }
    return {};
  }

  // ---- 16 columns at a time -----------------------------------------------------------------------------------------------------

  bool is_f32_sum(const RowStep& step) const {
    const Op op = step.value->op;
    return step.kind == Kind::row_reduction && step.value->dtype == DType::f32 && (op == Op::row_sum || op == Op::row_sum_acc);
  }
  bool sums_to_memory(const RowStep& step) const {
    return is_f32_sum(step) && symbols_.variables.at(assign_of(step)->name).accumulator;
  }

  void write_columns(const Segment& segment, Writer& out) {
    Writer before(out.depth());
    values_.before_loop = &before;
    bool sums = false;
    for (const RowStep& step : segment.steps) {
      if (step.kind == Kind::row_reduction) begin_reduction(step, before);
      sums = sums || (is_f32_sum(step) && !sums_to_memory(step));
    }
    const ir::IndexExpr& columns = segment.steps.front().columns;
    Writer loop(out.depth());
    if (sums) write_sum_loop(segment, columns, loop);
    else write_loop(segment, columns, loop);
    out.append(before);
    out.append(loop);
    for (const RowStep& step : segment.steps)
      if (step.kind == Kind::row_reduction) end_reduction(step, out);
  }

  void write_loop(const Segment& segment, const ir::IndexExpr& columns, Writer& out) {
    const std::string extent = symbols_.text(columns);
    const auto constant = ir::constant_value(columns);
    const int64_t whole = constant ? *constant / kLanes * kLanes : 0;
    if (whole == kLanes) {
      out.open("");
      write_step(segment, Place{true, "0", ""}, "0", out);
      out.close();
    } else if (!constant || whole > 0) {
      out.open(constant ? fmt::format("for (int64_t c = 0; c < {}; c += 16)", whole)
                        : fmt::format("for (int64_t c = 0; c + 16 <= {}; c += 16)", extent));
      write_step(segment, Place{true, "c", ""}, "0", out);
      out.close();
    }
    if (constant && whole == *constant) return;
    if (constant) {
      out.open("");
      write_step(segment, Place{true, std::to_string(whole), std::to_string(*constant - whole)}, "0", out);
    } else {
      out.open(fmt::format("if (const int64_t c = {0} / 16 * 16; c < {0})", constant ? extent : symbols_.operand(columns)));
      out.line(fmt::format("const int n = static_cast<int>({} - c);", extent));
      write_step(segment, Place{true, "c", "n"}, "0", out);
    }
    out.close();
  }

  // Sums take the axis in groups of 64, one lane for each column of a group.
  void write_sum_loop(const Segment& segment, const ir::IndexExpr& columns, Writer& out) {
    const std::string extent = symbols_.text(columns), factor = symbols_.operand(columns);
    const auto constant = ir::constant_value(columns);
    const int64_t whole = constant ? *constant / kSumLanes * kSumLanes : 0;
    if (!constant || whole > 0) {
      out.open(constant ? fmt::format("for (int64_t group = 0; group < {}; group += 64)", whole)
                        : fmt::format("for (int64_t group = 0; group + 64 <= {}; group += 64)", extent));
      out.line("#pragma GCC unroll 4");
      out.open("for (int block = 0; block < 4; ++block)");
      Writer step(out.depth());
      write_step(segment, Place{true, "c", ""}, "block", step);
      if (mentions(step.text(), "c")) out.line("const int64_t c = group + 16 * block;");
      out.append(step);
      out.close();
      out.close();
    }
    if (constant && whole == *constant) return;
    const std::string begin = constant ? std::to_string(whole) : factor + " / 64 * 64";
    out.open(fmt::format("for (int64_t c = {}; c < {}; c += 16)", begin, extent));
    out.line(fmt::format("const int n = static_cast<int>(smaller(16, {} - c));", extent));
    write_step(segment, Place{true, "c", "n"}, "static_cast<int>(c / 16 % 4)", out);
    out.close();
  }

  void write_step(const Segment& segment, const Place& place, const std::string& lane_block, Writer& out) {
    values_.registers.clear();
    for (const RowStep& step : segment.steps) {
      if (const auto* store = std::get_if<ir::Store>(&step.statement->node)) store_value(*store, step, place, out);
      else if (step.kind == Kind::row_reduction) reduce(step, place, lane_block, out);
      else if (step.kind == Kind::interleave) interleave(step, place, out);
      else assign_columns(step, place, out);
    }
  }

  // The same name in the body for whole vectors and in the one for the rest.
  std::string register_name(const RowStep& step) {
    std::string& name = register_names_[step.statement];
    if (name.empty()) name = symbols_.names.fresh(assign_of(step)->name);
    return name;
  }

  void assign_columns(const RowStep& step, const Place& place, Writer& out) {
    const ir::Assign& assign = *assign_of(step);
    const std::string name = register_name(step);
    out.line(fmt::format("{}const {} {} = {};", unused(step), register_type(step.value->dtype), name, values_.text(step.value, place)));
    values_.registers[assign.name] = name;
    if (has_memory(assign.name)) out.line(values_.store(step.value->dtype, values_.row_of_variable(assign.name), name, place));
  }

  void interleave(const RowStep& step, const Place& place, Writer& out) {
    const Expr& e = *step.value;
    const std::string stem = assign_of(step)->name, pointer = values_.row_of_variable(stem);
    const bool is_mask = e.dtype == DType::boolean;  // masks have no lanes to move: bytes have
    const DType moved = is_mask ? DType::uint8 : e.dtype;
    const std::string first = register_name(step) + "_even", second = register_name(step) + "_odd";
    const auto half = [&](const std::string& name, const ExprPtr& value) {
      const std::string text = values_.text(value, place);
      out.line(fmt::format("const {} {} = {};", register_type(moved), name, is_mask ? "i32_of(" + text + ")" : text));
    };
    half(first, e.args[0]);
    half(second, e.args[1]);
    const std::string wide = place.column == "0" ? "0" : "2 * " + place.column;
    const std::string lo = fmt::format("interleave_lo({}, {})", first, second), hi = fmt::format("interleave_hi({}, {})", first, second);
    if (place.count.empty()) {
      out.line(values_.store(moved, pointer, lo, Place{true, wide, ""}));
      out.line(values_.store(moved, pointer, hi, Place{true, wide == "0" ? "16" : wide + " + 16", ""}));
      return;
    }
    out.line(values_.store(moved, pointer, lo, Place{true, wide, fmt::format("smaller_int(2 * {}, 16)", place.count)}));
    const std::string rest = wide == "0" ? "16" : wide + " + 16";
    out.line(fmt::format("if ({} > 8) ", place.count) +
             values_.store(moved, pointer, hi, Place{true, rest, fmt::format("2 * {} - 16", place.count)}));
  }

  void write_concat(const RowStep& step, Writer& out) {
    const ir::Assign& assign = *assign_of(step);
    const std::string pointer = values_.row_of_variable(assign.name);
    ir::IndexExpr offset = ir::constant(0);
    for (const ExprPtr& part : step.value->args) {
      const std::string at = ir::constant_value(offset) == 0 ? pointer : pointer + " + " + symbols_.text(offset);
      offset = ir::add(offset, part->columns);
      Writer before(out.depth()), loop(out.depth());
      values_.before_loop = &before;
      values_.forget_hoisted();
      if (ir::is_one(part->columns)) {
        loop.line(values_.store(part->dtype, at, values_.text(part, Place{}), Place{}));
      } else {
        write_part(part, at, loop);
      }
      out.append(before);
      out.append(loop);
    }
  }

  void write_part(const ExprPtr& part, const std::string& at, Writer& out) {
    const std::string extent = symbols_.text(part->columns);
    const auto copy = [&](const Place& place) { out.line(values_.store(part->dtype, at, values_.text(part, place), place)); };
    out.open(fmt::format("for (int64_t c = 0; c < {}; c += 16)", extent));
    if (symbols_.is_multiple(part->columns, kLanes)) {
      copy(Place{true, "c", ""});
    } else {
      out.line(fmt::format("const int n = static_cast<int>(smaller(16, {} - c));", extent));
      copy(Place{true, "c", "n"});
    }
    out.close();
  }

  // ---- row reductions -----------------------------------------------------------------------------------------------------------

  std::string reduction_name(const RowStep& step) {
    std::string& name = reduction_names_[step.statement];
    if (name.empty()) name = symbols_.names.fresh(assign_of(step)->name + "_lanes");
    return name;
  }

  std::string identity(const Expr& e) const {
    if (e.op == Op::row_sum || e.op == Op::row_sum_acc) return "0";
    const bool is_max = e.op == Op::row_max;
    if (e.dtype == DType::f32) return is_max ? "-__builtin_inff()" : "__builtin_inff()";
    return is_max ? "INT32_MIN" : "INT32_MAX";
  }

  std::string position_of(const RowStep& step) const {
    const VariableSymbol& variable = symbols_.variables.at(assign_of(step)->name);
    return step.value->op == Op::row_sum ? "0" : variable.position;
  }

  // The lanes of a sum in memory, cleared or copied where the sum starts here.
  std::string begin_lanes(const RowStep& step, Writer& out) {
    const std::string lanes = values_.row_of_variable(assign_of(step)->name);
    if (step.value->op == Op::row_sum) {
      out.line(fmt::format("memset({}, 0, 64 * sizeof(float));", lanes));
    } else if (step.value->args[0]->name != assign_of(step)->name) {
      out.line(fmt::format("memcpy({}, {}, 64 * sizeof(float));", lanes, values_.row_of_variable(step.value->args[0]->name)));
    }
    return lanes;
  }

  void begin_reduction(const RowStep& step, Writer& out) {
    const Expr& e = *step.value;
    const std::string name = reduction_name(step);
    if (sums_to_memory(step)) {
      begin_lanes(step, out);
    } else if (is_f32_sum(step)) {
      out.line("sum64 " + name + ";");
      out.line(name + ".clear();");
    } else if (e.dtype == DType::f32) {
      out.line(fmt::format("vf {} = broadcast({});", name, identity(e)));
    } else {
      out.line(fmt::format("vi {} = broadcast_i({});", name, identity(e)));
    }
  }

  void reduce(const RowStep& step, const Place& place, const std::string& lane_block, Writer& out) {
    const Expr& e = *step.value;
    const std::string name = reduction_name(step), x = values_.text(e.args.back(), place);
    if (sums_to_memory(step)) {
      const std::string lanes = values_.row_of_variable(assign_of(step)->name), count = place.count.empty() ? "" : ", " + place.count;
      out.line(fmt::format("add_to_lanes({}, {} + {}, {}{});", lanes, position_of(step), place.column, x, count));
      return;
    }
    const bool is_sum = e.op == Op::row_sum || e.op == Op::row_sum_acc;
    const std::string kept = place.count.empty() ? x
                             : is_sum             ? fmt::format("keep({}, {})", x, place.count)
                                                  : fmt::format("keep({}, {}, {})", x, place.count, identity(e));
    if (is_f32_sum(step)) out.line(fmt::format("{}.add_at({}, {});", name, lane_block, kept));
    else out.line(fmt::format("{0} = {1}({0}, {2});", name, is_sum ? "add" : e.op == Op::row_max ? "max" : "min", kept));
  }

  void end_reduction(const RowStep& step, Writer& out) {
    if (sums_to_memory(step)) return;
    const Expr& e = *step.value;
    const std::string name = reduction_name(step);
    std::string value;
    if (is_f32_sum(step)) value = name + ".fold()";
    else if (e.op == Op::row_sum || e.op == Op::row_sum_acc) value = fmt::format("reduce_sum_i({})", name);
    else value = fmt::format("{}{}({})", e.op == Op::row_max ? "reduce_max" : "reduce_min", e.dtype == DType::f32 ? "" : "_i", name);
    if (e.op == Op::row_sum_acc) value = fmt::format("add({}, {})", values_.text(e.args[0], Place{}), value);
    assign_single(step, value, out);
  }

  // How many columns each sum in memory has taken: the same for all rows.
  void start_positions() {
    for_each_step([&](const Segment&, const RowStep& step) {
      const ir::Assign* assign = assign_of(step);
      if (!assign || !symbols_.variables.at(assign->name).accumulator) return;
      const std::string& position = symbols_.variables.at(assign->name).position;
      if (step.kind == Kind::row_reduction && step.value->op == Op::row_sum_acc) {
        const std::string& from = symbols_.variables.at(step.value->args[0]->name).position;
        if (from != position) work_.line(fmt::format("{} = {};", position, from));
      } else {
        work_.line(position + " = 0;");
      }
    });
  }
  void advance_positions() {
    for_each_step([&](const Segment&, const RowStep& step) {
      const ir::Assign* assign = assign_of(step);
      if (!assign || step.kind != Kind::row_reduction || !symbols_.variables.at(assign->name).accumulator) return;
      work_.line(fmt::format("{} += {};", symbols_.variables.at(assign->name).position, symbols_.text(step.columns)));
    });
  }

  Lowering& lowering_;
  Symbols& symbols_;
  const RowGroup& group_;
  Writer &declarations_, &work_;
  const bool shared_, one_row_;
  std::string row_;
  RowValues values_;
  std::map<const ir::Statement*, std::string> register_names_, reduction_names_;
};

}  // namespace

void write_row_group(Lowering& lowering, const RowGroup& group, Writer& declarations, Writer& work, bool shared) {
  GroupWriter(lowering, group, declarations, work, shared).write();
}

}  // namespace imbrex::codegen

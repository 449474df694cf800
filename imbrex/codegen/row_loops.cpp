#include "imbrex/codegen/row_loops.h"

#include <fmt/format.h>

#include "imbrex/codegen/row_reductions.h"
#include "imbrex/codegen/row_values.h"
#include "imbrex/ir/visit.h"

namespace imbrex::codegen {
namespace {

using ir::DType;
using ir::Expr;
using ir::ExprPtr;
using ir::Op;
using plan::assign_of;
using plan::rounded_to_bf16;
using plan::RowStep;
using Kind = RowStep::Kind;

constexpr int64_t kPair = 2 * kLanes, kGroup = 4 * kLanes;

class NestWriter {
 public:
  NestWriter(Lowering& lowering, const plan::RowNest& nest, Writer& out)
      : lowering_(lowering),
        symbols_(lowering.symbols),
        nest_(nest),
        out_(out),
        first_step_(nest.stages.front().front().steps.front()),
        row_(nest.one_row ? "0" : symbols_.names.own("row")),
        values_(lowering, *first_step_.statement, nest.one_row, row_),
        reductions_(lowering, values_) {
    values_.reciprocals = &nest.reciprocals;
  }

  void write() {
    take_buffers();
    reductions_.start_positions(nest_, out_);
    const std::string rows = symbols_.text(nest_.rows);
    if (nest_.one_row) {
      write_stage(nest_.stages.front(), "", out_);
    } else if (nest_.stages.size() == 1) {
      write_stage(nest_.stages.front(), fmt::format("for (int64_t {0} = 0; {0} < {1}; ++{0})", row_, rows), out_);
    } else if (nest_.all_rows_at_once) {
      values_.first_row = "0";
      for (const Stage& stage : nest_.stages)
        write_stage(stage, fmt::format("for (int64_t {0} = 0; {0} < {1}; ++{0})", row_, rows), out_);
    } else {
      const std::string first = symbols_.names.own("first_row"), end = symbols_.names.own("end_row");
      values_.first_row = first;
      out_.open(fmt::format("for (int64_t {0} = 0; {0} < {1}; {0} += {2})", first, rows, lowering_.rows_of_stage()));
      out_.line(fmt::format("const int64_t {} = smaller({}, {} + {});", end, rows, first, lowering_.rows_of_stage()));
      for (const Stage& stage : nest_.stages)
        write_stage(stage, fmt::format("for (int64_t {0} = {1}; {0} < {2}; ++{0})", row_, first, end), out_);
      out_.close();
    }
    reductions_.advance_positions(nest_, out_);
  }

 private:
  using Stage = std::vector<plan::Pass>;

  void write_stage(const Stage& stage, const std::string& rows, Writer& out) {
    Writer row_begin = out.beside(1), body = out.beside(1);
    values_.row_begin = &row_begin;
    values_.begin_rows();
    for (const plan::Pass& pass : stage) {
      values_.forget_hoisted();
      values_.registers.clear();
      switch (pass.form) {
        case plan::Pass::Form::single: write_singles(pass, body); break;
        case plan::Pass::Form::concat: write_concat(pass.steps.front(), body); break;
        case plan::Pass::Form::vectors:
        case plan::Pass::Form::pairs:
        case plan::Pass::Form::groups_of_64: write_columns(pass, body); break;
      }
    }
    out.open(rows);
    const std::string condition = row_condition();
    if (!condition.empty()) out.line("if (!" + condition + ") continue;");
    out.append(row_begin);
    out.append(body);
    out.close();
  }

  template <class Visit>
  void for_each_step(Visit visit) {
    for (const Stage& stage : nest_.stages)
      for (const plan::Pass& pass : stage)
        for (const RowStep& step : pass.steps) visit(step);
  }

  void take_buffers() {
    for (const plan::TileMemory& memory : nest_.memory) {
      const bool is_row = memory.kind == plan::TileMemory::Kind::row;
      if (!is_row && memory.kind != plan::TileMemory::Kind::rows) continue;
      const std::string buffer = lowering_.take(out_, memory.allocation);
      values_.row_buffers[memory.tile] = {buffer,
                                          is_row ? "" : symbols_.operand(symbols_.tiles.at(memory.tile).columns_in_memory)};
    }
  }

  // The variable that is assigned, or the tensor that is stored to.
  static const std::string& result_of(const RowStep& step) {
    const ir::Assign* assign = assign_of(step);
    return assign ? assign->name : std::get<ir::Store>(step.statement->node).tensor;
  }
  std::string row_of_result(const RowStep& step) {
    const auto* store = std::get_if<ir::Store>(&step.statement->node);
    return store ? values_.row_of(store->tensor, store->slice) : values_.row_of_variable(assign_of(step)->name);
  }

  bool has_memory(const std::string& name) const {
    return values_.row_buffers.contains(name) || !symbols_.tiles.at(name).variable.empty();
  }

  // The attribute of a value that is computed only for the checks of its accesses, or overwritten before anything reads it.
  const char* unused(const RowStep& step) {
    const std::string& name = assign_of(step)->name;
    bool is_later = false, is_read = has_memory(name), is_gone = false;
    for_each_step([&](const RowStep& other) {
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

  void write_singles(const plan::Pass& pass, Writer& out) {
    values_.before_loop = &out;
    for (const RowStep& step : pass.steps) {
      const WrittenFor here(lowering_.origins, OriginsOfNodes::of(*step.statement));
      if (step.kind == Kind::row_reduction) {
        assign_reduced(step, reductions_.over_one_column(step, out), out);
      } else if (step.kind == Kind::interleave) {
        const std::string pointer = row_of_result(step);
        const Expr& e = *step.value;
        const std::string first = values_.text(e.args[0], Place{}), second = values_.text(e.args[1], Place{});
        out.line(values_.store(e.dtype, pointer, first, Place{}));
        out.line(values_.store(e.dtype, pointer + " + 1", second, Place{}));
      } else if (const auto* store = std::get_if<ir::Store>(&step.statement->node)) {
        store_value(*store, step, Place{}, out);
      } else {
        assign_single(step, values_.text(step.value, Place{}), out);
      }
    }
  }

  void assign_single(const RowStep& step, const std::string& value, Writer& out) {
    const ir::Assign& assign = *assign_of(step);
    const TileSymbol& variable = symbols_.tiles.at(assign.name);
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

  // A sum that goes on in memory has no value yet.
  void assign_reduced(const RowStep& step, const std::string& value, Writer& out) {
    if (!value.empty()) assign_single(step, value, out);
  }

  void store_value(const ir::Store& store, const RowStep& step, const Place& place, Writer& out) {
    const std::string pointer = values_.row_of(store.tensor, store.slice);
    const ExprPtr rounded = rounded_to_bf16(step.value);
    if (const auto pair = pairs_.find(&step); pair != pairs_.end())
      out.line(fmt::format("{}.set(half, {});", pair->second, values_.text(rounded, place)));
    else if (rounded && place.vector)
      store_vector(step, "bf16_rint", pointer, values_.text(rounded, place), place, out);
    else if (place.vector)
      store_vector(step, storage_suffix(step.value->dtype), pointer, values_.text(step.value, place), place, out);
    else
      out.line(values_.store(step.value->dtype, pointer, values_.text(step.value, place), place));
  }

  void store_vector(const RowStep& step, const std::string& form, const std::string& pointer, const std::string& value,
                    const Place& place, Writer& out) {
    const std::string streams = place.count.empty() ? lowering_.streams_of(*step.statement) : "";
    out.line(streams.empty() ? values_.store(form, pointer, value, place) : values_.stream(form, pointer, value, place, streams));
  }

  // Rows listed by data are stored only where they exist. Such a store is a group of its own.
  std::string row_condition() const {
    const RowStep& step = first_step_;
    const auto* store = std::get_if<ir::Store>(&step.statement->node);
    if (!store) return {};
    for (size_t i = 0; i < store->slice.size(); ++i) {
      const ir::Axis& axis = store->slice[i];
      if (axis.kind != ir::Axis::Kind::by) continue;
      return fmt::format("row_exists(call, {}, {}[{}], {})", lowering_.implicit_check(),
                         symbols_.data(symbols_.tiles.at(axis.tile)), row_,
                         symbols_.text(symbols_.tensors.at(store->tensor).shape[i]));
    }
    return {};
  }

  // ---- 16 columns at a time ---------------------------------------------------------------------------------------------------

  void write_columns(const plan::Pass& pass, Writer& out) {
    Writer before = out.beside();
    values_.before_loop = &before;
    for (const RowStep& step : pass.steps) {
      const WrittenFor here(lowering_.origins, OriginsOfNodes::of(*step.statement));
      if (step.kind == Kind::row_reduction) reductions_.begin(step, before);
    }
    const ir::IndexExpr& columns = pass.steps.front().columns;
    Writer loop = out.beside();
    if (pass.form == plan::Pass::Form::groups_of_64)
      write_loop_by_64(pass, columns, loop);
    else
      write_loop(pass, columns, loop);
    out.append(before);
    out.append(loop);
    for (const RowStep& step : pass.steps) {
      const WrittenFor here(lowering_.origins, OriginsOfNodes::of(*step.statement));
      if (step.kind == Kind::row_reduction) assign_reduced(step, reductions_.end(step), out);
    }
  }

  void write_loop(const plan::Pass& pass, const ir::IndexExpr& columns, Writer& out) {
    const std::string extent = symbols_.text(columns);
    const auto constant = pass.columns;
    const int64_t whole = constant ? *constant / kLanes * kLanes : 0;
    if (constant && pass.form == plan::Pass::Form::pairs) {
      write_pairs(pass, *constant, out);
    } else if (whole == kLanes) {
      out.open("");
      write_step(pass, Place{true, "0", ""}, "0", out);
      out.close();
    } else if (!constant || whole > 0) {
      out.open(constant ? fmt::format("for (int64_t c = 0; c < {}; c += kLanes)", whole)
                        : fmt::format("for (int64_t c = 0; c + kLanes <= {}; c += kLanes)", extent));
      write_step(pass, Place{true, "c", ""}, "0", out);
      out.close();
    }
    if (constant && whole == *constant) return;
    if (constant) {
      out.open("");
      write_step(pass, Place{true, std::to_string(whole), std::to_string(*constant - whole)}, "0", out);
    } else {
      out.open(
          fmt::format("if (const int64_t c = {0} / kLanes * kLanes; c < {0})", constant ? extent : symbols_.operand(columns)));
      out.line(fmt::format("const int n = static_cast<int>({} - c);", extent));
      write_step(pass, Place{true, "c", "n"}, "0", out);
    }
    out.close();
  }

  void write_pairs(const plan::Pass& pass, int64_t columns, Writer& out) {
    for (const RowStep& step : pass.steps)
      if (pass.in_pairs.contains(step.statement)) pairs_[&step] = symbols_.names.fresh(result_of(step) + "_pair");
    out.open(columns == kPair ? "" : fmt::format("for (int64_t pair = 0; pair < {}; pair += 2 * kLanes)", columns));
    for (const RowStep& step : pass.steps) {
      const WrittenFor here(lowering_.origins, OriginsOfNodes::of(*step.statement));
      if (const auto pair = pairs_.find(&step); pair != pairs_.end()) out.line("vf_pair " + pair->second + ";");
    }
    out.line("#pragma GCC unroll 2");
    out.open("for (int half = 0; half < 2; ++half)");
    out.line(columns == kPair ? "const int64_t c = kLanes * half;" : "const int64_t c = pair + kLanes * half;");
    write_step(pass, Place{true, "c", ""}, "0", out);
    out.close();
    const Place place{true, columns == kPair ? "0" : "pair", ""};
    for (const RowStep& step : pass.steps) {
      const WrittenFor here(lowering_.origins, OriginsOfNodes::of(*step.statement));
      if (const auto pair = pairs_.find(&step); pair != pairs_.end())
        store_vector(step, "bf16_rint", row_of_result(step), pair->second, place, out);
    }
    out.close();
    pairs_.clear();
  }

  // In groups of 64 columns, one lane for each: sums are defined so, and a maximum in four vectors waits less for itself.
  void write_loop_by_64(const plan::Pass& pass, const ir::IndexExpr& columns, Writer& out) {
    const std::string extent = symbols_.text(columns), factor = symbols_.operand(columns);
    const auto constant = pass.columns;
    const int64_t whole = constant ? *constant / kGroup * kGroup : 0;
    if (!constant || whole > 0) {
      out.open(constant ? fmt::format("for (int64_t group = 0; group < {}; group += 4 * kLanes)", whole)
                        : fmt::format("for (int64_t group = 0; group + 4 * kLanes <= {}; group += 4 * kLanes)", extent));
      out.line("#pragma GCC unroll 4");
      out.open("for (int block = 0; block < 4; ++block)");
      out.line("[[maybe_unused]] const int64_t c = group + kLanes * block;");
      write_step(pass, Place{true, "c", ""}, "block", out);
      out.close();
      out.close();
    }
    if (constant && whole == *constant) return;
    const std::string begin = constant ? std::to_string(whole) : factor + " / (4 * kLanes) * (4 * kLanes)";
    out.open(fmt::format("for (int64_t c = {}; c < {}; c += kLanes)", begin, extent));
    out.line(fmt::format("const int n = static_cast<int>(smaller(kLanes, {} - c));", extent));
    write_step(pass, Place{true, "c", "n"}, "static_cast<int>(c / kLanes % 4)", out);
    out.close();
  }

  void prefetch_around(const plan::Pass& pass, const Place& place, Writer& out) {
    if (!place.count.empty()) return;
    const std::string rows = nest_.all_rows_at_once ? symbols_.operand(nest_.rows) : lowering_.rows_of_stage();
    for (const plan::Prefetch& prefetch : pass.prefetches) {
      const std::string row = values_.row_of(prefetch.tensor, *prefetch.slice);
      if (!prefetch.stores) {
        const std::string stride = symbols_.operand(*strides_of(lowering_, prefetch.tensor, *prefetch.slice).row);
        out.line(fmt::format("prefetch_line({} + {} * {} + {});", row, rows, stride, place.column));
        continue;
      }
      const std::string streams = lowering_.streams_of(*prefetch.statement);
      out.line(
          fmt::format("{}prefetch_line_for_write({} + {});", streams.empty() ? "" : "if (!" + streams + ") ", row, place.column));
    }
  }

  void write_step(const plan::Pass& pass, const Place& place, const std::string& lane_block, Writer& out) {
    values_.registers.clear();
    prefetch_around(pass, place, out);
    for (const RowStep& step : pass.steps) {
      const WrittenFor here(lowering_.origins, OriginsOfNodes::of(*step.statement));
      if (step.kind == Kind::row_reduction)
        reductions_.add(step, place, lane_block, out);
      else if (step.kind == Kind::interleave)
        interleave(step, place, out);
      else if (const auto* store = std::get_if<ir::Store>(&step.statement->node))
        store_value(*store, step, place, out);
      else
        assign_columns(step, place, out);
    }
  }

  // The same name in the body for whole vectors and in the one for the rest.
  std::string register_name(const RowStep& step) {
    std::string& name = register_names_[step.statement];
    if (name.empty()) name = symbols_.names.fresh(result_of(step));
    return name;
  }

  void assign_columns(const RowStep& step, const Place& place, Writer& out) {
    const ir::Assign& assign = *assign_of(step);
    const std::string name = register_name(step);
    out.line(fmt::format("{}const {} {} = {};", unused(step), register_type(step.value->dtype), name,
                         values_.text(step.value, place)));
    values_.registers[assign.name] = name;
    if (has_memory(assign.name)) out.line(values_.store(step.value->dtype, values_.row_of_variable(assign.name), name, place));
  }

  void interleave(const RowStep& step, const Place& place, Writer& out) {
    const Expr& e = *step.value;
    const std::string pointer = row_of_result(step);
    const bool is_mask = e.dtype == DType::boolean;  // masks have no lanes to move: bytes have
    const ExprPtr rounded_first = rounded_to_bf16(e.args[0]), rounded_second = rounded_to_bf16(e.args[1]);
    const bool rounds = rounded_first && rounded_second && place.count.empty();  // after they are moved, by what stores them
    const DType moved = is_mask ? DType::uint8 : rounds ? DType::f32 : e.dtype;
    const std::string first = register_name(step) + "even", second = register_name(step) + "odd";
    const auto half = [&](const std::string& name, const ExprPtr& value) {
      const std::string text = values_.text(value, place);
      out.line(fmt::format("const {} {} = {};", register_type(moved), name, is_mask ? "i32_of(" + text + ")" : text));
    };
    half(first, rounds ? rounded_first : e.args[0]);
    half(second, rounds ? rounded_second : e.args[1]);
    const std::string wide = place.column == "0" ? "0" : "2 * " + place.column;
    const std::string lo = fmt::format("interleave_lo({}, {})", first, second),
                      hi = fmt::format("interleave_hi({}, {})", first, second);
    if (rounds) {
      const std::string both = fmt::format("interleaved({}, {})", first, second);
      store_vector(step, "bf16_rint", pointer, both, Place{true, wide, ""}, out);
      return;
    }
    if (place.count.empty()) {
      store_vector(step, storage_suffix(moved), pointer, lo, Place{true, wide, ""}, out);
      store_vector(step, storage_suffix(moved), pointer, hi, Place{true, wide == "0" ? "kLanes" : wide + " + kLanes", ""}, out);
      return;
    }
    out.line(values_.store(moved, pointer, lo, Place{true, wide, fmt::format("smaller_int(2 * {}, 16)", place.count)}));
    const std::string rest = wide == "0" ? "kLanes" : wide + " + kLanes";
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
      Writer before = out.beside(), loop = out.beside();
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
    out.open(fmt::format("for (int64_t c = 0; c < {}; c += kLanes)", extent));
    if (lowering_.plan.symbols.is_multiple(part->columns, kLanes)) {
      copy(Place{true, "c", ""});
    } else {
      out.line(fmt::format("const int n = static_cast<int>(smaller(kLanes, {} - c));", extent));
      copy(Place{true, "c", "n"});
    }
    out.close();
  }

  Lowering& lowering_;
  Symbols& symbols_;
  const plan::RowNest& nest_;
  Writer& out_;
  const RowStep& first_step_;
  std::string row_;
  RowValues values_;
  RowReductions reductions_;
  std::map<const ir::Statement*, std::string> register_names_;
  std::map<const RowStep*, std::string> pairs_;  // in the loop being written: the vf_pair that the step fills
};

}  // namespace

void write_row_nest(Lowering& lowering, const plan::RowNest& nest, Writer& out) { NestWriter(lowering, nest, out).write(); }

}  // namespace imbrex::codegen

#include "imbrex/codegen/row_loops.h"

#include <fmt/format.h>

#include <set>

#include "imbrex/codegen/row_reductions.h"
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

constexpr int64_t kLanes = 16, kPair = 32, kGroup = 64;
constexpr int64_t kRowsOfStage = 4;

// The f32 tile that a cast to bf16 rounds to nearest, null if it is no such cast. A store rounds in the same instruction.
ExprPtr rounded_to_bf16(const ExprPtr& e) {
  const bool rounds = e->op == Op::cast && e->dtype == DType::bf16 && e->args[0]->dtype == DType::f32;
  return rounds && e->mode == ir::CastMode::rint ? e->args[0] : nullptr;
}

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
      : lowering_(lowering),
        symbols_(lowering.symbols),
        group_(group),
        declarations_(declarations),
        work_(work),
        shared_(shared),
        one_row_(ir::is_one(group.rows) && !stores_listed_rows(group)),
        row_(one_row_ ? "0" : symbols_.names.own("row")),
        values_(lowering, *group.segments.front().steps.front().statement, one_row_, row_),
        reductions_(lowering, values_) {}

  void write() {
    find_stages();
    place_variables();
    reductions_.start_positions(group_, work_);
    const std::string rows = symbols_.text(group_.rows);
    if (one_row_) {
      write_stage(0, "", work_);
    } else if (stages_ == 1) {
      write_stage(0, fmt::format("for (int64_t {0} = 0; {0} < {1}; ++{0})", row_, rows), work_);
    } else if (symbols_.at_most(group_.rows, kRowsOfStage)) {
      values_.first_row = "0";
      for (int stage = 0; stage < stages_; ++stage)
        write_stage(stage, fmt::format("for (int64_t {0} = 0; {0} < {1}; ++{0})", row_, rows), work_);
    } else {
      const std::string first = symbols_.names.own("first_row"), end = symbols_.names.own("end_row");
      values_.first_row = first;
      work_.open(fmt::format("for (int64_t {0} = 0; {0} < {1}; {0} += {2})", first, rows, kRowsOfStage));
      work_.line(fmt::format("const int64_t {} = smaller({}, {} + {});", end, rows, first, kRowsOfStage));
      for (int stage = 0; stage < stages_; ++stage)
        write_stage(stage, fmt::format("for (int64_t {0} = {1}; {0} < {2}; ++{0})", row_, first, end), work_);
      work_.close();
    }
    reductions_.advance_positions(group_, work_);
  }

 private:
  // What waits for the value of a row's reduction waits long: its lanes are folded, then come a square root and a division. So it
  // is a stage of its own, and each stage runs over a few rows: their reductions overlap, and what they hand over is still near.
  void find_stages() {
    bool is_reduced = false;
    for (const Segment& segment : group_.segments) {
      if (is_reduced && !segment.is_single() && !one_row_) {
        ++stages_;
        is_reduced = false;
      }
      stage_of_[&segment] = stages_ - 1;
      for (const RowStep& step : segment.steps)
        is_reduced = is_reduced || (step.kind == Kind::row_reduction && !segment.is_single());
    }
  }

  void write_stage(int stage, const std::string& rows, Writer& out) {
    const int depth = out.depth() + 1;
    Writer row_begin(depth), body(depth);
    values_.row_begin = &row_begin;
    values_.begin_rows();
    for (const Segment& segment : group_.segments) {
      if (stage_of_.at(&segment) != stage) continue;
      values_.forget_hoisted();
      values_.registers.clear();
      if (segment.is_single())
        write_singles(segment, body);
      else if (segment.steps.front().kind == Kind::concat)
        write_concat(segment.steps.front(), body);
      else
        write_columns(segment, body);
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
      std::set<int> stages;
      for (const Segment* segment : segments[assign->name]) stages.insert(stage_of_.at(segment));
      const bool in_one_stage = stages.size() == 1;
      if (in_register && in_one_stage && (ir::is_one(variable.columns) || segments[assign->name].size() == 1)) return;
      if (!local || one_row_) {
        lowering_.place(declarations_, shared_, variable, *step.statement);
      } else if (!values_.row_buffers.contains(assign->name)) {
        const ir::IndexExpr elements =
            in_one_stage ? variable.columns_in_memory : ir::mul(ir::constant(kRowsOfStage), variable.columns_in_memory);
        const std::string buffer = lowering_.take(work_, false, memory_type(variable.dtype), bytes_of(variable.dtype), elements,
                                                  variable.name + (in_one_stage ? "_row" : "_rows"), *step.statement);
        values_.row_buffers[assign->name] = {buffer, in_one_stage ? "" : symbols_.operand(variable.columns_in_memory)};
      }
    });
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
    const RowStep& step = group_.segments.front().steps.front();
    const auto* store = std::get_if<ir::Store>(&step.statement->node);
    if (!store) return {};
    for (size_t i = 0; i < store->slice.size(); ++i) {
      const ir::Axis& axis = store->slice[i];
      if (axis.kind != ir::Axis::Kind::by) continue;
      return fmt::format("row_exists(call, {}, {}[{}], {})", lowering_.implicit_check(), symbols_.variables.at(axis.tile).data,
                         row_, symbols_.text(symbols_.tensors.at(store->tensor).shape[i]));
    }
    return {};
  }

  // ---- 16 columns at a time ---------------------------------------------------------------------------------------------------

  void write_columns(const Segment& segment, Writer& out) {
    Writer before(out.depth());
    values_.before_loop = &before;
    bool by_64 = false;
    for (const RowStep& step : segment.steps) {
      if (step.kind == Kind::row_reduction) reductions_.begin(step, before);
      by_64 = by_64 || reductions_.takes_groups_of_64(step);
    }
    const ir::IndexExpr& columns = segment.steps.front().columns;
    Writer loop(out.depth());
    if (by_64)
      write_loop_by_64(segment, columns, loop);
    else
      write_loop(segment, columns, loop);
    out.append(before);
    out.append(loop);
    for (const RowStep& step : segment.steps)
      if (step.kind == Kind::row_reduction) assign_reduced(step, reductions_.end(step), out);
  }

  void write_loop(const Segment& segment, const ir::IndexExpr& columns, Writer& out) {
    const std::string extent = symbols_.text(columns);
    const auto constant = symbols_.fixed(columns);
    const int64_t whole = constant ? *constant / kLanes * kLanes : 0;
    if (constant && find_pairs(segment, *constant)) {
      write_pairs(segment, *constant, out);
    } else if (whole == kLanes) {
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

  // The stores that take two vectors at once, a cache line: what they round to bf16 goes nowhere else in this loop.
  bool find_pairs(const Segment& segment, int64_t columns) {
    pairs_.clear();
    for (const RowStep& step : segment.steps) {
      const auto* store = std::get_if<ir::Store>(&step.statement->node);
      if (!store || step.kind != Kind::elementwise || columns % kPair != 0 || !rounded_to_bf16(step.value)) continue;
      const std::string& storage = symbols_.tensors.at(store->tensor).storage;
      int uses = 0;
      for (const RowStep& other : segment.steps) {
        const auto* other_store = std::get_if<ir::Store>(&other.statement->node);
        if (other_store && symbols_.tensors.at(other_store->tensor).storage == storage) ++uses;
        ir::for_each_expr(other.value, [&](const Expr& e) {
          if (e.op == Op::load && symbols_.tensors.at(e.name).storage == storage) ++uses;
        });
      }
      if (uses == 1) pairs_[&step] = symbols_.names.fresh(store->tensor + "_pair");
    }
    return !pairs_.empty();
  }

  void write_pairs(const Segment& segment, int64_t columns, Writer& out) {
    out.open(columns == kPair ? "" : fmt::format("for (int64_t pair = 0; pair < {}; pair += 32)", columns));
    for (const RowStep& step : segment.steps)
      if (const auto pair = pairs_.find(&step); pair != pairs_.end()) out.line("vf_pair " + pair->second + ";");
    out.line("#pragma GCC unroll 2");
    out.open("for (int half = 0; half < 2; ++half)");
    out.line(columns == kPair ? "const int64_t c = 16 * half;" : "const int64_t c = pair + 16 * half;");
    write_step(segment, Place{true, "c", ""}, "0", out);
    out.close();
    const Place place{true, columns == kPair ? "0" : "pair", ""};
    for (const RowStep& step : segment.steps) {
      if (const auto pair = pairs_.find(&step); pair != pairs_.end())
        store_vector(step, "bf16_rint", row_of_result(step), pair->second, place, out);
    }
    out.close();
    pairs_.clear();
  }

  // In groups of 64 columns, one lane for each: sums are defined so, and a maximum in four vectors waits less for itself.
  void write_loop_by_64(const Segment& segment, const ir::IndexExpr& columns, Writer& out) {
    const std::string extent = symbols_.text(columns), factor = symbols_.operand(columns);
    const auto constant = symbols_.fixed(columns);
    const int64_t whole = constant ? *constant / kGroup * kGroup : 0;
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

  // Of three stages the one in the middle computes on what is near already. Meanwhile what the first reads of the next rows comes
  // nearer, and what the last stores of these.
  void fetch_around(const Segment& segment, const Place& place, Writer& out) {
    constexpr int middle = 1;
    const bool reduces = segment.steps.back().kind == Kind::row_reduction;  // one loop of the stage does
    if (stages_ <= middle + 1 || stage_of_.at(&segment) != middle || !reduces || !place.count.empty()) return;
    const std::string rows =
        symbols_.at_most(group_.rows, kRowsOfStage) ? symbols_.operand(group_.rows) : std::to_string(kRowsOfStage);
    std::set<std::string> fetches, claims;
    for_each_step([&](const Segment& other, const RowStep& step) {
      if (stage_of_.at(&other) >= middle) return;
      ir::for_each_expr(step.value, [&](const Expr& e) {
        if (e.op != Op::load || !passes_by_rows(e.name, e.slice)) return;
        fetches.insert(fmt::format("fetch_line({} + {} * {} + {});", values_.row_of(e.name, e.slice), rows,
                                   strides_of(lowering_, e.name, e.slice).row, place.column));
      });
    });
    if (fetches.empty()) return;  // the rows come from where they were just computed
    for_each_step([&](const Segment& other, const RowStep& step) {
      const auto* store = std::get_if<ir::Store>(&step.statement->node);
      if (stage_of_.at(&other) <= middle || !store || !passes_by_rows(store->tensor, store->slice)) return;
      const std::string streams = lowering_.streams_of(*step.statement);
      claims.insert(fmt::format("{}claim_line({} + {});", streams.empty() ? "" : "if (!" + streams + ") ",
                                values_.row_of(store->tensor, store->slice), place.column));
    });
    for (const std::string& line : fetches) out.line(line);
    for (const std::string& line : claims) out.line(line);
  }
  // Whether it is an argument, and each row has columns of its own, next to each other.
  bool passes_by_rows(const std::string& tensor, const std::vector<ir::Axis>& slice) const {
    if (symbols_.tensors.at(tensor).argument < 0 || lowering_.packed.contains(tensor)) return false;
    for (const ir::Axis& axis : slice)
      if (axis.kind == ir::Axis::Kind::by) return false;
    const SliceStrides strides = strides_of(lowering_, tensor, slice);
    return !strides.row.empty() && strides.column == "1" && !ir::is_one(ir::shape_of_slice(slice).columns);
  }

  void write_step(const Segment& segment, const Place& place, const std::string& lane_block, Writer& out) {
    values_.registers.clear();
    fetch_around(segment, place, out);
    for (const RowStep& step : segment.steps) {
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
    const std::string first = register_name(step) + "_even", second = register_name(step) + "_odd";
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
      store_vector(step, storage_suffix(moved), pointer, hi, Place{true, wide == "0" ? "16" : wide + " + 16", ""}, out);
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

  Lowering& lowering_;
  Symbols& symbols_;
  const RowGroup& group_;
  Writer &declarations_, &work_;
  const bool shared_, one_row_;
  std::string row_;
  RowValues values_;
  RowReductions reductions_;
  std::map<const ir::Statement*, std::string> register_names_;
  std::map<const Segment*, int> stage_of_;
  std::map<const RowStep*, std::string> pairs_;  // in the loop being written: the vf_pair that the step fills
  int stages_ = 1;
};

}  // namespace

void write_row_group(Lowering& lowering, const RowGroup& group, Writer& declarations, Writer& work, bool shared) {
  GroupWriter(lowering, group, declarations, work, shared).write();
}

}  // namespace imbrex::codegen

#include "imbrex/optimize/contractions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "imbrex/optimize/extents.h"
#include "imbrex/optimize/stored_values.h"
#include "imbrex/optimize/tile_sizes.h"
#include "imbrex/optimize/tile_terms.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using Kind = Term::Kind;

bool is_contraction(const Definition& d) { return d.body.size() == 2; }

// Whether it runs on tile registers. Its left side is then best stored by whole rows, in tiles (rows_in_tiles.h); one that lies
// otherwise is brought into tiles for each block of columns, which should be wide.
bool takes_tiles(const Contraction& c, const Machine& machine) {
  return target::fastest_kernel(machine, target::product_of(c.operand_dtype)).takes_tiles;
}

}  // namespace

const ir::Tensor& tensor_named(const ir::Program& program, const std::string& name) {
  for (const ir::Tensor& tensor : program.tensors)
    if (tensor.name == name) return tensor;
  throw InternalError("an output has its tensor");
}

std::string product_name(const Contraction& c) { return fmt::format("product with {}", c.weight); }

Contractions::Contractions(const ir::Program& original, Dissolved& dissolved, const Machine& machine,
                           const std::map<std::string, int64_t>& sizes, std::vector<Choice>& choices)
    : original_(original), d_(dissolved), sizes_(sizes) {
  find();
  choose_windows(machine, choices);
}

int64_t Contractions::typical_value(const IndexExpr& e) const {
  return ir::evaluate(e, [&](const ir::Index& leaf) {
    if (const auto given = sizes_.find(leaf.name); given != sizes_.end()) return given->second;
    for (const ir::Dim& dim : original_.dims)
      if (dim.name == leaf.name && dim.typical > 0) return dim.typical;
    return kTypicalRows;
  });
}

// The element of the weight, and in `c` what it is scaled by: bf16(f32(weight[k, c]) * f32(scales[k // K, c // N])), or its two
// axes exchanged.
TermId Contractions::weight_of(const Definition& definition, Contraction& c) {
  const TermId all = definition.body[1];
  const auto argument = [&](TermId of, ir::Op op, DType dtype) {
    const Term& term = d_.terms.at(of);
    return term.kind == Kind::operation && term.op == op && term.dtype == dtype ? term.args : std::vector<TermId>();
  };
  const std::vector<TermId> rounded = argument(all, ir::Op::cast, DType::bf16);
  if (rounded.empty() || d_.terms.at(all).mode != ir::CastMode::rint) return all;
  const std::vector<TermId> factors = argument(rounded[0], ir::Op::mul, DType::f32);
  if (factors.empty()) return all;
  const auto element = [&](TermId factor) -> TermId {
    const std::vector<TermId> cast = argument(factor, ir::Op::cast, DType::f32);
    const TermId id = cast.empty() ? factor : cast[0];
    const Term& term = d_.terms.at(id);
    return term.kind == Kind::access && term.indices.size() == 2 ? id : kNoTerm;
  };
  for (const bool exchanged : {false, true}) {
    const TermId weight_id = element(factors[exchanged]), scales_id = element(factors[!exchanged]);
    if (weight_id == kNoTerm || scales_id == kNoTerm) continue;
    const Term &weight = d_.terms.at(weight_id), &scales = d_.terms.at(scales_id);
    if (weight.dtype != DType::e4m3 || (scales.dtype != DType::e8m0 && scales.dtype != DType::f32)) continue;
    const auto refuse = [&] {
      throw NotWritable{
          fmt::format("{} is multiplied with the scales {} for only a part of its columns or of k, and the optimizer takes whole "
                      "products; write one matmul_expanded of all columns and all of k, for which the optimizer chooses tiles",
                      weight.tensor, scales.tensor),
          c.where};
    };
    if (definition.axes != 2) refuse();
    // How many elements of an axis have a scale; one serves all where the index is always 0.
    const auto block_of = [&](const IndexExpr& e, const std::string& axis, const IndexExpr& extent) -> int64_t {
      if (ir::constant_value(e) == 0) return ir::constant_value(extent).value_or(0);
      const bool is_block = e->kind == ir::Index::Kind::floor_div && ir::to_text(e->a) == axis;
      return is_block ? ir::constant_value(e->b).value_or(0) : ir::to_text(e) == axis ? 1 : 0;
    };
    const bool transposed = ir::to_text(weight.indices[1]) == kReducedName;
    int64_t of_k = block_of(scales.indices[transposed ? 1 : 0], kReducedName, c.inner);
    const int64_t of_columns = block_of(scales.indices[transposed ? 0 : 1], axis_name(1), c.column_extent);
    if (ir::constant_value(scales.indices[transposed ? 1 : 0]) == 0)
      of_k = (of_k + ir::kScaledBlockStep - 1) / ir::kScaledBlockStep * ir::kScaledBlockStep;
    if (of_k < 1 || of_k % ir::kScaledBlockStep != 0 || of_columns < 1) refuse();
    c.scales = ScalesOfWeight{scales.tensor, scales.dtype, {of_k, of_columns}};
    return weight_id;
  }
  return all;
}

void Contractions::find() {
  const std::map<int, std::vector<IndexExpr>> extents = infer_extents(d_, original_);
  for (int id : d_.definitions) {
    const Definition& definition = d_.terms.definition(id);
    if (!is_contraction(definition)) continue;
    Contraction c;
    c.definition = id;
    c.where = original_.where(d_.terms.origins[id]);
    c.inner = definition.extent;
    if (definition.axes == 2) {
      c.row_extent = extents.at(id)[0];
      c.column_extent = extents.at(id)[1];
    }
    const Term& b = d_.terms.at(weight_of(definition, c));
    if (b.kind != Kind::access)
      throw NotWritable{
          "the right operand of a matmul is computed, and the optimizer multiplies by inputs alone; make it an input where that "
          "can be",
          c.where};
    if (b.indices.size() != 2)
      throw NotWritable{
          fmt::format("the right operand of a matmul is a part of {}, which has {} {}, and the optimizer multiplies by "
                      "inputs of two axes alone; call a kernel of two axes for each part",
                      b.tensor, b.indices.size(), b.indices.size() == 1 ? "axis" : "axes"),
          c.where};
    if (definition.axes < 2)
      throw NotWritable{
          "a matmul has one row or one column, and the optimizer multiplies matrices; make the number of its rows a dimension of "
          "the kernel, which calls may give as 1",
          c.where};
    if (definition.axes > 2)
      throw NotWritable{
          "the results of a matmul have more axes than rows and columns, and the optimizer multiplies rows of one matrix; "
          "declare its "
          "left operand as [rows, columns], with one dimension for all rows",
          c.where};
    const std::string first = ir::to_text(b.indices[0]), second = ir::to_text(b.indices[1]);
    c.weight_transposed = second == kReducedName;
    if ((c.weight_transposed ? first : first == kReducedName ? second : "") != axis_name(1))
      throw NotWritable{
          fmt::format("the right operand of a matmul is a part of {} that does not begin with its first row and column, "
                      "and the optimizer multiplies by inputs from their first on; make the part an input of its own",
                      b.tensor),
          c.where};
    c.weight = b.tensor;
    c.weight_dtype = b.dtype;
    std::map<std::string, bool> names;
    d_.terms.collect_names(definition.body[0], names);
    if (names.contains(axis_name(1)))
      throw NotWritable{
          "the left operand of a matmul depends on the column of the result, and the optimizer takes one for all columns; write "
          "a matmul for each range of columns",
          c.where};

    c.operand_dtype = d_.terms.at(definition.body[0]).dtype;
    d_.terms.ranges[coordinate_name(0)] = {0, std::nullopt};
    d_.terms.ranges[coordinate_name(1)] = counter_range(c.inner, d_.terms.ranges);
    c.rows = d_.terms.substitute(definition.body[0],
                                 {{axis_name(0), ir::named(coordinate_name(0))}, {kReducedName, ir::named(coordinate_name(1))}});
    // Of one element where it is empty: tiles are chosen by dividing by sizes.
    c.sizes = {std::max<int64_t>(1, typical_value(c.row_extent)),
               std::max<int64_t>(1, typical_value(c.inner)),
               std::max<int64_t>(1, typical_value(c.column_extent)),
               c.operand_dtype,
               c.weight_dtype,
               0,
               0};
    all.push_back(c);
  }
}

bool tiles_fit_blocks(int64_t tile, int64_t block, const ir::IndexExpr& columns) {
  const std::optional<int64_t> all = ir::constant_value(columns);
  return tile % block == 0 || block % tile == 0 || (all && *all <= std::max(tile, block));
}

Contraction* Contractions::of(int definition) {
  for (Contraction& c : all)
    if (c.definition == definition) return &c;
  return nullptr;
}

// Calls `use` for each reference to `definition` in outputs and definitions: the index of its last axis, and the extent of k
// there.
void Contractions::for_each_use(int definition, const Use& use) const {
  std::set<TermId> seen;
  const std::function<void(TermId, std::optional<IndexExpr>)> walk = [&](TermId id, std::optional<IndexExpr> k_extent) {
    if (!seen.insert(id).second) return;
    const Term& term = d_.terms.at(id);
    if (term.kind == Kind::reference && term.definition == definition) use(term.indices.back(), k_extent);
    for (TermId arg : term.args) walk(arg, k_extent);
  };
  for (const Output& output : d_.outputs)
    for (const OutputPiece& piece : output.pieces) walk(piece.term, std::nullopt);
  for (int id : d_.definitions) {
    seen.clear();
    for (TermId part : d_.terms.definition(id).body) walk(part, d_.terms.definition(id).extent);
  }
}

// ---- windows

void Contractions::choose_windows(const Machine& machine, std::vector<Choice>& choices) {
  for (Contraction& c : all) {
    std::set<int64_t> windows;
    bool reduced = false;
    for_each_use(c.definition, [&](const IndexExpr& column, std::optional<IndexExpr> k_extent) {
      if (!k_extent || !ir::names_in(column).contains(kReducedName)) return;
      reduced = true;
      windows.insert(ir::constant_value(*k_extent).value_or(0));
    });
    const auto n = ir::constant_value(c.column_extent);
    const auto choose = [&](std::string decision, std::string reason) {
      choices.push_back({product_name(c), std::move(decision), std::move(reason), c.where, {}});
    };
    if (const int other = product_beside(c, machine); other >= 0) {
      c.local = true;
      c.beside = other;
      choose(fmt::format("epilogue fused with that of the {}", product_name(all[static_cast<size_t>(other)])),
             "both have one left side, and their consumers are elementwise in both");
      continue;
    }
    if (meets_local_product(c)) {
      choose("stored", "its consumers need another product too, whose epilogue is fused");
      continue;
    }
    if (is_elementwise(c, machine)) {
      c.local = true;
      choose("epilogue fused per column tile", "its consumers are elementwise");
      continue;
    }
    if (!n || !reduced || windows.size() != 1 || *windows.begin() <= 0 || *n % *windows.begin() != 0) {
      choose("stored",
             reduced ? "its consumers do not reduce over equal windows of columns" : "its consumers are not elementwise");
      continue;
    }
    if (c.scales && !tiles_fit_blocks(*windows.begin(), c.scales->block.columns, c.column_extent)) {
      choose("stored",
             fmt::format("its consumers need {} columns at once, which are not whole blocks of the {} columns that share a scale",
                         *windows.begin(), c.scales->block.columns));
      continue;
    }
    // Window by window each task reads its own part of the weight once, and the result is never in memory; stored, its columns
    // are cut as finely as the machine likes.
    const int64_t window = *windows.begin(), count = *n / window;
    ProductShape shape = c.sizes;
    shape.row_tile = ruled_row_tile(c, machine);
    shape.column_block = window;
    const double on_chip = estimate(work_of(shape, machine), machine).seconds + machine.rates.barrier;
    shape.column_block = ruled_column_block(c, machine);
    Work round_trip;
    round_trip.tasks = shape.rows;
    const double bytes = 4.0 * static_cast<double>(shape.rows) * static_cast<double>(shape.columns);
    add_reading(round_trip, 2 * bytes, bytes, machine);
    const double stored =
        estimate(work_of(shape, machine), machine).seconds + estimate(round_trip, machine).seconds + 2 * machine.rates.barrier;
    const std::string windows_text = fmt::format("{} window{} of {} columns", count, count == 1 ? "" : "s", window);
    const auto rejected = [&](const std::string& what, double seconds) {
      choices.back().rejected.push_back(fmt::format("{}: {} at {} rows", what, milliseconds(seconds), shape.rows));
    };
    // Two windows for every core, unless the estimates clearly say otherwise. A single one would be one task for a few rows.
    c.local =
        count >= 2 * machine.rates.cores ? !is_clearly_less(stored, on_chip) : count > 1 && is_clearly_less(on_chip, stored);
    if (!c.local) {
      choose(
          fmt::format("stored, {} at {} rows", milliseconds(stored), shape.rows),
          count >= 2 * machine.rates.cores
              ? "writing it and reading it again is estimated to take less than tasks of whole windows"
              : fmt::format("its consumers need {} columns of a row at once, and {} would not keep {} cores busy at a few rows",
                            window, windows_text, machine.rates.cores));
      rejected("epilogue fused per window, " + windows_text, on_chip);
      continue;
    }
    c.window = window;
    choose(fmt::format("epilogue fused per window, {}, {} at {} rows", windows_text, milliseconds(on_chip), shape.rows),
           "its consumers reduce within a window");
    rejected("stored", stored);
  }
}

// What is stored: pieces of outputs, and left sides of products.
std::set<TermId> Contractions::users_of(const Contraction& c) {
  std::set<TermId> users;
  for (const Output& output : d_.outputs)
    for (const OutputPiece& piece : output.pieces)
      if (needs(piece.term, c.definition)) users.insert(piece.term);
  for (const Contraction& product : all)
    if (needs(product.rows, c.definition)) users.insert(product.rows);
  return users;
}

// A scope computes one product, or several of one left side; what else its outputs need is stored before.
bool Contractions::meets_local_product(const Contraction& c) {
  const std::set<TermId> users = users_of(c);
  return std::any_of(all.begin(), all.end(), [&](const Contraction& other) {
    return &other != &c && other.local &&
           std::any_of(users.begin(), users.end(), [&](TermId user) { return needs(user, other.definition); });
  });
}

// The index of a product that is on chip in tiles of columns, and that this one can be computed beside; -1 if there is none.
int Contractions::product_beside(const Contraction& c, const Machine& machine) {
  if (takes_tiles(c, machine)) return -1;
  for (size_t i = 0; i < all.size(); ++i) {
    const Contraction& other = all[i];
    const bool is_alike = other.rows == c.rows && ir::same(other.row_extent, c.row_extent) &&
                          ir::same(other.column_extent, c.column_extent) && ir::same(other.inner, c.inner);
    if (&other != &c && other.local && other.window == 0 && other.beside < 0 && is_alike && is_elementwise(c, machine) &&
        users_of(c) == users_of(other))
      return static_cast<int>(i);
  }
  return -1;
}

// Every use is by one output or left side of a product, at that one's own row and column.
bool Contractions::is_elementwise(const Contraction& c, const Machine& machine) {
  for (int id : d_.definitions) {
    const std::vector<TermId> body = d_.terms.definition(id).body;
    const Contraction* product = of(id);
    for (size_t part = 0; part < body.size(); ++part)
      if (needs(body[part], c.definition) &&
          (!product || part != 0 || takes_tiles(*product, machine) || !uses_at(product->rows, c.definition, coordinate_name(1))))
        return false;
  }
  for (const Output& output : d_.outputs) {
    for (const OutputPiece& piece : output.pieces) {
      if (!needs(piece.term, c.definition)) continue;
      const size_t last = piece.step.size() - 1;
      const std::vector<IndexExpr>& shape = tensor_named(original_, output.tensor).shape;
      if (output.pieces.size() != 1 || shape.size() != 2 || piece.step[last] != 1) return false;
      if (!uses_at(piece.term, c.definition, coordinate_name(last))) return false;
    }
  }
  return users_of(c).size() == 1;
}

bool Contractions::uses_at(TermId id, int definition, const std::string& column) {
  const Term& term = d_.terms.at(id);
  if (term.kind == Kind::reference && term.definition == definition && ir::to_text(term.indices.back()) != column) return false;
  return std::all_of(term.args.begin(), term.args.end(), [&](TermId arg) { return uses_at(arg, definition, column); });
}

bool Contractions::needs(TermId id, int definition) {
  const Term term = d_.terms.at(id);
  if (term.kind == Kind::reference) {
    if (term.definition == definition) return true;
    if (of(term.definition)) return false;
    for (TermId part : d_.terms.definition(term.definition).body)
      if (needs(part, definition)) return true;
  }
  return std::any_of(term.args.begin(), term.args.end(), [&](TermId arg) { return needs(arg, definition); });
}

}  // namespace imbrex::optimize

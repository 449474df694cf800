#include "imbrex/optimize/schedule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <set>

#include "imbrex/optimize/contractions.h"
#include "imbrex/optimize/defects.h"
#include "imbrex/optimize/scope_writer.h"
#include "imbrex/optimize/shared_parts.h"
#include "imbrex/optimize/stored_values.h"
#include "imbrex/optimize/tile_sizes.h"
#include "imbrex/optimize/tile_terms.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using Kind = Term::Kind;

ir::Axis whole(const IndexExpr& extent) { return {ir::Axis::Kind::range, ir::constant(0), extent, {}}; }
ir::Axis span(const std::string& name) { return {ir::Axis::Kind::range, ir::span_begin(name), ir::span_size(name), {}}; }

class Scheduler {
 public:
  Scheduler(const ir::Program& original, Dissolved dissolved, const Machine& machine, const ScheduleConstraints& around)
      : original_(original),
        d_(std::move(dissolved)),
        machine_(machine),
        around_(around),
        contractions_(original, d_, machine, around.sizes, result_.choices),
        names_(around.taken) {}

  Scheduled run() {
    name_stored();
    result_.program.name = original_.name;
    result_.program.dims = original_.dims;
    result_.program.tensors = original_.tensors;
    result_.program.origins = original_.origins;
    int last = 0;
    for (const auto& stored : stored_tensors_) last = std::max(last, stored.level);
    for (int level = 0; level <= last; ++level) write_level(level);
    say_which_pins_bind_nothing();
    create_temporaries();
    for (auto assumption = d_.assumptions.rbegin(); assumption != d_.assumptions.rend(); ++assumption)
      result_.program.body.insert(result_.program.body.begin(), {assumption->what, {}, assumption->origin});
    return std::move(result_);
  }

  std::string decisions() {
    std::string text;
    for (const Contraction& c : contractions_.all) {
      const int64_t rows = row_tile(c, machine_, result_.choices), columns = column_block(c, machine_, result_.choices);
      text += fmt::format("{} {} {} {} {} {}\n", c.definition, c.local, c.window, rows, columns,
                          panels_stay(c, rows, c.window > 0 ? c.window : columns, machine_, result_.choices));
    }
    return text;
  }

 private:
  // What a phase must leave in memory: a temporary, or an output with its pieces.
  struct StoredTensor {
    std::string name;
    DType dtype = DType::f32;
    std::vector<IndexExpr> shape;
    std::vector<OutputPiece> pieces;
    int level = 0;
    int local = -1;  // index of the local contraction that it is computed with
    bool is_output = false;
  };

  [[noreturn]] static void refuse(std::string reason) { throw NotWritable{std::move(reason)}; }

  // What is refused while `write` runs is the fault of what the author wrote there.
  template <class Write>
  static void standing_at(const SourceLine& where, Write write) {
    try {
      write();
    } catch (const NotWritable& e) {
      throw NotWritable{e.reason, e.where.line > 0 ? e.where : where};
    } catch (const UserError& e) {
      // The makers of expressions refuse what has no form as a tile.
      throw NotWritable{fmt::format("the optimizer finds no tile expression for this value: {}", e.diagnostics().at(0).message),
                        where};
    }
  }
  // A stored is a tensor that the author stores to, or the operand of a product.
  SourceLine line_of(const StoredTensor& stored) const {
    for (const Contraction& c : contractions_.all)
      if (!stored.is_output && c.operand == stored.name) return c.where;
    return line_of_store(original_, stored.name);
  }
  Terms& terms() { return d_.terms; }

  // ---- levels: which phase ----------------------------------------------------------------------------------------------------

  int level_of(TermId id) {
    const Term term = terms().at(id);
    int level = 0;
    for (TermId arg : term.args) level = std::max(level, level_of(arg));
    if (term.kind != Kind::reference) return level;
    if (const Contraction* c = contractions_.of(term.definition)) return std::max(level, c->local ? c->level : c->level + 1);
    for (TermId part : terms().definition(term.definition).body) level = std::max(level, level_of(part));
    return level;
  }

  // Row operands first become tensors: an output, where one has just this value, or a temporary.
  void name_stored() {
    for (const ir::Dim& dim : original_.dims) names_.insert(dim.name);
    for (const ir::Tensor& tensor : original_.tensors) names_.insert(tensor.name);
    for (const Output& output : d_.outputs) {
      const ir::Tensor& tensor = tensor_named(original_, output.tensor);
      stored_tensors_.push_back({output.tensor, tensor.dtype, tensor.shape, output.pieces, 0, -1, true});
    }
    for (Contraction& c : contractions_.all) {
      const Term& rows = terms().at(c.rows);
      if (rows.kind == Kind::access && rows.indices.size() == 2 && ir::to_text(rows.indices[0]) == coordinate_name(0) &&
          ir::to_text(rows.indices[1]) == coordinate_name(1)) {
        c.operand = rows.tensor;
        c.level = 0;
      } else {
        StoredTensor& stored = stored_tensor_for(c);
        stored.level = level_of(c.rows);
        c.operand = stored.name;
        c.level = stored.level + 1;
      }
    }
    for (StoredTensor& stored : stored_tensors_) {
      for (const OutputPiece& piece : stored.pieces) {
        stored.level = std::max(stored.level, level_of(piece.term));
        stored.local = std::max(stored.local, local_of(piece.term));
      }
    }
    for (Contraction& c : contractions_.all)
      if (!c.local) c.stored = unique_name(consumer_of(c.definition) + "_proj");
  }

  StoredTensor& stored_tensor_for(const Contraction& c) {
    for (StoredTensor& stored : stored_tensors_)
      if (stored.pieces.size() == 1 && stored.shape.size() == 2 && stored.pieces[0].term == c.rows) {
        if (!stored.is_output) unite(stored.pieces[0].history, terms().history_of_definition(c.definition));
        return stored;
      }
    OutputPiece piece{{ir::constant(0), ir::constant(0)},         {c.row_extent, c.inner}, {1, 1}, c.rows, {},
                      terms().history_of_definition(c.definition)};
    const DType dtype = terms().at(c.rows).dtype;
    // "<input>_norm" where it contains a reduction of an input's rows and no product; else, as for attention's probabilities,
    // "lhs_of_<weight>".
    const bool is_norm = is_reduced(c.rows) && !needs_a_product(c.rows);
    const std::string name = is_norm ? first_input(c.rows) + "_norm" : "lhs_of_" + c.weight;
    stored_tensors_.push_back({unique_name(name), dtype, {c.row_extent, c.inner}, {piece}, 0, -1, false});
    return stored_tensors_.back();
  }

  bool is_reduced(TermId id) {
    const Term term = terms().at(id);
    if (term.kind == Kind::reference && !contractions_.of(term.definition)) return true;
    return std::any_of(term.args.begin(), term.args.end(), [&](TermId arg) { return is_reduced(arg); });
  }

  bool needs_a_product(TermId id) {
    return std::any_of(contractions_.all.begin(), contractions_.all.end(),
                       [&](const Contraction& c) { return contractions_.needs(id, c.definition); });
  }

  std::string first_input(TermId id) {
    const Term& term = terms().at(id);
    if (term.kind == Kind::access && term.indices.size() == 2) return term.tensor;
    for (TermId arg : term.args)
      if (const std::string name = first_input(arg); !name.empty()) return name;
    if (term.kind == Kind::reference) {
      const std::vector<TermId> body = terms().definition(term.definition).body;
      for (TermId part : body)
        if (const std::string name = first_input(part); !name.empty()) return name;
    }
    return "";
  }

  int local_of(TermId id) {
    const Term term = terms().at(id);
    int local = -1;
    for (TermId arg : term.args) local = std::max(local, local_of(arg));
    if (term.kind != Kind::reference) return local;
    for (size_t i = 0; i < contractions_.all.size(); ++i)
      if (const Contraction& c = contractions_.all[i]; c.definition == term.definition)
        return !c.local ? local : c.beside >= 0 ? c.beside : static_cast<int>(i);
    const std::vector<TermId> body = terms().definition(term.definition).body;
    for (TermId part : body) local = std::max(local, local_of(part));
    return local;
  }

  // The earliest stored that needs a definition lends its name to what is stored for it.
  std::string consumer_of(int definition) {
    const StoredTensor* earliest = nullptr;
    for (const StoredTensor& stored : stored_tensors_)
      for (const OutputPiece& piece : stored.pieces)
        if (contractions_.needs(piece.term, definition) && (!earliest || stored.level < earliest->level)) earliest = &stored;
    return earliest ? earliest->name : "product";
  }

  std::string unique_name(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 2; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
    return name;
  }

  // ---- what is in memory when a level runs ------------------------------------------------------------------------------------

  std::vector<Known> known_before(int level) {
    std::vector<Known> known;
    for (const StoredTensor& stored : stored_tensors_)
      if (stored.level < level && stored.pieces.size() == 1)
        known.push_back({stored.pieces[0].term, true, stored.name, stored.dtype, stored.shape, {}});
    for (const Contraction& c : contractions_.all) {
      if (c.stored.empty() || c.level >= level) continue;
      known.push_back(
          {reference_to(c), true, c.stored, terms().definition(c.definition).dtype, {c.row_extent, c.column_extent}, {}});
    }
    return known;
  }

  EnclosingProgram surroundings() {
    EnclosingProgram around;
    around.in_vectors = machine_.target->vector_bits > 0;
    around.unique = [this](const std::string& name) { return unique_name(name); };
    around.input = [this](const std::string& name) -> const ir::Tensor* {
      for (const ir::Tensor& tensor : original_.tensors)
        if (tensor.name == name && tensor.role == ir::Role::input) return &tensor;
      return nullptr;
    };
    around.flat = [this](const ir::Tensor& tensor) {
      std::string& view = flat_views_[tensor.name];
      if (view.empty()) {
        view = unique_name(tensor.name + "_row");
        IndexExpr elements = ir::constant(1);
        for (const IndexExpr& extent : tensor.shape) elements = ir::mul(elements, extent);
        views_.push_back({ir::View{view, tensor.name, {elements}}, {}, -1});
      }
      return view;
    };
    return around;
  }

  TermId reference_to(const Contraction& c) {
    return terms().reference(c.definition, {ir::named(coordinate_name(0)), ir::named(coordinate_name(1))});
  }

  // ---- writing the phases -----------------------------------------------------------------------------------------------------

  void write_level(int level) {
    std::vector<const StoredTensor*> row_tensors;
    for (const StoredTensor& stored : stored_tensors_)
      if (stored.level == level && stored.local < 0) row_tensors.push_back(&stored);
    std::erase_if(row_tensors, [&](const StoredTensor* stored) {
      if (!is_turned_round(*stored)) return false;
      standing_at(line_of(*stored), [&] { write_squares(level, *stored); });
      return true;
    });
    if (!row_tensors.empty()) write_rows(level, row_tensors);
    for (const Contraction& c : contractions_.all)
      if (c.level == level && !c.local) standing_at(c.where, [&] { write_stored(c); });
    for (size_t i = 0; i < contractions_.all.size(); ++i) {
      std::vector<const StoredTensor*> local;
      for (const StoredTensor& stored : stored_tensors_)
        if (stored.level == level && stored.local == static_cast<int>(i)) local.push_back(&stored);
      if (!local.empty()) standing_at(line_of(*local[0]), [&] { write_local(level, contractions_.all[i], local); });
    }
  }

  static ir::Loop loop(ir::Loop::Kind kind, std::string variable, IndexExpr extent, int64_t tile) {
    ir::Loop l;
    l.kind = kind;
    l.variable = std::move(variable);
    l.begin = ir::constant(0);
    l.extent = std::move(extent);
    l.tile = tile;
    return l;
  }

  ir::Statement scope_of(std::string name, ir::Block body, const Makings& made) {
    std::vector<ir::Source> sources = terms().sources(made);
    const int origin = sources.empty() ? -1 : sources[0].scope_origin >= 0 ? sources[0].scope_origin : sources[0].origin;
    return {ir::At{std::move(name), std::move(body)}, {}, origin, std::move(sources)};
  }

  // ---- tile sizes -------------------------------------------------------------------------------------------------------------

  // The author's size along rows or columns for what computes these stored_tensors, or this product.
  std::optional<int64_t> pinned(bool rows, const std::string& subject, const std::vector<const StoredTensor*>& stored_tensors,
                                const Contraction* product) {
    const auto binds = [&](const TilePin& pin) {
      if (pin.of_rows != rows) return false;
      if (product && pin.weights.contains(product->weight)) return true;
      return std::any_of(stored_tensors.begin(), stored_tensors.end(), [&](const StoredTensor* stored) {
        return pin.stored.contains(stored->name) ||
               std::any_of(contractions_.all.begin(), contractions_.all.end(),
                           [&](const Contraction& c) { return c.operand == stored->name && pin.operands_of.contains(c.weight); });
      });
    };
    std::optional<int64_t> size;
    for (size_t i = around_.tiles.size(); i-- > 0;) {  // the inner ones come last, and are nearer
      const TilePin& pin = around_.tiles[i];
      if (!binds(pin) || (size && *size != pin.size)) continue;
      if (!size) {
        const auto decision = fmt::format("{} {}{} at a time", pin.size, rows ? "row" : "column", pin.size == 1 ? "" : "s");
        result_.choices.push_back({subject, decision, fmt::format("pinned by its author, {}", pin.what), pin.where, {}});
      }
      size = pin.size;
      followed_.insert(i);
    }
    return size;
  }

  void say_which_pins_bind_nothing() {
    for (size_t i = 0; i < around_.tiles.size(); ++i) {
      const TilePin& pin = around_.tiles[i];
      if (followed_.contains(i)) continue;
      result_.choices.push_back({pin.what,
                                 fmt::format("its tiles of {} {} have no effect", pin.size, pin.of_rows ? "rows" : "columns"),
                                 "what it computes is part of a scope whose tiles are pinned otherwise, or follow from windows",
                                 pin.where,
                                 {}});
    }
  }

  int64_t rows_of(const Contraction& c, const std::vector<const StoredTensor*>& stored_tensors) {
    if (const auto size = pinned(true, product_name(c), stored_tensors, &c)) return *size;
    return row_tile(c, machine_, result_.choices);
  }

  // The products that are computed in the tiles of this one.
  std::vector<const Contraction*> beside(const Contraction& c) const {
    std::vector<const Contraction*> found;
    for (const Contraction& other : contractions_.all)
      if (other.beside >= 0 && &contractions_.all[static_cast<size_t>(other.beside)] == &c) found.push_back(&other);
    return found;
  }

  int64_t columns_of(const Contraction& c, const std::vector<const StoredTensor*>& stored_tensors) {
    if (const auto size = pinned(false, product_name(c), stored_tensors, &c)) return *size;
    const int64_t block = column_block(c, machine_, result_.choices);
    std::vector<const Contraction*> together = beside(c);  // their panels share the caches
    together.push_back(&c);
    const auto products = static_cast<int64_t>(together.size());
    return whole_blocks(products == 1 ? block : std::max(kLeastColumns, block / products / kLeastColumns * kLeastColumns),
                        together, result_.choices);
  }

  // Which axis of these tensors is rows: where they have all axes in common but the last, and what they are computed from has them in
  // this order, that with the most indices, so that a batch of one or few sequences is rows of tokens; else the first.
  size_t row_axis(const std::vector<const StoredTensor*>& stored_tensors) const {
    const std::vector<IndexExpr>& shape = stored_tensors[0]->shape;
    size_t rows = 0;
    for (size_t d = 1; d + 1 < shape.size(); ++d)
      if (contractions_.typical_value(shape[d]) > contractions_.typical_value(shape[rows])) rows = d;
    const bool have_these_axes = std::all_of(stored_tensors.begin(), stored_tensors.end(), [&](const StoredTensor* stored) {
      return stored->shape.size() == shape.size() &&
             std::equal(shape.begin(), shape.end() - 1, stored->shape.begin(),
                        [](const IndexExpr& a, const IndexExpr& b) { return ir::same(a, b); });
    });
    const bool keep_order = std::all_of(stored_tensors.begin(), stored_tensors.end(), [&](const StoredTensor* stored) {
      return std::all_of(stored->pieces.begin(), stored->pieces.end(),
                         [&](const OutputPiece& piece) { return reads_in_order(piece.term); });
    });
    return have_these_axes && keep_order ? rows : 0;
  }

  // Whether all that is loaded has its axes in the order of those that are stored.
  bool reads_in_order(TermId id) const {
    const Term& term = d_.terms.at(id);
    std::string before;
    for (const IndexExpr& index : term.kind == Kind::access ? term.indices : std::vector<IndexExpr>{})
      for (const std::string& name : ir::names_in(index)) {
        if (!name.starts_with(".i")) continue;
        if (name < before) return false;
        before = name;
      }
    return std::all_of(term.args.begin(), term.args.end(), [&](TermId arg) { return reads_in_order(arg); });
  }

  void write_rows(int level, const std::vector<const StoredTensor*>& stored_tensors) {
    const size_t row_axis = this->row_axis(stored_tensors);
    const IndexExpr row_extent = stored_tensors[0]->shape[row_axis];
    const std::string t = unique_name("t");
    const auto size = pinned(true, stored_tensors[0]->name, stored_tensors, nullptr);
    ir::Loop rows = loop(ir::Loop::Kind::parallel, t, row_extent,
                         size ? *size : row_block(stored_tensors[0]->name, widest_row(stored_tensors), result_.choices));
    for (const std::vector<const StoredTensor*>& together : sharing(stored_tensors))
      standing_at(line_of(*together[0]), [&] { rows.body.push_back(row_scope(level, together, {t, row_extent}, row_axis)); });
    result_.program.body.push_back({std::move(rows), {}, -1});
  }

  // Whether it has the rows of another tensor as its columns, and needs no row as a whole: of whole rows, each would be an element of
  // many cache lines.
  bool is_turned_round(const StoredTensor& stored) const {
    if (stored.shape.size() != 2 || stored.pieces.size() != 1) return false;
    const OutputPiece& piece = stored.pieces[0];
    for (size_t d = 0; d < 2; ++d)
      if (ir::constant_value(piece.least[d]) != 0 || piece.step[d] != 1 || !ir::same(piece.count[d], stored.shape[d]))
        return false;
    const std::string row = coordinate_name(0), column = coordinate_name(1);
    bool turned = false;
    const std::function<bool(TermId)> needs_no_row = [&](TermId id) {
      const Term& term = d_.terms.at(id);
      if (term.kind == Kind::reference || term.kind == Kind::choice) return false;
      if (term.kind == Kind::access && term.indices.size() == 2)
        turned = turned || (ir::to_text(term.indices[0]) == column && ir::to_text(term.indices[1]) == row);
      return std::all_of(term.args.begin(), term.args.end(), needs_no_row);
    };
    return needs_no_row(piece.term) && turned;
  }

  // In tiles of both axes, each of whole cache lines.
  void write_squares(int level, const StoredTensor& stored) {
    constexpr int64_t kSide = 32;
    const std::string t = unique_name("t"), n = unique_name("n");
    const auto size = pinned(true, stored.name, {&stored}, nullptr);
    ir::Loop rows = loop(ir::Loop::Kind::parallel, t, stored.shape[0], size ? *size : kSide);
    ir::Loop columns = loop(ir::Loop::Kind::parallel, n, stored.shape[1], kSide);
    ScopeWriter scope(terms(), {t, stored.shape[0]}, known_before(level), surroundings());
    scope.stand_in_columns(span(n), stored.shape[1]);
    scope.add(stored.name, stored.pieces[0], row_coordinates(stored, stored.pieces[0], {}, stored), span(n));
    ir::Block body = scope.finish();
    rows.body.push_back(scope_of(stored.name, std::move(body), scope.makings()));
    columns.body.push_back({std::move(rows), {}, -1});
    result_.choices.push_back({stored.name,
                               fmt::format("{} rows by {} columns at a time", size.value_or(kSide), kSide),
                               "it is stored in rows and read in columns, each in whole cache lines",
                               {},
                               {}});
    result_.program.body.push_back({std::move(columns), {}, -1});
  }

  // The columns of the widest row that these tensors store, or reduce to store them; none where a size is not constant.
  std::optional<int64_t> widest_row(const std::vector<const StoredTensor*>& stored_tensors) {
    int64_t widest = 1;
    std::vector<IndexExpr> extents;
    for (const StoredTensor* stored : stored_tensors) {
      extents.push_back(stored->shape.back());
      for (const OutputPiece& piece : stored->pieces)
        for (int id : d_.definitions)
          if (!contractions_.of(id) && contractions_.needs(piece.term, id)) extents.push_back(terms().definition(id).extent);
    }
    for (const IndexExpr& extent : extents) {
      const auto columns = ir::constant_value(extent);
      if (!columns) return std::nullopt;
      widest = std::max(widest, *columns);
    }
    return widest;
  }

  // One scope, in loops over the axes beside rows and columns (heads).
  ir::Statement row_scope(int level, const std::vector<const StoredTensor*>& stored_tensors, const Rows& rows, size_t row_axis) {
    const StoredTensor& first = *stored_tensors[0];
    RowAxes axes{row_axis, {}};
    for (size_t d = 0; d + 1 < first.shape.size(); ++d) {
      axes.loops.push_back(d == row_axis || ir::is_one(first.shape[d]) ? "" : unique_name("h"));
      if (!axes.loops.back().empty()) terms().ranges[axes.loops.back()] = counter_range(first.shape[d], terms().ranges);
    }
    ScopeWriter scope(terms(), rows, known_before(level), surroundings());
    for (const StoredTensor* stored : stored_tensors) {
      for (const OutputPiece& piece : stored->pieces) {
        if (!ir::same(stored->shape[row_axis], rows.extent))
          refuse(
              fmt::format("{} has {} rows and what is computed beside it {}, and the optimizer computes the same rows together; "
                          "set one apart "
                          "in a scope with @no_fusion",
                          stored->name, ir::to_text(stored->shape[row_axis]), ir::to_text(rows.extent)));
        scope.add(stored->name, piece, row_coordinates(*stored, piece, axes, first));
      }
    }
    ir::Block body = scope.finish();
    ir::Statement statement = scope_of(first.name, std::move(body), scope.makings());
    for (size_t d = axes.loops.size(); d-- > 0;) {
      if (axes.loops[d].empty()) continue;
      ir::Loop over = loop(ir::Loop::Kind::parallel, axes.loops[d], first.shape[d], 0);
      over.body.push_back(std::move(statement));
      statement = {std::move(over), {}, -1};
    }
    return statement;
  }

  // Those that need a common definition stand in one scope, and those of equal axes that have a part in common.
  std::vector<std::vector<const StoredTensor*>> sharing(const std::vector<const StoredTensor*>& stored_tensors) {
    struct Group {
      std::vector<const StoredTensor*> tensors;
      std::set<int> definitions;
      std::set<TermId> parts;
    };
    const auto meet = [](const auto& a, const auto& b) {
      return std::any_of(a.begin(), a.end(), [&](const auto& each) { return b.contains(each); });
    };
    std::vector<Group> groups;
    for (const StoredTensor* stored : stored_tensors) {
      std::set<int> definitions;
      for (const OutputPiece& piece : stored->pieces)
        for (int id : d_.definitions)
          if (contractions_.needs(piece.term, id)) definitions.insert(id);
      std::set<TermId> parts = parts_worth_holding(terms(), stored->shape, stored->pieces, definitions);
      const auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& each) {
        return meet(definitions, each.definitions) || (have_equal_axes(*stored, *each.tensors[0]) && meet(parts, each.parts));
      });
      Group& with = group == groups.end() ? groups.emplace_back() : *group;
      with.tensors.push_back(stored);
      with.definitions.merge(definitions);
      with.parts.merge(parts);
    }
    std::vector<std::vector<const StoredTensor*>> together;
    for (Group& group : groups) together.push_back(std::move(group.tensors));
    return together;
  }

  static bool have_equal_axes(const StoredTensor& a, const StoredTensor& b) {
    return std::equal(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end(),
                      [](const IndexExpr& x, const IndexExpr& y) { return ir::same(x, y); });
  }

  // Of a phase over rows: which axis they are, and of each other one but the last the loop over it, "" where it has one index.
  struct RowAxes {
    size_t rows = 0;
    std::vector<std::string> loops;
  };

  // The names of a piece's coordinates there: the last is the column.
  std::vector<std::string> row_coordinates(const StoredTensor& stored, const OutputPiece& piece, const RowAxes& axes,
                                           const StoredTensor& first) {
    const bool has_loops =
        std::any_of(axes.loops.begin(), axes.loops.end(), [](const std::string& each) { return !each.empty(); });
    if (stored.shape.size() != first.shape.size() && (has_loops || axes.rows > 0))
      refuse(fmt::format(
          "{} has other axes than {}, which is computed beside it, and the optimizer computes equal axes together; set one "
          "apart in a scope with @no_fusion",
          stored.name, first.name));
    std::vector<std::string> names;
    for (size_t d = 0; d + 1 < std::max<size_t>(stored.shape.size(), 2); ++d) {
      if (d == axes.rows) {
        names.push_back(kRowName);
        continue;
      }
      const bool whole_axis =
          ir::constant_value(piece.least[d]) == 0 && piece.step[d] == 1 && ir::same(piece.count[d], stored.shape[d]);
      if (!whole_axis || d >= axes.loops.size() || !ir::same(stored.shape[d], first.shape[d]))
        refuse(
            fmt::format("one expression holds for a part of {}'s middle axis alone, and the optimizer writes one for all of it; "
                        "make the part an "
                        "output of its own",
                        stored.name));
      names.push_back(axes.loops[d]);
    }
    if (stored.shape.size() > 1) names.push_back(kColumnName);
    return names;
  }

  void write_stored(const Contraction& c) {
    const std::string n = unique_name("n"), t = unique_name("t");
    ir::Loop columns = loop(ir::Loop::Kind::parallel, n, c.column_extent, columns_of(c, {}));
    ir::Loop rows = loop(ir::Loop::Kind::parallel, t, c.row_extent, rows_of(c, {}));
    ir::Store store{c.stored, {span(t), span(n)}, product(c, t, span(n), columns.tile)};
    const Makings& made = terms().makings(reference_to(c));
    ir::Statement statement{std::move(store), {}, made.empty() ? -1 : made[0].origin, terms().sources(made)};
    write_nest(c, std::move(rows), std::move(columns), scope_of(c.stored, {std::move(statement)}, made));
  }

  // All tasks are independent. Code takes the outermost loop's fastest.
  void write_nest(const Contraction& c, ir::Loop rows, ir::Loop columns, ir::Statement scope) {
    const int64_t block = c.window > 0 ? c.window : columns.tile;
    ir::Loop &outer = panels_stay(c, rows.tile, block, machine_, result_.choices) ? rows : columns,
             &inner = &outer == &rows ? columns : rows;
    inner.body.push_back(std::move(scope));
    outer.body.push_back({std::move(inner), {}, -1});
    result_.program.body.push_back({std::move(outer), {}, -1});
  }

  // Of `tile` columns, or fewer at the end.
  ir::ExprPtr product(const Contraction& c, const std::string& t, const ir::Axis& columns, int64_t tile) {
    ir::ExprPtr a = ir::make_load(c.operand, c.operand_dtype, {span(t), whole(c.inner)});
    std::vector<ir::Axis> slice{whole(c.inner), columns};
    if (c.weight_transposed) std::swap(slice[0], slice[1]);
    const ir::ExprPtr b = ir::make_load(c.weight, c.weight_dtype, slice);
    if (!c.scales) return ir::make_matmul(a, b, false, c.weight_transposed);
    return ir::make_matmul_expanded(scales(c, columns, tile), a, b, c.scales->block, c.weight_transposed);
  }

  // For want of tiles for this product and those beside it.
  [[noreturn]] void refuse_blocks(const Contraction& c, int64_t tile) const {
    const Contraction& first = c.beside < 0 ? c : contractions_.all[static_cast<size_t>(c.beside)];
    std::vector<const Contraction*> together = beside(first);
    together.insert(together.begin(), &first);
    std::vector<std::string> blocks;
    for (const Contraction* each : together)
      if (each->scales)
        blocks.push_back(fmt::format("{} has a scale for each {} columns", each->weight, each->scales->block.columns));
    refuse(
        fmt::format("{}, and tiles of {} columns would have parts of such blocks; {}", fmt::join(blocks, ", "), tile,
                    together.size() > 1 ? "write one of the products in a scope with @no_fusion" : "pin tiles of whole blocks"));
  }

  // Of the blocks of these columns: the first begins at one, or lies in one with all others.
  ir::ExprPtr scales(const Contraction& c, const ir::Axis& columns, int64_t tile) {
    const ir::ScaledBlock block = c.scales->block;
    if (!tiles_fit_blocks(tile, block.columns, c.column_extent)) refuse_blocks(c, tile);
    const auto blocks = [](const IndexExpr& begin, const IndexExpr& extent, int64_t each) {
      return ir::Axis{
          ir::Axis::Kind::range, ir::floor_div(begin, ir::constant(each)), ir::ceil_div(extent, ir::constant(each)), {}};
    };
    std::vector<ir::Axis> slice{blocks(ir::constant(0), c.inner, block.k), blocks(columns.begin, columns.size, block.columns)};
    if (c.weight_transposed) std::swap(slice[0], slice[1]);
    return ir::make_load(c.scales->tensor, c.scales->dtype, std::move(slice));
  }

  void write_local(int level, const Contraction& c, const std::vector<const StoredTensor*>& stored_tensors) {
    const std::string w = unique_name(c.window > 0 ? "h" : "n"), t = unique_name("t");
    const int64_t count = c.window > 0 ? *ir::constant_value(c.column_extent) / c.window : 0;
    ir::Loop windows = loop(ir::Loop::Kind::parallel, w, c.window > 0 ? ir::constant(count) : c.column_extent,
                            c.window > 0 ? 0 : columns_of(c, stored_tensors));
    ir::Loop rows = loop(ir::Loop::Kind::parallel, t, c.row_extent, rows_of(c, stored_tensors));
    if (c.window > 0) terms().ranges[w] = {0, count - 1};

    ScopeWriter scope(terms(), {t, c.row_extent}, known_before(level), surroundings());
    const ir::Axis columns =
        c.window > 0 ? ir::Axis{ir::Axis::Kind::range, ir::mul(ir::constant(c.window), ir::named(w)), ir::constant(c.window), {}}
                     : span(w);
    terms().ranges[kColumnName] = counter_range(columns.size, terms().ranges);
    if (c.window == 0) scope.stand_in_columns(columns, c.column_extent);
    const int64_t tile = c.window > 0 ? c.window : windows.tile;
    const TermId held = terms().reference(c.definition, {ir::named(kRowName), ir::add(columns.begin, ir::named(kColumnName))});
    scope.hold(stored_tensors[0]->name + "_acc", held, columns.size, product(c, t, columns, tile));
    for (const Contraction* other : beside(c)) {
      const TermId also = terms().reference(other->definition, terms().at(held).indices);
      scope.hold(stored_tensors[0]->name + "_acc", also, columns.size, product(*other, t, columns, tile));
    }
    for (const StoredTensor* stored : stored_tensors) {
      for (const OutputPiece& piece : stored->pieces) {
        if (c.window > 0)
          scope.add(stored->name, piece, window_coordinates(c, *stored, piece, w));
        else
          scope.add(stored->name, piece, row_coordinates(*stored, piece, {}, *stored), columns);
      }
    }
    ir::Block body = scope.finish();
    write_nest(c, std::move(rows), std::move(windows), scope_of(stored_tensors[0]->name, std::move(body), scope.makings()));
  }

  // Which coordinate of a piece counts windows: the one that appears as window * i in the contraction's column.
  std::vector<std::string> window_coordinates(const Contraction& c, const StoredTensor& stored, const OutputPiece& piece,
                                              const std::string& h) {
    std::vector<std::string> names{kRowName};
    std::string counting;
    contractions_.for_each_use(c.definition, [&](const IndexExpr& column, std::optional<IndexExpr> k_extent) {
      if (k_extent) return;
      for (const auto& [key, part] : linear(column, terms().ranges).parts)
        if (part.coefficient == c.window) counting = key;
    });
    for (size_t d = 1; d < stored.shape.size(); ++d) {
      const std::string name = coordinate_name(d);
      const bool all_windows = ir::constant_value(piece.least[d]) == 0 && piece.step[d] == 1 &&
                               ir::constant_value(piece.count[d]) == *ir::constant_value(c.column_extent) / c.window;
      if (name == counting && !all_windows)
        refuse(fmt::format(
            "one expression holds for some windows of {} alone, and the optimizer writes one for all; make them an output of "
            "their own",
            stored.name));
      names.push_back(name == counting ? h : d + 1 == stored.shape.size() ? kColumnName : "");
      if (names.back().empty() && !ir::is_one(piece.count[d]))
        refuse(fmt::format(
            "{} has an axis beside rows, windows and columns of a matmul, and the optimizer has loops for these; give it the "
            "shape [rows, windows, columns]",
            stored.name));
    }
    if (counting.empty())
      refuse(fmt::format(
          "no axis of {} counts the windows of the matmul that it is made from, and the optimizer stores each window at its "
          "number; give it the shape [rows, windows, columns]",
          stored.name));
    return names;
  }

  void create_temporaries() {
    ir::Block created;
    const auto create = [&](const std::string& name, DType dtype, const std::vector<IndexExpr>& shape) {
      created.push_back({ir::CreateTensor{{name, dtype, shape, ir::Role::temporary, {}, -1}}, {}, -1});
    };
    for (const StoredTensor& stored : stored_tensors_)
      if (!stored.is_output) create(stored.name, stored.dtype, stored.shape);
    for (const Contraction& c : contractions_.all)
      if (!c.stored.empty()) create(c.stored, terms().definition(c.definition).dtype, {c.row_extent, c.column_extent});
    created.insert(created.begin(), views_.begin(), views_.end());
    result_.program.body.insert(result_.program.body.begin(), std::make_move_iterator(created.begin()),
                                std::make_move_iterator(created.end()));
  }

  const ir::Program& original_;
  Dissolved d_;
  Machine machine_;
  const ScheduleConstraints& around_;
  Scheduled result_;
  Contractions contractions_;
  std::vector<StoredTensor> stored_tensors_;
  std::set<std::string> names_;                    // taken
  std::set<size_t> followed_;                      // pins
  std::map<std::string, std::string> flat_views_;  // by input
  ir::Block views_;
};

}  // namespace

std::variant<Scheduled, NotDissolved> schedule(const ir::Program& original, Dissolved dissolved, const Machine& machine,
                                               const ScheduleConstraints& around) {
  try {
    std::optional<Scheduled> result;
    Defects defects;
    if (without_defect("scheduling", defects, [&] { result = Scheduler(original, std::move(dissolved), machine, around).run(); }))
      return std::move(*result);
    return NotDissolved{{}, defects[0].happened, true};
  } catch (const NotWritable& e) {
    return NotDissolved{e.where, readable(e.reason)};
  } catch (const GivenUp& e) {
    return NotDissolved{{}, e.reason};
  }
}

std::string decisions(const ir::Program& original, const Dissolved& dissolved, const Machine& machine,
                      const ScheduleConstraints& around) {
  try {
    return Scheduler(original, dissolved, machine, around).decisions();
  } catch (const NotWritable&) {
    return "";
  } catch (const GivenUp&) {
    return "";
  }
}

}  // namespace imbrex::optimize

#include "imbrex/optimize/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "imbrex/optimize/extents.h"
#include "imbrex/optimize/scope_writer.h"
#include "imbrex/optimize/tile_terms.h"
#include "imbrex/target/machines.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using Kind = Term::Kind;

bool is_contraction(const Definition& d) { return d.body.size() == 2; }

ir::Axis whole(const IndexExpr& extent) { return {ir::Axis::Kind::range, ir::constant(0), extent, {}}; }
ir::Axis span(const std::string& name) { return {ir::Axis::Kind::range, ir::span_begin(name), ir::span_size(name), {}}; }

// A contraction: a row operand over (a0, k) times a weight read at (k, a1) or (a1, k).
struct Contraction {
  int definition = -1;
  TermId rows = kNoTerm;          // over i0 (row) and i1 (k): the row operand as a tensor's term
  std::string weight;
  DType weight_dtype = DType::f32;
  bool weight_transposed = false;
  IndexExpr row_extent, column_extent, inner;
  bool local = false;             // used up where it is computed, in windows of columns:
  int64_t window = 0;             // so many at a time, or 0: tiles of any columns
  std::string operand;            // tensor that holds the row operand
  std::string stored;             // tensor that holds the result; empty if local
  int level = 0;
};

class Scheduler {
 public:
  Scheduler(const ir::Program& original, Dissolved dissolved, const Machine& machine)
      : original_(original), d_(std::move(dissolved)), machine_(machine) {}

  Scheduled run() {
    extents_ = infer_extents(d_);
    find_contractions();
    choose_windows();
    name_stored();
    result_.program.name = original_.name;
    result_.program.dims = original_.dims;
    result_.program.tensors = original_.tensors;
    for (ir::Tensor& tensor : result_.program.tensors) tensor.origin = -1;
    for (ir::Dim& dim : result_.program.dims) dim.origin = -1;
    int last = 0;
    for (const auto& target : targets_) last = std::max(last, target.level);
    for (int level = 0; level <= last; ++level) write_level(level);
    create_temporaries();
    for (auto assumption = d_.assumptions.rbegin(); assumption != d_.assumptions.rend(); ++assumption)
      result_.program.body.insert(result_.program.body.begin(), {*assumption, {}, -1});
    return std::move(result_);
  }

 private:
  // What a phase must leave in memory: a temporary, or an output with its pieces.
  struct Target {
    std::string name;
    DType dtype = DType::f32;
    std::vector<IndexExpr> shape;
    std::vector<OutputPiece> pieces;
    int level = 0;
    int local = -1;                // index of the local contraction that it is computed with
    bool is_output = false;
  };

  [[noreturn]] static void refuse(std::string reason) { throw NotWritable{std::move(reason)}; }
  Terms& terms() { return d_.terms; }

  // ---- what there is --------------------------------------------------------------------------------------------------------

  void find_contractions() {
    for (int id : d_.definitions) {
      const Definition& definition = terms().definition(id);
      if (!is_contraction(definition)) continue;
      Contraction c;
      c.definition = id;
      c.inner = definition.extent;
      const Term& b = terms().at(definition.body[1]);
      if (b.kind != Kind::access || b.indices.size() != 2 || definition.axes != 2)
        refuse("a product of matrices whose right side is computed");
      const std::string first = ir::to_text(b.indices[0]), second = ir::to_text(b.indices[1]);
      c.weight_transposed = second == kReducedName;
      if ((c.weight_transposed ? first : first == kReducedName ? second : "") != axis_name(1)) refuse("a product with a right side that is not a matrix");
      c.weight = b.tensor;
      c.weight_dtype = b.dtype;
      c.row_extent = extents_.at(id)[0];
      c.column_extent = extents_.at(id)[1];
      for (const auto& [name, used] : names_of(definition.body[0]))
        if (name == axis_name(1)) refuse("a product whose left side depends on the column");
      terms().ranges[coordinate_name(0)] = {0, std::nullopt};
      terms().ranges[coordinate_name(1)] = counter(c.inner);
      c.rows = terms().substitute(definition.body[0], {{axis_name(0), ir::named(coordinate_name(0))}, {kReducedName, ir::named(coordinate_name(1))}});
      contractions_.push_back(c);
    }
  }

  std::map<std::string, bool> names_of(TermId term) {
    std::map<std::string, bool> names;
    terms().collect_names(term, names);
    return names;
  }

  static Range counter(const IndexExpr& extent) {
    const auto n = ir::constant_value(extent);
    return {0, n ? std::optional(*n - 1) : std::nullopt};
  }

  Contraction* contraction_of(int definition) {
    for (Contraction& c : contractions_)
      if (c.definition == definition) return &c;
    return nullptr;
  }

  // Calls `use` for each reference to `definition` in outputs and definitions: the index of its last axis, and the extent of k there.
  void for_each_use(int definition, const std::function<void(const IndexExpr& column, std::optional<IndexExpr> k_extent)>& use) {
    std::set<TermId> seen;
    const std::function<void(TermId, std::optional<IndexExpr>)> walk = [&](TermId id, std::optional<IndexExpr> k_extent) {
      if (!seen.insert(id).second) return;
      const Term& term = terms().at(id);
      if (term.kind == Kind::reference && term.definition == definition) use(term.indices.back(), k_extent);
      for (TermId arg : term.args) walk(arg, k_extent);
    };
    for (const Output& output : d_.outputs)
      for (const OutputPiece& piece : output.pieces) walk(piece.term, std::nullopt);
    for (int id : d_.definitions) {
      seen.clear();
      for (TermId part : terms().definition(id).body) walk(part, terms().definition(id).extent);
    }
  }

  // ---- windows: which contractions stay on chip --------------------------------------------------------------------------------

  void choose_windows() {
    for (Contraction& c : contractions_) {
      std::set<int64_t> windows;
      bool reduced = false;
      for_each_use(c.definition, [&](const IndexExpr& column, std::optional<IndexExpr> k_extent) {
        if (!k_extent || !ir::names_in(column).contains(kReducedName)) return;
        reduced = true;
        windows.insert(ir::constant_value(*k_extent).value_or(0));
      });
      const auto n = ir::constant_value(c.column_extent);
      const std::string subject = product_name(c);
      if (!reduced && is_elementwise(c)) {
        c.local = true;
        choose(subject, "on chip in tiles of its columns", "what follows needs nothing but the element itself");
        continue;
      }
      if (!n || !reduced || windows.size() != 1 || *windows.begin() <= 0 || *n % *windows.begin() != 0) {
        choose(subject, "stored", reduced ? "its rows are reduced over unlike parts" : "its columns are used at other places");
        continue;
      }
      const int64_t window = *windows.begin(), count = *n / window;
      // Window by window there are `count` tasks, each reading its own part of the weight once.
      if (count < 2 * machine_.cores) {
        choose(subject, "stored",
                                   fmt::format("a row's sum needs all of its {} columns, and {} windows would not keep {} cores busy",
                                               window, count, machine_.cores));
        continue;
      }
      c.local = true;
      c.window = window;
      choose(subject, fmt::format("on chip in {} windows of {} columns", count, window),
                                 "each window's rows are reduced, scaled and stored where they were computed");
    }
  }

  // Every use is by one output, at that output's own column.
  bool is_elementwise(const Contraction& c) {
    for (int id : d_.definitions)
      for (TermId part : terms().definition(id).body)
        if (needs(part, c.definition)) return false;
    std::set<std::string> users;
    for (const Output& output : d_.outputs) {
      for (const OutputPiece& piece : output.pieces) {
        if (!needs(piece.term, c.definition)) continue;
        users.insert(output.tensor);
        const size_t last = piece.step.size() - 1;
        const std::vector<IndexExpr>& shape = tensor_named(output.tensor).shape;
        if (output.pieces.size() != 1 || shape.size() != 2 || piece.step[last] != 1) return false;
        if (!uses_at(piece.term, c.definition, coordinate_name(last))) return false;
      }
    }
    return users.size() == 1;
  }

  bool uses_at(TermId id, int definition, const std::string& column) {
    const Term& term = terms().at(id);
    if (term.kind == Kind::reference && term.definition == definition && ir::to_text(term.indices.back()) != column) return false;
    return std::all_of(term.args.begin(), term.args.end(), [&](TermId arg) { return uses_at(arg, definition, column); });
  }

  // ---- levels: which phase ------------------------------------------------------------------------------------------------------

  int level_of(TermId id) {
    const Term term = terms().at(id);
    int level = 0;
    for (TermId arg : term.args) level = std::max(level, level_of(arg));
    if (term.kind != Kind::reference) return level;
    if (const Contraction* c = contraction_of(term.definition)) return std::max(level, c->local ? c->level : c->level + 1);
    for (TermId part : terms().definition(term.definition).body) level = std::max(level, level_of(part));
    return level;
  }

  // Row operands first become tensors: an output, where one has just this value, or a temporary.
  void name_stored() {
    for (const ir::Dim& dim : original_.dims) names_.insert(dim.name);
    for (const ir::Tensor& tensor : original_.tensors) names_.insert(tensor.name);
    for (const Output& output : d_.outputs) {
      const ir::Tensor& tensor = tensor_named(output.tensor);
      targets_.push_back({output.tensor, tensor.dtype, tensor.shape, output.pieces, 0, -1, true});
    }
    for (Contraction& c : contractions_) {
      const Term& rows = terms().at(c.rows);
      if (rows.kind == Kind::access && rows.indices.size() == 2 && ir::to_text(rows.indices[0]) == coordinate_name(0) &&
          ir::to_text(rows.indices[1]) == coordinate_name(1)) {
        c.operand = rows.tensor;
        c.level = 0;
      } else {
        Target& target = target_for(c);
        target.level = level_of(c.rows);
        c.operand = target.name;
        c.level = target.level + 1;
      }
    }
    for (Target& target : targets_) {
      for (const OutputPiece& piece : target.pieces) {
        target.level = std::max(target.level, level_of(piece.term));
        target.local = std::max(target.local, local_of(piece.term));
      }
    }
    for (Contraction& c : contractions_)
      if (!c.local) c.stored = unique_name(consumer_of(c.definition) + "_proj");
  }

  const ir::Tensor& tensor_named(const std::string& name) const {
    for (const ir::Tensor& tensor : original_.tensors)
      if (tensor.name == name) return tensor;
    throw InternalError("an output has its tensor");
  }

  Target& target_for(const Contraction& c) {
    for (Target& target : targets_)
      if (target.pieces.size() == 1 && target.shape.size() == 2 && target.pieces[0].term == c.rows) return target;
    OutputPiece piece{{ir::constant(0), ir::constant(0)}, {c.row_extent, c.inner}, {1, 1}, c.rows};
    const DType dtype = terms().at(c.rows).dtype;
    targets_.push_back({unique_name(first_input(c.rows) + "_norm"), dtype, {c.row_extent, c.inner}, {piece}, 0, -1, false});
    return targets_.back();
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
    for (size_t i = 0; i < contractions_.size(); ++i)
      if (contractions_[i].definition == term.definition) return contractions_[i].local ? static_cast<int>(i) : local;
    const std::vector<TermId> body = terms().definition(term.definition).body;
    for (TermId part : body) local = std::max(local, local_of(part));
    return local;
  }

  // The earliest target that needs a definition lends its name to what is stored for it.
  std::string consumer_of(int definition) {
    const Target* earliest = nullptr;
    for (const Target& target : targets_)
      for (const OutputPiece& piece : target.pieces)
        if (needs(piece.term, definition) && (!earliest || target.level < earliest->level)) earliest = &target;
    return earliest ? earliest->name : "product";
  }

  bool needs(TermId id, int definition) {
    const Term term = terms().at(id);
    if (term.kind == Kind::reference) {
      if (term.definition == definition) return true;
      if (contraction_of(term.definition)) return false;
      for (TermId part : terms().definition(term.definition).body)
        if (needs(part, definition)) return true;
    }
    return std::any_of(term.args.begin(), term.args.end(), [&](TermId arg) { return needs(arg, definition); });
  }

  std::string unique_name(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 2; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
    return name;
  }

  // ---- what is in memory when a level runs ------------------------------------------------------------------------------------

  std::vector<Known> known_before(int level) {
    std::vector<Known> known;
    for (const Target& target : targets_)
      if (target.level < level && target.pieces.size() == 1)
        known.push_back({target.pieces[0].term, true, target.name, target.dtype, target.shape, {}});
    for (const Contraction& c : contractions_) {
      if (c.stored.empty() || c.level >= level) continue;
      known.push_back({reference_to(c), true, c.stored, terms().definition(c.definition).dtype, {c.row_extent, c.column_extent}, {}});
    }
    return known;
  }

  Surroundings surroundings() {
    Surroundings around;
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

  TermId reference_to(const Contraction& c) { return terms().reference(c.definition, {ir::named(coordinate_name(0)), ir::named(coordinate_name(1))}); }

  // ---- writing the phases -----------------------------------------------------------------------------------------------------

  void write_level(int level) {
    std::vector<const Target*> row_targets;
    for (const Target& target : targets_)
      if (target.level == level && target.local < 0) row_targets.push_back(&target);
    if (!row_targets.empty()) write_rows(level, row_targets);
    for (const Contraction& c : contractions_)
      if (c.level == level && !c.local) write_stored(c);
    for (size_t i = 0; i < contractions_.size(); ++i) {
      std::vector<const Target*> local;
      for (const Target& target : targets_)
        if (target.level == level && target.local == static_cast<int>(i)) local.push_back(&target);
      if (!local.empty()) write_local(level, contractions_[i], local);
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

  void write_rows(int level, const std::vector<const Target*>& targets) {
    const IndexExpr row_extent = targets[0]->shape[0];
    const std::string t = unique_name("t");
    ir::Loop rows = loop(ir::Loop::Kind::parallel, t, row_extent, row_block(targets[0]->name));
    for (const std::vector<const Target*>& together : sharing(targets)) {
      ScopeWriter scope(terms(), {t, row_extent}, known_before(level), surroundings());
      for (const Target* target : together) {
        for (const OutputPiece& piece : target->pieces) {
          if (!ir::same(target->shape[0], row_extent)) refuse(fmt::format("{} has other rows than {}", target->name, targets[0]->name));
          scope.add(target->name, piece, row_coordinates(*target, piece));
        }
      }
      rows.body.push_back({ir::At{together[0]->name, scope.finish()}, {}, -1});
    }
    result_.program.body.push_back({std::move(rows), {}, -1});
  }

  // Targets that need a common definition stand in one scope.
  std::vector<std::vector<const Target*>> sharing(const std::vector<const Target*>& targets) {
    std::vector<std::vector<const Target*>> groups;
    std::vector<std::set<int>> used;
    for (const Target* target : targets) {
      std::set<int> own;
      for (const OutputPiece& piece : target->pieces)
        for (int id : d_.definitions)
          if (needs(piece.term, id)) own.insert(id);
      size_t g = 0;
      while (g < groups.size() && std::none_of(own.begin(), own.end(), [&](int id) { return used[g].contains(id); })) ++g;
      if (g == groups.size()) {
        groups.emplace_back();
        used.emplace_back();
      }
      groups[g].push_back(target);
      used[g].insert(own.begin(), own.end());
    }
    return groups;
  }

  // The names of a piece's coordinates in a phase over rows: the first is the row, the last the column; between them nothing.
  std::vector<std::string> row_coordinates(const Target& target, const OutputPiece& piece) {
    std::vector<std::string> names{kRowName};
    for (size_t d = 1; d + 1 < target.shape.size(); ++d)
      if (!ir::is_one(piece.count[d])) refuse(fmt::format("{} has more than rows and columns", target.name));
      else names.push_back("");
    if (target.shape.size() > 1) names.push_back(kColumnName);
    return names;
  }

  void write_stored(const Contraction& c) {
    const std::string n = unique_name("n"), t = unique_name("t");
    ir::Loop columns = loop(ir::Loop::Kind::parallel, n, c.column_extent, column_block(c));
    ir::Loop rows = loop(ir::Loop::Kind::range, t, c.row_extent, row_tile(c));
    ir::Store store{c.stored, {span(t), span(n)}, product(c, t, span(n))};
    rows.body.push_back({ir::At{c.stored, {{std::move(store), {}, -1}}}, {}, -1});
    columns.body.push_back({std::move(rows), {}, -1});
    result_.program.body.push_back({std::move(columns), {}, -1});
  }

  ir::ExprPtr product(const Contraction& c, const std::string& t, const ir::Axis& columns) {
    ir::ExprPtr a = ir::make_load(c.operand, operand_dtype(c), {span(t), whole(c.inner)});
    std::vector<ir::Axis> slice{whole(c.inner), columns};
    if (c.weight_transposed) std::swap(slice[0], slice[1]);
    return ir::make_matmul(a, ir::make_load(c.weight, c.weight_dtype, slice), false, c.weight_transposed);
  }

  void write_local(int level, const Contraction& c, const std::vector<const Target*>& targets) {
    const std::string w = unique_name(c.window > 0 ? "h" : "n"), t = unique_name("t");
    const int64_t count = c.window > 0 ? *ir::constant_value(c.column_extent) / c.window : 0;
    ir::Loop windows = loop(ir::Loop::Kind::parallel, w, c.window > 0 ? ir::constant(count) : c.column_extent, c.window > 0 ? 0 : column_block(c));
    ir::Loop rows = loop(ir::Loop::Kind::range, t, c.row_extent, row_tile(c));
    if (c.window > 0) terms().ranges[w] = {0, count - 1};

    ScopeWriter scope(terms(), {t, c.row_extent}, known_before(level), surroundings());
    const ir::Axis columns = c.window > 0 ? ir::Axis{ir::Axis::Kind::range, ir::mul(ir::constant(c.window), ir::named(w)), ir::constant(c.window), {}} : span(w);
    terms().ranges[kColumnName] = counter(columns.size);
    const TermId held = terms().reference(c.definition, {ir::named(kRowName), ir::add(columns.begin, ir::named(kColumnName))});
    scope.hold(targets[0]->name + "_acc", held, columns.size, product(c, t, columns));
    for (const Target* target : targets) {
      for (const OutputPiece& piece : target->pieces) {
        if (c.window > 0) scope.add(target->name, piece, window_coordinates(c, *target, piece, w));
        else scope.add(target->name, piece, row_coordinates(*target, piece), columns);
      }
    }
    rows.body.push_back({ir::At{targets[0]->name, scope.finish()}, {}, -1});
    windows.body.push_back({std::move(rows), {}, -1});
    result_.program.body.push_back({std::move(windows), {}, -1});
  }

  // Which coordinate of a piece counts windows: the one that appears as window * i in the contraction's column.
  std::vector<std::string> window_coordinates(const Contraction& c, const Target& target, const OutputPiece& piece, const std::string& h) {
    std::vector<std::string> names{kRowName};
    std::string counting;
    for_each_use(c.definition, [&](const IndexExpr& column, std::optional<IndexExpr> k_extent) {
      if (k_extent) return;
      for (const auto& [key, part] : linear(column, terms().ranges).parts)
        if (part.coefficient == c.window) counting = key;
    });
    for (size_t d = 1; d < target.shape.size(); ++d) {
      const std::string name = coordinate_name(d);
      names.push_back(name == counting ? h : d + 1 == target.shape.size() ? kColumnName : "");
      if (names.back().empty() && !ir::is_one(piece.count[d])) refuse(fmt::format("{} has an axis beside rows, windows and columns", target.name));
    }
    if (counting.empty()) refuse(fmt::format("{} does not say which window it is of", target.name));
    return names;
  }

  // ---- sizes ----------------------------------------------------------------------------------------------------------------

  void choose(std::string subject, std::string decision, std::string reason) {
    result_.choices.push_back({std::move(subject), std::move(decision), std::move(reason)});
  }

  // A row chain holds few rows at a time: each row is passed over several times while it is in the nearest cache.
  int64_t row_block(const std::string& scope) {
    constexpr int64_t kRows = 4;
    choose(scope, fmt::format("{} rows at a time", kRows), "each row is passed over several times while it is in the nearest cache");
    return kRows;
  }

  // Rows per tile of a contraction: a multiple of the microkernel's rows, as many as keep the operand's rows in a quarter of the
  // second cache (the weights' panel has half of it), so that a panel is passed over as rarely as possible.
  int64_t row_tile(const Contraction& c) {
    constexpr int64_t kMicrokernelRows = 12, kMost = 4 * kMicrokernelRows;
    const int64_t row_bytes = inner_extent(c) * bytes_of(operand_dtype(c));
    const int64_t fitting = machine_.cache_bytes / 4 / row_bytes / kMicrokernelRows * kMicrokernelRows;
    const int64_t rows = std::clamp(fitting, kMicrokernelRows, kMost);
    choose(product_name(c), fmt::format("tiles of {} rows", rows),
           fmt::format("{} KiB of {}, in a quarter of the {} KiB of a core's second cache", kibibytes(rows * row_bytes), c.operand,
                       kibibytes(machine_.cache_bytes)));
    return rows;
  }

  // Columns per task of a contraction: the weights' panel stays in half of the second cache, and every core gets several.
  int64_t column_block(const Contraction& c) {
    constexpr int64_t kMost = 256, kLeast = 32, kTasksOfACore = 4;
    const int64_t column_bytes = inner_extent(c) * bytes_of(c.weight_dtype), n = ir::constant_value(c.column_extent).value_or(1024);
    int64_t block = kMost;
    while (block > kLeast && (block * column_bytes > machine_.cache_bytes / 2 || n / block < kTasksOfACore * machine_.cores)) block /= 2;
    choose(product_name(c), fmt::format("tiles of {} columns", block),
           fmt::format("{} KiB of {} stay in the second cache while all rows pass; {} tasks", kibibytes(block * column_bytes), c.weight,
                       (n + block - 1) / block));
    return block;
  }

  static int64_t kibibytes(int64_t bytes) { return (bytes + 1023) / 1024; }
  static std::string product_name(const Contraction& c) { return fmt::format("product with {}", c.weight); }
  // Where it is symbolic, a usual size of a hidden row.
  static int64_t inner_extent(const Contraction& c) { return ir::constant_value(c.inner).value_or(4096); }
  DType operand_dtype(const Contraction& c) const { return d_.terms.at(c.rows).dtype; }

  void create_temporaries() {
    ir::Block created;
    const auto create = [&](const std::string& name, DType dtype, const std::vector<IndexExpr>& shape) {
      created.push_back({ir::CreateTensor{{name, dtype, shape, ir::Role::temporary, {}, -1}}, {}, -1});
    };
    for (const Target& target : targets_)
      if (!target.is_output) create(target.name, target.dtype, target.shape);
    for (const Contraction& c : contractions_)
      if (!c.stored.empty()) create(c.stored, terms().definition(c.definition).dtype, {c.row_extent, c.column_extent});
    created.insert(created.begin(), views_.begin(), views_.end());
    result_.program.body.insert(result_.program.body.begin(), std::make_move_iterator(created.begin()),
                                std::make_move_iterator(created.end()));
  }

  const ir::Program& original_;
  Dissolved d_;
  Machine machine_;
  std::map<int, std::vector<IndexExpr>> extents_;
  std::vector<Contraction> contractions_;
  std::vector<Target> targets_;
  std::set<std::string> names_;
  std::map<std::string, std::string> flat_views_;  // by input
  ir::Block views_;
  Scheduled result_;
};

}  // namespace

Machine host_machine() {
  Machine machine;
  for (const target::OnChipMemory& memory : target::machine_named("host")->memories) machine.cache_bytes = memory.bytes;
  return machine;
}

std::variant<Scheduled, NotDissolved> schedule(const ir::Program& original, Dissolved dissolved, const Machine& machine) {
  try {
    return Scheduler(original, std::move(dissolved), machine).run();
  } catch (const NotWritable& e) {
    return NotDissolved{{}, readable(e.reason)};
  } catch (const UserError& e) {
    // The makers of expressions refuse what has no form as a tile.
    return NotDissolved{{}, fmt::format("no tile expression has this value: {}", e.diagnostics().at(0).message)};
  }
}

}  // namespace imbrex::optimize

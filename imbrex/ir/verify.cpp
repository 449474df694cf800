#include "imbrex/ir/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "imbrex/ir/lexer.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/verify_accumulators.h"
#include "imbrex/ir/visit.h"

namespace imbrex::ir {
namespace {

enum class Kind : uint8_t { tensor, tile, index, span };
constexpr const char* kKinds[] = {"a tensor", "a tile", "an index", "a span"};

struct Named {
  Kind kind = Kind::index;
  DType dtype = DType::int32;
  std::vector<IndexExpr> shape;  // of a tile: rows, columns
  Role role = Role::temporary;
  std::string base;  // of a view, the tensor whose memory it is
  int origin = -1;
  int parallel_depth = 0;  // the parallel loops around its declaration
  bool visible = true;
  bool is_dim = false;
  bool is_weight = false;
};

std::string shape_text(const std::vector<IndexExpr>& shape) {
  std::string text;
  for (const IndexExpr& extent : shape) text += (text.empty() ? "" : ", ") + to_text(extent);
  return "[" + text + "]";
}

bool same_shape(const ExprPtr& value, const IndexExpr& rows, const IndexExpr& columns) {
  return same(value->rows, rows) && same(value->columns, columns);
}

std::string described(DType dtype, const IndexExpr& rows, const IndexExpr& columns) {
  return fmt::format("{} {}", name_of(dtype), shape_text({rows, columns}));
}

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program) {}
  std::vector<Diagnostic> run();

 private:
  void report(const char* id, std::string message, std::string hint, std::vector<Diagnostic::Note> notes = {}) {
    findings_.push_back({id, program_.where(origin_), std::move(message), std::move(hint), std::move(notes), false});
  }
  void declare(const std::string& name, Named named);
  const Named* use(const std::string& name, Kind kind);

  void tensor(const Tensor& t);
  bool is_positive(const IndexExpr& e) const;
  void index(const IndexExpr& e);
  void indices(const std::vector<IndexExpr>& list) {
    for (const IndexExpr& e : list) index(e);
  }
  void condition(const Condition& c);
  const Named* slice(const std::string& tensor, const std::vector<Axis>& axes);
  void by_axis(const Axis& axis);
  void expression(const ExprPtr& e);
  void node(const Expr& e);
  void block(const Block& body, int depth);
  void statement(const Statement& s, int depth);

  void visit(const CreateTensor& x, int) { tensor(x.tensor); }
  void visit(const View& x, int);
  void visit(const Assign& x, int);
  void rebind(const Assign& x);
  void visit(const Store& x, int);
  void visit(const ReadIndex& x, int);
  void visit(const Loop& x, int depth);
  void visit(const At& x, int depth) { block(x.body, depth + 1); }
  void visit(const If& x, int depth) {
    condition(x.condition);
    block(x.then_block, depth + 1);
    block(x.else_block, depth + 1);
  }
  void visit(const Tap& x, int) { expression(x.value); }
  void visit(const Assume& x, int);
  void visit(const AssumeElements& x, int) {
    const Named* tile = use(x.tile, Kind::tile);
    if (tile && tile->dtype != DType::int32)
      report("dtype-mismatch",
             fmt::format("assume_{} of '{}', a {} tile", x.property == AssumeElements::Property::distinct ? "distinct" : "sorted",
                         x.tile, name_of(tile->dtype)),
             "give an int32 tile");
    if (x.except && (*x.except < std::numeric_limits<int32_t>::min() || *x.except > std::numeric_limits<int32_t>::max()))
      report("dtype-mismatch", fmt::format("assume_distinct of '{}' excepts {}, which no int32 is", x.tile, *x.except),
             "except a number that elements of an int32 tile may be");
  }

  const Program& program_;
  const Spelling say_{program_};
  std::vector<Diagnostic> findings_;
  std::map<std::string, Named> names_;
  std::set<std::string> stored_;
  std::set<std::string> tiles_as_indices_;  // in the assumption at hand
  int origin_ = -1;                         // of the statement at hand
  int parallel_depth_ = 0;
  int loops_ = 0;    // around the statement at hand
  int nesting_ = 0;  // of blocks, for the limit on expressions
};

void Verifier::declare(const std::string& name, Named named) {
  if (!is_name(name))
    report("bad-name", fmt::format("{} is not a name", quoted(name)), "use letters, digits and _, not beginning with a digit");
  named.origin = origin_;
  named.parallel_depth = parallel_depth_;
  const auto [place, added] = names_.try_emplace(name, named);
  if (added) return;
  report("duplicate-name", fmt::format("'{}' names {} already", name, kKinds[static_cast<size_t>(place->second.kind)]),
         "choose another name; names are unique in the whole program", {{program_.where(place->second.origin), "the first one"}});
  place->second = named;
}

const Named* Verifier::use(const std::string& name, Kind kind) {
  const auto found = names_.find(name);
  const char* wanted = kKinds[static_cast<size_t>(kind)];
  if (found == names_.end()) {
    report("unknown-name", fmt::format("nothing is called '{}' here", name),
           fmt::format("declare {} '{}' above", wanted + 2, name));
    return nullptr;
  }
  const Named& named = found->second;
  if (named.kind != kind) {
    report("wrong-kind", fmt::format("'{}' is {}, and {} is needed here", name, kKinds[static_cast<size_t>(named.kind)], wanted),
           fmt::format("use {}", wanted));
    return nullptr;
  }
  if (!named.visible) {
    const bool value = kind == Kind::tile || kind == Kind::tensor;
    report("out-of-scope", fmt::format("'{}' is used outside the loop, scope or branch that made it", name),
           value ? fmt::format("make '{}' before that block; inside it, assign to it", name) : "use it inside the loop only",
           {{program_.where(named.origin), fmt::format("'{}' is made here", name)}});
    return nullptr;
  }
  return &named;
}

void Verifier::tensor(const Tensor& t) {
  require(!t.is_weight || t.role == Role::input, "a weight is an input");
  require(t.role != Role::temporary || t.annotations.empty(), "annotations of a created tensor stand on its statement");
  indices(t.shape);
  for (const IndexExpr& extent : t.shape)
    if (constant_value(extent).value_or(1) < 1)
      report("empty-tensor", fmt::format("tensor '{}' has the shape {}", t.name, shape_text(t.shape)),
             "make every extent 1 or more");
  declare(t.name, {Kind::tensor, t.dtype, t.shape, t.role, t.name, -1, 0, true, false, t.is_weight});
}

int depth_of(const IndexExpr& e) { return e ? 1 + std::max(depth_of(e->a), depth_of(e->b)) : 0; }

// Whatever the call's dimensions are. Nothing but such a number may divide, so that no data and no loop can divide by zero.
bool Verifier::is_positive(const IndexExpr& e) const {
  using Node = Index::Kind;
  switch (e->kind) {
    case Node::constant: return e->value >= 1;
    case Node::name: {
      const auto found = names_.find(e->name);
      return found != names_.end() && found->second.is_dim;
    }
    case Node::add:
    case Node::mul:
    case Node::min: return is_positive(e->a) && is_positive(e->b);
    case Node::max: return is_positive(e->a) || is_positive(e->b);
    default: return false;
  }
}

void Verifier::index(const IndexExpr& e) {
  require(e != nullptr, "an index expression is missing");
  if (index_nodes(e) > kMaxIndexNodes || 2 * depth_of(e) + nesting_ > kMaxNesting) {
    report("expression-size", "an index expression is too long or nested too deep", "simplify it");
    return;
  }
  const std::function<void(const IndexExpr&)> walk = [&](const IndexExpr& x) {
    using Node = Index::Kind;
    if (x->kind == Node::constant) return;
    if (x->kind == Node::name && tiles_as_indices_.contains(x->name)) return;
    if (x->kind == Node::name || x->kind == Node::span_begin || x->kind == Node::span_size || x->kind == Node::span_index) {
      use(x->name, x->kind == Node::name ? Kind::index : Kind::span);
      return;
    }
    if ((x->kind == Node::floor_div || x->kind == Node::mod) && !is_positive(x->b))
      report("index-divisor", fmt::format("the divisor of {} is not known to be positive", to_text(x)),
             "divide by a positive number, or by dimensions, which are at least 1");
    walk(x->a);
    walk(x->b);
  };
  walk(e);
}

void Verifier::condition(const Condition& c) {
  require(!c.empty(), "a condition has a comparison");
  for (const Comparison& comparison : c) {
    index(comparison.left);
    index(comparison.right);
  }
}

// A name may be a tile's: the comparison then holds for each of its elements.
void Verifier::visit(const Assume& x, int) {
  for (const Comparison& comparison : x.condition) {
    std::set<std::string> names = names_in(comparison.left), tiles;
    names.merge(names_in(comparison.right));
    for (const std::string& name : names) {
      const auto found = names_.find(name);
      if (found != names_.end() && found->second.kind == Kind::tile) tiles.insert(name);
    }
    if (tiles.size() > 1)
      report("by-tile", fmt::format("one comparison of an assumption names {} tiles, and may name one", tiles.size()),
             "compare each of them with numbers");
    for (const std::string& name : tiles) {
      const Named* tile = use(name, Kind::tile);
      if (tile && tile->dtype != DType::int32)
        report("dtype-mismatch", fmt::format("assume about '{}', a {} tile", name, name_of(tile->dtype)), "give an int32 tile");
    }
    tiles_as_indices_ = std::move(tiles);
    condition({comparison});
    tiles_as_indices_.clear();
  }
}

void Verifier::by_axis(const Axis& axis) {
  const Named* rows = use(axis.tile, Kind::tile);
  if (rows && (rows->dtype != DType::int32 || !(is_one(rows->shape[0]) || is_one(rows->shape[1]))))
    report("by-tile",
           fmt::format("'by {}' needs an int32 tile [m, 1] or [1, m], and got {}", axis.tile,
                       described(rows->dtype, rows->shape[0], rows->shape[1])),
           rows->dtype == DType::int32 ? "take one row or column of it"
                                       : "load the numbers from an int32 tensor, or cast those of an int64 tensor to int32");
}

// The tensor, if it exists and the slice has its rank.
const Named* Verifier::slice(const std::string& name, const std::vector<Axis>& axes) {
  for (const Axis& axis : axes) {
    if (axis.kind == Axis::Kind::by) {
      by_axis(axis);
      continue;
    }
    index(axis.begin);
    index(axis.size);
  }
  const Named* found = use(name, Kind::tensor);
  if (!found || found->shape.size() == axes.size()) return found;
  report("slice-rank",
         fmt::format("the slice of '{}' has {} axes, and the tensor has {}: {}", name, axes.size(), found->shape.size(),
                     shape_text(found->shape)),
         fmt::format("give one span, index or `{}` for each axis", say_.whole_axis()));
  return nullptr;
}

void Verifier::node(const Expr& e) {
  if (e.op == Op::load) {
    const Named* from = slice(e.name, e.slice);
    require(!from || from->dtype == e.dtype, "a load has its tensor's type");
  } else if (e.op == Op::variable) {
    const Named* tile = use(e.name, Kind::tile);
    require(!tile || (tile->dtype == e.dtype && same(tile->shape[0], e.rows) && same(tile->shape[1], e.columns)),
            "a variable has the type and shape of its declaration");
  } else if (e.op == Op::index || e.op == Op::iota) {
    index(e.index);
  }
  if (e.op == Op::constant || e.op == Op::iota || e.op == Op::reshape) {
    index(e.rows);
    index(e.columns);
  }
}

void Verifier::expression(const ExprPtr& e) {
  require(e != nullptr, "an expression is missing");
  // Counted before walking: shared arguments can make the tree much larger than its nodes.
  int count = 0, deepest = 0;
  const std::function<void(const ExprPtr&, int)> measure = [&](const ExprPtr& x, int depth) {
    deepest = std::max(deepest, depth);
    if (++count > kMaxExpressionNodes || depth + nesting_ > kMaxNesting) return;
    for (const ExprPtr& arg : x->args) measure(arg, depth + 1);
  };
  measure(e, 1);
  if (count > kMaxExpressionNodes || deepest + nesting_ > kMaxNesting) {
    report("expression-size", fmt::format("an expression of more than {} operations, or nested too deep", kMaxExpressionNodes),
           fmt::format("give its parts names: `{}`", say_.let("part", "...")));
    return;
  }
  for_each_expr(e, [&](const Expr& x) { node(x); });
}

void Verifier::visit(const View& x, int) {
  indices(x.shape);
  const Named* base = use(x.base, Kind::tensor);
  if (!base) return;
  IndexExpr elements = constant(1), wanted = constant(1);
  for (const IndexExpr& extent : x.shape) elements = mul(elements, extent);
  for (const IndexExpr& extent : base->shape) wanted = mul(wanted, extent);
  if (!same(elements, wanted))
    report("view-shape",
           fmt::format("the view '{}' {} of '{}' {}: the numbers of elements are not shown equal", x.name, shape_text(x.shape),
                       x.base, shape_text(base->shape)),
           "keep the product of the extents, with the same dimensions");
  Named named = *base;
  named.shape = x.shape;
  declare(x.name, named);
}

void Verifier::rebind(const Assign& x) {
  const Named* tile = use(x.name, Kind::tile);
  if (!tile) return;
  const Diagnostic::Note note = {program_.where(tile->origin), fmt::format("'{}' is declared here", x.name)};
  if (tile->parallel_depth < parallel_depth_)
    report("parallel-rebind", fmt::format("'{}' is made outside this parallel loop and assigned inside it", x.name),
           "iterations of a parallel loop share no tile: make it a range, make the tile inside, or store to a tensor", {note});
  if (tile->dtype != x.value->dtype || !same_shape(x.value, tile->shape[0], tile->shape[1]))
    report("rebind-shape",
           fmt::format("'{}' is {}, and is assigned {}", x.name, described(tile->dtype, tile->shape[0], tile->shape[1]),
                       described(x.value->dtype, x.value->rows, x.value->columns)),
           "a tile keeps its type and shape; give the new value a name of its own", {note});
}

void Verifier::visit(const Assign& x, int) {
  expression(x.value);
  if (x.declares)
    declare(x.name, {Kind::tile, x.value->dtype, {x.value->rows, x.value->columns}, Role::temporary, {}, -1, 0, true});
  else
    rebind(x);
}

void Verifier::visit(const Store& x, int) {
  expression(x.value);
  const Named* target = slice(x.tensor, x.slice);
  if (!target) return;
  stored_.insert(target->base);
  if (target->role == Role::input)
    report("store-to-input", fmt::format("'{}' is {}, and is stored to", x.tensor, target->is_weight ? "a weight" : "an input"),
           "declare it inout, or store to another tensor");
  const TileShape shape = shape_of_slice(x.slice, {program_.where(origin_), origin_});
  if (target->dtype != x.value->dtype)
    report("store-dtype",
           fmt::format("'{}' holds {}, and {} is stored", x.tensor, name_of(target->dtype),
                       described(x.value->dtype, x.value->rows, x.value->columns)),
           fmt::format("{} the value: {}", target->dtype == DType::boolean ? "compare" : "cast",
                       say_.conversion("x", x.value->dtype, target->dtype)));
  if (!same_shape(x.value, shape.rows, shape.columns))
    report("store-shape",
           fmt::format("the slice of '{}' is {}, and the value is {}", x.tensor, shape_text({shape.rows, shape.columns}),
                       shape_text({x.value->rows, x.value->columns})),
           "store through a slice of the value's shape");
}

void Verifier::visit(const ReadIndex& x, int) {
  indices(x.position);
  const Named* from = use(x.tensor, Kind::tensor);
  if (from && !holds_indices(from->dtype))
    report("dtype-mismatch", fmt::format("an index is read from '{}', which holds {}", x.tensor, name_of(from->dtype)),
           "read from an int32 or int64 tensor");
  if (from && from->shape.size() != x.position.size())
    report("slice-rank",
           fmt::format("the position in '{}' has {} indices, and the tensor has {} axes", x.tensor, x.position.size(),
                       from->shape.size()),
           "give one index for each axis");
  declare(x.name, {});
}

void Verifier::visit(const Loop& x, int depth) {
  index(x.begin);
  index(x.extent);
  if (x.tile < 0) report("tile-size", fmt::format("tiles of {} elements", x.tile), "give a positive tile size");
  if (x.kind == Loop::Kind::pipeline && (x.stages < 1 || x.stages > kMaxStages))
    report("pipeline-stages", fmt::format("a pipeline of {} stages", x.stages),
           fmt::format("give 1 to {} stages; 2 overlaps loads and arithmetic", kMaxStages));
  require(x.tile == 0 || !x.of_span.empty() || constant_value(x.begin) == 0, "tiles start at zero, or are those of a span");
  declare(x.variable, {x.tile > 0 ? Kind::span : Kind::index, DType::int32, {}, Role::temporary, {}, -1, 0, true});
  const bool parallel = x.kind == Loop::Kind::parallel;
  parallel_depth_ += parallel;
  if (++loops_ == kMaxLoops + 1)
    report("expression-size", fmt::format("loops nested more than {} deep", kMaxLoops),
           "write inner loops as operations on tiles");
  block(x.body, depth + 1);
  --loops_;
  parallel_depth_ -= parallel;
  names_[x.variable].visible = false;
}

void Verifier::statement(const Statement& s, int depth) {
  origin_ = s.origin;
  std::visit([&](const auto& x) { visit(x, depth); }, s.node);
}

// What a block declares ends with it.
void Verifier::block(const Block& body, int depth) {
  if (depth > kMaxNesting / 2) {
    report("expression-size", fmt::format("blocks nested more than {} deep", kMaxNesting / 2), "split the kernel");
    return;
  }
  for (const Statement& s : body) {
    nesting_ = depth + 2;
    statement(s, depth);
  }
  for (const Statement& s : body) {
    const auto hide = [&](const std::string& name) { names_[name].visible = false; };
    if (depth == 0) break;
    if (const auto* create = std::get_if<CreateTensor>(&s.node)) hide(create->tensor.name);
    if (const auto* view = std::get_if<View>(&s.node)) hide(view->name);
    if (const auto* read = std::get_if<ReadIndex>(&s.node)) hide(read->name);
    if (const auto* assign = std::get_if<Assign>(&s.node); assign && assign->declares) hide(assign->name);
  }
}

std::vector<Diagnostic> Verifier::run() {
  for (const Dim& dim : program_.dims) {
    origin_ = dim.origin;
    Named named;
    named.is_dim = true;
    declare(dim.name, named);
    if (dim.typical < 0 || (dim.max && (*dim.max < 1 || dim.typical > *dim.max)))
      report("dim-bounds",
             fmt::format("dimension '{}' is typically {} and at most {}", dim.name, dim.typical, dim.max.value_or(0)),
             "give 1 <= typical <= max");
  }
  for (const Tensor& t : program_.tensors) {
    origin_ = t.origin;
    tensor(t);
  }
  block(program_.body, 0);
  for (const Tensor& t : program_.tensors) {
    origin_ = t.origin;
    if (t.role == Role::output && !stored_.contains(t.name))
      report("output-not-stored", fmt::format("output '{}' is never stored to", t.name),
             fmt::format("store to a slice of it, as `{}` does; assigning to a tile stores nothing", say_.store_zeros(t)));
  }
  if (findings_.empty()) check_sums(program_, findings_);
  if (findings_.empty()) check_products(program_, findings_);
  return std::move(findings_);
}

}  // namespace

std::vector<Diagnostic> verify(const Program& program) { return Verifier(program).run(); }

void verify_or_throw(const Program& program) {
  std::vector<Diagnostic> findings = verify(program);
  if (!findings.empty()) throw UserError(std::move(findings));
}

}  // namespace imbrex::ir

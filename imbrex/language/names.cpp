// Printed names of tile variables.
#include <functional>

#include "imbrex/ir/lexer.h"
#include "imbrex/language/recorder.h"

namespace imbrex::recording {
namespace {

// Words of the program text that are no operations or types.
constexpr const char* kWords[] = {"imbrex",
                                  "kernel",
                                  "dim",
                                  "typical",
                                  "max",
                                  "input",
                                  "weight",
                                  "output",
                                  "inout",
                                  "create",
                                  "view",
                                  "let",
                                  "read",
                                  "at",
                                  "if",
                                  "else",
                                  "tap",
                                  "assume",
                                  "by",
                                  "tiles",
                                  "in",
                                  "parallel",
                                  "range",
                                  "and",
                                  "pipeline",
                                  "min",
                                  "assume_distinct",
                                  "assume_sorted",
                                  "transpose_a",
                                  "transpose_b",
                                  "rint",
                                  "round",
                                  "floor",
                                  "ceil",
                                  "trunc",
                                  "inf",
                                  "nan"};

// What the value of an operation is called where the author gives no name.
const char* noun_of(ir::Op op) {
  using ir::Op;
  switch (op) {
    case Op::constant: return "constant";
    case Op::index: return "number";
    case Op::iota: return "numbers";
    case Op::neg: return "negative";
    case Op::abs: return "magnitude";
    case Op::recip: return "reciprocal";
    case Op::sqrt: return "root";
    case Op::rsqrt: return "inverse_root";
    case Op::exp: return "power";
    case Op::log: return "logarithm";
    case Op::add: return "total";
    case Op::sub: return "difference";
    case Op::mul: return "product";
    case Op::div: return "quotient";
    case Op::min:
    case Op::row_min:
    case Op::col_min: return "least";
    case Op::max:
    case Op::row_max:
    case Op::col_max: return "largest";
    case Op::eq:
    case Op::ne:
    case Op::lt:
    case Op::le:
    case Op::gt:
    case Op::ge: return "mask";
    case Op::select: return "choice";
    case Op::row_sum:
    case Op::col_sum:
    case Op::row_sum_acc:
    case Op::col_sum_acc: return "sum";
    case Op::matmul:
    case Op::matmul_acc: return "acc";
    case Op::reshape: return "reshaped";
    case Op::transpose: return "transposed";
    case Op::concat_rows:
    case Op::concat_columns: return "joined";
    case Op::columns: return "part";
    case Op::repeat_rows: return "repeated";
    case Op::even: return "evens";
    case Op::odd: return "odds";
    case Op::interleave: return "interleaved";
    case Op::gather: return "gathered";
    default: return "tile";
  }
}

class Namer {
 public:
  Namer(const std::map<std::string, std::shared_ptr<Variable>>& variables, std::set<std::string> taken)
      : variables_(variables), taken_(std::move(taken)) {}

  void find_accumulators(const ir::Block& block) {
    each_assign(block, [&](const ir::Assign& assign) {
      if (assign.declares) return;
      const ir::Op op = assign.value->op;
      if (op == ir::Op::row_sum_acc || op == ir::Op::col_sum_acc || op == ir::Op::matmul_acc)
        accumulators_[assign.name] = noun_of(op);
    });
  }

  void rename(ir::Block& block) {
    for (ir::Statement& statement : block) std::visit([&](auto& node) { rename(node); }, statement.node);
  }

 private:
  static void each_assign(const ir::Block& block, const std::function<void(const ir::Assign&)>& visit) {
    for (const ir::Statement& statement : block) {
      if (const auto* assign = std::get_if<ir::Assign>(&statement.node)) visit(*assign);
      if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) each_assign(loop->body, visit);
      if (const auto* scope = std::get_if<ir::At>(&statement.node)) each_assign(scope->body, visit);
      if (const auto* branch = std::get_if<ir::If>(&statement.node)) {
        each_assign(branch->then_block, visit);
        each_assign(branch->else_block, visit);
      }
    }
  }

  void rename(ir::CreateTensor&) {}
  void rename(ir::View&) {}
  void rename(ir::ReadIndex&) {}
  void rename(ir::Assume& assume) {
    const auto tile = [&](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
      const auto found = names_.find(leaf.name);
      return found == names_.end() ? std::nullopt : std::optional(ir::named(found->second));
    };
    for (ir::Comparison& comparison : assume.condition) {
      comparison.left = ir::substitute(comparison.left, tile);
      comparison.right = ir::substitute(comparison.right, tile);
    }
  }
  void rename(ir::Loop& loop) { rename(loop.body); }
  void rename(ir::At& scope) { rename(scope.body); }
  void rename(ir::Tap& tap) { tap.value = renamed(tap.value); }
  void rename(ir::AssumeElements& distinct) { distinct.tile = names_.at(distinct.tile); }
  void rename(ir::If& branch) {
    rename(branch.then_block);
    rename(branch.else_block);
  }
  void rename(ir::Store& store) {
    rename(store.slice);
    store.value = renamed(store.value);
  }
  void rename(ir::Assign& assign) {
    const std::string noun = assign.declares ? suggestion(assign.name, assign.value) : std::string();
    assign.value = renamed(assign.value);
    if (assign.declares) names_[assign.name] = unique(noun);
    assign.name = names_.at(assign.name);
  }
  void rename(std::vector<ir::Axis>& slice) {
    for (ir::Axis& axis : slice)
      if (!axis.tile.empty()) axis.tile = names_.at(axis.tile);
  }

  ir::ExprPtr renamed(const ir::ExprPtr& e) {
    auto copy = std::make_shared<ir::Expr>(*e);
    for (ir::ExprPtr& arg : copy->args) arg = renamed(arg);
    if (copy->op == ir::Op::variable) copy->name = names_.at(copy->name);
    rename(copy->slice);
    return copy;
  }

  // The wanted name, or what the variable accumulates, or for loads and their casts the tensor with the type, or the noun.
  std::string suggestion(const std::string& provisional, const ir::ExprPtr& value) const {
    const std::string& wanted = variables_.at(provisional)->wanted_name;
    if (!wanted.empty()) return wanted;
    if (const auto accumulator = accumulators_.find(provisional); accumulator != accumulators_.end()) return accumulator->second;
    return described(*value);
  }
  std::string described(const ir::Expr& e) const {
    if (e.op == ir::Op::load) return e.name + "_tile";
    if (e.op == ir::Op::variable) return names_.at(e.name);
    if (e.op != ir::Op::cast) return noun_of(e.op);
    const ir::Expr& source = *e.args[0];
    const std::string base = source.op == ir::Op::load ? source.name : described(source);
    return base + "_" + imbrex::name_of(e.dtype);
  }

  std::string unique(const std::string& base) {
    std::string name = base;
    for (int number = 2; !taken_.insert(name).second; ++number) name = base + "_" + std::to_string(number);
    return name;
  }

  const std::map<std::string, std::shared_ptr<Variable>>& variables_;
  std::set<std::string> taken_;
  std::map<std::string, std::string> accumulators_;
  std::map<std::string, std::string> names_;  // provisional -> printed
};

}  // namespace

void name_tiles(ir::Program& program, const std::map<std::string, std::shared_ptr<Variable>>& variables,
                std::set<std::string> taken) {
  Namer namer(variables, std::move(taken));
  namer.find_accumulators(program.body);
  namer.rename(program.body);
}

bool is_name(const std::string& name) {
  if (!ir::is_name(name)) return false;
  for (const char* word : kWords)
    if (name == word) return false;
  return !ir::op_named(name) && !dtype_named(name);
}

}  // namespace imbrex::recording

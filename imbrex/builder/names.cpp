// Printed names of tile variables.
#include <functional>

#include "imbrex/builder/program_builder.h"
#include "imbrex/ir/lexer.h"

namespace imbrex::builder {
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

}  // namespace

void note_written(std::map<std::string, std::string>& names, const std::string& name, const std::string& written) {
  if (name == written) return;
  const auto known = names.find(written);
  names[name] = known == names.end() || known->second.empty() ? written : known->second;
}

namespace {

class Namer {
 public:
  Namer(const std::map<std::string, VariableHandle>& variables, std::set<std::string> taken,
        std::map<std::string, std::string>& written_names)
      : variables_(variables), taken_(std::move(taken)), written_names_(written_names) {}

  void find_accumulators(const ir::Block& block) {
    each_assign(block, [&](const ir::Assign& assign) {
      if (assign.declares) return;
      const ir::Op op = assign.value->op;
      if (ir::continues(op)) accumulators_[assign.name] = ir::operation(op).noun;
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
    if (assign.declares) {
      const std::string& wanted = variables_.at(assign.name)->wanted_name;
      const std::string name = unique(noun);
      note_written(written_names_, name, wanted);
      names_[assign.name] = name;
    }
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
    if (e.op != ir::Op::cast) return ir::operation(e.op).noun;
    const ir::Expr& source = *e.args[0];
    const std::string base = source.op == ir::Op::load ? source.name : described(source);
    return base + "_" + imbrex::name_of(e.dtype);
  }

  std::string unique(const std::string& base) {
    std::string name = base;
    for (int number = 2; !taken_.insert(name).second; ++number) name = base + "_" + std::to_string(number);
    return name;
  }

  const std::map<std::string, VariableHandle>& variables_;
  std::set<std::string> taken_;
  std::map<std::string, std::string> accumulators_;
  std::map<std::string, std::string> names_;  // provisional -> printed
  std::map<std::string, std::string>& written_names_;
};

}  // namespace

void name_tiles(ir::Program& program, const std::map<std::string, VariableHandle>& variables, std::set<std::string> taken) {
  Namer namer(variables, std::move(taken), program.written_names);
  namer.find_accumulators(program.body);
  namer.rename(program.body);
}

bool is_name(const std::string& name) {
  if (!ir::is_name(name)) return false;
  for (const char* word : kWords)
    if (name == word) return false;
  return !ir::op_named(name) && !dtype_named(name);
}

}  // namespace imbrex::builder

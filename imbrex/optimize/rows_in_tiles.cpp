#include "imbrex/optimize/rows_in_tiles.h"

#include <map>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {
namespace {

using ir::Expr;
using ir::ExprPtr;
using ir::Op;
using ir::Statement;
using plan::left_of;

constexpr const char* kTiles = "tiles";

std::string fresh(const std::string& stem, std::set<std::string>& taken) {
  std::string name = stem;
  for (int i = 2; !taken.insert(name).second; ++i) name = stem + "_" + std::to_string(i);
  return name;
}

class Rewriter {
 public:
  Rewriter(const ir::Program& program, const plan::SurveyOfRows& survey) : survey_(survey), taken_(names_of(program)) {}

  ir::Program run(const ir::Program& program) {
    ir::Program result = program;
    ir::Block copies;
    for (const auto& [name, accesses] : survey_.suitable()) {
      const ir::Tensor& tensor = survey_.tensor(name);
      if (tensor.role == ir::Role::input || tensor.role == ir::Role::inout) continue;
      if (tensor.role == ir::Role::temporary && !accesses.otherwise) {
        in_place_.insert(name);
        continue;
      }
      copy_of_[name] = fresh(name + "_tiles", taken_);
      if (tensor.role == ir::Role::output) copies.push_back(copy_of(tensor));
    }
    result.body = block(program.body);
    result.body.insert(result.body.begin(), copies.begin(), copies.end());
    return result;
  }

 private:
  ir::Block block(const ir::Block& statements) {
    ir::Block result;
    for (const Statement& original : statements) {
      Statement s = original;
      if (auto* loop = std::get_if<ir::Loop>(&s.node)) {
        loop->body = block(loop->body);
      } else if (auto* at = std::get_if<ir::At>(&s.node)) {
        at->body = block(at->body);
      } else if (auto* branch = std::get_if<ir::If>(&s.node)) {
        branch->then_block = block(branch->then_block);
        branch->else_block = block(branch->else_block);
      } else if (auto* create = std::get_if<ir::CreateTensor>(&s.node)) {
        if (in_place_.contains(create->tensor.name) && !find(s.annotations, kTiles)) s.annotations.push_back({kTiles, {}});
        if (copy_of_.contains(create->tensor.name)) result.push_back(copy_of(create->tensor));
      } else if (auto* assign = std::get_if<ir::Assign>(&s.node)) {
        assign->value = expression(assign->value);
      } else if (auto* store = std::get_if<ir::Store>(&s.node)) {
        store->value = expression(store->value);
        if (const auto copy = copy_of_.find(store->tensor); copy != copy_of_.end()) {
          twice(s, copy->second, result);
          continue;
        }
      }
      result.push_back(std::move(s));
    }
    return result;
  }

  // Made where the tensor is: its extents are known there, and an iteration's own tensor has a copy of its own.
  ir::Statement copy_of(const ir::Tensor& tensor) const {
    ir::Tensor copy{copy_of_.at(tensor.name), tensor.dtype, tensor.shape, ir::Role::temporary, {}, tensor.origin};
    return {ir::CreateTensor{std::move(copy)}, {{kTiles, {}}}, tensor.origin};
  }

  // The value by name, stored to the tensor and to its copy.
  void twice(Statement s, const std::string& copy, ir::Block& out) {
    auto& store = std::get<ir::Store>(s.node);
    if (store.value->op != Op::variable) {
      const ExprPtr value = store.value;
      const std::string name = fresh(store.tensor + "_row", taken_);
      out.push_back({ir::Assign{name, value, true}, {}, s.origin});
      store.value = ir::make_variable(name, value->dtype, value->rows, value->columns);
    }
    const ir::Store also{copy, store.slice, store.value};
    out.push_back(s);
    out.push_back({also, {}, s.origin});
  }

  ExprPtr expression(const ExprPtr& e) {
    std::vector<ExprPtr> args;
    bool changed = false;
    for (const ExprPtr& arg : e->args) {
      args.push_back(expression(arg));
      changed = changed || args.back() != arg;
    }
    if (plan::is_product(*e) && survey_.is_served(*e)) {
      const auto copy = copy_of_.find(left_of(*e).name);
      if (copy != copy_of_.end()) {
        auto load = std::make_shared<Expr>(left_of(*e));
        load->name = copy->second;
        args[args.size() - 2] = load;
        changed = true;
      }
    }
    return changed ? ir::with_args(*e, std::move(args)) : e;
  }

  const plan::SurveyOfRows& survey_;
  std::set<std::string> taken_, in_place_;
  std::map<std::string, std::string> copy_of_;
};

}  // namespace

ir::Program rows_in_tiles(const ir::Program& program, const plan::TakesTiles& takes_tiles) {
  return Rewriter(program, plan::SurveyOfRows(program, takes_tiles)).run(program);
}

}  // namespace imbrex::optimize

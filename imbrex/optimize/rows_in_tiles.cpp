#include "imbrex/optimize/rows_in_tiles.h"

#include <algorithm>
#include <map>

#include "imbrex/ir/loops.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {
namespace {

using ir::Axis;
using ir::Expr;
using ir::ExprPtr;
using ir::Op;
using ir::Statement;

constexpr const char* kTiles = "tiles";

bool is_product(const Expr& e) { return kind_of(e.op) == ir::OpKind::product; }
const Expr& left_of(const Expr& product) { return *product.args[product.args.size() - 2]; }

// Of a tensor: how its elements are accessed.
struct Accesses {
  bool by_products = false;    // some product takes whole rows of it as its left operand, as tiles serve them
  bool otherwise = false;      // something else reads it
  bool stored_by_rows = true;  // whatever stores to it stores whole rows
  bool is_stored = false;
};

class Survey {
 public:
  Survey(const ir::Program& program, const TakesTiles& takes_tiles) : takes_tiles_(takes_tiles), loops_(ir::loops_of(program)) {
    for (const ir::Tensor& tensor : program.tensors) tensors_[tensor.name] = &tensor;
    ir::for_each_statement(program.body, [&](const Statement& s) {
      if (const auto* create = std::get_if<ir::CreateTensor>(&s.node)) tensors_[create->tensor.name] = &create->tensor;
      return true;
    });
    ir::for_each_statement(program.body, [&](const Statement& s) {
      statement(s);
      return true;
    });
  }

  // Tensors whose layout the products would profit from, and nothing prevents.
  std::map<std::string, Accesses> suitable() const {
    std::map<std::string, Accesses> result;
    for (const auto& [name, accesses] : accesses_)
      if (has_tiles(name) && accesses.by_products && accesses.is_stored && accesses.stored_by_rows) result[name] = accesses;
    return result;
  }
  const ir::Tensor& tensor(const std::string& name) const { return *tensors_.at(name); }
  // Whether the load is such a left operand, with its product.
  bool is_served(const Expr& product) const {
    const Expr& left = left_of(product);
    if (!is_product(product) || product.transpose_a || left.op != Op::load || !has_tiles(left.name)) return false;
    if (left.slice.size() != 2 || !is_whole_row(left.name, left.slice[1])) return false;
    return left.slice[0].kind == Axis::Kind::range && ir::is_multiple(left.slice[0].begin, kTileRows, loops_) &&
           takes_tiles_(left.dtype, product.args.back()->dtype);
  }

 private:
  bool has_tiles(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end() || viewed_.contains(name)) return false;
    const ir::Tensor& tensor = *found->second;
    const bool may_lie_so = tensor.dtype == DType::int8 || tensor.dtype == DType::uint8 || tensor.dtype == DType::bf16;
    if (tensor.shape.size() != 2 || !may_lie_so) return false;
    const auto columns = ir::constant_value(tensor.shape[1]);
    return columns && *columns > 0 && *columns % (kTileRowBytes / bytes_of(tensor.dtype)) == 0;
  }
  bool is_whole_row(const std::string& name, const Axis& axis) const {
    return axis.kind == Axis::Kind::range && ir::constant_value(axis.begin) == 0 &&
           ir::same(axis.size, tensors_.at(name)->shape[1]);
  }

  void expression(const Expr& e) {
    if (is_product(e) && is_served(e)) {
      accesses_[left_of(e).name].by_products = true;
      for (const ExprPtr& arg : e.args)
        if (arg.get() != &left_of(e)) expression(*arg);
      return;
    }
    if (e.op == Op::load) accesses_[e.name].otherwise = true;
    for (const ExprPtr& arg : e.args) expression(*arg);
  }

  void statement(const Statement& s) {
    if (const auto* view = std::get_if<ir::View>(&s.node)) viewed_.insert(view->base);
    if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) accesses_[read->tensor].otherwise = true;
    if (const auto* assign = std::get_if<ir::Assign>(&s.node)) expression(*assign->value);
    if (const auto* tap = std::get_if<ir::Tap>(&s.node)) expression(*tap->value);
    const auto* store = std::get_if<ir::Store>(&s.node);
    if (!store) return;
    expression(*store->value);
    Accesses& accesses = accesses_[store->tensor];
    accesses.is_stored = true;
    accesses.stored_by_rows = accesses.stored_by_rows && store->slice.size() == 2 && store->slice[0].kind != Axis::Kind::by &&
                              tensors_.contains(store->tensor) && is_whole_row(store->tensor, store->slice[1]);
  }

  const TakesTiles& takes_tiles_;
  ir::Loops loops_;
  std::map<std::string, const ir::Tensor*> tensors_;
  std::map<std::string, Accesses> accesses_;
  std::set<std::string> viewed_;
};

std::string fresh(const std::string& stem, std::set<std::string>& taken) {
  std::string name = stem;
  for (int i = 2; !taken.insert(name).second; ++i) name = stem + "_" + std::to_string(i);
  return name;
}

class Rewriter {
 public:
  Rewriter(const ir::Program& program, const Survey& survey) : survey_(survey), taken_(names_of(program)) {}

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
    if (is_product(*e) && survey_.is_served(*e)) {
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

  const Survey& survey_;
  std::set<std::string> taken_, in_place_;
  std::map<std::string, std::string> copy_of_;
};

}  // namespace

ir::Program rows_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles) {
  return Rewriter(program, Survey(program, takes_tiles)).run(program);
}

std::set<std::string> stored_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles) {
  const Survey survey(program, takes_tiles);
  std::set<std::string> result;
  for (const auto& [name, accesses] : survey.suitable())
    if (survey.tensor(name).role == ir::Role::temporary || survey.tensor(name).role == ir::Role::output) result.insert(name);
  return result;
}

std::set<std::string> tensors_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles) {
  std::set<std::string> annotated;
  ir::for_each_statement(program.body, [&](const Statement& s) {
    const auto* create = std::get_if<ir::CreateTensor>(&s.node);
    if (create && find(s.annotations, kTiles)) annotated.insert(create->tensor.name);
    return true;
  });
  std::set<std::string> result;
  for (const auto& [name, accesses] : Survey(program, takes_tiles).suitable())
    if (annotated.contains(name) && !accesses.otherwise) result.insert(name);
  return result;
}

}  // namespace imbrex::optimize

#include "imbrex/plan/rows_in_tiles.h"

#include "imbrex/ir/visit.h"

namespace imbrex::plan {

using ir::Axis;
using ir::DType;
using ir::Expr;
using ir::ExprPtr;
using ir::Op;
using ir::Statement;

namespace {

constexpr const char* kTiles = "tiles";

}  // namespace

SurveyOfRows::SurveyOfRows(const ir::Program& program, const TakesTiles& takes_tiles)
    : takes_tiles_(takes_tiles), loops_(ir::loops_of(program)) {
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

std::map<std::string, RowAccesses> SurveyOfRows::suitable() const {
  std::map<std::string, RowAccesses> result;
  for (const auto& [name, accesses] : accesses_)
    if (has_tiles(name) && accesses.by_products && accesses.is_stored && accesses.stored_by_rows) result[name] = accesses;
  return result;
}

bool SurveyOfRows::is_served(const Expr& product) const {
  const Expr& left = left_of(product);
  if (!is_product(product) || product.op == Op::matmul_scaled || product.transpose_a || left.op != Op::load ||
      !has_tiles(left.name))
    return false;
  if (left.slice.size() != 2 || !is_whole_row(left.name, left.slice[1])) return false;
  return left.slice[0].kind == Axis::Kind::range && ir::is_multiple(left.slice[0].begin, kTileRows, loops_) &&
         takes_tiles_(left.dtype, product.args.back()->dtype);
}

bool SurveyOfRows::has_tiles(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end() || viewed_.contains(name)) return false;
  const ir::Tensor& tensor = *found->second;
  const bool may_lie_so = tensor.dtype == DType::int8 || tensor.dtype == DType::uint8 || tensor.dtype == DType::bf16;
  if (tensor.shape.size() != 2 || !may_lie_so) return false;
  const auto columns = ir::constant_value(tensor.shape[1]);
  return columns && *columns > 0 && *columns % (kTileRowBytes / bytes_of(tensor.dtype)) == 0;
}

bool SurveyOfRows::is_whole_row(const std::string& name, const Axis& axis) const {
  return axis.kind == Axis::Kind::range && ir::constant_value(axis.begin) == 0 &&
         ir::same(axis.size, tensors_.at(name)->shape[1]);
}

void SurveyOfRows::expression(const Expr& e) {
  if (is_product(e) && is_served(e)) {
    accesses_[left_of(e).name].by_products = true;
    for (const ExprPtr& arg : e.args)
      if (arg.get() != &left_of(e)) expression(*arg);
    return;
  }
  if (e.op == Op::load) accesses_[e.name].otherwise = true;
  for (const ExprPtr& arg : e.args) expression(*arg);
}

void SurveyOfRows::statement(const Statement& s) {
  if (const auto* view = std::get_if<ir::View>(&s.node)) viewed_.insert(view->base);
  if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) accesses_[read->tensor].otherwise = true;
  if (const auto* assign = std::get_if<ir::Assign>(&s.node)) expression(*assign->value);
  if (const auto* tap = std::get_if<ir::Tap>(&s.node)) expression(*tap->value);
  const auto* store = std::get_if<ir::Store>(&s.node);
  if (!store) return;
  expression(*store->value);
  RowAccesses& accesses = accesses_[store->tensor];
  accesses.is_stored = true;
  accesses.stored_by_rows = accesses.stored_by_rows && store->slice.size() == 2 && store->slice[0].kind != Axis::Kind::by &&
                            tensors_.contains(store->tensor) && is_whole_row(store->tensor, store->slice[1]);
}

std::set<std::string> stored_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles) {
  const SurveyOfRows survey(program, takes_tiles);
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
  for (const auto& [name, accesses] : SurveyOfRows(program, takes_tiles).suitable())
    if (annotated.contains(name) && !accesses.otherwise) result.insert(name);
  return result;
}

}  // namespace imbrex::plan

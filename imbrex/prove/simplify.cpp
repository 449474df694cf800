#include "imbrex/prove/simplify.h"

#include <isl/ctx.h>
#include <isl/options.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "imbrex/base/checked.h"
#include "imbrex/prove/affine.h"

namespace imbrex::prove {

using Kind = ir::Index::Kind;
using ir::IndexExpr;

namespace {

// Reports are cut short rather than late: questions of an easy kind, a few of them that find no end, and so many in all.
constexpr unsigned long kOperations = 200000;
constexpr int kMostPieces = 100, kMostPiecesOfManyDims = 8, kMostUnanswered = 10, kMostQuestions = 5000;

int count_pieces(const IndexExpr& e) {
  const int here = e->kind == Kind::min || e->kind == Kind::max || e->kind == Kind::floor_div || e->kind == Kind::mod ? 1 : 0;
  return e->a ? here + count_pieces(e->a) + count_pieces(e->b) : here;
}

bool is_min_or_max(const IndexExpr& e) { return e->kind == Kind::min || e->kind == Kind::max; }

bool has_min_or_max(const IndexExpr& e) {
  return is_min_or_max(e) || (e->a && (has_min_or_max(e->a) || (e->b && has_min_or_max(e->b))));
}

// So that it has a value everywhere.
bool divides_by_constants(const IndexExpr& e) {
  if (!e->a) return true;
  if ((e->kind == Kind::floor_div || e->kind == Kind::mod) && ir::constant_value(e->b).value_or(0) <= 0) return false;
  return divides_by_constants(e->a) && divides_by_constants(e->b);
}

}  // namespace

struct Simplifier::Impl {
  struct FreeContext {
    void operator()(isl_ctx* ctx) const { isl_ctx_free(ctx); }
  };

  explicit Impl(const ir::Program& program) : program(program), ctx(isl_ctx_alloc()) {
    isl_options_set_on_error(ctx.get(), ISL_ON_ERROR_CONTINUE);
    isl_ctx_set_max_operations(ctx.get(), kOperations);
  }

  // Whether the comparison holds for all dimensions; false where that cannot be told.
  bool always(const IndexExpr& a, ir::Compare compare, const IndexExpr& b) const {
    std::set<std::string> dims = ir::names_in(a), of_b = ir::names_in(b);
    dims.merge(of_b);
    for (const std::string& name : dims)  // of a loop, or read from data
      if (std::none_of(program.dims.begin(), program.dims.end(), [&](const ir::Dim& dim) { return dim.name == name; }))
        return false;
    if (count_pieces(a) + count_pieces(b) > (dims.size() > 2 ? kMostPiecesOfManyDims : kMostPieces)) return false;
    if (unanswered >= kMostUnanswered || ++questions > kMostQuestions) return false;
    isl_ctx_reset_operations(ctx.get());
    isl_ctx_reset_error(ctx.get());
    try {
      const Frame frame(ctx.get(), program, no_loops, {});
      return frame.universe().is_subset(frame.holds({a, compare, b}));
    } catch (const NotAffine&) {
      return false;
    } catch (const isl::exception&) {  // the budget is spent
      ++unanswered;
      return false;
    }
  }

  IndexExpr index(const IndexExpr& e) const {
    if (!e->a) return e;
    const std::string text = ir::to_text(e);
    const auto known = shorter.find(text);
    return known == shorter.end() ? shorter[text] = shortened(e) : known->second;
  }

  IndexExpr shortened(const IndexExpr& e) const {
    const IndexExpr a = index(e->a), b = index(e->b);
    if (is_min_or_max(e)) {
      const bool is_min = e->kind == Kind::min;
      if (always(a, ir::Compare::le, b)) return is_min ? a : b;
      if (always(b, ir::Compare::le, a)) return is_min ? b : a;
    }
    return ir::with_operands(e, a, b);
  }

  // constant + sum of coefficient * dimension, if that is what e is. What it must be follows from a few of its values.
  std::optional<IndexExpr> linear(const IndexExpr& e) const {
    const std::string text = ir::to_text(e);
    const auto known = linear_forms.find(text);
    return known == linear_forms.end() ? linear_forms[text] = find_linear(e) : known->second;
  }

  std::optional<IndexExpr> find_linear(const IndexExpr& e) const {
    if (!divides_by_constants(e)) return std::nullopt;
    std::map<std::string, int64_t> at;
    for (const ir::Dim& dim : program.dims) at[dim.name] = 1;
    for (const std::string& name : ir::names_in(e))
      if (!at.count(name)) return std::nullopt;
    const auto base = value_of(e, at);
    if (!base) return std::nullopt;
    int64_t rest = *base;
    IndexExpr sum = ir::constant(0);
    for (const ir::Dim& dim : program.dims) {
      at[dim.name] = 2;
      const auto next = value_of(e, at);
      const auto coefficient = next ? checked_sub(*next, *base) : std::nullopt;
      at[dim.name] = 1;
      const auto without = coefficient ? checked_sub(rest, *coefficient) : std::nullopt;
      if (!without) return std::nullopt;
      rest = *without;
      sum = ir::add(sum, ir::mul(ir::constant(*coefficient), ir::named(dim.name)));
    }
    sum = ir::add(sum, ir::constant(rest));
    return always(e, ir::Compare::eq, sum) ? std::optional(sum) : std::nullopt;
  }

  const ir::Program& program;
  const LoopsByName no_loops;
  mutable std::map<std::string, IndexExpr> shorter;  // found before, by text
  mutable std::map<std::string, std::optional<IndexExpr>> linear_forms;
  mutable int questions = 0, unanswered = 0;
  std::unique_ptr<isl_ctx, FreeContext> ctx;
};

Simplifier::Simplifier(const ir::Program& program) : impl_(std::make_unique<Impl>(program)) {}
Simplifier::~Simplifier() = default;

IndexExpr Simplifier::operator()(const IndexExpr& e) const { return impl_->index(e); }

// Terms that differ in one factor alone are added up: what is piecewise in each may be linear together.
Quantity Simplifier::operator()(const Quantity& quantity) const {
  if (!quantity.is_known()) return quantity;
  Quantity shorter;  // each factor by itself
  quantity.for_each_term([&](int64_t coefficient, const Quantity::Powers& factors) {
    Quantity term(coefficient);
    for (const auto& [factor, power] : factors)
      for (int i = 0; i < power; ++i) term = term * Quantity::of(impl_->index(factor));
    shorter = shorter + term;
  });
  using Parts = std::vector<std::pair<int64_t, IndexExpr>>;
  struct Group {
    Quantity common = Quantity(1);  // the other factors
    Parts steps, pieces;            // those with a division, with a minimum or maximum
  };
  std::map<std::string, Group> groups;
  Quantity result;
  shorter.for_each_term([&](int64_t coefficient, const Quantity::Powers& factors) {
    Quantity term(coefficient), common(1);
    IndexExpr odd;
    int odd_ones = 0;
    for (const auto& [factor, power] : factors)
      for (int i = 0; i < power; ++i) {
        term = term * Quantity::of(factor);
        if (factor->kind == Kind::name)
          common = common * Quantity::of(factor);
        else
          odd = factor, ++odd_ones;
      }
    if (odd_ones != 1) {
      result = result + term;
      return;
    }
    Group& group = groups.try_emplace(common.text()).first->second;
    group.common = common;
    (has_min_or_max(odd) ? group.pieces : group.steps).emplace_back(coefficient, odd);
  });
  const auto added_up = [&](const Parts& parts) -> std::optional<Quantity> {
    int64_t divisor = 0;
    for (const auto& [coefficient, e] : parts) divisor = std::gcd(divisor, coefficient);
    IndexExpr sum = ir::constant(0);
    for (const auto& [coefficient, e] : parts) sum = ir::add(sum, ir::mul(ir::constant(coefficient / divisor), e));
    const auto linear = impl_->linear(sum);
    return linear ? std::optional(Quantity(divisor) * Quantity::of(*linear)) : std::nullopt;
  };
  const auto apart = [](const Parts& parts) {
    Quantity sum;
    for (const auto& [coefficient, e] : parts) sum = sum + Quantity(coefficient) * Quantity::of(e);
    return sum;
  };
  for (const auto& [text, group] : groups) {
    Parts all = group.steps;
    all.insert(all.end(), group.pieces.begin(), group.pieces.end());
    std::optional<Quantity> sum = added_up(all);
    if (!sum && !group.pieces.empty()) {
      sum = added_up(group.pieces);
      if (sum) sum = *sum + apart(group.steps);
    }
    result = result + group.common * sum.value_or(apart(all));
  }
  if (quantity.is_at_most()) result.mark_at_most();
  return result;
}

}  // namespace imbrex::prove

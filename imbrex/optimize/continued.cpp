#include "imbrex/optimize/continued.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using Kind = Term::Kind;

// The reduced axis while two are made one. What is joined may hold others that are joined meanwhile, under names of their own.
class JoinedAxis {
 public:
  explicit JoinedAxis(Terms& terms) : name(fmt::format(".j{}", terms.joining)), terms_(terms) { ++terms_.joining; }
  JoinedAxis(const JoinedAxis&) = delete;
  JoinedAxis& operator=(const JoinedAxis&) = delete;
  ~JoinedAxis() { --terms_.joining; }

  const std::string name;

 private:
  Terms& terms_;
};

// Products of bf16 go in blocks: only whole ones can be followed by others (docs/semantics.md, "Matrix products").
constexpr int64_t kBlock = 32;

bool is_multiple(const IndexExpr& e, int64_t of, const Ranges& ranges) {
  const Linear sum = linear(e, ranges);
  return sum.constant % of == 0 &&
         std::all_of(sum.parts.begin(), sum.parts.end(), [&](const auto& part) { return part.second.coefficient % of == 0; });
}

bool is_never_negative(const IndexExpr& e, const Ranges& ranges) { return range_of(e, ranges).least.value_or(-1) >= 0; }

bool ends_a_block(Reduction reduction, const IndexExpr& extent, const Ranges& ranges) {
  return reduction != Reduction::dot_bf16 || is_multiple(extent, kBlock, ranges);
}

std::vector<TermId> moved(Terms& terms, std::vector<TermId> body, const Substitution& by) {
  for (TermId& part : body) part = terms.substitute(part, by);
  return body;
}

TermId reduced_like(Terms& terms, TermId part, const IndexExpr& extent, const std::string& k, std::vector<TermId> body) {
  const int like = terms.at(part).definition;
  const Reduction reduction = terms.definition(like).reduction;
  const TermId whole = terms.reduce(reduction, terms.definition(like).dtype, extent, k, std::move(body));
  if (whole == kNoTerm) return kNoTerm;
  if (const auto origin = terms.origins.find(like); origin != terms.origins.end())
    terms.origins.emplace(terms.at(whole).definition, origin->second);
  return terms.made_from(part, whole);
}

Range counted(const IndexExpr& extent, const Ranges& ranges) {
  const Range range = range_of(extent, ranges);
  return {0, range.most ? std::optional(*range.most - 1) : std::nullopt, extent};
}

}  // namespace

void for_each_term(const Terms& terms, TermId term, const std::function<void(TermId)>& visit) {
  std::set<TermId> seen;
  const std::function<void(TermId)> walk = [&](TermId id) {
    if (!seen.insert(id).second) return;
    visit(id);
    const Term& at = terms.at(id);
    for (TermId arg : at.args) walk(arg);
    if (at.kind == Kind::reference)
      for (TermId part : terms.definition(at.definition).body) walk(part);
  };
  walk(term);
}

bool depends_on(const Terms& terms, TermId term, const ir::Loop& loop) {
  bool found = false;
  const auto look = [&](const IndexExpr& e) { found = found || ir::names_in(e).contains(loop.variable); };
  for_each_term(terms, term, [&](TermId id) {
    const Term& at = terms.at(id);
    for (const IndexExpr& e : at.indices) look(e);
    for (const IndexExpr& e : at.limits) look(e);
    if (at.kind == Kind::reference) look(terms.definition(at.definition).extent);
  });
  return found;
}

std::vector<TermId> opened(Terms& terms, TermId reference, const std::string& k) {
  const Term use = terms.at(reference);
  const std::vector<TermId> body = terms.definition(use.definition).body;
  Substitution by{{kReducedName, ir::named(k)}};
  for (size_t axis = 0; axis < use.indices.size(); ++axis) by[axis_name(axis)] = use.indices[axis];
  terms.ranges[k] = counted(terms.definition(use.definition).extent, terms.ranges);
  return moved(terms, body, by);
}

TermId made_anew(Terms& terms, TermId term) {
  std::map<TermId, TermId> done;
  const std::function<TermId(TermId)> walk = [&](TermId id) -> TermId {
    if (const auto found = done.find(id); found != done.end()) return found->second;
    const Term at = terms.at(id);
    TermId result = id;
    if (at.kind == Kind::reference) {
      const JoinedAxis axis(terms);
      std::vector<TermId> body = opened(terms, id, axis.name);
      for (TermId& part : body) part = made_anew(terms, part);
      const TermId now = reduced_like(terms, id, terms.definition(at.definition).extent, axis.name, std::move(body));
      if (now != kNoTerm) result = now;
    } else if (!at.args.empty()) {
      std::vector<TermId> args;
      for (const TermId arg : at.args) args.push_back(walk(arg));
      if (args != at.args)
        result = at.kind == Kind::operation ? terms.operation(at.op, at.dtype, std::move(args), at.mode)
                 : at.modulus > 0           ? terms.residues(at.indices[0], std::move(args))
                                            : terms.intervals(at.indices[0], at.limits, std::move(args));
    }
    return done[id] = terms.made_from(id, result);
  };
  return walk(term);
}

TermId joined(Terms& terms, TermId first, TermId next) {
  if (!terms.may_join || terms.at(first).kind != Kind::reference || terms.at(next).kind != Kind::reference) return kNoTerm;
  const Definition a = terms.definition(terms.at(first).definition), b = terms.definition(terms.at(next).definition);
  if (a.reduction != b.reduction || a.dtype != b.dtype) return kNoTerm;
  if (!is_never_negative(a.extent, terms.ranges) || !is_never_negative(b.extent, terms.ranges)) return kNoTerm;
  if (!ends_a_block(a.reduction, a.extent, terms.ranges)) return kNoTerm;

  const JoinedAxis axis(terms);
  const std::vector<TermId> before = opened(terms, first, axis.name), behind = opened(terms, next, axis.name);
  const IndexExpr k = ir::named(axis.name), whole = simplify(ir::add(a.extent, b.extent), terms.ranges);
  // The elements of `next` by the expression of `first`, or those of `first` by that of `next`: either may know less of the
  // place.
  terms.ranges[axis.name] = counted(b.extent, terms.ranges);
  std::vector<TermId> body;
  if (moved(terms, before, {{axis.name, ir::add(k, a.extent)}}) == behind) {
    terms.ranges[axis.name] = counted(whole, terms.ranges);
    body = moved(terms, before, {{axis.name, k}});
  } else {
    terms.ranges[axis.name] = counted(a.extent, terms.ranges);
    if (moved(terms, behind, {{axis.name, ir::sub(k, a.extent)}}) != before) return kNoTerm;
    terms.ranges[axis.name] = counted(whole, terms.ranges);
    body = moved(terms, behind, {{axis.name, ir::sub(k, a.extent)}});
  }
  const TermId all = reduced_like(terms, first, whole, axis.name, std::move(body));
  return all == kNoTerm ? kNoTerm : terms.made_from(next, all);
}

TermId over_each(Terms& terms, TermId reduction, ir::Op op) {
  const Definition definition = terms.definition(terms.at(reduction).definition);
  const JoinedAxis axis(terms);
  const TermId element = opened(terms, reduction, axis.name)[0];
  return reduced_like(terms, reduction, definition.extent, axis.name, {terms.operation(op, definition.dtype, {element})});
}

TermId over_iterations(Terms& terms, TermId part, const ir::Loop& loop) {
  const Definition definition = terms.definition(terms.at(part).definition);
  if (!is_never_negative(loop.extent, terms.ranges)) return kNoTerm;
  const auto constant = ir::constant_value(definition.extent);
  const bool goes_over_span = loop.tile > 0 && ir::same(definition.extent, ir::span_size(loop.variable));
  const bool fills_tiles = constant == loop.tile && is_multiple(loop.extent, std::max<int64_t>(loop.tile, 1), terms.ranges);
  if (loop.tile > 0 ? !goes_over_span && !fills_tiles : !constant || *constant < 1) return kNoTerm;
  const int64_t chunk = loop.tile > 0 ? loop.tile : *constant;
  if (!ends_a_block(definition.reduction, ir::constant(chunk), terms.ranges)) return kNoTerm;
  const IndexExpr size = ir::constant(chunk),
                  whole = simplify(loop.tile > 0 ? loop.extent : ir::mul(loop.extent, size), terms.ranges);

  const JoinedAxis axis(terms);
  const std::vector<TermId> body = opened(terms, part, axis.name);
  const IndexExpr k = ir::named(axis.name), iteration = ir::floor_div(k, size);
  Substitution by{{axis.name, ir::mod(k, size)}};
  if (loop.tile > 0) {
    by[ir::to_text(ir::span_begin(loop.variable))] = ir::add(loop.begin, ir::mul(size, iteration));
    by[ir::to_text(ir::span_index(loop.variable))] = iteration;
  } else {
    by[loop.variable] = ir::add(loop.begin, iteration);
  }
  terms.ranges[axis.name] = counted(whole, terms.ranges);
  const TermId result = reduced_like(terms, part, whole, axis.name, moved(terms, body, by));
  return result == kNoTerm || depends_on(terms, result, loop) ? kNoTerm : result;
}

TermId over_iterations(Terms& terms, Reduction reduction, TermId element, const ir::Loop& loop) {
  if (loop.tile > 0 || !is_never_negative(loop.extent, terms.ranges)) return kNoTerm;
  const JoinedAxis axis(terms);
  terms.ranges[axis.name] = counted(loop.extent, terms.ranges);
  const TermId body = terms.substitute(element, {{loop.variable, ir::add(loop.begin, ir::named(axis.name))}});
  const TermId result = terms.reduce(reduction, terms.at(element).dtype, loop.extent, axis.name, {body});
  return result == kNoTerm || depends_on(terms, result, loop) ? kNoTerm : result;
}

}  // namespace imbrex::optimize

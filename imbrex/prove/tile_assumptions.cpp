#include "imbrex/prove/tile_assumptions.h"

#include "imbrex/prove/data_dependence.h"
#include "imbrex/prove/index_tensors.h"
#include "imbrex/prove/tile_values.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;

// What is known of the elements of a tile from the one it is made of, said of `value`, an expression that stands for each of
// them: bounds of clamps, and what is assumed of tiles that are copied or shifted. Of tiles that get another value nothing is.
class Derived {
 public:
  Derived(const Frame& frame, const ir::Program& program, const Accesses& accesses, const Access& access)
      : frame_(frame), program_(program), accesses_(accesses), access_(access) {}

  isl::set narrowed_by(isl::set set, const ir::ExprPtr& e, const IndexExpr& value) const {
    if (e->dtype != DType::int32) return set;
    switch (e->op) {
      case ir::Op::variable: return narrowed_by_variable(std::move(set), e->name, value);
      case ir::Op::min:
      case ir::Op::max:
        for (const ir::ExprPtr& each : e->args)
          if (const IndexExpr bound = index_of(each))
            set = frame_.narrowed(set, {value, e->op == ir::Op::min ? ir::Compare::le : ir::Compare::ge, bound});
        return set;
      case ir::Op::add:
      case ir::Op::sub: {
        if (may_wrap(e)) return set;
        const IndexExpr a = index_of(e->args[0]), b = index_of(e->args[1]);
        const bool is_sum = e->op == ir::Op::add;
        if (b) return narrowed_by(set, e->args[0], is_sum ? ir::sub(value, b) : ir::add(value, b));
        if (a) return narrowed_by(set, e->args[1], is_sum ? ir::sub(value, a) : ir::sub(a, value));
        return set;
      }
      default: return set;  // holds of any
    }
  }

  isl::set narrowed_by_variable(isl::set set, const std::string& tile, const IndexExpr& value) const {
    if (accesses_.rebound.count(tile)) return set;
    for (const Guard& guard : access_.guards)
      for (const ir::Comparison& comparison : guard.condition)
        if (guard.assumed && mentions(comparison, {tile})) set = frame_.narrowed(set, ir::with_name(comparison, tile, value));
    const auto definition = accesses_.tiles.find(tile);
    return definition == accesses_.tiles.end() ? set : narrowed_by(std::move(set), definition->second, value);
  }

 private:
  // The one number that all elements are; none where it may wrap.
  IndexExpr index_of(const ir::ExprPtr& e) const {
    if (e->dtype != DType::int32) return nullptr;
    if (e->op == ir::Op::constant) return ir::constant(static_cast<int64_t>(e->value));
    return e->op == ir::Op::index && !may_wrap(e) ? e->index : nullptr;
  }
  bool may_wrap(const ir::ExprPtr& e) const { return values_in_definition(program_, accesses_, access_, e) == kAnyInt32; }

  const Frame& frame_;
  const ir::Program& program_;
  const Accesses& accesses_;
  const Access& access_;
};

}  // namespace

isl::set assumed_of_tile(const Frame& frame, const ir::Program& program, const Accesses& accesses, const Access& access,
                         const std::string& tile, const std::string& name) {
  const ir::Range values = values_of_tile(program, accesses, access, tile);
  isl::set result =
      frame.universe().intersect(frame.between(ir::constant(values.least), ir::named(name), ir::constant(values.greatest + 1)));
  for (const Guard& guard : access.guards)
    for (const ir::Comparison& comparison : guard.condition)
      for (const std::string& each : guard.assumed ? tiles_holding(accesses, tile) : std::vector<std::string>{})
        if (mentions(comparison, {each})) result = frame.narrowed(result, ir::with_name(comparison, each, ir::named(name)));
  return Derived(frame, program, accesses, access).narrowed_by_variable(result, tile, ir::named(name));
}

}  // namespace imbrex::prove

#include "imbrex/prove/tile_values.h"

#include <algorithm>

namespace imbrex::prove {
namespace {

using ir::Range;

Range both(Range a, Range b) { return {std::min(a.least, b.least), std::max(a.greatest, b.greatest)}; }
Range common(Range a, Range b) { return {std::max(a.least, b.least), std::min(a.greatest, b.greatest)}; }
Range saturated(Range a, Range to) {
  return {std::clamp(a.least, to.least, to.greatest), std::clamp(a.greatest, to.least, to.greatest)};
}
Range unless_wrapped(Range a) { return a.least < kAnyInt32.least || a.greatest > kAnyInt32.greatest ? kAnyInt32 : a; }

// What a stored element of the type can be, as an int32.
Range of_type(DType dtype) {
  if (is_float(dtype)) return kAnyInt32;
  return {element_type(dtype).least, element_type(dtype).greatest};
}

class TileValues {
 public:
  TileValues(const ir::Program& program, const Accesses& accesses, const ir::Place& place)
      : accesses_(accesses), ranges_(program, place) {}

  Range of(const ir::ExprPtr& e) {
    const std::pair key{e.get(), definitions_ > 0};
    const auto known = known_.find(key);
    if (known != known_.end()) return known->second;
    const Range range = common(found(e), of_type(e->dtype));
    known_[key] = range;
    return range;
  }

  Range variable(const std::string& name) {
    const bool is_rebound = accesses_.rebound.count(name) > 0;
    // What holds here of a tile need not have held of the value that it had where another one was made of it.
    if (is_rebound && definitions_ > 0) return kAnyInt32;
    const auto known = variables_.find(name);
    if (known != variables_.end()) return known->second;
    // What is assumed of it, also after it was assigned once more.
    Range range = common(kAnyInt32, ranges_.of(ir::named(name)));
    const auto tile = accesses_.tiles.find(name);
    if (tile != accesses_.tiles.end() && !is_rebound) range = common(range, in_definition(tile->second));
    variables_[name] = range;
    return range;
  }

  Range in_definition(const ir::ExprPtr& e) {
    ++definitions_;
    const Range range = of(e);
    --definitions_;
    return range;
  }

 private:
  Range found(const ir::ExprPtr& e) {
    const auto arg = [&](size_t i) { return of(e->args[i]); };
    // The reduction of no elements is the identity.
    const auto reduced = [&](const ir::IndexExpr& count, bool is_max) {
      const int64_t identity = is_max ? kAnyInt32.least : kAnyInt32.greatest;
      return ranges_.of(count).least >= 1 ? arg(0) : both(arg(0), {identity, identity});
    };
    switch (e->op) {
      case ir::Op::constant:
        return is_float(e->dtype) ? kAnyInt32 : Range{static_cast<int64_t>(e->value), static_cast<int64_t>(e->value)};
      case ir::Op::index: return unless_wrapped(ranges_.of(e->index));
      case ir::Op::iota: {
        const Range begin = ranges_.of(e->index), columns = ranges_.of(e->columns);
        if (unless_wrapped(begin) == kAnyInt32 || unless_wrapped(columns) == kAnyInt32) return kAnyInt32;
        return unless_wrapped({begin.least, begin.greatest + std::max<int64_t>(0, columns.greatest - 1)});
      }
      case ir::Op::variable: return holds_indices(e->dtype) ? variable(e->name) : kAnyInt32;
      case ir::Op::cast: return is_float(e->args[0]->dtype) ? kAnyInt32 : saturated(arg(0), of_type(e->dtype));
      case ir::Op::add: return unless_wrapped({arg(0).least + arg(1).least, arg(0).greatest + arg(1).greatest});
      case ir::Op::sub: return unless_wrapped({arg(0).least - arg(1).greatest, arg(0).greatest - arg(1).least});
      case ir::Op::neg: return unless_wrapped({-arg(0).greatest, -arg(0).least});
      case ir::Op::abs: {
        const Range a = arg(0);
        const int64_t least = a.least <= 0 && a.greatest >= 0 ? 0 : std::min(std::abs(a.least), std::abs(a.greatest));
        return unless_wrapped({least, std::max(std::abs(a.least), std::abs(a.greatest))});
      }
      case ir::Op::mul: {
        const Range a = arg(0), b = arg(1);
        const auto [least, greatest] =
            std::minmax({a.least * b.least, a.least * b.greatest, a.greatest * b.least, a.greatest * b.greatest});
        return unless_wrapped({least, greatest});
      }
      case ir::Op::min: return {std::min(arg(0).least, arg(1).least), std::min(arg(0).greatest, arg(1).greatest)};
      case ir::Op::max: return {std::max(arg(0).least, arg(1).least), std::max(arg(0).greatest, arg(1).greatest)};
      case ir::Op::select: return both(arg(1), arg(2));
      case ir::Op::row_max:
      case ir::Op::row_min: return reduced(e->args[0]->columns, e->op == ir::Op::row_max);
      case ir::Op::col_max:
      case ir::Op::col_min: return reduced(e->args[0]->rows, e->op == ir::Op::col_max);
      case ir::Op::reshape:
      case ir::Op::transpose:
      case ir::Op::repeat_rows:
      case ir::Op::columns:
      case ir::Op::even:
      case ir::Op::odd:
      case ir::Op::gather: return arg(0);
      case ir::Op::interleave:
      case ir::Op::concat_rows:
      case ir::Op::concat_columns: {
        Range all = arg(0);
        for (size_t i = 1; i < e->args.size(); ++i) all = both(all, arg(i));
        return all;
      }
      default: return kAnyInt32;  // holds of any
    }
  }

  const Accesses& accesses_;
  const ir::Ranges ranges_;
  std::map<std::pair<const ir::Expr*, bool>, Range> known_;  // in a definition, or here
  std::map<std::string, Range> variables_;
  int definitions_ = 0;  // of tiles, that are being looked into
};

}  // namespace

Range values_of_tile(const ir::Program& program, const Accesses& accesses, const ir::Place& place, const ir::ExprPtr& tile) {
  return TileValues(program, accesses, place).of(tile);
}

Range values_in_definition(const ir::Program& program, const Accesses& accesses, const ir::Place& place,
                           const ir::ExprPtr& part) {
  return TileValues(program, accesses, place).in_definition(part);
}

Range values_of_tile(const ir::Program& program, const Accesses& accesses, const ir::Place& place, const std::string& name) {
  return TileValues(program, accesses, place).variable(name);
}

}  // namespace imbrex::prove

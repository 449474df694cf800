#include "imbrex/equal/outputs.h"

#include <algorithm>
#include <set>

#include "imbrex/optimize/continued.h"
#include "imbrex/optimize/stored_values.h"
#include "imbrex/prove/possible.h"

namespace imbrex::equal {
namespace {

using ir::IndexExpr;
using optimize::OutputPiece;
using optimize::TermId;
using optimize::Terms;

// What two parts have in common, over coordinates .i0, .i1, ... of its own: element i of axis d is element first + step * i of
// the part.
struct Common {
  std::vector<IndexExpr> count;
  std::vector<IndexExpr> first_a, first_b;
  std::vector<int64_t> step_a, step_b;
  bool is_known = true;  // else the two lie on the axis in a way that is not followed
};

class Parts {
 public:
  Parts(Terms& terms, const std::vector<ir::Dim>& dims, const ir::Condition& assumed)
      : terms_(terms), dims_(dims), assumed_(assumed) {}

  // Nothing where they have no element in common.
  bool may_meet(const OutputPiece& a, const OutputPiece& b, Common& common) {
    ir::Condition all = assumed_;
    std::vector<std::string> free;
    common = {};
    if (depends_on_place(a) || depends_on_place(b)) {
      common.is_known = false;
      return true;
    }
    for (size_t d = 0; d < a.least.size(); ++d) {
      const std::string i = ".p" + std::to_string(d), j = ".q" + std::to_string(d);
      free.push_back(i), free.push_back(j);
      const auto in = [&](const std::string& name, const IndexExpr& count) {
        all.push_back({ir::constant(0), ir::Compare::le, ir::named(name)});
        all.push_back({ir::named(name), ir::Compare::lt, count});
      };
      in(i, a.count[d]), in(j, b.count[d]);
      const auto place = [](const OutputPiece& piece, size_t axis, const std::string& name) {
        return ir::add(piece.least[axis], ir::mul(ir::constant(piece.step[axis]), ir::named(name)));
      };
      all.push_back({place(a, d, i), ir::Compare::eq, place(b, d, j)});
      add_axis(a, b, d, common);
    }
    return prove::can_hold(dims_, all, free);
  }

  TermId in_common(const OutputPiece& piece, const Common& common, bool is_a) {
    optimize::Substitution by;
    for (size_t d = 0; d < common.count.size(); ++d) {
      const IndexExpr& first = is_a ? common.first_a[d] : common.first_b[d];
      const int64_t step = is_a ? common.step_a[d] : common.step_b[d];
      const std::string name = optimize::coordinate_name(d);
      if (ir::constant_value(common.count[d]) == 1) {
        by[name] = first;
        continue;
      }
      by[name] = ir::add(first, ir::mul(ir::constant(step), ir::named(name)));
      terms_.ranges[name] = optimize::counter_range(common.count[d], terms_.ranges);
    }
    return terms_.substitute(piece.term, by);
  }

 private:
  // Where its ends along one axis depend on the place along another.
  static bool depends_on_place(const OutputPiece& piece) {
    for (const auto* ends : {&piece.least, &piece.count})
      for (const IndexExpr& end : *ends) {
        const std::set<std::string> names = ir::names_in(end);
        if (std::any_of(names.begin(), names.end(), [](const std::string& name) { return name.starts_with(".i"); })) return true;
      }
    return false;
  }

  void add_axis(const OutputPiece& a, const OutputPiece& b, size_t d, Common& common) {
    const auto simple = [&](const IndexExpr& e) { return optimize::simplify(e, terms_.ranges); };
    const bool b_is_coarse = b.step[d] >= a.step[d];
    const OutputPiece &coarse = b_is_coarse ? b : a, &fine = b_is_coarse ? a : b;
    const int64_t step = coarse.step[d], fine_step = fine.step[d];
    const IndexExpr apart = simple(ir::sub(coarse.least[d], fine.least[d]));  // from the fine one's first to the coarse one's
    const auto distance = ir::constant_value(apart);
    if (step % fine_step != 0 || (fine_step > 1 && (!distance || *distance % fine_step != 0))) common.is_known = false;
    // The coarse one's elements from the fine one's begin on.
    const IndexExpr skipped = simple(ir::max(ir::constant(0), ir::ceil_div(ir::sub(ir::constant(0), apart), ir::constant(step))));
    const IndexExpr in_fine =
        simple(ir::floor_div(ir::add(apart, ir::mul(ir::constant(step), skipped)), ir::constant(fine_step)));
    const int64_t ratio = step / fine_step;
    const IndexExpr left = ir::ceil_div(ir::sub(fine.count[d], in_fine), ir::constant(ratio));
    common.count.push_back(simple(ir::min(ir::sub(coarse.count[d], skipped), left)));
    (b_is_coarse ? common.first_b : common.first_a).push_back(skipped);
    (b_is_coarse ? common.step_b : common.step_a).push_back(1);
    (b_is_coarse ? common.first_a : common.first_b).push_back(in_fine);
    (b_is_coarse ? common.step_a : common.step_b).push_back(ratio);
  }

  Terms& terms_;
  const std::vector<ir::Dim>& dims_;
  const ir::Condition& assumed_;
};

std::string text_of(const OutputPiece& piece) {
  std::string text = std::to_string(piece.term);
  for (size_t d = 0; d < piece.least.size(); ++d)
    text += "; " + ir::to_text(piece.least[d]) + ", " + ir::to_text(piece.count[d]) + ", " + std::to_string(piece.step[d]);
  return text;
}

// Whether both have the same terms over the same parts, however the parts lie.
bool has_same_parts(const optimize::Output& a, const optimize::Output& b) {
  if (!a.is_filled || !b.is_filled) return false;
  const auto texts = [](const optimize::Output& output) {
    std::multiset<std::string> all;
    for (const OutputPiece& piece : output.pieces) all.insert(text_of(piece));
    return all;
  };
  return texts(a) == texts(b);
}

}  // namespace

std::vector<Unequal> unequal_parts(Terms& terms, const std::vector<ir::Dim>& dims, const ir::Condition& assumed,
                                   const std::vector<optimize::Output>& a, const std::vector<optimize::Output>& b) {
  std::vector<Unequal> unequal;
  Parts parts(terms, dims, assumed);
  for (const optimize::Output& left : a) {
    const auto right = std::find_if(b.begin(), b.end(), [&](const optimize::Output& each) { return each.tensor == left.tensor; });
    require(right != b.end(), "compared kernels have the same outputs");
    if (has_same_parts(left, *right)) continue;
    for (const OutputPiece& of_a : left.pieces)
      for (const OutputPiece& of_b : right->pieces) {
        Common common;
        if (!parts.may_meet(of_a, of_b, common)) continue;
        Unequal pair{left.tensor};
        if (common.is_known) {
          pair.a = parts.in_common(of_a, common, true);
          pair.b = parts.in_common(of_b, common, false);
          if (pair.a == pair.b || optimize::made_anew(terms, pair.a) == optimize::made_anew(terms, pair.b)) continue;
        }
        unequal.push_back(pair);
      }
  }
  return unequal;
}

bool is_whole(Terms& terms, const std::vector<ir::Dim>& dims, const ir::Condition& assumed, const ir::Tensor& tensor,
              const optimize::Output& output) {
  const auto names_its_place = [&](size_t axis) {
    const auto is_named = [&](const IndexExpr& end) { return ir::names_in(end).contains(optimize::coordinate_name(axis)); };
    return std::any_of(output.pieces.begin(), output.pieces.end(), [&](const OutputPiece& piece) {
      return std::any_of(piece.least.begin(), piece.least.end(), is_named) ||
             std::any_of(piece.count.begin(), piece.count.end(), is_named);
    });
  };
  // An axis along which no part is divided says nothing, and its extent need not be affine.
  std::vector<size_t> divided;
  for (size_t d = 0; d < tensor.shape.size(); ++d) {
    const bool is_divided = !std::all_of(output.pieces.begin(), output.pieces.end(), [&](const OutputPiece& piece) {
      return piece.step[d] == 1 && ir::constant_value(piece.least[d]) == 0 &&
             optimize::same_value(piece.count[d], tensor.shape[d], terms.ranges);
    });
    if (is_divided || names_its_place(d)) divided.push_back(d);
  }
  std::vector<IndexExpr> shape;
  std::vector<std::string> names;
  for (const size_t d : divided) shape.push_back(tensor.shape[d]), names.push_back(optimize::coordinate_name(d));
  std::vector<prove::Box> boxes;
  for (const OutputPiece& piece : output.pieces) {
    prove::Box& box = boxes.emplace_back();
    for (const size_t d : divided)
      box.least.push_back(piece.least[d]), box.count.push_back(piece.count[d]), box.step.push_back(piece.step[d]);
  }
  if (divided.empty()) return !boxes.empty();
  return prove::cover(dims, assumed, shape, boxes, names);
}

}  // namespace imbrex::equal

#include "imbrex/prove/interval.h"

#include <algorithm>
#include <iterator>

#include "imbrex/base/checked.h"

namespace imbrex::prove {
namespace {

// Ends lie within 2^62 of 0, so that the product of two fits 128 bits.
using Wide = __int128;
constexpr int64_t kFarthest = int64_t{1} << 62;
constexpr Wide kBeyond = Wide{1} << 126;  // stands for the end that an interval does not have

// A least value beyond the farthest is also at least the farthest; a most value likewise.
int64_t least_of(Wide value) {
  return value < -kFarthest ? Interval::kNoLeast : static_cast<int64_t>(std::min<Wide>(value, kFarthest));
}
int64_t most_of(Wide value) {
  return value > kFarthest ? Interval::kNoMost : static_cast<int64_t>(std::max<Wide>(value, -kFarthest));
}
bool is_end(int64_t value) { return value != Interval::kNoLeast && value != Interval::kNoMost; }

Wide product(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  if (!is_end(a) || !is_end(b)) return (a < 0) == (b < 0) ? kBeyond : -kBeyond;
  return Wide{a} * b;
}

// By a positive divisor.
Wide quotient(int64_t a, int64_t b) {
  if (b == Interval::kNoMost) return a < 0 ? -1 : 0;
  if (!is_end(a)) return a < 0 ? -kBeyond : kBeyond;
  return *checked_floor_div(a, b);
}

Interval negated(const Interval& a) {
  return {a.most == Interval::kNoMost ? Interval::kNoLeast : -a.most,
          a.least == Interval::kNoLeast ? Interval::kNoMost : -a.least};
}

template <class Of>
Interval of_corners(const Interval& a, const Interval& b, const Of& of) {
  const Wide corners[] = {of(a.least, b.least), of(a.least, b.most), of(a.most, b.least), of(a.most, b.most)};
  const auto [least, most] = std::minmax_element(std::begin(corners), std::end(corners));
  return {least_of(*least), most_of(*most)};
}

int64_t farthest_of(const Interval& a) {
  if (!is_end(a.least) || !is_end(a.most)) return Interval::kNoMost;
  return std::max(a.most, -a.least);
}

}  // namespace

Interval Interval::of(int64_t value) { return {least_of(value), most_of(value)}; }

Interval operator+(const Interval& a, const Interval& b) {
  return {is_end(a.least) && is_end(b.least) ? least_of(Wide{a.least} + b.least) : Interval::kNoLeast,
          is_end(a.most) && is_end(b.most) ? most_of(Wide{a.most} + b.most) : Interval::kNoMost};
}

Interval operator-(const Interval& a, const Interval& b) { return a + negated(b); }

Interval operator*(const Interval& a, const Interval& b) { return of_corners(a, b, product); }

Interval floor_div(const Interval& a, const Interval& b) {
  if (b.least > 0) return of_corners(a, b, quotient);
  if (b.most < 0) return of_corners(negated(a), negated(b), quotient);
  const int64_t farthest = farthest_of(a);  // by at least 1, or by at most -1
  return farthest == Interval::kNoMost ? Interval{} : Interval{-farthest, farthest};
}

Interval mod(const Interval& a, const Interval& b) {
  if (b.most < 0) return negated(mod(negated(a), negated(b)));
  if (b.least <= 0) {
    const int64_t farthest = farthest_of(b);
    return farthest == Interval::kNoMost ? Interval{} : Interval{-farthest, farthest};
  }
  if (a.least >= 0 && a.most < b.least) return a;
  if (b.is_one() && is_end(a.least) && is_end(a.most) &&
      checked_floor_div(a.least, b.least) == checked_floor_div(a.most, b.least))
    return {*checked_mod(a.least, b.least), *checked_mod(a.most, b.least)};
  const int64_t below = b.most == Interval::kNoMost ? b.most : b.most - 1;
  return {0, a.least >= 0 ? std::min(a.most, below) : below};
}

Interval min(const Interval& a, const Interval& b) { return {std::min(a.least, b.least), std::min(a.most, b.most)}; }
Interval max(const Interval& a, const Interval& b) { return {std::max(a.least, b.least), std::max(a.most, b.most)}; }
Interval intersection(const Interval& a, const Interval& b) { return {std::max(a.least, b.least), std::min(a.most, b.most)}; }

}  // namespace imbrex::prove

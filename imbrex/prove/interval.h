// Intervals of integers whose ends are computed with checks: an end beyond 2^62 is no end, and nothing wraps.
#pragma once

#include <cstdint>

namespace imbrex::prove {

struct Interval {
  static constexpr int64_t kNoLeast = INT64_MIN, kNoMost = INT64_MAX;
  int64_t least = kNoLeast, most = kNoMost;  // both included

  static Interval of(int64_t value);
  bool is_empty() const { return least > most; }
  bool is_one() const { return least == most; }
  friend bool operator==(const Interval&, const Interval&) = default;
};

Interval operator+(const Interval& a, const Interval& b);
Interval operator-(const Interval& a, const Interval& b);
Interval operator*(const Interval& a, const Interval& b);
Interval floor_div(const Interval& a, const Interval& b);  // where b is not 0
Interval mod(const Interval& a, const Interval& b);
Interval min(const Interval& a, const Interval& b);
Interval max(const Interval& a, const Interval& b);
Interval intersection(const Interval& a, const Interval& b);

}  // namespace imbrex::prove

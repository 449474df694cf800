// How small and how large index expressions can be at a place of a program, for every legal value of dimensions and data: the one
// analysis of bounds, for the prover, for the optimizer and for the sizes of buffers in generated code.
//
// It reasons with intervals: dimensions lie between 1 and their maximum, loop variables between the ends of their loops, indices
// read from data are any int32, and the conditions that hold at the place narrow them. A product of dimensions is also below what
// the limit on an argument's bytes leaves (docs/semantics.md, "Integers").
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/place.h"
#include "imbrex/ir/program.h"

namespace imbrex::ir {

// Numbers from `least` to `greatest`. There are none (least > greatest) at a place that no execution reaches.
struct Range {
  int64_t least = 0, greatest = 0;
  bool is_empty() const { return least > greatest; }
  friend bool operator==(const Range&, const Range&) = default;
};

class Ranges {
 public:
  // `place` may be changed or destroyed afterwards, `program` may not.
  Ranges(const Program& program, const Place& place);

  // The values of an expression over dimensions, loop variables and spans around the place, indices read before it, and tiles of
  // which something is assumed there (the name is one element then). Numbers beyond 64 bits count as the nearest of 64 bits.
  Range of(const IndexExpr& e) const;
  // The smallest part of the expression whose value can leave 64 bits for some legal value of dimensions and data, or null.
  IndexExpr overflow_in(const IndexExpr& e) const;
  // Whether the comparison holds in every execution; false also where that cannot be told.
  bool always(const IndexExpr& a, Compare compare, const IndexExpr& b) const;

  // A bound over dimensions alone; none where there is none below that of every int32.
  std::optional<IndexExpr> upper(const IndexExpr& e) const { return bound(e, true); }
  std::optional<IndexExpr> lower(const IndexExpr& e) const { return bound(e, false); }

 private:
  using Wide = __int128;
  struct WideRange {
    Wide least, greatest;
  };

  Range leaf(const Index& e) const;
  WideRange wide(const IndexExpr& e, IndexExpr* overflow) const;
  std::optional<Wide> product_of_dims(const IndexExpr& e) const;
  void enter(const Binder& binder);
  // What holds of a tile's elements says nothing of the other names in it: the tile may have none.
  struct Fact {
    Comparison comparison;
    std::string tile;  // "" if no tile is named
  };
  void know(const Comparison& comparison);
  void narrow(const Fact& fact);
  void narrow_at_least(const IndexExpr& greater, const IndexExpr& less, int64_t distance, const std::string& tile);
  void set(const std::string& key, Range range);
  std::optional<IndexExpr> bound(const IndexExpr& e, bool up) const;
  std::optional<IndexExpr> bound_of_name(const std::string& name, bool up) const;

  const Program& program_;
  std::vector<Binder> binders_;
  std::vector<Fact> facts_;
  std::map<std::string, Range> ranges_;  // by the leaf's text: "T", "t.begin"
  // For each argument whose extents are all at least 1: the dimensions whose product is below a number of elements.
  struct Limit {
    std::map<std::string, int> dims;  // with powers
    Wide most;
  };
  std::vector<Limit> limits_;
  mutable std::vector<std::pair<std::string, bool>> open_;  // bounds that are being found
};

}  // namespace imbrex::ir

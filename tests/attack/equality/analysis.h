// What rewrites must know of a program to keep every bit. All of it errs on the careful side.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::attack {

// What statements touch, with everything inside them. A view counts as the tensor under it.
struct Touched {
  std::set<std::string> reads, writes;  // tensors
  std::set<std::string> reads_tiles, writes_tiles;
  std::set<std::string> declares, mentions;  // names
  bool is_fixed = false;                     // it stays where it is: an assumption, a tap
};
Touched touched_by(const ir::Program& program, const ir::Block& block);
Touched touched_by(const ir::Program& program, const ir::Statement& statement);
// True if the two may stand in either order.
bool are_independent(const Touched& first, const Touched& second);

bool mentions(const ir::IndexExpr& e, const std::string& name);
bool mentions(const std::vector<ir::Axis>& slice, const std::string& name);
bool mentions(const ir::ExprPtr& e, const std::string& name);

// True if no iteration touches what another one writes, and none hands a tile to the next.
bool has_independent_iterations(const ir::Program& program, const ir::Loop& loop);

// Which part of a value belongs to which part of a span.
enum class Side : uint8_t { none, rows, columns, unknown };

// Follows a span through values: `rows` where row i of a value comes from element i of the span alone, for any span.
class Follow {
 public:
  Follow(const ir::Loop& loop, std::set<std::string> made_inside) : span_(loop.variable), inside_(std::move(made_inside)) {}
  Side of(const ir::ExprPtr& e) const;
  Side of_slice(const std::vector<ir::Axis>& slice, const std::string& tensor) const;

 private:
  bool is_size(const ir::IndexExpr& e) const;
  Side by_shape(const ir::Expr& e) const;
  Side of_product(const ir::Expr& e, size_t first) const;
  std::string span_;
  std::set<std::string> inside_;  // tensors that each iteration creates
};

// True if the loop over a span may be cut in any other way: what it does for each row (or column) depends on that one alone.
bool is_local(const ir::Program& program, const ir::Loop& loop, Side side);

// A loop over chunks of an axis that sums, multiplies or finds extremes, and nothing else.
struct Chunked {
  bool is_chunked = false;
  int64_t multiple = 1;  // of which every chunk must be, but the last
};
Chunked chunks_of(const ir::Loop& loop);

bool is_elementwise(ir::Op op);

}  // namespace imbrex::attack

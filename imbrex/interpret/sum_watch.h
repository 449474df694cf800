// Whether an operation that adds floats rounded: what its result is then depends on the order of the additions.
#pragma once

#include <cfenv>
#include <memory>
#include <vector>

#include "imbrex/interpret/operations.h"

namespace imbrex::interpret {

// Stands around one operation. With `rounds` null it watches nothing.
class SumWatch {
 public:
  SumWatch(bool* rounds, ir::Op op, const std::vector<std::shared_ptr<const Tile>>& args);
  // Sets `rounds` where an addition was rounded, where a factor is so small that a product or a sum of products may have been
  // flushed to zero, and where the result has a -0, which only some orders give. The operation's code must not have been inlined
  // here: its floating-point status is read.
  void note(const Tile& result) const;

 private:
  bool* rounds_;
};

}  // namespace imbrex::interpret

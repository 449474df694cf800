// The language in which kernels are written: ordinary C++ that records a tile program.
//
//   Kernel rms_norm(Int D, float eps) {
//     return kernel("rms_norm", [&](Builder& k) {
//       Dim T = k.dim("T", {.typical = 128});
//       Tensor x = k.input("x", bf16, {T, D});
//       Tensor y = k.output("y", bf16, {T, D});
//       parallel(tiles(T, 16), [&](Span t) {
//         Tile v = cast(x(t, all), f32);
//         y(t, all) = cast(v / sqrt(row_sum(v * v) * (1.0f / D) + eps), bf16, rint);
//       });
//     });
//   }
//
// A kernel means what it means when run from top to bottom, `parallel` loops in order. Sub-kernels are ordinary C++ functions on
// tensors and tiles. A kernel is recorded by the thread that calls kernel(); loops, scopes and constants find it there.
//
// Include this header. index.h has integers and spans, tile.h tensors, tiles and what can be computed with them.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/language/index.h"
#include "imbrex/language/tile.h"

namespace imbrex {

// ---- kernels ------------------------------------------------------------------------------------------------------------------

class Kernel {
 public:
  explicit Kernel(ir::Program program) : program_(std::move(program)) {}
  const ir::Program& program() const { return program_; }

 private:
  ir::Program program_;
};

struct DimOptions {
  Int typical = 0;              // what plans are made for; 0: not said
  std::optional<Int> max = {};  // calls with more are refused
};

// What the author pins: annotations of a loop, a scope, or the whole kernel. They never change what it means.
struct Pins {
  ir::Annotations annotations;
};
Pins as_written();  // keep these loops
Pins tile(Int n);   // this loop's tiles have n indices
Pins no_fusion();   // fuse nothing across the border of this scope
Pins operator+(Pins a, const Pins& b);

// Declares what a kernel is called with, in the order of the call. Names are unique in the kernel ("duplicate-name").
class Builder {
 public:
  Dim dim(const std::string& name, DimOptions options = {}, SourceLocation where = SourceLocation::current());
  Tensor input(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where = SourceLocation::current());
  // An input whose elements stay the same while it is bound: what products have as their right side is packed for them when it is
  // bound, once for all runs. A change after that may not be seen until it is bound again.
  Tensor weight(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where = SourceLocation::current());
  // Every element is written by the kernel.
  Tensor output(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where = SourceLocation::current());
  // May be read and written, in part too.
  Tensor inout(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where = SourceLocation::current());
  void pin(const Pins& pins);
};

// Records `body`, names its tiles and verifies the program. UserError with all findings.
Kernel kernel(const std::string& name, const std::function<void(Builder&)>& body,
              SourceLocation where = SourceLocation::current());

// ---- tensors made in a kernel -------------------------------------------------------------------------------------------------

// Fresh memory each time this line runs: made in a loop body it belongs to the iteration, made before the loop all share it.
Tensor create_tensor(const std::string& name, DType dtype, std::vector<Index> shape,
                     SourceLocation where = SourceLocation::current());
// The same memory, row-major, under another shape with as many elements.
Tensor view(const std::string& name, const Tensor& base, std::vector<Index> shape,
            SourceLocation where = SourceLocation::current());

// ---- loops and scopes ---------------------------------------------------------------------------------------------------------

using SpanBody = std::function<void(Span)>;
using IndexBody = std::function<void(Index)>;
using Body = std::function<void()>;

// A claim that iterations do not depend on each other; the prover checks it.
void parallel(const Tiles& domain, const SpanBody& body, const Pins& pins = {}, SourceLocation where = SourceLocation::current());
void parallel(const Range& domain, const IndexBody& body, const Pins& pins = {},
              SourceLocation where = SourceLocation::current());
// One iteration after the other.
void range(const Tiles& domain, const SpanBody& body, const Pins& pins = {}, SourceLocation where = SourceLocation::current());
void range(const Range& domain, const IndexBody& body, const Pins& pins = {}, SourceLocation where = SourceLocation::current());
// As range; loads of the next stages - 1 iterations may run ahead.
void pipeline(Int stages, const Tiles& domain, const SpanBody& body, const Pins& pins = {},
              SourceLocation where = SourceLocation::current());
void pipeline(Int stages, const Range& domain, const IndexBody& body, const Pins& pins = {},
              SourceLocation where = SourceLocation::current());
// A named scope. Tiles made in it end with it.
void at(const std::string& name, const Body& body, const Pins& pins = {}, SourceLocation where = SourceLocation::current());
// Decided while the kernel runs. Tiles of the surroundings may be rebound in both.
void when(const Condition& condition, const Body& then, const Body& otherwise = {},
          SourceLocation where = SourceLocation::current());

// ---- data in control, assumptions, looking in ---------------------------------------------------------------------------------

// One element of an int32 or int64 tensor as an Index, which is an int32: a run is refused whose element is none.
Index read(const Tensor& tensor, std::vector<Index> position, SourceLocation where = SourceLocation::current());
// What the author knows and the prover cannot: taken as true, and checked when the kernel runs.
void assume(const Condition& condition, SourceLocation where = SourceLocation::current());
// Each element of an int32 tile is in [least, end): what rows taken by(tile) and gathered columns need to be proven inside.
void assume_each(const Index& least, const Tile& tile, const Index& end, SourceLocation where = SourceLocation::current());
// The elements of an int32 tile differ from each other, so that rows stored by(tile) do not collide. A number that several elements
// may be is excepted: with `{.except = -1}`, rows that are read one by one do not collide where those that are -1 are skipped.
struct Distinct {
  std::optional<Int> except = {};  // an int32
};
void assume_distinct(const Tile& tile, const Distinct& but = {}, SourceLocation where = SourceLocation::current());
// No element of an int32 tile is less than the one before, in row-major order: offsets into the rows of another tensor, as those
// from which `read` takes where a group of rows begins and ends.
void assume_sorted(const Tile& tile, SourceLocation where = SourceLocation::current());
// Shows the tile to whoever runs the kernel and asks for it. No effect otherwise.
void tap(const std::string& name, Operand tile);

}  // namespace imbrex

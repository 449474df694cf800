// Lays the left operands of products out as tile registers load them: `@tiles` on the tensor's creation.
//
// Requires:   a verified program, and which kinds of products run on tile registers (target/target.h).
// Guarantees: the same meaning. A tensor of bytes or bf16 that such products read by whole rows, from multiples of sixteen on,
//             gets a copy with `@tiles`, which is stored where the tensor is stored, from the same values, and which those
//             products read. A temporary that nothing else reads gets no copy, but the annotation.
// Why here:   last, when it is settled which products read what; before weights are packed, as those are right operands alone.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

constexpr int64_t kTileRows = 16, kTileRowBytes = 64;  // of a tile register (target/isa/tiles.h)

// Whether a product of such operands takes its left one in tiles.
using TakesTiles = std::function<bool(DType left, DType right)>;

ir::Program rows_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles);

// The tensors that are, or would be, stored so that products find them in tiles.
std::set<std::string> stored_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles);

// The tensors with `@tiles` that are accessed only in ways which that layout serves. The annotation on others changes nothing.
std::set<std::string> tensors_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles);

}  // namespace imbrex::optimize

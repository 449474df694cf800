// A range or pipeline over integers `i` whose body takes chunks `i * c +: c` (with a remainder `min(c, E - i * c)`, or the span
// between `i * c` and `min((i + 1) * c, E)`) as the same loop over tiles(E, c), the form that unchunk_loops reads.
//
// Requires: a verified program. Guarantees: the same iterations over the same elements; every shape is inferred again, so that
// what is as long as a chunk says so. Destroys: nothing; the loop given stays. The result is for unchunk_loops alone: its loop
// may begin elsewhere than at 0, which the text of programs cannot say.
#pragma once

#include <optional>

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

// None where the loop is over tiles already, has other statements than tiles and stores, or uses `i` in another way.
std::optional<ir::Loop> chunks_as_tiles(const ir::Loop& loop);

// The part of `begin` that does not move with the span: none where `begin` is not the span's begin and a constant to the loop.
std::optional<ir::IndexExpr> offset_from_span(const ir::IndexExpr& begin, const std::string& span);

}  // namespace imbrex::optimize

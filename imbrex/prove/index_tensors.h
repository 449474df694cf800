// What holds of indices because of the tensors they come from: an input is never written, so that two reads of one position give
// one value, and what is assumed of all of its elements holds of each. Private to prove/.
#pragma once

#include <isl/cpp.h>

#include <optional>
#include <string>
#include <vector>

#include "imbrex/prove/access.h"
#include "imbrex/prove/affine.h"

namespace imbrex::prove {

// What stands for all elements of an input in a supposition, in place of a tile that holds them: no author can write such a name.
std::string all_elements_of(const std::string& tensor);
// What is assumed at this place of the elements of an input of one axis: all of it was loaded into a tile that the assumption names.
std::vector<ir::AssumeElements> assumed_of(const Accesses& accesses, const ir::Place& place, const std::string& tensor);
// What excepts a number from being different, of those; null if nothing does, or all elements differ anyway.
std::optional<ir::AssumeElements> exception_in(const std::vector<ir::AssumeElements>& assumed);

// The same of the input that a tile is a part of.
std::optional<ir::AssumeElements> exception_of_tile(const Accesses& accesses, const ir::Place& place, const std::string& tile);

// The name of that input; none where the tile is anything else.
std::optional<std::string> input_of_tile(const Accesses& accesses, const std::string& tile);

// The tile variables that hold all elements of an input, and nothing else ever.
std::vector<std::string> whole_tiles_of(const Accesses& accesses, const std::string& tensor);
// Those of which each holds all elements of the tile, the tile itself first.
std::vector<std::string> tiles_holding(const Accesses& accesses, const std::string& tile);

// The access with the positions of the indices in place of their values, on each axis that an index tile takes: where all indices
// differ, two executions touch one element exactly if they use one position. None where some tile is not a part of an input whose
// elements differ.
struct ByPosition {
  Access access;
  std::vector<std::string> tensors;  // by axis, whose positions stand there; "" for other axes
};
std::optional<ByPosition> by_position(const Accesses& accesses, const Access& access);

// Whether two binders are indices that say something of each other: they may be read from one position of one input, or something
// is assumed of its elements together.
bool related(const Accesses& accesses, const ir::Place& a, const Binder& index_a, const ir::Place& b, const Binder& index_b);
// Over the frame's coordinates: values of indices `a` and `b`, which are related, that the input they are read from
// allows. `suffix_b` makes the coordinates of the binders of `b`. Everything where nothing follows.
isl::set consistent(const Frame& frame, const Accesses& accesses, const ir::Place& a, const Binder& index_a, const ir::Place& b,
                    const Binder& index_b, const std::string& suffix_b);

}  // namespace imbrex::prove

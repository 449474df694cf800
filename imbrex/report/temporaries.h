// The tensors of a kernel's own: which of its author's are gone from what the optimizer made, and which are there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::report {

// The bytes of a tensor; of one iteration's, where it is created in a loop. Nothing where its extents follow from more than the
// dimensions, or are more than 64 bits count.
std::optional<int64_t> bytes_at(const ir::Tensor& tensor, const std::map<std::string, int64_t>& dims);

struct Temporary {
  std::string tensor;
  int64_t bytes = 0;
};
struct Temporaries {
  std::vector<Temporary> gone, kept;  // of the author; of what was made
};
// Once each, however often they are created; those whose size a loop decides are left out.
Temporaries temporaries_of(const ir::Program& written, const ir::Program& made, const std::map<std::string, int64_t>& dims);

}  // namespace imbrex::report

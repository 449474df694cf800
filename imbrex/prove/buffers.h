// The tiles of a scope as buffers: where each lives, how large it is, and from when to when. docs/capacity.md has the model.
#pragma once

#include <string>
#include <vector>

#include "imbrex/prove/memories.h"
#include "imbrex/prove/quantity.h"
#include "imbrex/target/machines.h"

namespace imbrex::prove {

using TileSizes = std::map<std::string, int64_t>;  // loops by variable: another tile size than the written one

// An extent in the iteration where it is largest.
Quantity worst_extent(const ir::IndexExpr& e, const std::map<std::string, const ir::Loop*>& loops,
                      const TileSizes& other_tiles = {});

struct Buffer {
  std::string name;  // the tile variable, or what the value is
  target::MemoryKind memory = target::MemoryKind::vec;
  DType dtype = DType::f32;
  ir::IndexExpr rows, columns;
  int64_t copies = 1;       // pipeline stages
  int64_t most_bytes = 0;   // pieces that stream: no more than this at a time; 0 for no limit
  int first = 0, last = 0;  // lifetime in steps of the scope, both included
  int origin = -1;

  // Bytes in the worst iteration: full spans.
  Quantity bytes(const std::map<std::string, const ir::Loop*>& loops, const TileSizes& other_tiles = {}) const;
};

struct ScopeBuffers {
  std::string name;
  int origin = -1;
  int steps = 0;
  std::vector<Buffer> buffers;
  std::vector<const ir::Loop*> loops_around;  // outermost first
};

// The scopes in program order; statements outside every `at` need no on-chip memory of their own scope and are not listed.
std::vector<ScopeBuffers> buffers_of_scopes(const ir::Program& program, const target::Machine& machine);

}  // namespace imbrex::prove

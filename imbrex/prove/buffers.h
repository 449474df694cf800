// The tiles of a program as buffers: where each lives, how large it is, and from when to when. docs/capacity.md has the model.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "imbrex/prove/domain.h"
#include "imbrex/prove/memories.h"
#include "imbrex/target/target.h"

namespace imbrex::prove {

struct TileBuffer {
  std::string name;  // the tile variable, or what the value is
  target::MemoryKind memory = target::MemoryKind::vec;
  DType dtype = DType::f32;
  ir::IndexExpr rows, columns;
  int64_t copies = 1;       // pipeline stages
  int64_t most_bytes = 0;   // pieces that stream: no more than this at a time; 0 for no limit
  int first = 0, last = 0;  // lifetime in steps of the program, both included
  int origin = -1;
};

struct BufferScope {
  std::string name;  // its label
  int origin = -1;
  int first = 0, last = 0;             // its steps, both included
  std::vector<const ir::Loop*> loops;  // around it, outermost first, then those in it
  bool is_outermost = true;
  bool is_outside = false;  // what is in no scope: the steps that no other scope has
};

// Everything is walked as one sequence of steps, so that what is made before a scope and used in it is alive in it.
struct ProgramBuffers {
  std::vector<TileBuffer> buffers;
  std::vector<BufferScope> scopes;    // in program order; at the end what is outside of them
  std::vector<Place> places;          // what is around the steps
  std::vector<size_t> place_of_step;  // which of them
  std::vector<bool> is_in_scope;      // by step

  bool has(const BufferScope& scope, int step) const {
    return scope.first <= step && step <= scope.last && scope.is_outside != is_in_scope[static_cast<size_t>(step)];
  }
  // The buffer is alive in some step of the scope.
  bool has(const BufferScope& scope, const TileBuffer& buffer) const {
    for (int step = std::max(scope.first, buffer.first); step <= std::min(scope.last, buffer.last); ++step)
      if (has(scope, step)) return true;
    return false;
  }
};

ProgramBuffers buffers_of(const ir::Program& program, const target::Target& target);

}  // namespace imbrex::prove

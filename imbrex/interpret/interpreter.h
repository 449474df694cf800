// What a tile program means. The interpreter is the definition of the language: it runs a program from top to bottom, `parallel`
// loops in order, on the numbers that docs/semantics.md describes. It shares no code with the code generator.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/ir/program.h"

namespace imbrex::interpret {

// A program that broke its word on these inputs: an access outside a tensor, an assumption that does not hold, ...
class Fault : public UserError {
 public:
  using UserError::UserError;
};

// The work that Options::most_work allows is done.
class OutOfWork : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Options {
  // Also watches what a correct program never does, at several times the cost: reading an element that nobody wrote, leaving an
  // element of an output unwritten, and touching an element in two iterations of a `parallel` loop of which at least one writes.
  bool checked = false;
  // More than this is not taken for the tensors that the program creates, nor for one tile: Fault "out-of-memory".
  int64_t most_bytes = INT64_MAX;
  // Elements computed, loaded and stored, and iterations: beyond so many of them the run ends with OutOfWork. 0: no limit.
  int64_t most_work = 0;
  int64_t* work = nullptr;  // where the count is put, if anywhere, however the run ends
  // Set to true where a sum, of tiles or of a row's, column's or product's elements, was rounded, or may have been. Where none was, other
  // orders of the additions would give the same.
  bool* rounds_sums = nullptr;
  // Called for each `tap`; `indices` are the iteration numbers (from 0) of the enclosing loops, outermost first.
  std::function<void(const std::string& tap, const std::vector<int64_t>& indices, const Array& tile)> tap;
};

// Runs a verified program. `dims` has a value for each dimension, `tensors` an array of the declared type and shape for each
// input and inout. Outputs are put into `tensors`; inouts are changed in place.
//
// Throws UserError if an argument is missing or does not fit, and Fault with one of the ids out-of-bounds, assumption-failed,
// partial-block, tile-too-large, index-overflow, negative-extent, out-of-memory, and in checked mode uninitialised-read,
// output-not-written, parallel-conflict. After a throw the outputs and inouts hold what was written until then.
void run(const ir::Program& program, const std::map<std::string, int64_t>& dims, std::map<std::string, Array>& tensors,
         const Options& options = {});

}  // namespace imbrex::interpret

// Random tile programs that are correct by construction: verified, in bounds, without races, every output written, and run by the
// interpreter's checked mode without a fault. They use the whole language. Everything is a function of the seed alone, on any
// machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "imbrex/base/array.h"
#include "imbrex/ir/program.h"

namespace imbrex::test {

// SplitMix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  int64_t below(int64_t n) { return static_cast<int64_t>(next() % static_cast<uint64_t>(n)); }
  int64_t between(int64_t least, int64_t most) { return least + below(most - least + 1); }
  bool chance(int64_t percent) { return below(100) < percent; }

 private:
  uint64_t state_;
};

struct Limits {
  int64_t extent = 40;  // the largest dimension or constant extent
  int stages = 3;       // loop nests, each filling one tensor
  int depth = 4;        // of expressions
};

struct RandomCase {
  uint64_t seed = 0;
  ir::Program program;
  std::map<std::string, int64_t> dims;
  std::map<std::string, Array> inputs;
};

RandomCase random_case(uint64_t seed, const Limits& limits = {});
ir::Program random_program(Random& random, const Limits& limits);
// Data for a program's inputs and inouts. An int32 tensor annotated `@below(n)` holds values in [0, n), with `@distinct`
// different ones.
std::map<std::string, Array> random_inputs(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                           Random& random);

// The smallest case found that still fails, by dropping statements, unwrapping blocks and shrinking dimensions. `fails` sees only
// programs that verify; it should return false for a program that fails in another way than the one sought.
RandomCase shrink(RandomCase failing, const std::function<bool(const RandomCase&)>& fails);

}  // namespace imbrex::test

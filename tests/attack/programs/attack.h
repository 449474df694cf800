// Programs made to hurt the compiler, and what is held against each.
//
// A program that is proven runs in the interpreter's checked mode without a fault, and gives the same bits optimized and as
// written, interpreted and compiled, on 1, 2 and 3 threads, between guard pages. A program that is refused with a counterexample
// faults at the sizes that the counterexample names, for data that its assumptions allow. Nothing crashes, and nothing hangs.
// docs/proofs.md ("How the compiler is attacked") has the commands.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/ir/program.h"
#include "writer.h"

namespace imbrex::attack {

using Dims = std::map<std::string, int64_t>;
using Tensors = std::map<std::string, Array>;

// ---- programs

struct Case {
  uint64_t seed = 0;
  std::string edit;  // how it was hurt
  std::string text;
  bool is_right = false;  // by construction: it verifies, and is not refused with a counterexample
};

// Writes a program, in which each place that a Writer is asked about may be hurt.
struct Generator {
  const char* name;
  void (*write)(Writer&);
  int64_t weight = 1;     // how many programs, beside those of the others
  bool is_right = false;  // what is not hurt
  friend void PrintTo(const Generator& generator, std::ostream* out) { *out << generator.name; }
};
const std::vector<Generator>& generators();
Case make_case(const Generator& generator, uint64_t seed);

void write_access(Writer&);
void write_data_flow(Writer&);
void write_integers(Writer&);
void write_assumptions(Writer&);
void write_corners(Writer&);
void write_budgets(Writer&);
void write_mutated_text(Writer&);

// ---- verdicts

enum class Verdict : uint8_t { invalid, refused, undecided, proven };

// What is done with a case at the moment, for whoever watches the time.
enum class Phase : uint8_t { parse, prove, interpret, search, lower, generate, compile, run };
inline constexpr const char* kPhases[] = {"parsing",  "proving",    "interpreting", "searching",
                                          "lowering", "generating", "compiling",    "running"};

struct Failure {
  std::string kind;  // equal for failures of one kind: "proven, yet out-of-bounds"
  std::string text;
};

struct Counts {
  int64_t programs = 0, invalid = 0, refused = 0, undecided = 0, proven = 0;
  int64_t runs = 0, kernels = 0, counterexamples = 0, untried = 0, slow = 0;
  void add(const Counts& other);
};

// The failures of many programs, each judged in a process of its own that may crash or hang.
struct Outcome {
  Counts counts;
  struct Found {
    Case of;
    Failure failure;
  };
  std::vector<Found> found;
};
Outcome judge_all(const std::vector<Case>& cases, bool compiles);

}  // namespace imbrex::attack

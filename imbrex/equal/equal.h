// Whether two kernels are the same kernel: give the same bits in every output, for all legal dimensions and all inputs.
//
// Both are dissolved into what their outputs are, element by element (optimize/dissolve.h), in one set of terms. Where the terms
// of an output are the same over the same elements, the kernels are equal: that is a proof, not a trial. Where they are not,
// inputs are searched on which the interpreter gives different results: with such a witness they are different, without one it is
// not decided. docs/equality.md says what is compared, what is not, and why one may believe it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::equal {

enum class Verdict : uint8_t { equal, equal_up_to_order, different, not_decided };
const char* name_of(Verdict verdict);

struct Options {
  bool by_order = false;              // match dimensions, inputs and outputs by their positions, not by their names
  bool up_to_order = false;           // sums may add the same terms in another order
  bool are_proven = false;            // the caller has proven both
  bool searches = true;               // for a witness, where equality is not shown
  int64_t most_work = 6'000'000'000;  // of the interpreter in that search: elements computed, loaded and stored
};

// What one kernel computes where they first differ, in its author's words.
struct Side {
  std::string computes;
  SourceLine where;
  std::string scope;  // the innermost around it, or ""
};

// Where the two compute differently. `output` is the first output that it reaches.
struct Difference {
  std::string output;
  Side a, b;
};

// Dimensions and inputs on which the results differ.
struct Witness {
  std::map<std::string, int64_t> dims;
  uint64_t seed = 0;  // of inputs_of_run() (witness.h)
  std::string output;
  std::vector<int64_t> place;
  std::string a, b;  // the element's value in each
};

std::string text_of(const Witness& witness);  // "T=1, seed 7: q[0, 0, 449] is 0.3125 and 0.3105"

// What only one of the kernels assumes.
struct Condition {
  std::string text;  // "T % 16 == 0"
  char assumed_by = 'A';
  std::string sizes;  // "T > 8", where it is assumed for these alone
};

// Sums that add the same terms in another order, under up_to_order.
struct Reordered {
  std::string terms;  // how many, an expression over dimensions
  Side a, b;
  std::string sizes;  // as of a condition
};

// A part that keeps its author's loops, and why.
struct Kept {
  char kernel = 'A';
  std::string what, reason;
  SourceLine where;
  bool is_in_both = false;  // the other kernel has the same part
};

struct Result {
  Verdict verdict = Verdict::not_decided;
  std::string sizes;                  // "every T >= 1"
  std::vector<Condition> conditions;  // under which they are equal
  std::optional<Difference> difference;
  std::optional<Witness> witness;
  std::vector<Reordered> reordered;
  std::vector<std::string> reasons;  // why it is not decided
  std::vector<Kept> kept;            // parts that were compared as they are written
  int64_t tried = 0;                 // runs of both in the search
  bool is_same_in_all_runs = true;   // of these

  std::string text() const;
};

// Two verified programs. UserError "not-comparable" where their dimensions, inputs and outputs do not match.
Result compare(const ir::Program& a, const ir::Program& b, const Options& options = {});

}  // namespace imbrex::equal

// What holds of a program for every value of its dimensions: every access is inside its tensor, every output is written, nothing
// is read before it is written, `parallel` iterations are independent, and (on NPU targets) tiles fit the on-chip memories. What
// cannot be decided is an error too. docs/proofs.md says what each check decides and how.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::prove {

struct Options {
  std::string target = "host";               // one of target::judged_target_names()
  std::map<std::string, int64_t> dims = {};  // values for capacity and traffic; dimensions left out stay open
  // Of all checks together: isl's count of elementary steps, a second or so. A check that needs more is an error.
  uint64_t operations = 2000000;
  bool counterexamples = false;  // in numbers, too
};

struct Check {
  std::string name;     // "bounds", "coverage", ...
  size_t examined = 0;  // accesses, tensors or pairs, as `unit` says
  std::string unit;
  size_t errors = 0;
  double milliseconds = 0;
};

// One memory of the target in one scope.
struct MemoryUse {
  std::string memory;
  std::string high_water;                                        // bytes by lifetime, an expression over dimensions
  std::string without_reuse;                                     // bytes if no two tiles shared memory
  std::optional<int64_t> high_water_bytes, without_reuse_bytes;  // for the given dimensions
  int64_t most_bytes = 0;           // by lifetime, for the dimensions where they are largest; open ones are typical
  bool high_water_is_exact = true;  // some iteration needs as much; else no iteration needs more
  int64_t capacity_bytes = 0;
  bool fits = true;                // for some value of the open dimensions and every value of the others
  std::optional<int64_t> largest;  // with one dimension open in this expression: it and all smaller values fit
  std::string largest_of;          // that dimension
  std::optional<int64_t> fits_at;  // of the open dimensions where 1 does not fit
};

// One scope: what it moves and computes in one run of the kernel. Expressions over dimensions, and values where they are given.
struct Amount {
  std::string expression = "0";
  std::optional<int64_t> value = 0;
};
struct ScopeRow {
  std::string name;
  SourceLine where;
  Amount tasks, bytes_read, bytes_written, operations, exchanges;
  std::optional<double> operations_per_byte;
  std::vector<MemoryUse> memories;
};

// Elements of a tensor: from the first to the last, both included, on each axis.
struct ElementBox {
  std::vector<int64_t> first, last;
};

// What a diagnostic says, in numbers: the elements of a tensor that it is about, at dimensions where it holds.
struct Counterexample {
  size_t diagnostic = 0;  // in Report::diagnostics
  std::map<std::string, int64_t> dims;
  std::string tensor;
  std::vector<int64_t> shape;
  // Never written, read before they are written, outside of the tensor, or touched by two iterations: all such elements of the
  // execution that is shown or, where it is of none, of the tensor.
  std::vector<ElementBox> elements;
  bool is_exact = true;  // else some elements of the boxes are not among them
  // Executions of a statement and what they touch. Of two that meet, both; of a fault, the one that has it; then stores to the
  // tensor, the first kMostTouches.
  struct Touch {
    SourceLine where;
    std::string slice;  // "q[t, :]"
    bool writes = false;
    std::vector<std::pair<std::string, int64_t>> iteration;  // "h", or "t.index" of a span
    std::vector<ElementBox> elements;
  };
  static constexpr size_t kMostTouches = 24;
  std::vector<Touch> touches;
};

struct Report {
  std::string program, hash, target;
  bool proven = false;  // no diagnostic but warnings
  std::vector<Check> checks;
  std::vector<Diagnostic> diagnostics;
  std::vector<Counterexample> counterexamples;  // where they were asked for; of what iterations and dimensions alone decide
  std::vector<std::string> assumptions;         // with their lines; checked at run time
  std::vector<ScopeRow> scopes;

  std::string verdict() const;  // what was found, and whether it is proven
  std::string text() const;     // the verdict, the proofs, the assumptions, the scopes
  std::string json() const;
};

// An array, as in the report's JSON: of each its id, file, line, message, hint, whether it is a warning, and notes.
std::string diagnostics_as_json(const std::vector<Diagnostic>& diagnostics);

Report prove(const ir::Program& program, const Options& options = {});
// Throws UserError with all errors of the report unless the program is proven.
void prove_or_throw(const ir::Program& program, const Options& options = {});

// Differs for provers that may come to different verdicts: a hash of this library's sources.
const char* revision();

// The dependence graph of scopes: an edge from a scope to each later one that reads what it wrote (or writes what it read or
// wrote).
struct Dependence {
  enum class Kind { read_after_write, write_after_read, write_after_write };
  std::string from, to;  // scopes: their names, told apart where they are alike
  Kind kind;
  std::string tensor;
  Amount bytes;  // of the elements that both touch, over all iterations
};
struct DependenceGraph {
  std::vector<std::string> scopes;  // those that access something
  std::vector<Dependence> edges;
};
// UserError where it is not decided.
DependenceGraph dependences_of_scopes(const ir::Program& program, const Options& options = {});
// The same as DOT, edges labelled with the kind, the tensor and the bytes.
std::string dependence_graph(const ir::Program& program, const Options& options = {});

}  // namespace imbrex::prove

// Dissolves a program into what its outputs are, element by element (terms.h): loops, chunks, tiles, scopes, staging tensors and
// views are gone; what remains is the same for every way of writing the same arithmetic.
//
// Requires:   a program that verifies and that the prover passes (coverage: what is read was written; no races), after the
//             as-written passes (chunked sums and products are whole).
// Guarantees: every output element's term means exactly, to the bit, what the program computes for it.
// Destroys:   nothing; the program is not changed.
// Why here:   scheduling starts from definitions, not from somebody's loops.
//
// What does not dissolve (recurrences, conditions on iterations, data-dependent places) is said with its reason and line.
// Where programs are compared, a marked statement (exclusions.h) at the top level dissolves as well: each tensor that it stores
// becomes a function of what it reads, and the same function where two programs have the same statement and it reads the same.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "imbrex/optimize/terms.h"

namespace imbrex::optimize {

// A part of an output: along axis d the elements least[d] + step[d] * i, 0 <= i < count[d]; `term` is over these i as .i0, .i1,
// ...
struct OutputPiece {
  std::vector<ir::IndexExpr> least, count;
  std::vector<int64_t> step;
  TermId term = kNoTerm;
  Making store;     // where it was stored,
  Makings history;  // and all that it is computed with (Terms::history)
};

struct Output {
  std::string tensor;
  std::vector<OutputPiece> pieces;  // in ascending order of their places
  bool is_filled = true;            // every element of every piece is stored; else only all of them together are known to be
};

struct Dissolved {
  Terms terms;
  std::vector<Output> outputs;
  struct Assumption {
    ir::Assume what;
    int origin;
  };
  std::vector<Assumption> assumptions;  // over dimensions, checked at run time
  // What statements that are kept assume, and the number of the function that they are: of equal ones, equal.
  struct KeptAssumption {
    std::string text;
    int part;
  };
  std::vector<KeptAssumption> kept_assumptions;
  // By entry of a list of Exclusion that a kept statement has: the number of the function that it is.
  std::map<size_t, int> kept_parts;
  std::vector<int> definitions;  // those that the outputs need, each after those that it needs
  // One line for each definition and piece, definitions named d0, d1, ... in the order above. Equal programs have equal text.
  std::string text() const;
};

struct NotDissolved {
  SourceLine where;
  std::string reason;
  bool is_defect = false;         // of the optimizer (defects.h), which gave up
  std::vector<size_t> path = {};  // of the statement: its position in the body, in the block inside that one, ...; of none: empty
};

// Which loops are divided where their body asks which iteration it is (split_at_conditions.h). A parallel loop holds what others
// read: divided, they have two parts to follow, which is right for knowing what is computed and seldom for scheduling it.
enum class Divided { none, sequential_loops, all_loops };

// To be scheduled.
std::variant<Dissolved, NotDissolved> dissolve(const ir::Program& program, Divided divided = Divided::sequential_loops);

// To be compared with another program, which `terms` are of, so that equal terms of both have equal ids. Inouts are followed from
// what the caller gave.
std::variant<Dissolved, NotDissolved> dissolve_to_compare(const ir::Program& program, Terms terms = {},
                                                          Divided divided = Divided::all_loops);

}  // namespace imbrex::optimize

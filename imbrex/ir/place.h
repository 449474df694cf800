// What holds at a place of a program: which loops and indices are around it, and which conditions were tested or assumed before.
//
// What is assumed of all elements of an input holds of each index that is read from it.
//
// An `assume` holds from the place where it was executed to the end of its block, for the value that it was executed on: not in
// other branches, not before, not after the tile that it names is rebound, and not behind a loop around it, which may run no
// trip.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// What numbers the executions of a statement: a loop around it, or an index read from data before it.
struct Binder {
  std::string name;                 // of the loop's variable, or of the index
  const Loop* loop = nullptr;       // null for an index read from data
  const ReadIndex* read = nullptr;  // null for a loop
  int origin = -1;
};

// Comparisons that all hold, or (an `else`: `holds` false) of which at least one does not.
struct Guard {
  std::span<const Comparison> condition;
  bool holds = true;
  bool assumed = false;  // by an `assume`, else tested by an `if`
  size_t binders = 0;    // how many of the place's binders stood around or before it
  // Holds the condition where no statement does: it was assumed of all elements of an input, and says it of an index.
  std::shared_ptr<const Condition> of_index = nullptr;
};

struct Place {
  std::vector<Binder> binders;           // outermost first
  std::vector<Guard> guards;             // in the order in which they were executed
  std::vector<AssumeElements> elements;  // what is assumed of the elements of int32 tiles together
  const At* at = nullptr;                // the innermost scope
};

// Calls `visit` for each statement in program order, parents before children, with what holds where its execution begins.
void for_each_place(const Program& program, const std::function<void(const Statement& statement, const Place& place)>& visit);

// The names in a comparison.
std::set<std::string> names_in(const Comparison& comparison);
// The comparison that holds exactly where this one does not.
Comparison negated(const Comparison& comparison);
// The comparison said of another number.
Comparison with_name(const Comparison& comparison, const std::string& from, const IndexExpr& to);

}  // namespace imbrex::ir

// What a program touches: one walk lists every load and store with the loops, conditions and assumptions around it. Plain data;
// the sets of elements are made from it in relation.h.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "imbrex/ir/place.h"
#include "imbrex/ir/program.h"

namespace imbrex::prove {

using ir::Binder;
using ir::Guard;

// A tensor in memory. One that is created inside loops is another tensor in each iteration: `depth` binders number its instances.
struct Memory {
  const ir::Tensor* tensor;
  size_t depth = 0;
  int origin = -1;
  std::string scope;
};

struct Access : ir::Place {
  bool writes = false;
  const Memory* memory = nullptr;    // views are looked through
  std::string name;                  // as written, which may be a view
  std::vector<ir::IndexExpr> shape;  // of that name
  std::vector<ir::Axis> slice;       // `by` a tile that counts has a begin (counted_tiles.h)
  int origin = -1;
  size_t order = 0;         // accesses are numbered in program order; a statement's loads come before its store
  std::string scope;        // the name of the innermost `at`
  size_t scope_number = 0;  // in Accesses::scopes: names need not differ
};

// A `gather` in a tile: which columns it may pick, checked like an access.
struct TileGather : ir::Place {
  const ir::Expr* gather = nullptr;
  int origin = -1;
};

// An extent that is counted with as it stands, so that it may not be negative.
struct Extent : ir::Place {
  ir::IndexExpr extent;
  std::string of;  // "the view v"
  int origin = -1;
};

// The index expressions that a statement computes.
struct Computed : ir::Place {
  const ir::Loop* loop = nullptr;  // where the statement is one
  int origin = -1;
  struct Each {
    ir::IndexExpr index;
    int origin;
  };
  std::vector<Each> all;
};

struct ParallelLoop {
  const ir::Loop* loop;
  size_t depth;  // the position of its variable among the binders of the accesses inside
  int origin = -1;
};

struct Scope {
  std::string name;
  int origin = -1;
};

struct Accesses {
  std::vector<Scope> scopes;                     // every `at`, in program order; the first stands for what is outside of all
  std::map<std::string, const ir::Loop*> loops;  // by variable
  std::map<std::string, Memory> memories;        // by name, views not included
  std::deque<Access> all;                        // in program order
  std::vector<TileGather> gathers;
  std::vector<Extent> extents;
  std::vector<Computed> computed;
  std::vector<ParallelLoop> parallel_loops;
  std::vector<const ir::Assume*> assumptions;          // in program order
  std::vector<const ir::AssumeElements*> of_elements;  // in program order
  std::vector<Guard> of_dimensions;                    // assumptions that every run makes: what they leave of the dimensions
  std::set<std::string> single_indices;                // indices read from data outside loops
  std::map<std::string, ir::ExprPtr> tiles;            // the value by which each tile variable is declared
  std::set<std::string> rebound;                       // tile variables that get other values later
};

Accesses accesses_of(const ir::Program& program);

// Rows by an index tile of which it is not known which they are.
inline bool is_by_data(const ir::Axis& axis) { return axis.kind == ir::Axis::Kind::by && !axis.begin; }

// "q[t, h, :]" for messages, in the author's language.
std::string text_of_access(const ir::Program& program, const Access& access);

}  // namespace imbrex::prove

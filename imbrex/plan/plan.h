// A plan: how a tile program runs on a machine. All that generated code does is decided here, and nothing is while its text is
// written: codegen/ prints a plan as C++, print.h as a page to read.
//
// A plan is about a split program (split.h), which it owns: what its steps point to are statements and loops of that program.
// Order is order in time. Every worker walks the steps outside of phases; a phase deals its tasks to all workers; what is Alone
// is done by the first worker; at a barrier all wait for each other.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/plan/bounds.h"
#include "imbrex/plan/packed_weights.h"
#include "imbrex/plan/row_groups.h"
#include "imbrex/plan/symbols.h"
#include "imbrex/target/rates.h"

namespace imbrex::plan {

// ---- memory -----------------------------------------------------------------------------------------------------------------

enum class Arena : uint8_t { worker, shared };  // memory of each worker's own; memory that all workers see

struct Allocation {
  std::string name;                // of what it holds, and maybe a word about what of it this is: "acc", "q_row"
  std::optional<ir::DType> dtype;  // none: bytes
  ir::IndexExpr elements;          // where it is made
  ir::IndexExpr most_bytes;        // over the dimensions alone, in whole cache lines
  Arena arena = Arena::worker;
};

// What a tile that a step assigns has in memory.
struct TileMemory {
  enum class Kind : uint8_t {
    whole,  // all of it, from here to the end of the block
    lanes,  // of a sum that several steps continue: 64 lanes for each row, and how many columns they have taken
    row,    // one row, which the next overwrites
    rows,   // the rows of a stage
  };
  std::string tile;
  Kind kind = Kind::whole;
  Allocation allocation;
};

// ---- steps ------------------------------------------------------------------------------------------------------------------

// Holds where the data-dependent slices of a step lie inside their tensors; where some fails, the step is left out and the call
// fails.
struct SliceCheck {
  ir::Comparison holds;
  std::optional<ir::Comparison> or_else;
};

// A slice of an argument that is prefetched before it is used.
struct Prefetch {
  const ir::Statement* statement = nullptr;  // that uses it
  std::string tensor;
  const std::vector<ir::Axis>* slice = nullptr;
  bool stores = false;  // prefetched for writing
  int64_t bytes = 0;    // of a row; 0: as many as the pass around it takes
};

// A loop over the columns of each row, or one element of each row.
struct Pass {
  enum class Form : uint8_t {
    single,        // one element
    vectors,       // 16 columns at a time
    pairs,         // 32 columns at a time, a cache line of what some stores round to bf16
    groups_of_64,  // 64 columns, a lane for each: sums are defined so, and a maximum in four vectors waits less for itself
    concat,        // part after part
  };
  Form form = Form::single;
  std::vector<RowStep> steps;
  std::set<const ir::Statement*> in_pairs;  // the stores that take two vectors at once
  std::optional<int64_t> columns;           // where they are fixed
  std::vector<Prefetch> prefetches;         // of other stages' rows, while this pass computes on what the cache holds
};

// Row steps that run row by row together: a few rows pass through all stages before the next.
struct RowNest {
  ir::IndexExpr rows;
  bool one_row = false;  // then there is no loop over rows
  std::vector<std::vector<Pass>> stages;
  bool all_rows_at_once = false;  // there are no more than a stage takes
  std::vector<TileMemory> memory;
  std::set<const ir::Expr*> reciprocals;  // divisions of enough columns by one value: by its reciprocal, corrected
};
inline constexpr int64_t kRowsOfStage = 4;

// A right side of products, packed ahead of a loop whose iterations take it again: once for as long as it does not change. Each
// iteration of the loops that choose a part of it has a place of its own in the memory.
struct PackAhead {
  std::string name;                        // of the memory: fresh in the program
  const ir::Statement* product = nullptr;  // a product that takes it
  const target::ProductKernel* kernel = nullptr;
  std::vector<const ir::Loop*> parts;   // the loops that pack each part, outermost first: the author's, or the plan's own
  ir::ExprPtr right;                    // a part, by the variables of these loops
  ir::IndexExpr part;                   // its number, by the same
  ir::IndexExpr inner, columns;         // of a part
  ir::IndexExpr most_columns;           // of the largest
  ir::IndexExpr part_bytes;             // of the same
  Allocation memory;                    // of all parts
  std::optional<ir::Comparison> where;  // elsewhere no part is taken twice, and nothing is packed ahead
};

// What a product takes of it.
struct PackedPart {
  const PackAhead* of = nullptr;
  ir::IndexExpr part;                      // its number, by the variables of the loops around the product
  std::vector<const ir::Loop*> chosen_by;  // of these loops, those that choose it
};

struct Product {
  const ir::Statement* statement = nullptr;
  const target::ProductKernel* kernel = nullptr;
  std::string packing;              // of its right side
  const ir::Store* into = nullptr;  // the store that takes the result as it is computed
  enum class Left : uint8_t { rows, tiles, transposed } left = Left::rows;
  std::optional<Allocation> transposed;  // the left side's copy
  std::optional<Allocation> scratch;     // of a product with scales
  std::optional<PackedPart> ahead;       // what holds the right side, packed
  std::optional<Allocation> panels;      // where the product packs its right side itself: always, or where `ahead` holds nothing
  std::string not_ahead;                 // why it is not packed ahead, though iterations of a loop take the same; "" if none do
  ir::IndexExpr inner;
  std::vector<Prefetch> prefetches;  // of what the rows after it read and store
};

// Packs one part.
struct Pack {
  const PackAhead* ahead = nullptr;
  const ir::Loop* panels = nullptr;  // each of its iterations packs one panel of columns; null: all of them are packed here
};

struct ColumnReduction {
  const ir::Statement* statement = nullptr;
};

// Of whole tiles: transpose, reshape, repeat_rows, concat_rows.
struct Move {
  const ir::Statement* statement = nullptr;
};

// A load or a store, element by element.
struct Copy {
  const ir::Statement* statement = nullptr;
};

struct Tap {
  const ir::Statement* statement = nullptr;
};

struct CheckElements {
  const ir::Statement* statement = nullptr;
  std::optional<Allocation> seen;  // a table of the elements found so far
};

// Statements of the program that are one step.
struct Step {
  std::variant<RowNest, Product, Pack, ColumnReduction, Move, Copy, Tap, CheckElements> what;
  std::optional<TileMemory> memory;  // of the tile that it assigns
  std::vector<SliceCheck> checks;
};

// ---- control ----------------------------------------------------------------------------------------------------------------

struct Barrier {
  std::string reason;
  bool finishes_streams = false;  // stores that went past the caches are seen by all behind it
};

struct Node;

struct Body {
  std::vector<Node> nodes;
  std::optional<Arena> frame;  // memory taken in it is free again at its end
  std::optional<Barrier> at_end;
};

// Tasks, divided among all workers in contiguous blocks: the iterations of `parallel` loops that nest perfectly, through scopes.
struct Phase {
  int number = 0;  // counted from 1 through the kernel
  std::vector<const ir::Loop*> nest;
  std::vector<const ir::Statement*> scopes;  // passed on the way, outermost first
  std::optional<int> queue;                  // workers that are done steal tasks from others; divided before the last barrier
  int64_t tiles_per_sweep = 0;               // of the outermost loop, before the next task of the inner ones; 0: no such order
  Body body;
};

// What the first worker does while others go on. All know the memory of the tiles that it assigns.
struct Alone {
  std::vector<TileMemory> memory;
  Body body;
};

struct Loop {
  const ir::Loop* loop = nullptr;
  Body body;
};

struct Branch {
  const ir::If* branch = nullptr;
  Body then_body;
  std::optional<Body> else_body;
};

struct Scope {
  const ir::Statement* statement = nullptr;
  std::vector<Node> nodes;  // its memory is the block's around it
};

struct CreateTensor {
  const ir::Statement* statement = nullptr;
  std::vector<ir::IndexExpr> extents;  // 0 where the shape's are less
  int64_t padding = 0;                 // elements between its rows
  Allocation allocation;
};

// Memory for what is packed ahead.
struct TakePacked {
  const PackAhead* ahead = nullptr;
};

struct View {
  const ir::View* view = nullptr;
};

struct ReadIndex {
  const ir::ReadIndex* read = nullptr;
};

// What follows it in its block is not done where it does not hold.
struct Assume {
  const ir::Assume* assume = nullptr;
  int number = 0;  // counted from 1 through the kernel
};

struct Node {
  std::optional<Barrier> barrier;  // before it
  std::variant<Phase, Alone, Loop, Branch, Scope, CreateTensor, TakePacked, View, ReadIndex, Assume, Step> what;
};

// ---- plans ------------------------------------------------------------------------------------------------------------------

// A slower form that was taken, and why. Names and lines are the author's.
struct Remark {
  SourceLine where;
  std::string message;
};

// Of a worker's memory, for the tasks of a phase that others may steal.
inline constexpr int64_t kQueueBytes = 64;

struct Plan {
  explicit Plan(ir::Program split_program)
      : program(std::make_unique<ir::Program>(std::move(split_program))), symbols(*program), bounds(*program) {}

  std::unique_ptr<const ir::Program> program;
  Symbols symbols;
  Bounds bounds;
  std::map<std::string, PackedWeight> packed;  // by tensor
  std::vector<std::unique_ptr<const PackAhead>> ahead;
  // Loops and branches of the plan's own, which no author wrote.
  std::vector<std::unique_ptr<const ir::Loop>> own_loops;
  std::vector<std::unique_ptr<const ir::If>> own_branches;
  std::set<const ir::Statement*> streams;  // stores that may go past the caches
  Body body;
  bool finishes_streams = false;  // at its end
  int phases = 0;                 // of the kernel
  int queues = 0;                 // of phases whose tasks may be stolen
  int assumptions = 0;            // in the program; what data decides is checked under the number behind them
  ir::IndexExpr shared_bytes, worker_bytes;
  std::vector<Remark> remarks;

  int implicit_check() const { return assumptions + 1; }
};

}  // namespace imbrex::plan

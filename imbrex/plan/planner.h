// The state that plans one kernel, and the parts that plan it: each decides one kind of thing.
#pragma once

#include <set>
#include <span>
#include <string>

#include "imbrex/plan/arena.h"
#include "imbrex/plan/packs_ahead.h"
#include "imbrex/plan/plan.h"

namespace imbrex::plan {

struct Planner {
  Planner(Plan& plan, const target::Machine& machine) : plan(plan), machine(machine) {}

  Plan& plan;
  const target::Machine& machine;
  ArenaBytes worker, shared;
  PacksAhead packs;
  std::set<std::string> in_memory;  // tiles that have memory here
  bool may_stream = false;          // some store before this point may go past the caches
  int assumptions = 0;              // met so far

  ArenaBytes& bytes_of(Arena arena) { return arena == Arena::shared ? shared : worker; }
  // UserError "unbounded-tile" where the dimensions do not bound the elements.
  Allocation allocate(Arena arena, std::optional<ir::DType> dtype, const ir::IndexExpr& elements, std::string name,
                      const ir::Statement& statement);
  // The memory of a tile that the statement assigns: a full tile, or for a sum that goes on its lanes. Nothing if it has some.
  std::optional<TileMemory> place(const std::string& tile, Arena arena, const ir::Statement& statement);
  const target::ProductKernel& product_kernel(ir::DType left) const;
  // A loop that no author wrote; its name is fresh in the program.
  const ir::Loop* own_loop(ir::Loop loop);
  void remark(int origin, std::string message);
  // Whether the store may go past the caches: it is marked so, and there is an instruction for it.
  bool streams(const ir::Statement& statement);
};

// layouts.cpp: which weights are packed, which tensors lie in tiles, which rows have padding.
void plan_layouts(Planner& planner);
// Elements to leave between rows that would otherwise fall into the same sets of the L1 cache; 0 where they do not.
int64_t padding_of_rows(int64_t columns, int64_t element_bytes);
CreateTensor plan_tensor(Planner& planner, const ir::Statement& statement, Arena arena);

// checks.cpp: under which conditions the data-dependent slices of a statement lie inside their tensors.
std::vector<SliceCheck> checks_of(const Plan& plan, const ir::Statement& statement);

// steps.cpp: the step that begins at statements[0], which is no loop, scope or branch; `count` is how many statements it takes.
// Memory that outlives the step comes from `arena`.
Step plan_step(Planner& planner, std::span<const ir::Statement> statements, Arena arena, size_t& count);
// row_nests.cpp
RowNest plan_row_nest(Planner& planner, const RowGroup& group, Arena arena);
// products.cpp. `into`: the store that follows, if it is the product's only use and its place takes the product.
bool goes_into(const Plan& plan, const ir::Assign& assign, const ir::Store& store);
Product plan_product(Planner& planner, const ir::Statement& statement, const ir::Store* into);
// How the kernel takes a right side of such elements, in isa/packing.h; with scales for blocks of so many elements of k.
std::string packing_of(const target::ProductKernel& kernel, ir::DType right, std::optional<int64_t> block_of_k);
// What a right side takes, packed so.
ir::IndexExpr bytes_of_panels(const ir::Expr& product, const ir::IndexExpr& inner, const ir::IndexExpr& columns);
// prefetches.cpp. Columns from the same one on are prefetched once, as many as any use needs.
void add_prefetch(std::vector<Prefetch>& prefetches, const Prefetch& prefetch);
// What the row steps in `after` touch.
std::vector<Prefetch> plan_prefetches(Planner& planner, std::span<const ir::Statement> after);

// blocks.cpp: statements as one worker runs them, with what they take given back at their end.
Body plan_block(Planner& planner, const ir::Block& block);
// A branch of the plan's own, without its blocks.
Branch branch_where(Planner& planner, const ir::Comparison& holds);
// The same, but what they take stays.
std::vector<Node> plan_statements(Planner& planner, std::span<const ir::Statement> statements);
// phases.cpp: the kernel, as all workers run it together.
Body plan_kernel(Planner& planner, const ir::Block& statements);

}  // namespace imbrex::plan

// Writes statements one after the other, as one worker runs them.
#pragma once

#include <span>

#include "imbrex/codegen/lowering.h"

namespace imbrex::codegen {

// Where the memory of variables and tensors comes from: `declarations` are lines that every worker runs, `work` those that do the
// work. Inside a worker both are the same writer.
struct Target {
  Writer& declarations;
  Writer& work;
  bool shared = false;  // memory that all workers see
};

// What follows an assumption that does not hold is skipped, to the end of the outermost block.
void write_block(Lowering& lowering, std::span<const ir::Statement> statements, Writer& out);
// One statement that is no loop, scope or branch, or a group of row steps that begins with it. Returns how many were written.
size_t write_steps(Lowering& lowering, std::span<const ir::Statement> statements, const Target& target);
// A loop's head, its span's numbers, and what leads back: to be closed by the caller.
void open_loop(Lowering& lowering, const ir::Loop& loop, Writer& out);
void write_index_read(Lowering& lowering, const ir::ReadIndex& read, Writer& out);
void bind_view(Lowering& lowering, const ir::View& view);
void create_tensor(Lowering& lowering, const ir::Statement& statement, Writer& out, bool shared);

// contraction.cpp
// Into the variable's memory, or where the store that follows would put it.
void write_matmul(Lowering& lowering, const ir::Statement& statement, const ir::Store* into, Writer& out);
// Whether that store is the product's only use and its place takes the product as it is computed.
bool goes_into(const Lowering& lowering, const ir::Assign& assign, const ir::Store& store);
// Decides which inputs are packed ahead, which tensors lie in tiles, and how the products' results lie.
void plan_products(Lowering& lowering);
// Elements to leave between rows that would otherwise fall into the same sets of the nearest cache; 0 where they do not.
int64_t padding_of_rows(int64_t columns, int64_t element_bytes);
// fetching.cpp: fetches what the row steps in `after` touch.
void write_fetches(Lowering& lowering, std::span<const ir::Statement> after, Writer& out);
// phases.cpp: the body of the kernel, as all workers run it together.
void write_kernel_body(Lowering& lowering, Writer& out);

}  // namespace imbrex::codegen

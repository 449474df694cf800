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

void write_block(Lowering& lowering, const ir::Block& block, Writer& out);
// One statement that is no loop, scope or branch, or a group of row steps that begins with it. Returns how many were written.
size_t write_steps(Lowering& lowering, std::span<const ir::Statement> statements, const Target& target);
// A loop's head, its span's numbers, and what leads back: to be closed by the caller.
void open_loop(Lowering& lowering, const ir::Loop& loop, Writer& out);
void write_index_read(Lowering& lowering, const ir::ReadIndex& read, Writer& out);
void write_assume(Lowering& lowering, const ir::Assume& assume, Writer& out);
void bind_view(Lowering& lowering, const ir::View& view, int origin);
void create_tensor(Lowering& lowering, const ir::CreateTensor& create, Writer& out, bool shared, int origin);

// contraction.cpp
void write_matmul(Lowering& lowering, const ir::Assign& assign, int origin, Writer& out);
// Decides which inputs are packed ahead.
void plan_packing(Lowering& lowering);
// phases.cpp: the body of the kernel, as all workers run it together.
void write_kernel_body(Lowering& lowering, Writer& out);

}  // namespace imbrex::codegen

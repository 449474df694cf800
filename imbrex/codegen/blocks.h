// Prints the nodes of a plan.
#pragma once

#include "imbrex/codegen/lowering.h"

namespace imbrex::codegen {

// What follows an assumption that does not hold is skipped, to the end of the block.
void write_block(Lowering& lowering, const std::vector<plan::Node>& nodes, Writer& out);
// The same, with the memory that they take given back at the end.
void write_body(Lowering& lowering, const plan::Body& body, Writer& out);
// A loop's head, its span's numbers, and what leads back: to be closed by the caller.
void open_loop(Lowering& lowering, const ir::Loop& loop, Writer& out);
void write_index_read(Lowering& lowering, const ir::ReadIndex& read, Writer& out);
void bind_view(Lowering& lowering, const ir::View& view);
void create_tensor(Lowering& lowering, const plan::CreateTensor& create, Writer& out);

// products.cpp: into the tile's memory, or where the store that follows would put it.
void write_product(Lowering& lowering, const plan::Product& product, Writer& out);
void write_pack(Lowering& lowering, const plan::Pack& pack, Writer& out);
// prefetches.cpp
void write_prefetches(Lowering& lowering, const std::vector<plan::Prefetch>& prefetches, Writer& out);
// phases.cpp: the body of the kernel, as all workers run it together.
void write_kernel_body(Lowering& lowering, Writer& out);

}  // namespace imbrex::codegen

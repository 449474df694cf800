// Writes row nests: `for row { passes over columns }` with values in registers, and nothing larger than a row in between.
#pragma once

#include <optional>

#include "imbrex/codegen/lowering.h"

namespace imbrex::codegen {

// From one row of a slice to the next (none for one row), and from one column to the next.
struct SliceStrides {
  std::optional<ir::IndexExpr> row;
  ir::IndexExpr column;
};
SliceStrides strides_of(const Lowering& lowering, const std::string& tensor, const std::vector<ir::Axis>& slice);
// Pointer, a C++ expression, to the element at the begin of a slice of the statement, or to the begin of the tensor where the
// slice has no element.
std::string pointer_to(const Lowering& lowering, const ir::Statement& statement, const std::string& tensor,
                       const std::vector<ir::Axis>& slice);

// Its tiles that outlive it have their memory.
void write_row_nest(Lowering& lowering, const plan::RowNest& nest, Writer& out);

// `max`, `round_bf16_rint`, ... : the function of the instruction set's header for an elementwise node.
std::string function_of(const ir::Expr& e);
const char* storage_suffix(ir::DType dtype);  // "f32" in load_f32
// "vf", "vi", "vm": registers that hold 16 elements; "float", "int32_t", "bool" hold one.
const char* register_type(ir::DType dtype);
const char* scalar_type(ir::DType dtype);
std::string number_text(const ir::Expr& constant);

}  // namespace imbrex::codegen

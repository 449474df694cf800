// What the names of one (split) program stand for, and how index expressions over them are written in C++.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/codegen/names.h"
#include "imbrex/codegen/writer.h"
#include "imbrex/ir/loops.h"
#include "imbrex/ir/program.h"

namespace imbrex::codegen {

const char* memory_type(ir::DType dtype);  // "float", "uint16_t", ...

struct TensorSymbol {
  std::string name, storage;  // storage: the tensor whose memory a view shares; else the name
  ir::DType dtype;
  std::vector<ir::IndexExpr> shape;
  int argument = -1;                 // index into Program::tensors, -1 for a created tensor
  bool written = false;              // by any store, through any view
  std::string data;                  // C++ pointer
  std::vector<std::string> strides;  // C++ text per axis, the last "1"
  bool in_tiles = false;             // rows lie as products on tile registers take them (isa/matmul_tiles.h); no strides then
};

struct VariableSymbol {
  std::string name;
  ir::DType dtype;
  ir::IndexExpr rows, columns;
  ir::IndexExpr rows_in_memory, columns_in_memory;  // the same, or 0 where they are less
  bool accumulator = false;                         // some row_sum_acc of f32 continues it: 64 lanes in memory for each row
  int mentions = 0;                                 // statements and expressions of the whole program that name it
  int64_t padding = 0;                              // elements between its rows in memory
  std::string data;                                 // C++ pointer to memory, empty until it has some
  std::string position;                             // accumulators: columns summed so far
};

// Elements from one of its rows to the next.
inline ir::IndexExpr width_of(const VariableSymbol& variable) {
  const ir::IndexExpr& columns = variable.columns_in_memory;
  return variable.padding == 0 ? columns : ir::add(columns, ir::constant(variable.padding));
}

struct LoopSymbol {
  ir::IndexExpr begin, extent;
  int64_t tile = 0;
  std::string begin_text, size_text, index_text;  // integers: begin_text is the variable
};

struct Symbols {
  explicit Symbols(const ir::Program& program);

  std::map<std::string, TensorSymbol> tensors;
  std::map<std::string, VariableSymbol> variables;
  std::map<std::string, LoopSymbol> loops;
  ir::Loops program_loops;
  std::map<std::string, std::string> dims;   // C++ text
  std::map<std::string, std::string> reads;  // indices read from data: C++ text
  Names names;

  std::string text(const ir::IndexExpr& e) const;
  // As an operand of * or after -, in parentheses where needed.
  std::string operand(const ir::IndexExpr& e) const;
  std::optional<int64_t> fixed(
      const ir::IndexExpr& e) const;  // a constant, also where it is the size of spans that are all whole
  bool is_multiple(const ir::IndexExpr& e, int64_t of) const;  // proven
  bool at_most(const ir::IndexExpr& e, int64_t limit) const;   // proven
  bool depends_on_data(const ir::IndexExpr& e) const;
};

// Declares those dimensions that `text` mentions: `const TYPE T = FROMdims[0];`
void write_dims(const ir::Program& program, const Symbols& symbols, const std::string& text, const char* type, const char* from,
                Writer& out);

}  // namespace imbrex::codegen

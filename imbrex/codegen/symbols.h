// What the names of a planned program are called in C++, and how index expressions over them are written.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/codegen/names.h"
#include "imbrex/codegen/writer.h"
#include "imbrex/ir/program.h"
#include "imbrex/plan/symbols.h"

namespace imbrex::codegen {

const char* memory_type(ir::DType dtype);  // "float", "uint16_t", ...

struct TensorSymbol : plan::Tensor {
  std::string data;                  // C++ pointer
  std::vector<std::string> strides;  // C++ text per axis, the last "1"
};

struct TileSymbol : plan::Tile {
  std::string data;      // C++ pointer to memory, empty until it has some
  std::string position;  // accumulators: columns summed so far
};

struct LoopSymbol {
  std::string begin_text, size_text, index_text;  // integers: begin_text is the variable
};

struct Symbols {
  Symbols(const ir::Program& program, const plan::Symbols& planned);

  std::map<std::string, TensorSymbol> tensors;
  std::map<std::string, TileSymbol> tiles;
  std::map<std::string, LoopSymbol> loops;
  std::map<std::string, std::string> dims;   // C++ text
  std::map<std::string, std::string> reads;  // indices read from data: C++ text
  Names names;

  std::string text(const ir::IndexExpr& e) const;
  // As an operand of * or after -, in parentheses where needed.
  std::string operand(const ir::IndexExpr& e) const;
};

// Declares the dimensions that the expressions name: `const Size T_ = dims[0];`
void write_sizes_of_dims(const ir::Program& program, const Symbols& symbols, const std::vector<ir::IndexExpr>& used_by,
                         Writer& out);

}  // namespace imbrex::codegen

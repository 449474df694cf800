// What the names of a planned program are called in C++, and how index expressions over them are written.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/codegen/names.h"
#include "imbrex/codegen/variables.h"
#include "imbrex/codegen/writer.h"
#include "imbrex/ir/program.h"
#include "imbrex/plan/symbols.h"

namespace imbrex::codegen {

const char* memory_type(ir::DType dtype);  // "float", "uint16_t", ...

struct TensorSymbol : plan::Tensor {
  std::string variable;                // C++ pointer; of a packed weight, what holds it
  std::vector<ir::IndexExpr> strides;  // for each axis, over dimensions and what Symbols::name_stride named; the last is 1
};

struct TileSymbol : plan::Tile {
  std::string variable;  // C++ pointer to memory, empty until it has some
  std::string position;  // accumulators: columns summed so far
};

struct LoopSymbol {
  const ir::Loop* loop = nullptr;
  std::string variable;  // the begin of the span, or the integer
  std::string size;      // of the span; "" where every span is a full tile
  std::string index;     // of the span; "" where it is computed from its begin
  std::string tile;      // a constant
};

struct Symbols {
  Symbols(const ir::Program& program, const plan::Symbols& planned);

  std::map<std::string, TensorSymbol> tensors;
  std::map<std::string, TileSymbol> tiles;
  std::map<std::string, LoopSymbol> loops;
  std::map<std::string, std::string> dims;   // C++ text
  std::map<std::string, std::string> reads;  // indices read from data: C++ text
  Names names;
  Variables variables;

  // In index expressions, the stride that a variable or a constant of C++ holds.
  ir::IndexExpr name_stride(const std::string& name);
  const std::string& stride_of(const ir::IndexExpr& named) const { return strides_.at(named->name); }

  std::string text(const ir::IndexExpr& e) const;
  // As an operand of * or after -, in parentheses where needed.
  std::string operand(const ir::IndexExpr& e) const;
  // How many iterations of a loop came before this one.
  std::string number_of(const LoopSymbol& loop) const;
  std::string data(const TensorSymbol& tensor) const { return variables.use(tensor.variable); }
  std::string data(const TileSymbol& tile) const { return variables.use(tile.variable); }

 private:
  std::map<std::string, std::string> strides_;
};

// Declares the dimensions that the expressions name: `const Size T_ = dims[0];`
void write_sizes_of_dims(const ir::Program& program, const Symbols& symbols, const std::vector<ir::IndexExpr>& used_by,
                         Writer& out);

}  // namespace imbrex::codegen

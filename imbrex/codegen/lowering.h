// The state that lowers one kernel: what its names stand for, the memory it takes, what could not be made fast.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "imbrex/codegen/generate.h"
#include "imbrex/codegen/symbols.h"
#include "imbrex/codegen/writer.h"
#include "imbrex/ir/place.h"
#include "imbrex/ir/program.h"
#include "imbrex/ir/ranges.h"
#include "imbrex/optimize/packed_weights.h"

namespace imbrex::codegen {

// The most bytes that a bump pointer has given out, as blocks open and close.
class Arena {
 public:
  void open() { blocks_.push_back({ir::constant(0), ir::constant(0)}); }
  void close();  // what the block took is free again
  void take(const ir::IndexExpr& bytes);
  bool took() const { return ir::constant_value(blocks_.back().taken) != 0; }
  ir::IndexExpr most() const { return ir::add(blocks_.front().taken, blocks_.front().inside); }

 private:
  struct Block {
    ir::IndexExpr taken, inside;
  };
  std::vector<Block> blocks_{{ir::constant(0), ir::constant(0)}};
};

struct Lowering {
  Lowering(const ir::Program& split_program, const Options& chosen);

  const ir::Program& program;
  const Options& options;
  Symbols symbols;
  Arena scratch, shared;                                 // of one worker; of all of them
  std::map<std::string, optimize::PackedWeight> packed;  // by tensor
  std::vector<Remark> remarks;
  std::vector<std::string> layout_checks;  // conditions on strides that views rely on
  std::vector<std::string> loop_numbers;   // C++ text of the enclosing loops' iteration numbers, for taps
  std::vector<std::string> beginning;      // C++ lines that the whole body may rely on
  std::vector<std::string> queues;         // of phases whose tasks idle workers help with: how many tasks, C++ text
  std::set<std::string> tiled;             // tensors that lie in tiles
  bool streams = false;                    // some store before this point may go past the caches
  int assume_count = 0;                    // explicit ones met so far
  int assume_total = 0;

  // Writes `T* const name = <arena>.take<T>(elements);` before the statement, and counts the most elements that there can be
  // there. Returns the name. UserError "unbounded-tile" where the dimensions do not bound them.
  std::string take(Writer& out, bool from_shared, const char* type, int64_t element_bytes, const ir::IndexExpr& elements,
                   const std::string& stem, const ir::Statement& statement);
  // The elements along an extent where the statement stands: the extent, or 0 where it may be less.
  ir::IndexExpr elements_along(const ir::IndexExpr& extent, const ir::Statement& statement) const;
  // The offset of a pointer to what has these extents ("" for none). Where one of them is below 1, nothing is read or written and
  // nothing is known of the offset: it is 0.
  std::string offset_where_any(const std::string& offset, const std::vector<ir::IndexExpr>& extents,
                               const ir::Statement& statement) const;
  // Gives a variable that the statement assigns its memory: a full tile, or for an accumulator 64 lanes per row and its position.
  void place(Writer& out, bool in_shared, VariableSymbol& variable, const ir::Statement& statement);
  // The C++ bool whether a store marked `@stream` goes past the caches; "" if it never does.
  std::string streams_of(const ir::Statement& store);
  int implicit_check() const { return 1 + assume_total; }
  std::string condition(const ir::Condition& condition) const;
  // The kernel of the target that computes such products.
  const target::ProductKernel& product_kernel(ir::DType left) const;
  // "" or the condition under which the data-dependent slices of a statement lie inside their tensors.
  std::string slice_check(const ir::Statement& statement) const;
  void remark(int origin, std::string message) { remarks.push_back({program.where(origin), std::move(message)}); }

 private:
  // The values of an extent where the statement stands; of what is never empty only that it is not.
  ir::Range range_of(const ir::IndexExpr& extent, const ir::Statement& statement) const;

  std::map<const ir::Statement*, ir::Place> places_;  // what holds before each statement of `program`
  std::map<std::string, std::string> streams_of_;     // by tensor
};

}  // namespace imbrex::codegen

// The state that prints one plan: what its names are called in C++, and the lines that belong elsewhere.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/codegen/symbols.h"
#include "imbrex/codegen/writer.h"
#include "imbrex/plan/plan.h"

namespace imbrex::codegen {

struct Lowering {
  Lowering(const plan::Plan& plan, const target::Machine& machine);

  const plan::Plan& plan;
  const target::Machine& machine;
  Symbols symbols;
  std::vector<std::string> layout_checks;                      // conditions on strides that views rely on
  std::vector<std::string> loop_numbers;                       // C++ text of the enclosing loops' iteration numbers, for taps
  std::vector<std::string> beginning;                          // C++ lines that the whole body may rely on
  std::map<const plan::PackAhead*, std::string> packed_ahead;  // C++ pointers
  std::vector<std::string> queues;  // of phases whose tasks idle workers help with: how many tasks, C++ text

  // Writes `T* const name = <arena>.take<T>(elements);`. Returns the name.
  std::string take(Writer& out, const plan::Allocation& allocation);
  // Gives a tile the memory that a step planned for it: a full tile, or 64 lanes per row and their position.
  void place(Writer& out, const plan::TileMemory& memory);
  // The offset of a pointer to what has these extents ("" for none). Where one of them is below 1, nothing is read or written and
  // nothing is known of the offset: it is 0.
  std::string offset_where_any(const std::string& offset, const std::vector<ir::IndexExpr>& extents,
                               const ir::Statement& statement) const;
  // The C++ bool whether a store goes past the caches; "" if it never does.
  std::string streams_of(const ir::Statement& store);
  int implicit_check() const { return plan.implicit_check(); }
  std::string condition(const ir::Condition& condition) const;
  std::string comparison(const ir::Comparison& comparison) const;
  // Conditions that all hold; "" for none.
  std::string text_of(const std::vector<plan::SliceCheck>& checks) const;

 private:
  std::map<std::string, std::string> streams_of_;  // by tensor
};

}  // namespace imbrex::codegen

// The state that prints one plan: what its names are called in C++, and the lines that belong elsewhere.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/codegen/origins.h"
#include "imbrex/codegen/symbols.h"
#include "imbrex/codegen/writer.h"
#include "imbrex/plan/plan.h"

namespace imbrex::codegen {

constexpr int64_t kLanes = 16;  // of a vector, in all headers of target/isa

// A function of the generated code, as who calls it writes it.
struct Function {
  std::string name;
  std::vector<Variable> parameters;
};
std::string call_of(const Function& function);

struct Lowering {
  Lowering(const plan::Plan& plan, const target::Machine& machine);

  const plan::Plan& plan;
  const target::Machine& machine;
  Symbols symbols;
  const OriginsOfNodes origins_of;
  Origins origins;   // of what is written now
  Writer functions;  // that `run` calls, and the constants that they name
  Writer constants;  // of the function that is being written
  struct LayoutCheck {
    ir::Comparison holds;
    Origins origins;
  };
  std::vector<LayoutCheck> layout_checks;                      // what views rely on, over strides
  std::vector<const ir::Loop*> loops;                          // open ones, for taps
  std::map<std::string, std::string> streams;                  // C++ bool, by tensor: its stores go past the caches
  std::map<const plan::PackAhead*, std::string> packed_ahead;  // C++ pointers
  struct PhaseQueue {
    Function part;  // the tasks that a worker begins with
    Origins origins;
  };
  std::vector<PhaseQueue> queues;  // of the phases whose tasks may be stolen

  // A number with a name, declared before the function that is being written. Returns the name.
  std::string constant(const std::string& name, int64_t value, const std::string& comment = "");
  const std::string& tile_of(const ir::Loop& loop);
  // How many rows of a nest pass through all stages before the next.
  const std::string& rows_of_stage();
  // Writes a function: `head` is its C++ up to the name, `write` writes its body.
  template <class Write>
  Function function(const std::string& head, const std::string& name, Write write);

  // Writes `T* const name = <arena>.take<T>(elements);`. Returns the name.
  std::string take(Writer& out, const plan::Allocation& allocation);
  // Gives a tile the memory that a step planned for it: a full tile, or 64 lanes per row and their position.
  void place(Writer& out, const plan::TileMemory& memory);
  // The offset of a pointer to what has these extents ("" for none). Where one of them is below 1, nothing is read or written and
  // nothing is known of the offset: it is 0.
  std::string offset_where_any(const std::function<std::string()>& offset, const std::vector<ir::IndexExpr>& extents,
                               const ir::Statement& statement) const;
  // The C++ bool whether a store goes past the caches; "" if it never does.
  std::string streams_of(const ir::Statement& store) const;
  int implicit_check() const { return plan.implicit_check(); }
  std::string condition(const ir::Condition& condition) const;
  std::string comparison(const ir::Comparison& comparison) const;
  // Conditions that all hold; "" for none.
  std::string text_of(const std::vector<plan::SliceCheck>& checks) const;

 private:
  void declare_arguments();
  void write_function(const std::string& head, const Function& function, const Writer& body);

  std::string rows_of_stage_;
};

template <class Write>
Function Lowering::function(const std::string& head, const std::string& name, Write write) {
  Writer body(origins, 1);
  symbols.variables.begin_function();
  write(body);
  Function written{name, symbols.variables.end_function()};
  write_function(head, written, body);
  return written;
}

}  // namespace imbrex::codegen

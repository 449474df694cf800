// What a run knows at the statement where it stands: the values of names, and how much of its allowance is used. Index expressions
// and conditions have their values here, and a fault names this statement.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/interpret/operations.h"
#include "imbrex/interpret/storage.h"
#include "imbrex/ir/program.h"

namespace imbrex::interpret {

using TilePtr = std::shared_ptr<const Tile>;

// A named integer, or a span. An integer is its own begin.
struct IndexValue {
  int64_t begin = 0, size = 0, index = 0;
};

struct State {
  const ir::Program& program;
  const Options& options;
  std::map<std::string, IndexValue> indices = {};
  std::map<std::string, TilePtr> variables = {};
  std::map<std::string, View> views = {};
  int64_t work = 0;  // as Options::most_work counts it
  int origin = -1;   // of the statement

  int64_t index(const ir::IndexExpr& e) const;
  bool holds(const ir::Comparison& comparison) const;
  bool holds(const ir::Condition& condition) const;
  // Extents that are negative are 0.
  std::vector<int64_t> shape(const std::vector<ir::IndexExpr>& extents) const;
  // For extents from which a number of elements is computed. `of`: what they are the extents of.
  void require_no_negative(const std::vector<ir::IndexExpr>& extents, const std::string& of) const;
  const View& view(const std::string& name) const;

  // rows * columns, the elements of a tile, if anyone could mean so many.
  int64_t checked_size(int64_t rows, int64_t columns) const;
  void count_work(int64_t amount);

  [[noreturn]] void overflow(const std::string& what) const;
  [[noreturn]] void fault(const char* id, std::string message, std::string hint, std::vector<Diagnostic::Note> notes = {}) const;

 private:
  int64_t checked_size(int64_t rows, int64_t columns, int64_t most) const;
};

}  // namespace imbrex::interpret

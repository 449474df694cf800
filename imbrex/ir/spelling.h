// How a piece of a program is written in its author's language: what hints say to try. A row of spelling.cpp is one form in each
// language, and a new language is a further column there.
//
//                        text                         C++                                        Python
//   assume               assume 0 <= i and i < T      assume(0 <= i && i < T)                    ib.assume(0 <= i and i < T)
//   tiled_loop           parallel t in tiles(T, 16)   parallel(tiles(T, 16), [&](Span t) {...})  for t in ib.parallel(ib.tiles(T, 16)):
//
// Names of a Python author's loops, tiles and indices are the author's own (Program::written_names). Those of a C++ author are not
// known, and the printed program's stand for them.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

class Spelling {
 public:
  explicit Spelling(Language language) : language_(language) {}
  explicit Spelling(const SourceLine& where) : Spelling(where.language) {}
  explicit Spelling(const Program& program);  // which outlives it

  // ---- names: what the author calls what the program calls `name`
  std::string name(const std::string& name) const;
  bool is_named(const std::string& name) const;
  // Indices among these that the author reads without a name, as statements that give them one: "`r = ib.read(rows, i)`"; empty
  // where all are named. A hint that uses such a name begins with them.
  std::string unnamed_reads(const std::set<std::string>& names) const;

  // ---- parts: t.begin // 2, and conditions
  std::string index(const IndexExpr& e) const;
  std::string condition(const Condition& condition) const;

  // ---- words: range, ib.range; a function called, whose arguments are written already
  std::string word(const std::string& name) const;
  std::string call(const std::string& function, const std::string& arguments) const;

  // ---- values
  std::string whole_axis() const;                                         // an axis of a slice
  std::string axis(const IndexExpr& begin, const IndexExpr& size) const;  // likewise: so many indices from begin on
  std::string by(const std::string& tile) const;                          // likewise: the rows that the tile lists
  std::string slice(const std::string& tensor, const std::string& axes) const;
  std::string let(const std::string& name, const std::string& value) const;
  std::string whole(const std::string& tensor) const;  // of one axis
  std::string cast(const std::string& x, DType to, CastMode mode = CastMode::exact) const;
  // A cast, rounded where it rounds; to bool, which nothing casts to, a comparison.
  std::string conversion(const std::string& x, DType from, DType to) const;

  // ---- statements
  std::string dim(const std::string& name, std::optional<int64_t> max = {}) const;
  std::string when(const Condition& condition) const;
  std::string tiled_loop(Loop::Kind kind, const std::string& variable, const std::string& extent, int64_t tile) const;
  std::string loop(Loop::Kind kind, const std::string& variable, const std::string& count) const;
  std::string store_zeros(const Tensor& tensor) const;  // to all of it, in one line, with names that the program has not
  std::string read(const std::string& name, const std::string& tensor, const std::string& position) const;
  std::string assume(const Condition& condition) const;
  std::string assume_each(const std::string& tile, const IndexExpr& end) const;  // each element is in 0 .. end - 1
  std::string assume(const AssumeElements& elements) const;
  std::string pin(const std::string& name, const std::string& arguments = "") const;

 private:
  // The form of this language, with what the places {0}, {1} stand for.
  template <class... Arguments>
  std::string form(const char* text, const char* cpp, const char* python, const Arguments&... arguments) const;

  Language language_;
  const Program* program_ = nullptr;
};

}  // namespace imbrex::ir

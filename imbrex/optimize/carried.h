// Tiles that a loop carries from one iteration to the next, while a program dissolves.
//
// The loop's body is read once, with a name in the place of what such a tile holds when an iteration begins. What it holds at the
// end tells what all iterations make of it together: the elements of a sum, a product, a maximum or a minimum that goes on
// (continued.h), a sum that adds one value in each iteration, which is a col_sum, the value of the last iteration where none
// reads the one before. Anything else is a recurrence, and is refused, as is everything in the loop that depends on the name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/optimize/values.h"

namespace imbrex::optimize {

class Carried {
 public:
  Carried(Terms& terms, Values& values) : terms_(terms), values_(values) {}

  void enter(const ir::Loop& loop);
  // Throws Refused, where the loop carries something else.
  void leave(const ir::Loop& loop);
  // Refuses a value that depends on what a loop carries, or on how large a part of a loop is.
  void require_none_in(TermId value) const;
  // Whether it is what a sum or product was when an iteration began, or goes on from there.
  bool goes_on(TermId value) const;

 private:
  struct Tile {
    std::string name;
    TermId start, at_begin;  // at_begin: the name that stands for it
    int origin;
    std::string loop;
  };

  [[noreturn]] static void refuse(const Tile& tile);
  const Tile* carried_in(TermId value) const;
  bool depends_on_any(TermId value, const std::vector<Tile>& tiles) const;
  TermId after(const ir::Loop& loop, const Tile& tile, TermId now, const std::vector<Tile>& tiles);
  TermId extremum_after(const ir::Loop& loop, const Tile& tile, const Term& now, const std::vector<Tile>& tiles);

  Terms& terms_;
  Values& values_;
  std::vector<std::vector<Tile>> open_;  // of the loops that are open, outermost first
  int names_ = 0;
};

}  // namespace imbrex::optimize

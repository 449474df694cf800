// What a program takes as given, stated where it helps and where it does not: in another branch, after the use, before the value
// changes, in a loop that may run no trip, about another value.
#include <functional>

#include "attack.h"

namespace imbrex::attack {
namespace {

using Write = std::function<void()>;

// A use of data, the assumption that makes it right, and what changes the value that it is about.
struct Use {
  Write make, assume, change, use;
};

constexpr const char* kWrongPlaces[] = {
    "none",      "after",      "before a change", "in a branch", "in an else",          "in a dead branch",
    "in a loop", "in no loop", "in a scope",      "twice",       "in the use's branch", "beside"};

void place(Writer& w, const Use& u, const std::string& where) {
  const auto in = [&](const std::string& head, const Write& body) {
    w.open("{}", head);
    body();
    w.close();
  };
  const std::string z = w.fresh("z");
  const std::string when = w.pick(std::array{"T < 4", "T > 3", "T == 1", "T % 2 == 0", "T >= 1"});
  const std::string trips = w.pick(std::array{"T - 4", "T", "T // 2", "0", "1"});
  u.make();
  if (where == "right") return u.assume(), u.use();
  if (where == "none") return u.use();
  if (where == "after") return u.use(), u.assume();
  if (where == "before a change") return u.assume(), u.change(), u.use();
  if (where == "in a branch") return in("if " + when, u.assume), u.use();
  if (where == "in an else") {
    w.open("if {}", when);
    u.use();
    w.otherwise();
    u.assume();
    w.close();
    return;
  }
  if (where == "in a dead branch") return in("if T < 1", u.assume), u.use();
  if (where == "in a loop") return in(fmt::format("range {} in 0 .. {}", z, trips), u.assume), u.use();
  if (where == "in no loop") return in(fmt::format("range {} in 0 .. 0", z), u.assume), u.use();
  if (where == "in a scope") return in(fmt::format("at \"{}\"", z), u.assume), u.use();
  if (where == "twice") return in("if " + when, u.assume), u.assume(), u.use();
  if (where == "in the use's branch") return in("if " + when, [&] { u.assume(), u.use(); });
  // The assumption in one branch, the use in the next branch with the same condition.
  return in("if " + when, u.assume), in("if " + w.either(when, "T > 2"), u.use);
}

// An index that is read: for a row, the size of a scratch tensor, a number of trips, or a part.
Use of_read(Writer& w, const std::string& y, const std::string& x) {
  const std::string n = w.fresh("n"), r = w.fresh("r"), j = w.fresh("j"), s = w.fresh("s");
  w.declare("input {}: int32[4]", n);
  const std::string most = w.pick(std::array{"T", "T", "8"});
  Use u;
  u.make = [=, &w] { w.line("read {} = {}[{}]", r, n, 1); };
  u.assume = [=, &w] { w.line("assume 0 <= {0} and {0} < {1}", r, most); };
  u.change = [=, &w] { w.line("read {} = {}[2]", r + "b", n); };
  const int form = static_cast<int>(w.random.below(5));
  u.use = [=, &w] {
    switch (form) {
      case 0: w.line("{0}[0, :] = {1}[{2}, :]", y, x, most == "T" ? r : fmt::format("{} % T", r)); break;
      case 1:
        w.line("create {}: f32[{}, 4]", s, r);
        w.line("{}[:, :] = full(f32, [{}, 4], 1.0)", s, r);
        w.line("{}[0, :] = col_sum({}[:, :])", y, s);
        break;
      case 2:
        w.open("range {} in 0 .. {}", j, r);
        w.line("{0}[{2}, :] = {1}[{2}, :] * 2.0", y, x, most == "T" ? j : fmt::format("{} % T", j));
        w.close();
        break;
      case 3: w.line("{0}[0, :] = col_sum({1}[0 +: {2}, :])", y, x, most == "T" ? r : fmt::format("min({}, T)", r)); break;
      default: w.line("{0}[{2}, :] = {1}[0, :]", y, x, most == "T" ? r : fmt::format("{} % T", r));
    }
  };
  return u;
}

// Two indices, with a part between them.
Use of_part(Writer& w, const std::string& y, const std::string& x) {
  const std::string n = w.fresh("n"), a = w.fresh("r"), b = w.fresh("r");
  w.declare("input {}: int32[2]", n);
  Use u;
  u.make = [=, &w] {
    w.line("read {} = {}[0]", a, n);
    w.line("read {} = {}[1]", b, n);
  };
  const std::string order = w.either("{0} <= {1} and ", "");
  u.assume = [=, &w] { w.line("assume 0 <= {} and {}{} <= T", a, fmt::format(fmt::runtime(order), a, b), b); };
  u.change = [] {};
  const bool stores = w.random.chance(40);
  u.use = [=, &w] {
    if (stores)
      w.line("{0}[{1} +: {2} - {1}, :] = {3}[{1} +: {2} - {1}, :] + 1.0", y, a, b, x);
    else
      w.line("{0}[0, :] = col_max({3}[{1} +: {2} - {1}, :])", y, a, b, x);
  };
  return u;
}

// The elements of a tile: rows to load or to store, columns to gather, with its own tile named again in between.
Use of_tile(Writer& w, const std::string& y, const std::string& x) {
  const std::string n = w.fresh("n"), m = w.fresh("n"), q = w.fresh("q");
  w.declare("input {}: int32[T]", n);
  w.declare("input {}: int32[T]", m);
  Use u;
  const int form = static_cast<int>(w.random.below(3));
  u.make = [=, &w] { w.line("let {} = {}[:]", q, n); };
  const bool claims_distinct = form == 1 && w.keeps();
  u.assume = [=, &w] {
    w.line("assume 0 <= {0} and {0} < T", q);
    if (claims_distinct) w.line("assume_distinct {}", q);
  };
  const std::string other = w.pick(std::array{m + "[:]", n + "[:]", q + " + 1", q + " * 2", "min(" + q + ", 1)"});
  u.change = [=, &w] { w.line("{} = {}", q, other); };
  u.use = [=, &w] {
    if (form == 0)
      w.line("{}[:, :] = {}[by {}, :]", y, x, q);
    else if (form == 1)
      w.line("{}[by {}, :] = {}[:, :]", y, q, x);
    else
      w.line("{0}[:, :] = {1}[:, :] + transpose(gather(transpose({1}[:, 0 +: 1]), {2}))", y, x, q);
  };
  return u;
}

// Rows that a parallel loop stores through a tile, distinct as a whole or in part only.
Use of_parallel_rows(Writer& w, const std::string& y, const std::string& x) {
  const std::string n = w.fresh("p"), q = w.fresh("q"), part = w.fresh("q"), t = w.fresh("t");
  w.declare("input {}: int32[T]", n);
  const int tile = w.pick(std::array{1, 2, 4});
  Use u;
  u.make = [=, &w] { w.line("let {} = {}[:]", q, n); };
  u.assume = [=, &w] { w.line("assume_distinct {}", q); };
  const bool is_whole = w.keeps();
  u.use = [=, &w] {
    w.open("parallel {} in tiles(T, {})", t, tile);
    w.line("let {} = {}[{}]", part, n, t);
    w.line("assume 0 <= {0} and {0} < T", part);
    if (!is_whole) w.line("assume_distinct {}", part);
    w.line("{}[by {}, :] = {}[{}, :]", y, part, x, t);
    w.close();
  };
  u.change = [=, &w] { w.line("{0} = {0} * 0", q); };
  return u;
}

}  // namespace

void write_assumptions(Writer& w) {
  constexpr Use (*kUses[])(Writer&, const std::string&, const std::string&) = {of_read, of_part, of_tile, of_parallel_rows};
  w.declare("dim T typical 16");
  w.declare("input x: f32[T, 4]");
  w.declare("{} y: f32[T, 4]", w.pick(std::array{"output", "output", "inout"}));
  if (w.random.chance(85)) w.line("y[:, :] = x[:, :]");
  const Use use = w.pick(kUses)(w, "y", "x");
  const std::string wrong = w.pick(kWrongPlaces);
  const std::string where = w.either("right", wrong);
  const bool in_loop = w.random.chance(25);
  if (in_loop) w.open("range {} in 0 .. {}", w.fresh("i"), w.pick(std::array{"2", "T", "T - 1"}));
  place(w, use, where);
  if (in_loop) w.close();
  if (where != "right") w.set_edit("assumption placed: " + where);
}

}  // namespace imbrex::attack

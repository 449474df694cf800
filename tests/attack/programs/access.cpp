// Access patterns: each fills an output from inputs, and is right by construction until it is hurt.
#include <array>

#include "attack.h"

namespace imbrex::attack {
namespace {

constexpr int64_t kTiles[] = {1, 2, 3, 4, 5, 8, 16};
constexpr int64_t kColumns[] = {1, 2, 3, 4, 7, 8, 16};
constexpr const char* kLoops[] = {"parallel", "parallel", "range"};

// One output `y` of [rows, columns] of its own, and the input `x` that it comes from.
struct Copy {
  Copy(Writer& w, const std::string& rows, const std::string& input_rows)
      : y(w.fresh("y")),
        x(w.fresh("x")),
        i(w.fresh("i")),
        t(w.fresh("t")),
        n(w.pick(kTiles)),
        c(w.pick(kColumns)),
        loop(w.pick(kLoops)) {
    w.declare("input {}: f32[{}, {}]", x, input_rows, c);
    w.declare("output {}: f32[{}, {}]", y, rows, c);
  }
  explicit Copy(Writer& w, const std::string& rows = "T") : Copy(w, rows, rows) {}
  // A store of what is loaded, changed or not.
  void store(Writer& w, const std::string& to, const std::string& from) const {
    constexpr const char* kForms[] = {"{} = {}", "{} = {} * 2.0", "{} = abs({}) + 1.0", "{} = max({}, 0.5)"};
    w.line("{}", fmt::format(fmt::runtime(w.pick(kForms)), to, from));
  }
  void rows(Writer& w, const std::string& to, const std::string& from) const {
    store(w, fmt::format("{}[{}, :]", y, to), fmt::format("{}[{}, :]", x, from));
  }

  std::string y, x, i, t;
  int64_t n, c;
  std::string loop;
};

void tiled(Writer& w) {
  const Copy k(w);
  w.open("{} {} in tiles({}, {})", k.loop, k.t, w.off("T"), w.tile(k.n));
  k.rows(w, k.t, w.either(k.t, w.off(k.t + ".begin") + " +: " + k.t + ".size"));
  w.close();
}

void tiled_by_hand(Writer& w) {
  const Copy k(w);
  const int64_t n = w.tile(k.n);
  w.open("{} {} in 0 .. {}", k.loop, k.i,
         w.off(w.either(fmt::format("(T + {}) // {}", k.n - 1, k.n), fmt::format("T // {}", k.n))));
  const std::string begin = fmt::format("{} * {}", k.i, n);
  const std::string size = w.either(fmt::format("min({}, T - {})", k.n, begin), std::to_string(k.n));
  k.rows(w, w.off(begin) + " +: " + size, w.off(begin) + " +: " + size);
  w.close();
}

void main_and_tail(Writer& w) {
  const Copy k(w);
  const bool tail_first = w.random.chance(30);
  const std::string whole = fmt::format("T // {0} * {0}", k.n), rest = fmt::format("T % {}", w.tile(k.n));
  const std::string tail = whole + " +: " + w.either(rest, rest + " + 1");
  if (tail_first && w.keeps()) k.rows(w, tail, tail);
  if (w.random.chance(50)) {
    w.open("{} {} in 0 .. {}", k.loop, k.i, w.off(fmt::format("T // {}", k.n)));
    const std::string at = fmt::format("{} * {} +: {}", k.i, w.tile(k.n), k.n);
    k.rows(w, at, at);
    w.close();
  } else {
    const std::string all = "0 +: " + w.off(whole);
    k.rows(w, all, all);
  }
  if (!tail_first && w.keeps()) k.rows(w, tail, tail);
}

void interleaved(Writer& w) {
  const int64_t planes = w.random.between(2, 4);
  const Copy k(w, fmt::format("{} * T", planes));
  const std::string to = w.fresh("v"), from = w.fresh("v");
  w.line("view {} = {}: [T, {}, {}]", to, k.y, planes, k.c);
  w.line("view {} = {}: [T, {}, {}]", from, k.x, planes, k.c);
  w.open("{} {} in tiles(T, {})", k.loop, k.t, k.n);
  for (int64_t plane = 0; plane < planes; ++plane)
    if (w.keeps())
      k.store(w, fmt::format("{}[{}, {}, :]", to, k.t, w.off(std::to_string(plane))),
              fmt::format("{}[{}, {}, :]", from, k.t, planes - 1 - plane));
  w.close();
}

void strided(Writer& w) {
  const int64_t step = w.random.between(2, 4);
  const Copy k(w, fmt::format("{} * T", step));
  w.open("{} {} in 0 .. T", k.loop, k.i);
  for (int64_t phase = 0; phase < step; ++phase) {
    const std::string at = fmt::format("{} * {} + {}", k.i, w.tile(step), phase);
    if (w.keeps()) k.rows(w, w.off(at), w.off(at));
  }
  w.close();
}

void reversed(Writer& w) {
  const Copy k(w);
  if (w.random.chance(50)) {
    w.open("{} {} in 0 .. T", k.loop, k.i);
    k.rows(w, w.off("T - 1 - " + k.i), k.i);
  } else {
    w.open("{} {} in tiles(T, {})", k.loop, k.t, k.n);
    k.rows(w, fmt::format("T - {0}.begin - {0}.size +: {0}.size", k.t),
           w.off(fmt::format("T - {0}.begin - {0}.size", k.t)) + fmt::format(" +: {}.size", k.t));
  }
  w.close();
}

void window(Writer& w) {
  const int64_t width = w.random.between(2, 5);
  const Copy k(w, "T", fmt::format("T + {}", width - 1));
  w.open("{} {} in tiles(T, {})", k.loop, k.t, k.n);
  const std::string sum = w.fresh("s");
  w.line("let {} = {}[{} +: {}.size, :]", sum, k.x, k.t + ".begin", k.t);
  for (int64_t j = 1; j < width; ++j)
    w.line("{0} = {0} + {1}[{2} +: {3}.size, :]", sum, k.x, w.off(fmt::format("{}.begin + {}", k.t, j)), k.t);
  w.line("{}[{}, :] = {}", k.y, k.t, sum);
  w.close();
}

void ring(Writer& w) {
  const Copy k(w);
  constexpr const char* kSteps[] = {"({} + T - 1) % T", "({} + 1) % T", "({} + 3) % T", "({} + T // 2) % T", "(T - {}) % T"};
  const std::string at = fmt::format(fmt::runtime(w.pick(kSteps)), k.i);
  w.open("{} {} in 0 .. T", k.loop, k.i);
  k.rows(w, k.i, w.either(at, at.substr(0, at.size() - 4)));
  w.close();
}

void nested_spans(Writer& w) {
  const Copy k(w);
  const std::string u = w.fresh("u");
  w.open("{} {} in tiles(T, {})", k.loop, k.t, w.tile(k.n * 2));
  w.open("{} {} in tiles({}, {})", w.pick(kLoops), u, k.t, w.tile(k.n));
  k.rows(w, w.either(u, k.t), w.either(u, fmt::format("{0}.begin +: {0}.size", u)));
  w.close();
  w.close();
}

void column_tiles(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), t = w.fresh("t"), c = w.fresh("c");
  w.declare("input {}: f32[T, U]", x);
  w.declare("output {}: f32[T, U]", y);
  w.open("parallel {} in tiles(T, {})", t, w.pick(kTiles));
  w.open("{} {} in tiles({}, {})", w.pick(kLoops), c, w.off("U"), w.pick(kTiles));
  std::string a = t, b = c;
  w.exchange(a, b);
  w.line("{}[{}, {}] = {}[{}, {}] * 0.5", y, a, b, x, t, c);
  w.close();
  w.close();
}

void transposed(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), t = w.fresh("t"), c = w.fresh("c");
  w.declare("input {}: f32[T, U]", x);
  w.declare("output {}: f32[U, T]", y);
  w.open("parallel {} in tiles(T, {})", t, w.pick(kTiles));
  std::string a = ":", b = t;
  w.exchange(a, b);
  w.line("{}[{}, {}] = transpose({}[{}, :])", y, a, b, x, t);
  w.close();
}

void read_rows(Writer& w) {
  const Copy k(w);
  const std::string index = w.fresh("n"), r = w.fresh("r");
  w.declare("input {}: int32[T]", index);
  w.open("{} {} in 0 .. T", k.loop, k.i);
  w.line("read {} = {}[{}]", r, index, w.off(k.i));
  if (w.keeps()) w.line("assume 0 <= {0} and {0} < {1}", r, w.off("T"));
  k.rows(w, k.i, w.off(r));
  w.close();
}

void gathered_rows(Writer& w) {
  const Copy k(w);
  const std::string index = w.fresh("n"), r = w.fresh("r");
  w.declare("input {}: int32[T]", index);
  w.open("{} {} in tiles(T, {})", k.loop, k.t, k.n);
  w.line("let {} = {}[{}]", r, index, k.t);
  if (w.keeps()) w.line("assume 0 <= {0} and {0} {1} T", r, w.either("<", "<="));
  k.rows(w, k.t, "by " + r);
  w.close();
}

void scattered_rows(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), index = w.fresh("p"), q = w.fresh("q"), t = w.fresh("t");
  const int64_t c = w.pick(kColumns);
  w.declare("input {}: f32[T, {}]", x, c);
  w.declare("input {}: int32[T]", index);
  w.declare("{} {}: f32[T, {}]", w.pick(std::array{"inout", "output"}), y, c);
  w.line("let {} = {}[:]", q, index);
  w.line("assume 0 <= {0} and {0} {1} T", q, w.either("<", "<="));
  if (w.keeps()) w.line("assume_distinct {}", q);
  if (w.random.chance(50)) {
    w.line("{}[by {}, :] = {}[:, :] + 1.0", y, q, x);
    return;
  }
  const std::string part = w.fresh("q");
  w.open("{} {} in tiles(T, {})", w.pick(kLoops), t, w.pick(kTiles));
  w.line("let {} = {}[{}]", part, index, w.either(t, w.off(t + ".begin") + " +: " + t + ".size"));
  if (w.keeps()) w.line("assume 0 <= {0} and {0} < T", part);
  w.line("{}[by {}, :] = {}[{}, :] + 1.0", y, part, x, t);
  w.close();
}

// A paged insert: slots that differ but for one number, which is skipped.
void inserted_rows(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), index = w.fresh("p"), q = w.fresh("q"), t = w.fresh("t"),
                    s = w.fresh("s");
  const int64_t n = w.pick(std::array{1, 2, 4}), except = w.pick(std::array{-1, -1, 0, 3});
  w.declare("input {}: f32[T, 4]", x);
  w.declare("input {}: {}[T] @below({}) @except({})", index, w.pick(std::array{"int32", "int64"}), 5 * n, except);
  w.declare("inout {}: f32[5, {}, 4]", y, n);
  w.line("let {} = cast({}[:], int32, rint)", q, index);
  w.line("assume_distinct {} except {}", q, w.off(std::to_string(except)));
  w.open("{} {} in 0 .. T", w.pick(kLoops), t);
  w.line("read {} = {}[{}]", s, index, w.off(t));
  w.line("assume {} <= {} and {} < {}", std::min<int64_t>(except, 0), s, s, w.off(std::to_string(5 * n)));
  const bool skips = w.keeps();
  if (skips) w.open("if {} {} {}", s, w.either("!=", ">"), w.off(std::to_string(except)));
  w.line("{0}[{1} // {2}, {1} % {2}, :] = {3}[{4}, :] + {5}", y, s, n, x, t,
         w.either("1.0", fmt::format("{0}[{1} // {2}, {1} % {2}, :]", y, s, n)));
  if (skips) w.close();
  w.close();
}

// A product whose blocks have scales, a block of columns at a time.
void scaled_blocks(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), m = w.fresh("w"), s = w.fresh("s"), t = w.fresh("t"), n = w.fresh("n");
  const int64_t block = w.pick(std::array{1, 2, 5});
  const bool expands = w.random.chance(50);
  w.declare("input {}: {}[T, 70]", x, expands ? "bf16" : w.pick(std::array{"bf16", "e4m3", "int8"}));
  w.declare("{} {}: {}[U * {}, 70]", w.pick(std::array{"input", "weight"}), m,
            expands ? "e4m3" : w.pick(std::array{"e4m3", "int8"}), block);
  w.declare("input {}: {}[U, 3]", s, w.pick(std::array{"f32", "e8m0"}));
  w.declare("output {}: f32[T, U * {}]", y, block);
  w.open("{} {} in tiles(T, {})", w.pick(kLoops), t, w.pick(kTiles));
  w.open("{} {} in 0 .. {}", w.pick(kLoops), n, w.off("U"));
  w.line(
      "{0}[{1}, {2} * {3} +: {3}] = {8}{4}[{5} +: 1, :], {6}[{1}, :], {7}[{2} * {3} +: {3}, :], [32, {3}], "
      "transpose_b)",
      y, t, n, block, s, w.off(n), x, m, expands ? "matmul_expanded(" : "matmul_scaled(0.5, ");
  w.close();
  w.close();
}

void offsets(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), off = w.fresh("n"), b = w.fresh("b"), s = w.fresh("s"), e = w.fresh("e");
  w.declare("input {}: f32[T, 4]", x);
  w.declare("input {}: int32[U + 1]", off);
  w.declare("output {}: f32[U, 4]", y);
  w.open("{} {} in 0 .. U", w.pick(kLoops), b);
  w.line("read {} = {}[{}]", s, off, b);
  w.line("read {} = {}[{}]", e, off, w.off(b + " + 1"));
  if (w.keeps()) w.line("assume 0 <= {0} and {0} <= {1} and {1} <= {2}", s, e, w.off("T"));
  w.line("{}[{}, :] = col_sum({}[{} +: {}, :])", y, b, x, s, w.off(e + " - " + s));
  w.close();
}

void gathered_columns(Writer& w) {
  const Copy k(w);
  const std::string index = w.fresh("n"), q = w.fresh("q");
  w.declare("input {}: int32[T, {}]", index, k.c);
  w.open("{} {} in tiles(T, {})", k.loop, k.t, k.n);
  w.line("let {} = {}[{}, :]", q, index, k.t);
  switch (w.random.below(3)) {
    case 0:
      if (w.keeps()) w.line("assume 0 <= {0} and {0} < {1}", q, w.off(std::to_string(k.c)));
      break;
    case 1:
      w.line("{0} = min(max({0}, {2}), {1})", q, w.either(std::to_string(k.c - 1), std::to_string(k.c)), w.either("0", "-1"));
      break;
    default:
      w.line("assume {1} < {0} and {0} < {2}", q, w.either(std::to_string(-k.c), std::to_string(-k.c - 1)), k.c);
      w.line("{0} = abs({0})", q);
  }
  w.line("{}[{}, :] = gather({}[{}, :], {})", k.y, k.t, k.x, k.t, q);
  w.close();
}

void guarded(Writer& w) {
  const Copy k(w);
  w.open("{} {} in 0 .. (T + {}) // {} * {}", k.loop, k.i, k.n - 1, k.n, w.tile(k.n));
  const bool has_guard = w.keeps();
  if (has_guard) w.open("if {} {} {}", k.i, w.either("<", "<="), w.off("T"));
  k.rows(w, k.i, k.i);
  if (has_guard) w.close();
  w.close();
}

void split_by_guard(Writer& w) {
  const Copy k(w);
  w.open("{} {} in 0 .. T", k.loop, k.i);
  w.open("if {} {} {}", k.i, w.either("<", "<="), w.off("T - 1"));
  k.rows(w, k.i, w.off(k.i + " + 1"));
  w.otherwise();
  if (w.keeps()) k.rows(w, w.either(k.i, "0"), w.off("0"));
  w.close();
  w.close();
}

void triangle(Writer& w) {
  const Copy k(w);
  const std::string j = w.fresh("j"), sum = w.fresh("s");
  w.open("{} {} in 0 .. T", k.loop, k.i);
  w.line("let {} = full(f32, [1, {}], 0.0)", sum, k.c);
  w.open("range {} in {} .. {}", j, w.either("0", "-1"), w.off(k.i + " + 1"));
  w.line("{0} = {0} + {1}[{2}, :]", sum, k.x, w.off(j));
  w.close();
  w.line("{}[{}, :] = {}", k.y, k.i, sum);
  w.close();
}

// A nest whose inner loop is longer in each iteration, and one whose inner loop begins later.
void triangles(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x");
  w.declare("input {}: f32[T, 4]", x);
  w.declare("output {}: f32[T, T, 4]", y);
  for (const bool below : {true, false}) {
    const std::string i = w.fresh("i"), j = w.fresh("j");
    w.open("{} {} in 0 .. T", w.pick(kLoops), i);
    if (below)
      w.open("{} {} in 0 .. {}", w.pick(kLoops), j, w.off(i + " + 1"));
    else
      w.open("{} {} in {} .. T", w.pick(kLoops), j, w.off(i + " + 1"));
    w.line("{}[{}, {}, :] = {}[{}, :] + {}", y, i, j, x, w.either(j, i), below ? "1.0" : "2.0");
    w.close();
    w.close();
  }
}

void flat(Writer& w) {
  const Copy k(w);
  const std::string to = w.fresh("v"), from = w.fresh("v");
  w.line("view {} = {}: [T * {}]", to, k.y, k.c);
  w.line("view {} = {}: [T * {}]", from, k.x, k.c);
  w.open("{} {} in 0 .. T", k.loop, k.i);
  const std::string at = fmt::format("{} * {}", k.i, w.tile(k.c));
  k.store(w, fmt::format("{}[{} +: {}]", to, w.off(at), k.c), fmt::format("{}[{} +: {}]", from, w.off(at), k.c));
  w.close();
}

void planes(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), u = w.fresh("u"), t = w.fresh("t");
  w.declare("input {}: f32[U, T, 3]", x);
  w.declare("output {}: f32[T, U, 3]", y);
  w.open("{} {} in 0 .. {}", w.pick(kLoops), u, w.off("U"));
  w.open("{} {} in tiles(T, {})", w.pick(kLoops), t, w.tile(w.pick(kTiles)));
  std::string a = u, b = t;
  w.exchange(a, b);
  w.line("{}[{}, {}, :] = {}[{}, {}, :]", y, b, a, x, u, t);
  w.close();
  w.close();
}

void halo(Writer& w) {
  const Copy k(w);
  const std::string before = w.either(fmt::format("max({}.begin - 1, 0)", k.t), k.t + ".begin - 1");
  const std::string after =
      w.either(fmt::format("min({0}.begin + {0}.size + 1, T)", k.t), fmt::format("{0}.begin + {0}.size + 1", k.t));
  w.open("{} {} in tiles(T, {})", k.loop, k.t, k.n);
  w.line("{}[{}, :] = {}[{}, :] + col_sum({}[{} +: {} - {}, :])", k.y, k.t, k.x, k.t, k.x, w.off(before), after,
         w.either(before, "(" + before + ")"));
  w.close();
}

// Tiles of the flat elements that do not follow the rows.
void flat_tiles(Writer& w) {
  const Copy k(w);
  const std::string to = w.fresh("v"), from = w.fresh("v");
  w.line("view {} = {}: [{} * T]", to, k.y, k.c);
  w.line("view {} = {}: [{} * T]", from, k.x, k.c);
  w.open("{} {} in tiles({} * T, {})", k.loop, k.t, w.tile(k.c), w.pick(std::array{3, 10, 100}));
  k.store(w, fmt::format("{}[{}]", to, k.t), fmt::format("{}[{}]", from, k.t));
  w.close();
}

// A temporary filled through a view, every so many columns at once.
void strided_columns(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), s = w.fresh("s"), v = w.fresh("v"), i = w.fresh("i"), t = w.fresh("t"),
                    u = w.fresh("u");
  const int64_t planes = w.random.between(2, 5), columns = w.random.between(2, 8);
  w.declare("input {}: f32[T, {}]", x, planes * columns);
  w.declare("output {}: f32[T, {}]", y, planes * columns);
  w.line("create {}: f32[T, {}]", s, planes * columns);
  w.line("view {} = {}: [T, {}, {}]", v, s, columns, planes);
  w.open("parallel {} in tiles(T, 8)", t);
  w.open("range {} in 0 .. {}", i, w.tile(planes));
  w.line("{}[{}, :, {}] = {}[{}, {} * {} +: {}]", v, t, i, x, t, columns, i, columns);
  w.close();
  w.close();
  w.open("parallel {} in tiles(T, 8)", u);
  w.line("{}[{}, :] = {}[{}, :] + {}[{}, :]", y, u, s, u, x, u);
  w.close();
}

// Pages that a table lists.
void pages(Writer& w) {
  const std::string y = w.fresh("y"), cache = w.fresh("c"), table = w.fresh("n"), t = w.fresh("t"), page = w.fresh("r");
  const int64_t n = w.pick(std::array{2, 4, 16});
  w.declare("input {}: f32[8, {}, 4]", cache, n);
  w.declare("input {}: int32[(T + {}) // {}]", table, n - 1, n);
  w.declare("output {}: f32[T, 4]", y);
  w.open("parallel {} in tiles(T, {})", t, w.tile(n));
  w.line("read {} = {}[{}]", page, table, w.off(t + ".index"));
  if (w.keeps()) w.line("assume 0 <= {0} and {0} < {1}", page, w.off("8"));
  w.line("{}[{}, :] = {}[{}, 0 +: {}.size, :]", y, t, cache, page, t);
  w.close();
}

}  // namespace

void write_access(Writer& w) {
  constexpr void (*kPatterns[])(Writer&) = {
      tiled,         tiled_by_hand, main_and_tail, interleaved,      strided,   reversed,        window,
      ring,          nested_spans,  column_tiles,  transposed,       read_rows, gathered_rows,   scattered_rows,
      inserted_rows, scaled_blocks, offsets,       gathered_columns, guarded,   split_by_guard,  triangle,
      flat,          planes,        halo,          flat_tiles,       triangles, strided_columns, pages};
  w.declare("dim T typical 16");
  w.declare("dim U typical 5");
  for (int64_t patterns = w.random.between(1, 2); patterns > 0; --patterns) w.pick(kPatterns)(w);
}

}  // namespace imbrex::attack

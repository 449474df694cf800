// Programs whose size grows in one direction: what is linear in it stays so, and for the rest a budget speaks within seconds.
#include <array>

#include "attack.h"

namespace imbrex::attack {
namespace {

int64_t size(Writer& w) { return w.random.chance(70) ? w.random.between(2, 12) : w.random.between(13, 40); }

// Each value is used twice by the next.
void doubled_values(Writer& w) {
  const bool is_float = w.random.chance(50);
  w.declare("input x: f32[T, 16]");
  w.declare("output y: f32[T, 16]");
  w.open("{} i in 0 .. T", w.pick(std::array{"parallel", "range"}));
  w.line("let a0 = {}", is_float ? "x[i, :]" : "iota(16)");
  const int64_t n = size(w);
  for (int64_t k = 1; k <= n; ++k)
    w.line("let a{} = {}(a{} {} a{}, {})", k, w.pick(std::array{"max", "min"}), k - 1, w.pick(std::array{"+", "-"}), k - 1,
           is_float ? "1.0" : "1");
  w.line("y[i, :] = {}",
         is_float ? fmt::format("a{}", n) : fmt::format("gather(x[i, :], min(max(a{}, 0), {}))", n, w.either("15", "16")));
  w.close();
}

// A minimum of many dimensions, in one nest or side by side.
void many_dimensions(Writer& w) {
  const int64_t n = w.random.between(2, 9);
  std::string least = "D0";
  for (int64_t k = 0; k < n; ++k) {
    w.declare("dim D{} typical 8", k);
    w.declare("input x{}: f32[D{}]", k, k);
    if (k > 0) least = fmt::format("{}({}, D{})", w.pick(std::array{"min", "min", "max"}), least, k);
  }
  w.declare("output y: f32[D0]");
  least = fmt::format("min({}, D0)", least);
  w.line("y[0 +: {}] = x0[0 +: {}]", least, w.off(least));
  w.line("y[{0} +: D0 - {0}] = x0[{0} +: D0 - {0}]", least);
}

// Loops of many constant iterations around a product of their numbers.
void huge_expansion(Writer& w) {
  constexpr int64_t kTrips[] = {2, 4, 16, 300, 70000, int64_t{1} << 31, int64_t{1} << 62};
  w.declare("input x: f32[T, 8]");
  w.declare("output y: f32[T, 8]");
  w.open("parallel t in 0 .. T");
  w.line("let s = x[t, :]");
  const int64_t depth = w.random.between(1, 4);
  std::string product;
  for (int64_t k = 0; k < depth; ++k) {
    w.open("range n{} in 0 .. {}", k, w.pick(kTrips));
    product += fmt::format("{}n{}", k == 0 ? "" : " * ", k);
  }
  w.line("s = s + x[min({} + t, T - 1), :]", w.either(product + " * 0", product));
  for (int64_t k = 0; k < depth; ++k) w.close();
  w.line("y[t, :] = s");
  w.close();
}

// Temporaries filled in parts, one from the other.
void layers_of_parts(Writer& w) {
  const int64_t layers = w.random.between(1, 5), n = w.pick(std::array{3, 4, 8});
  w.declare("input x: f32[T, 4]");
  w.declare("output y: f32[T, 4]");
  std::string from = "x";
  for (int64_t k = 0; k < layers; ++k) {
    const std::string to = fmt::format("s{}", k), main = fmt::format("T // {0} * {0}", n), tail = fmt::format("T % {}", n);
    w.line("create {}: f32[T, 4]", to);
    if (w.random.chance(50)) w.line("{2}[{0} +: {1}, :] = {3}[{0} +: {1}, :]", main, tail, to, from);
    w.line("{1}[0 +: {0}, :] = {2}[0 +: {0}, :]{3}", main, to, from, w.pick(std::array{"", " * 2.0", " + 1.0"}));
    if (w.keeps()) w.line("{2}[{0} +: {1}, :] = {3}[{0} +: {1}, :]", main, tail, to, from);
    from = to;
  }
  w.line("y[:, :] = {}[:, :] * 2.0", from);
}

// Rows of several tiles below each other.
void concatenated(Writer& w) {
  const int64_t n = w.random.between(2, 6);
  w.declare("input x: f32[T, 4]");
  w.declare("output y: f32[{} * T, 4]", n);
  std::string parts = "x[:, :]";
  for (int64_t k = 1; k < n; ++k) parts += w.random.chance(50) ? fmt::format(", x[:, :] * {}.0", k) : ", x[:, :]";
  w.line("y[:, :] = concat_rows({})", parts);
}

// Many stores, each to its own columns; conditions within conditions.
void many_stores(Writer& w) {
  const int64_t n = size(w);
  w.declare("input x: f32[T, {}]", n);
  w.declare("output y: f32[T, {}]", n);
  w.open("parallel t in tiles(T, 4)");
  for (int64_t k = 0; k < n; ++k)
    if (w.keeps()) w.line("y[t, {0} +: 1] = x[t, {1} +: 1]{2}", k, n - 1 - k, w.random.chance(50) ? " + 1.0" : "");
  w.close();
}

void nested_conditions(Writer& w) {
  const int64_t n = w.random.between(2, 10);
  w.declare("input x: f32[T, 4]");
  w.declare("output y: f32[T, 4]");
  w.open("parallel i in 0 .. T");
  for (int64_t k = 0; k < n; ++k)
    w.open("if {}", w.pick(std::array<std::string, 4>{fmt::format("i % {} == 0", k + 2), fmt::format("i > {}", k), "T % 2 == 1",
                                                      fmt::format("i // {} < T", k + 1)}));
  w.line("y[i, :] = x[i, :]");
  for (int64_t k = 0; k < n; ++k) {
    if (w.keeps()) {
      w.otherwise();
      w.line("y[i, :] = x[i, :] * {}.0", k);
    }
    w.close();
  }
  w.close();
}

// Spans of spans: the begin and the extent of each name the one around it.
void nested_spans(Writer& w) {
  const int64_t n = w.random.between(2, 20), tile = w.pick(std::array<int64_t, 3>{7, 64, (int64_t{1} << 30)});
  w.declare("input x: f32[T, 4]");
  w.declare("output y: f32[T, 4]");
  for (int64_t k = 0; k < n; ++k)
    w.open("{} s{} in tiles({}, {})", w.pick(std::array{"parallel", "range"}), k, k == 0 ? "T" : fmt::format("s{}", k - 1),
           std::max<int64_t>(1, tile - k));
  for (int64_t k = 0; k < 4; ++k)
    if (w.keeps()) w.line("y[s{0}, {1} +: 1] = x[s{0}, {1} +: 1] * 2.0", n - 1, k);
  for (int64_t k = 0; k < n; ++k) w.close();
}

// Quotients of quotients, as index or extent.
void deep_index(Writer& w) {
  const int64_t n = w.random.between(2, 9);
  w.declare("input x: f32[T, 4]");
  w.declare("output y: f32[T, 4]");
  std::string index = "i";
  for (int64_t k = 0; k < n; ++k)
    index = fmt::format(
        fmt::runtime(w.pick(std::array{"({} // {})", "({} % {})", "({} + {})", "({} * {})", "min({}, {})", "max({}, {})"})),
        index, w.random.between(1, 9));
  w.open("parallel i in 0 .. T");
  w.line("y[i, :] = x[{}, :]", w.either(fmt::format("min({}, T - 1)", index), index));
  w.close();
}

}  // namespace

void write_budgets(Writer& w) {
  constexpr void (*kPatterns[])(Writer&) = {doubled_values, many_dimensions,   huge_expansion, layers_of_parts, concatenated,
                                            many_stores,    nested_conditions, deep_index,     nested_spans};
  w.declare("dim T typical 16");
  w.pick(kPatterns)(w);
}

}  // namespace imbrex::attack

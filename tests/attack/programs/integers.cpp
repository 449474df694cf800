// Integers at their edges: near 2^31 and 2^63, zero, negative, empty. Nothing here is promised to be right; whatever the verdict
// is has to be true.
#include "attack.h"

namespace imbrex::attack {
namespace {

// Around powers of two and zero.
std::string edge(Writer& w) {
  constexpr int64_t kEdges[] = {0,
                                1,
                                -1,
                                2,
                                7,
                                -8,
                                (1 << 16),
                                (1LL << 31) - 1,
                                1LL << 31,
                                (1LL << 31) - 8,
                                -(1LL << 31),
                                1LL << 32,
                                1LL << 33,
                                1LL << 61,
                                1LL << 62,
                                1LL << 62};
  int64_t value = w.pick(kEdges);
  if (w.random.chance(30)) value += w.random.between(-3, 3);
  if (w.random.chance(5)) value = INT64_MAX - w.random.below(3);
  return value < 0 ? fmt::format("({})", value) : std::to_string(value);
}

// An index expression of the names given, a few operators deep.
std::string index(Writer& w, const std::vector<std::string>& names, int depth) {
  if (depth == 0 || w.random.chance(15))
    return w.random.chance(65) ? w.pick(names) : w.random.chance(50) ? edge(w) : std::to_string(w.random.between(1, 9));
  const std::string a = index(w, names, depth - 1), b = index(w, names, depth - 1);
  switch (w.random.below(8)) {
    case 0:
    case 1: return fmt::format("({} + {})", a, b);
    case 2: return fmt::format("({} - {})", a, b);
    case 3:
    case 4: return fmt::format("({} * {})", a, w.random.chance(60) ? edge(w) : b);
    case 5: return fmt::format("({} // {})", a, w.random.chance(70) ? std::to_string(w.random.between(1, 9)) : w.pick(names));
    case 6: return fmt::format("({} % {})", a, w.random.chance(70) ? std::to_string(w.random.between(1, 9)) : w.pick(names));
    default: return fmt::format("{}({}, {})", w.random.chance(50) ? "min" : "max", a, b);
  }
}

// y[i, :] of all rows, or a part of them.
void condition_decides(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), i = w.fresh("i");
  w.declare("input {}: f32[T, 4]", x);
  w.declare("output {}: f32[T, 4]", y);
  w.open("parallel {} in 0 .. T", i);
  w.open("if {} {} {}", index(w, {i, "T", "N"}, 2), w.pick(std::array{"<", "<=", ">", "==", "!="}), index(w, {i, "T", "N"}, 1));
  w.line("{}[{}, :] = {}[{}, :]", y, i, x, i);
  if (w.keeps()) {
    w.otherwise();
    w.line("{}[{}, :] = {}[{}, :] * 2.0", y, i, x, i);
  }
  w.close();
  w.close();
}

// A row at an index that clamps or a remainder make right.
void row_at_index(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), i = w.fresh("i");
  w.declare("input {}: f32[8, 4]", x);
  w.declare("output {}: f32[8, 4]", y);
  const std::string any = index(w, {i, "N", "M"}, 3);
  w.open("{} {} in 0 .. 8", w.pick(std::array{"parallel", "range"}), i);
  const std::string row = w.random.chance(50) ? fmt::format("min(max({}, 0), 7)", any) : fmt::format("({}) % 8", any);
  w.line("{}[{}, :] = {}[{}, :]", y, i, x, w.either(row, any));
  w.close();
}

// int32 tiles that wrap, or do not, and then pick columns.
void gather_of_arithmetic(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), q = w.fresh("q"), n = w.fresh("n"), i = w.fresh("i");
  w.declare("input {}: f32[T, 8]", x);
  w.declare("output {}: f32[T, 8]", y);
  if (w.random.chance(40)) {
    w.declare("input {}: int32[8]", n);
    w.line("let {} = {}[:]", q, n);
  } else {
    w.line("let {} = iota(8, {})", q, index(w, {"N"}, w.random.chance(50) ? 0 : 1));
  }
  const auto number = [&] {
    return std::to_string(w.pick(std::array{1, 2, 7, 8, -1, -7, 2147483647, -2147483647, 2147483640, 65536}));
  };
  for (int64_t k = w.random.between(0, 4); k > 0; --k) switch (w.random.below(8)) {
      case 0: w.line("{0} = {0} + {1}", q, number()); break;
      case 1: w.line("{0} = {0} - {1}", q, number()); break;
      case 2: w.line("{0} = {0} * {1}", q, number()); break;
      case 3: w.line("{0} = abs({0})", q); break;
      case 4: w.line("{0} = -{0}", q); break;
      case 5: w.line("{0} = max({0}, {1})", q, number()); break;
      case 6: w.line("{0} = min({0}, {1})", q, number()); break;
      default: w.line("{0} = {0} + iota(8, {1})", q, number());
    }
  if (w.keeps()) w.line("{0} = min(max({0}, 0), {1})", q, w.either("7", "8"));
  if (w.random.chance(30)) w.line("{0} = abs({0} - 7)", q);
  w.open("parallel {} in 0 .. T", i);
  w.line("{}[{}, :] = gather({}[{}, :], {})", y, i, x, i, q);
  w.close();
}

// Loops that begin, end or step at an edge.
void loop_at_edge(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), i = w.fresh("i");
  w.declare("input {}: f32[T, 4]", x);
  w.declare("output {}: f32[T, 4]", y);
  switch (w.random.below(4)) {
    case 0: {
      const std::string from = index(w, {"N"}, 1);
      w.open("range {} in {} .. {}", i, from, w.off(from + " + T"));
      w.line("{}[{} - {}, :] = {}[{} - {}, :]", y, i, from, x, i, from);
      break;
    }
    case 1:
      w.open("parallel {} in tiles(T, {})", i,
             w.pick(std::array{int64_t{2147483647}, int64_t{1} << 40, int64_t{1} << 62, INT64_MAX}));
      w.line("{}[{}, :] = {}[{}, :]", y, i, x, i);
      break;
    case 2:
      w.line("{}[:, :] = {}[:, :]", y, x);
      w.open("range {} in {} .. {}", i, index(w, {"N", "T"}, 1), w.pick(std::array{"0", "min(N, 0)", "N - T", "N // 64"}));
      w.open("if {} >= 0 and {} < T", i, i);
      w.line("{}[{}, :] = {}[{}, :] * 2.0", y, i, x, i);
      w.close();
      break;
    default:
      w.open("parallel {} in 0 .. {}", i, w.pick(std::array{"T * N // N", "T + N - N", "max(T, T - N)", "min(T, T * N)"}));
      w.line("{}[{}, :] = {}[{}, :]", y, i, x, i);
  }
  w.close();
}

// Extents that are products, differences or empty.
void extents(Writer& w) {
  const std::string y = w.fresh("y"), s = w.fresh("s"), i = w.fresh("i");
  w.declare("output {}: f32[T, 4]", y);
  w.open("{} {} in 0 .. T", w.pick(std::array{"parallel", "range"}), i);
  const std::string rows =
      w.pick(std::array<std::string, 9>{"T - T", "T // 4", "(0 - {0}) * (0 - {0})", "(3 - {0}) * (3 - {0})", "max({0} - 2, 0)",
                                        "min({0}, 3) * min({0}, 3)", "{0} * {0} % 5", "T - 1 - {0}", "(5 - {0}) * (T - {0})"});
  const std::string extent = fmt::format(fmt::runtime(rows), i);
  w.line("create {}: f32[{}, 4]", s, extent);
  w.line("{}[:, :] = full(f32, [{}, 4], 1.5)", s, w.either(extent, extent + " + 1"));
  const char* reduce = w.pick(std::array{"col_sum", "col_max", "col_min"});
  w.line("{}[{}, :] = {}({}[:, :])", y, i, reduce, s);
  w.close();
}

// What an index is as an int32, shown.
void shown_index(Writer& w) {
  const std::string y = w.fresh("y"), i = w.fresh("i");
  w.declare("output {}: int32[T, 4]", y);
  w.open("parallel {} in 0 .. T", i);
  w.line("{}[{}, :] = iota(4, {}) + int32({})", y, i, index(w, {i, "N", "T"}, 2), index(w, {i, "N", "M"}, 2));
  w.close();
}

// Columns, repetitions and slices of sizes that cannot be.
void constant_sizes(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x");
  w.declare("input {}: f32[T, 8]", x);
  switch (w.random.below(4)) {
    case 0:
      w.declare("output {}: f32[T, 4]", y);
      w.line("{}[:, :] = columns({}[:, :], {}, 4)", y, x, w.random.chance(50) ? "4" : edge(w));
      break;
    case 1:
      w.declare("output {}: f32[T, 8]", y);
      w.line("{}[:, :] = col_sum(repeat_rows({}[0 +: 1, :], {})) + {}[:, :]", y, x, w.random.chance(50) ? "4" : edge(w), x);
      break;
    case 2:
      w.declare("output {}: f32[T, 8]", y);
      w.line("{}[:, :] = {}[:, :] + row_sum({}[:, {} +: {}])", y, x, x, edge(w), edge(w));
      break;
    default:
      w.declare("output {}: f32[T, 8]", y);
      w.line("{}[:, {} +: {}] = {}[:, 0 +: 4]", y, w.either("0", edge(w)), w.either("4", edge(w)), x);
      w.line("{}[:, 4 +: 4] = {}[:, 0 +: 4]", y, x);
  }
}

// Sums and casts of numbers at the ends of their types.
void casts(Writer& w) {
  constexpr const char* kTypes[] = {"int8", "uint8", "int32", "bf16", "f16"};
  const std::string y = w.fresh("y"), x = w.fresh("x"), type = w.pick(kTypes), t = w.fresh("t");
  w.declare("input {}: f32[T, 8]", x);
  w.declare("output {}: {}[T, 8]", y, type);
  w.open("parallel {} in tiles(T, 4)", t);
  const std::string scale = w.pick(std::array{"1.0", "1e30", "-2147483648.0", "0.0", "1e-40", "-0.0"});
  w.line("{}[{}, :] = cast({}[{}, :] * {}, {}, {})", y, t, x, t, scale, type,
         w.pick(std::array{"rint", "round", "floor", "ceil", "trunc"}));
  w.close();
}

// Reductions over nothing.
void empty_reductions(Writer& w) {
  const std::string y = w.fresh("y"), x = w.fresh("x"), type = w.pick(std::array{"f32", "int32"});
  const std::string reduce = w.pick(std::array{"row_sum", "row_max", "row_min"});
  w.declare("input {}: {}[T, 8]", x, type);
  w.declare("output {}: {}[T, 8]", y, type);
  const std::string size = w.pick(std::array{"0", "T - T", "min(T, 2) - 1", "max(T - 4, 0) % 3", "8 - T % 9"});
  w.line("{}[:, :] = {}[:, :] + {}({}[:, 0 +: {}])", y, x, reduce, x, size);
}

}  // namespace

void write_integers(Writer& w) {
  constexpr void (*kPatterns[])(Writer&) = {condition_decides, row_at_index, gather_of_arithmetic,
                                            loop_at_edge,      extents,      shown_index,
                                            constant_sizes,    casts,        empty_reductions};
  constexpr const char* kMost[] = {"", "", "", " max 2147483647", " max 1000", " max 4611686018427387904", " max 16"};
  w.declare("dim T typical 16{}", w.pick(kMost));
  w.declare("dim N typical 3{}", w.pick(kMost));
  w.declare("dim M typical 5{}", w.pick(kMost));
  w.pick(kPatterns)(w);
}

}  // namespace imbrex::attack

// Corners: features that meet where one pass believes what another one knows better. Accumulators that also list rows, loops that
// may run no trip around accesses of their own, weights that may change, equal segments, quotients as extents, tiles named again
// behind what was made of them, spans of spans that begin anywhere, tensors that may be empty.
#include <algorithm>
#include <array>

#include "attack.h"

namespace imbrex::attack {
namespace {

// A sum that is started in its loop, and whose earlier value is read there: as rows, as a number, by an assumption, or not at
// all.
void peeled_sum(Writer& w) {
  const std::string a = w.fresh("a"), b = w.fresh("a"), i = w.fresh("i"), one = w.fresh("b");
  w.declare("input x: f32[40, 8]");
  w.declare("output y: f32[5, 8]");
  w.line("y[:, :] = x[0 +: 5, :]");
  w.line("let {} = full(int32, [1, 1], {})", a, w.random.between(0, 4));
  w.line("let {} = full(int32, [1, 1], {})", b, w.random.between(0, 4));
  w.open("range {} in 0 .. {}", i, w.pick(std::array{"5", "3", "min(T, 5)"}));
  const std::string read = w.either(b, a);
  const int64_t form = w.random.below(4);
  w.line("assume {} <= {}", w.pick(std::array{0, 0, 1}), form < 3 ? read : b);
  if (form == 0) w.line("assume {} < 40", read);
  if (form == 0) w.line("y[{} +: 1, :] = x[by {}, :]", i, read);
  if (form == 1) w.line("y[{}, :] = cast({}, f32, rint) + x[{}, :]", i, read, i);
  if (form == 2) w.line("assume_{} {}", w.pick(std::array{"distinct", "sorted"}), read);
  w.line("let {} = cast(gt(x[0 +: 3, 0 +: 1], {}), int32)", one, w.pick(std::array{"0.0", "-100.0", "100.0"}));
  w.line("if {0} == 0 {{ {1} = col_sum({2}) }} else {{ {1} = col_sum_acc({1}, {2}) }}", i, a, one);
  w.close();
  w.line("y[4, :] = x[4, :] + cast({} + {}, f32, rint)", a, b);
}

// Chunks of columns, and beside them what stands at a place that only the iterations of the loop know to exist.
void beside_a_chunk(Writer& w) {
  const std::string d = w.fresh("d"), sum = w.fresh("a"), beside = w.fresh("b");
  w.declare("input x: f32[2, T]");
  w.declare("input z: f32[T, 4]");
  w.declare("output y: f32[2, T]");
  w.line("y[:, :] = x[:, :]");
  const int64_t least = w.random.between(0, 6);
  const std::string place = w.off(fmt::format("T - {}", least + 1));
  constexpr const char* kBeside[] = {"row_sum(z[{}, :])", "col_max(z[{} +: 1, 0 +: 1])", "z[{} +: 1, 3 +: 1]",
                                     "row_max(gather(z[{} +: 1, :], iota(4, 0)))"};
  w.line("let {} = full(f32, [2, 1], 0.0)", sum);
  w.open("{} {} in tiles(T - {}, {})", w.pick(std::array{"range", "pipeline(2)"}), d, least,
         w.tile(w.pick(std::array{2, 4, 16})));
  w.line("let {} = {}", beside, fmt::format(fmt::runtime(w.pick(kBeside)), place));
  if (w.random.chance(60)) w.line("{0} = row_sum_acc({0}, x[:, {1}] * {2})", sum, d, beside);
  if (w.random.chance(60)) w.line("y[:, {0}] = x[:, {0}] * {1}", d, beside);
  w.close();
  w.line("y[:, 0 +: 1] = {}", sum);
}

// Weights in memory that the kernel, or its caller between two calls, changes.
void changing_weights(Writer& w) {
  const std::string t = w.fresh("t"), type = w.pick(std::array{"f32", "int8"}), sum = type == "f32" ? "f32" : "int32";
  w.declare("input x: {}[T, 64]", type);
  w.declare("{} w: {}[64, 32]", w.pick(std::array{"weight", "input", "inout", "inout"}), type);
  w.declare("output y: {}[T, 32]", sum);
  const std::string change = "w[0 +: 16, :] = w[16 +: 16, :]";
  const int64_t when = w.random.below(3);
  if (when == 1) w.line("{}", change);
  w.open("parallel {} in tiles(T, {})", t, w.pick(std::array{3, 16}));
  const int64_t part = w.pick(std::array{32, 16, 8});
  for (int64_t begin = 0; begin < 32; begin += part)
    w.line("y[{0}, {1} +: {2}] = matmul(x[{0}, :], w[:, {1} +: {2}])", t, begin, part);
  w.close();
  if (when == 2) w.line("{}", change);
}

// Segments between scopes that are not fused, some of them alike.
void equal_segments(Writer& w) {
  w.declare("input x: f32[T, 8]");
  w.declare("output y: f32[T, 8]");
  w.line("create s: f32[T, 8]");
  w.line("create r: f32[T, 8]");
  w.line("s[:, :] = x[:, :]");
  for (int64_t k = w.random.between(2, 4); k > 0; --k) {
    w.line("at \"there\" @no_fusion {{ r[:, :] = s[:, :] + {} }}", w.pick(std::array{"1.0", "1.0", "row_max(s[:, :])"}));
    w.line("at \"back\" @no_fusion {{ s[:, :] = r[{}, :] * 0.5 }}", w.either(":", "0 +: T"));
  }
  w.line("y[:, :] = {}[:, :] + r[:, :]", w.pick(std::array{"s", "r"}));
}

// Rows as many as a quotient of dimensions.
void quotient_of_dimensions(Writer& w) {
  const std::string rows = fmt::format("T // U + {}", w.off("1")), i = w.fresh("i");
  w.declare("input x: f32[T, 8]");
  w.declare("input z: f32[U, 8]");
  w.declare("output y: f32[T // U + 1, 8]");
  if (w.random.chance(60))
    w.line("assume {}", w.pick(std::array{"T < 2 * U", "T < U", "T >= 3 * U", "T < 4 * U and T >= U", "T == U"}));
  switch (w.random.below(4)) {
    case 0: w.line("y[:, :] = full(f32, [T // U + 1, 8], 2.0)"); break;
    case 1:
      w.line("y[0, :] = x[0, :]");
      w.line("if T >= U {{ y[{}, :] = x[0, :] }}", w.off("1"));
      break;
    case 2:
      w.open("parallel {} in 0 .. {}", i, rows);
      w.line("y[{}, :] = x[min({}, T - 1), :] + z[0, :]", i, i);
      w.close();
      break;
    default:
      w.line("y[:, :] = full(f32, [T // U + 1, 8], 2.0)");
      w.line("create s: f32[{}, 8]", rows);
      w.open("{} {} in 0 .. T", w.either("range", "parallel"), i);
      w.line("s[{} // U, :] = x[{}, :]", i, i);
      w.line("y[{0} // U, :] = s[{0} // U, :]", i);
      w.close();
  }
}

// A tile of another value, or of what a cast leaves of it, that columns are gathered by.
void named_again(Writer& w) {
  const std::string t = w.fresh("t"), i = w.fresh("i"), next = w.fresh("i");
  constexpr const char* kMade[] = {"{} + 1", "{} * 2", "7 - {}", "max({}, 1)"};
  constexpr const char* kCast[] = {"{}", "cast(cast({}, int8, rint), int32)", "cast(cast({}, uint8, rint), int32)"};
  w.declare("input x: f32[T, {}]", w.pick(std::array{8, 16, 130, 260}));
  w.declare("input n: int32[T, 8]");
  w.declare("output y: f32[T, 8]");
  w.open("{} {} in tiles(T, {})", w.pick(std::array{"range", "parallel"}), t, w.pick(std::array{1, 4}));
  const int64_t least = w.pick(std::array{0, 100, 200}), shift = w.pick(std::array{0, 100, 127, 200});
  w.line("let {} = {}", i,
         w.random.chance(50) ? fmt::format("n[{}, :]", t)
                             : fmt::format("min(max(n[{}, :], {}), {})", t, least, least + w.pick(std::array{3, 7, 100})));
  const std::string assume = fmt::format("assume 0 <= {0} and {0} < 7", i);
  const bool is_assumed_first = w.random.chance(50);
  if (is_assumed_first) w.line("{}", assume);
  w.line("let {} = {}", next, fmt::format(fmt::runtime(w.pick(kMade)), i));
  if (w.keeps() && w.random.chance(50)) w.line("{} = {} - n[{}, :]", i, w.random.between(0, 9), t);
  if (!is_assumed_first) w.line("{}", assume);
  const std::string cut = fmt::format(fmt::runtime(w.pick(kCast)), w.either(i, next));
  w.line("y[{0}, :] = gather(x[{0}, :], {1} - {2})", t, cut, shift);
  w.close();
}

// Spans of spans, of tiles of any size.
void spans_of_spans(Writer& w) {
  w.declare("input x: f32[T, N]");
  w.declare("output y: f32[T, N]");
  const std::array<int64_t, 8> sizes{1, 3, 16, 65535, 65537, int64_t{1} << 40, int64_t{1} << 62, INT64_MAX};
  std::string rows = "T", columns = "N";
  const int64_t depth = w.random.between(1, 3);
  for (int64_t k = 0; k < 2 * depth; ++k) {
    std::string& inner = k % 2 == 0 ? rows : columns;
    const std::string span = w.fresh("t");
    w.open("{} {} in tiles({}, {})", w.pick(std::array{"range", "range", "parallel"}), span, inner, w.pick(sizes));
    inner = span;
  }
  w.line("y[{0}, {1}] = x[{0}, {1}] * 2.0 + cast(int32({0}.index), f32, rint)", rows, w.either(columns, "0 +: 1"));
  for (int64_t k = 0; k < 2 * depth; ++k) w.close();
}

// int8 rows of a tensor in a block, as operands of products and of something else.
void rows_of_an_iteration(Writer& w) {
  const std::string t = w.fresh("t");
  w.declare("input x: f32[T, 64]");
  w.declare("{} w: int8[64, 32]", w.pick(std::array{"input", "weight"}));
  w.declare("output y: int32[T, 32]");
  w.declare("output z: int8[T, 64]");
  if (w.random.chance(30)) w.line("z[:, :] = full(int8, [T, 64], 1)");
  w.open("{} {} in tiles(T, {})", w.pick(std::array{"parallel", "parallel", "range"}), t, w.pick(std::array{3, 16, 20}));
  if (w.random.chance(50)) w.open("at \"{}\"", t);
  const bool is_in_scope = w.random.chance(50);
  if (is_in_scope) w.open("if {}.index >= {}", t, w.either("0", "1"));
  w.line("create a: int8[{}.size, 64]", t);
  w.line("a[:, :] = cast(x[{}, :] * 3.0, int8, rint)", t);
  if (w.random.chance(50)) w.line("a[0, :] = cast(x[{}.begin +: 1, :], int8, rint)", t);
  w.line("y[{}, :] = matmul(a[:, :], w[:, :])", t);
  w.line("z[{}, :] = {}", t, w.pick(std::array<std::string, 2>{"a[:, :]", fmt::format("cast(x[{}, :], int8, rint)", t)}));
  if (is_in_scope) w.close();
  w.close();
}

// Something is assumed of dimensions where only some runs, or some iterations, come.
void assumed_of_dimensions(Writer& w) {
  const std::string i = w.fresh("i");
  w.declare("input x: f32[T, 8]");
  w.declare("input z: f32[20, 8]");
  w.declare("output y: f32[T, 8]");
  w.open("{}", w.pick(std::array<std::string, 6>{
                   fmt::format("range {} in 0 .. {}", i, w.pick(std::array{"2", "T", "T - 1", "N - 1"})),
                   fmt::format("parallel {} in tiles(T, 4)", i), "if T > 2", "if N > 1", "at \"a\"", "if T == 30"}));
  w.line("assume T <= {}", w.off("20"));
  const bool is_inside = w.random.chance(40);
  if (is_inside) w.line("y[:, :] = x[:, :] * z[T - 1, :]");
  w.close();
  if (!is_inside || w.random.chance(50)) w.line("y[{}, :] = x[:, :] + z[T - 1, :]", w.either(":", "0 +: min(T, 20)"));
}

// Rows and columns listed of a tensor that may have none.
void listed_of_nothing(Writer& w) {
  const std::string least = w.pick(std::array{"T - 1", "T // 2", "T % 3"}), i = w.fresh("i");
  const bool by_rows = w.random.chance(60);
  w.declare("input n: int32[T]");
  w.declare("{}", by_rows ? fmt::format("input x: f32[{}, 20]", least) : fmt::format("input x: f32[20, {}]", least));
  w.declare("{}", by_rows ? "output y: f32[T, 20]" : "output y: f32[20, T]");
  w.line("let {} = n[:]", i);
  w.line("assume 0 <= {0} and {0} < {1}", i, w.either(least, "T"));
  w.line("{}", by_rows ? fmt::format("y[:, :] = x[by {}, :] * 2.0", i) : fmt::format("y[:, :] = x[:, by {}]", i));
}

// A product that is stored, and of which more is said.
void product_of_which_more_is_said(Writer& w) {
  const std::string a = w.fresh("a");
  w.declare("input x: int8[1, 16]");
  w.declare("{} w: int8[16, {}]", w.pick(std::array{"input", "weight"}), w.pick(std::array{1, 3}));
  w.declare("output y: int32[1, {}]", w.pick(std::array{1, 3}));
  w.line("let {} = matmul(x[:, :], w[:, :])", a);
  w.line("y[:, :] = {}", a);
  w.line("assume_{} {}", w.pick(std::array{"distinct", "sorted"}), a);
}

}  // namespace

void write_corners(Writer& w) {
  constexpr void (*kCorners[])(Writer&) = {
      peeled_sum,     beside_a_chunk,       changing_weights,      equal_segments,    quotient_of_dimensions,       named_again,
      spans_of_spans, rows_of_an_iteration, assumed_of_dimensions, listed_of_nothing, product_of_which_more_is_said};
  w.declare("dim T typical 16");
  w.declare("dim N typical 3");
  w.declare("dim U typical 3");
  w.pick(kCorners)(w);
}

}  // namespace imbrex::attack

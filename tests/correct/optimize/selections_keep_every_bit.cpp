// Random matrices that a kernel makes of comparisons: where a product with one dissolves into what it selects, that is what the
// interpreter computes, element by element.
#include <fmt/format.h>

#include <map>

#include "correct/optimize/optimized.h"
#include "imbrex/base/numbers.h"
#include "imbrex/optimize/dissolve.h"
#include "random/random_kernel.h"

namespace imbrex::optimize {
namespace {

using Kind = Term::Kind;

// A matrix of int32 zeros, ones and other small numbers.
class Matrix {
 public:
  explicit Matrix(test::Random& random) : random_(random) {}

  std::string of(int64_t rows, int64_t columns, int depth) {
    const int64_t form = random_.below(depth == 0 ? 3 : 8);
    if (form == 3 && rows > 1) {
      const int64_t first = random_.between(1, rows - 1);
      return fmt::format("concat_rows({}, {})", of(first, columns, depth - 1), of(rows - first, columns, depth - 1));
    }
    if (form == 4 && columns > 1) {
      const int64_t first = random_.between(1, columns - 1);
      return fmt::format("concat_columns({}, {})", of(rows, first, depth - 1), of(rows, columns - first, depth - 1));
    }
    if (form == 5) return fmt::format("-{}", of(rows, columns, depth - 1));
    if (form == 6) return fmt::format("({} + {})", of(rows, columns, depth - 1), of(rows, columns, depth - 1));
    if (form == 7) return fmt::format("full(int32, [{}, {}], 0)", rows, columns);
    const std::string row = fmt::format("transpose(repeat_rows({}, {}))", numbers(rows, 2), columns),
                      column = fmt::format("repeat_rows({}, {})", numbers(columns, 2), rows);
    if (random_.chance(8)) return fmt::format("select(lt({}, {}), 1, 0)", row, column);
    if (random_.chance(20)) return fmt::format("select(ne({}, {}), 0, {})", row, column, random_.chance(70) ? 1 : 3);
    if (random_.chance(20)) return fmt::format("cast(eq({}, {}), int32)", row, column);
    return fmt::format("select(eq({}, {}), {}, 0)", row, column, random_.chance(80) ? 1 : -2);
  }

 private:
  // A row of `n` integers.
  std::string numbers(int64_t n, int depth) {
    const int64_t form = random_.below(depth == 0 ? 2 : 6);
    if (form == 2 && n % 2 == 0) return fmt::format("interleave({}, {})", numbers(n / 2, depth - 1), numbers(n / 2, depth - 1));
    if (form == 3) return fmt::format("({} * {} + {})", numbers(n, depth - 1), random_.between(1, 3), random_.between(-2, 2));
    if (form == 4) return fmt::format("({} - {})", n - 1, numbers(n, depth - 1));
    if (form == 5)
      return fmt::format("select(lt(iota({0}), {1}), {2}, {3})", n, random_.between(0, n), numbers(n, 0), numbers(n, 0));
    return fmt::format("iota({}, {})", n, random_.chance(60) ? 0 : random_.between(-3, 3));
  }

  test::Random& random_;
};

// The value of a term that reads x.
double value_of(const Dissolved& dissolved, TermId id, const std::map<std::string, int64_t>& at, const Array& x) {
  const Term& term = dissolved.terms.at(id);
  const auto place = [&](const ir::IndexExpr& e) {
    return *ir::checked_evaluate(e, [&](const ir::Index& leaf) { return at.at(leaf.name); });
  };
  const auto arg = [&](size_t i) { return value_of(dissolved, term.args[i], at, x); };
  switch (term.kind) {
    case Kind::constant: return term.value;
    case Kind::access: return value_at(x, place(term.indices[0]) * x.shape[1] + place(term.indices[1]));
    case Kind::operation:
      if (term.op == ir::Op::cast) return arg(0);  // of small integers
      if (term.op == ir::Op::neg) return -arg(0);
      if (term.op == ir::Op::mul) return arg(0) * arg(1);
      [[fallthrough]];
    default: ADD_FAILURE() << dissolved.terms.text(id); return 0;
  }
}

TEST(Selections, AreWhatTheInterpreterComputes) {
  int taken = 0, nothing = 0;
  for (uint64_t seed = 0; seed < 600; ++seed) {
    test::Random random(seed);
    const int64_t rows = random.between(1, 12), columns = random.between(1, 12);
    const bool is_left = random.chance(30);
    const std::string matrix = "cast(" + Matrix(random).of(rows, columns, 2) + ", int8, rint)";
    const std::string type = random.chance(50) ? "int8" : "uint8";
    const std::string head = is_left ? fmt::format("dim T\ninput x: int8[{}, T]\noutput y: int32[{}, T]\n", columns, rows)
                                     : fmt::format("dim T\ninput x: {}[T, {}]\noutput y: int32[T, {}]\n", type, rows, columns);
    const ir::Program program =
        checked(head + (is_left ? "y[:, :] = matmul(" + matrix + ", x[:, :])" : "y[:, :] = matmul(x[:, :], " + matrix + ")"));
    const auto result = dissolve_to_compare(program);
    // A place that depends on two axes, of which a matrix makes none; what is refused keeps its product.
    if (std::holds_alternative<NotDissolved>(result)) {
      ADD_FAILURE() << std::get<NotDissolved>(result).reason << "\n" << matrix;
      continue;
    }
    const Dissolved& dissolved = std::get<Dissolved>(result);
    if (!dissolved.definitions.empty()) {
      ++nothing;
      continue;
    }
    ++taken;
    const int64_t size = random.between(1, 3);
    const auto tensors = run_with(program, size, seed);
    const Array &x = tensors.at("x"), &y = tensors.at("y");
    int64_t seen = 0;
    for (const OutputPiece& piece : dissolved.outputs[0].pieces) {
      const auto at_size = [&](const ir::IndexExpr& e) {
        return *ir::checked_evaluate(e, [&](const ir::Index&) { return size; });
      };
      for (int64_t i = 0; i < at_size(piece.count[0]); ++i)
        for (int64_t j = 0; j < at_size(piece.count[1]); ++j, ++seen) {
          const int64_t row = at_size(piece.least[0]) + piece.step[0] * i, column = at_size(piece.least[1]) + piece.step[1] * j;
          ASSERT_EQ(value_of(dissolved, piece.term, {{".i0", i}, {".i1", j}, {"T", size}}, x),
                    value_at(y, row * y.shape[1] + column))
              << "seed " << seed << ": " << matrix << "\n"
              << dissolved.text();
        }
    }
    EXPECT_EQ(seen, y.size()) << dissolved.text();
  }
  std::printf("%d products with matrices select, %d stay\n", taken, nothing);
  EXPECT_GE(taken, 150);
  EXPECT_GE(nothing, 50);
}

}  // namespace
}  // namespace imbrex::optimize

#include <gtest/gtest.h>

#include "imbrex/ir/print.h"
#include "imbrex/language/language.h"
#include "imbrex/prove/prove.h"

namespace imbrex {
namespace {

// The body that is recorded between the declarations of x, w, y and the end of the kernel.
std::string recorded(const std::function<void(Dim, Tensor, Tensor, Tensor)>& body) {
  const Kernel k = kernel("k", [&](Builder& builder) {
    Dim T = builder.dim("T", {.typical = 8});
    Tensor x = builder.input("x", f32, {T, 64}), w = builder.input("w", f32, {64}), y = builder.output("y", f32, {T, 64});
    body(T, x, w, y);
  });
  const std::string text = ir::print(k.program());
  const size_t begin = text.find("\n\n") + 2;
  return text.substr(begin, text.rfind('}') - begin);
}

TEST(Recording, ATemporaryBecomesPartOfTheExpressionThatUsesIt) {
  EXPECT_EQ(recorded([](Dim T, Tensor x, Tensor w, Tensor y) {
              parallel(tiles(T, 4), [&](Span t) { y(t, all) = sqrt(x(t, all) * w(all)) + 1; });
            }),
            "  parallel t in tiles(T, 4) {\n"
            "    y[t, :] = sqrt(x[t, :] * w[:]) + 1.0\n"
            "  }\n");
}

TEST(Recording, ANamedTileStaysAVariable) {
  EXPECT_EQ(recorded([](Dim T, Tensor x, Tensor, Tensor y) {
              parallel(tiles(T, 4), [&](Span t) {
                Tile v = x(t, all);
                Tile twice = (v + v).named("twice");
                y(t, all) = twice;
              });
            }),
            "  parallel t in tiles(T, 4) {\n"
            "    let x_tile = x[t, :]\n"
            "    let twice = x_tile + x_tile\n"
            "    y[t, :] = twice\n"
            "  }\n");
}

TEST(Recording, AddingARowSumContinuesIt) {
  EXPECT_EQ(recorded([](Dim T, Tensor x, Tensor, Tensor y) {
              parallel(tiles(T, 4), [&](Span t) {
                Tile sum = zeros(f32, {t, 1});
                range(tiles(64, 16).named("d"), [&](Span d) { sum += row_sum(x(t, d)); });
                y(t, all) = x(t, all) * sum;
              });
            }),
            "  parallel t in tiles(T, 4) {\n"
            "    let sum = full(f32, [t.size, 1], 0.0)\n"
            "    range d in tiles(64, 16) {\n"
            "      sum = row_sum_acc(sum, x[t, d])\n"
            "    }\n"
            "    y[t, :] = x[t, :] * sum\n"
            "  }\n");
}

// A store between a temporary and its use: the temporary keeps its place, or it would read what was stored.
TEST(Recording, ATemporaryDoesNotMoveAcrossAStore) {
  EXPECT_EQ(recorded([](Dim T, Tensor x, Tensor, Tensor y) {
              parallel(tiles(T, 4), [&](Span t) {
                Tile before = Tile(x(t, all)) * 2;
                y(t, all) = 0;
                y(t, all) = std::move(before);
              });
            }),
            "  parallel t in tiles(T, 4) {\n"
            "    let product = x[t, :] * 2.0\n"
            "    y[t, :] = full(f32, [t.size, 64], 0.0)\n"
            "    y[t, :] = product\n"
            "  }\n");
}

TEST(Recording, ACopyIsANewVariable) {
  EXPECT_EQ(recorded([](Dim T, Tensor x, Tensor, Tensor y) {
              parallel(tiles(T, 4), [&](Span t) {
                Tile a = x(t, all);
                Tile b = a;
                when(
                    t.index == 0, [&] { b = a * 2; }, [&] { b += a; });
                y(t, all) = b;
              });
            }),
            "  parallel t in tiles(T, 4) {\n"
            "    let x_tile = x[t, :]\n"
            "    let x_tile_2 = x_tile\n"
            "    if t.index == 0 {\n"
            "      x_tile_2 = x_tile * 2.0\n"
            "    } else {\n"
            "      x_tile_2 = x_tile_2 + x_tile\n"
            "    }\n"
            "    y[t, :] = x_tile_2\n"
            "  }\n");
}

// The order in which the compiler evaluates the arguments of a call does not show. (Outside of EXPECT_EQ: what is written in a
// macro's argument all has the place of the macro.)
TEST(Recording, ArgumentsAreInTheOrderOfTheSource) {
  const auto both = [](Tile first, Tile second) { return (second - first) * first; };
  const std::string text = recorded([&](Dim T, Tensor x, Tensor w, Tensor y) {
    parallel(tiles(T, 4), [&](Span t) { y(t, all) = both(x(t, all) + 1, x(t, all) * w(all)); });
  });
  EXPECT_EQ(text,
            "  parallel t in tiles(T, 4) {\n"
            "    let total = x[t, :] + 1.0\n"
            "    let product = x[t, :] * w[:]\n"
            "    y[t, :] = (product - total) * total\n"
            "  }\n");
}

TEST(Recording, TilesOfASpanCarryItsName) {
  EXPECT_EQ(recorded([](Dim T, Tensor x, Tensor, Tensor y) {
              parallel(tiles(T, 16), [&](Span t) {
                range(
                    tiles(t, 4).named("u"), [&](Span u) { y(u, all) = x(u, all); }, as_written());
              });
            }),
            "  parallel t in tiles(T, 16) {\n"
            "    range u in tiles(t, 4) @as_written {\n"
            "      y[u, :] = x[u, :]\n"
            "    }\n"
            "  }\n");
}

TEST(Recording, RowsTakenByIndexAreAssumedInside) {
  const Kernel k = kernel("take_rows", [](Builder& builder) {
    const Dim T = builder.dim("T"), S = builder.dim("S");
    const Tensor table = builder.input("table", f32, {S, 8}), places = builder.input("places", int32, {T});
    const Tensor y = builder.output("y", f32, {T, 8});
    parallel(tiles(T, 4), [&](Span t) {
      const Tile rows = Tile(places(t)).named("rows");
      assume_each(0, rows, S);
      y(t, all) = table(by(rows), all);
    });
  });
  const std::string text = ir::print(k.program());
  EXPECT_NE(text.find("assume 0 <= rows and rows < S"), std::string::npos) << text;
  EXPECT_TRUE(prove::prove(k.program(), {}).proven) << text;
}

}  // namespace
}  // namespace imbrex

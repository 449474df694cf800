// Every mistake of an author: the diagnostic's id, its words, and the very line on which it was made.
#include <gtest/gtest.h>

#include <optional>

#include "imbrex/language/language.h"

namespace imbrex {
namespace {

// What building this kernel says, or nothing.
template <class Body>
std::optional<Diagnostic> finding(const Body& body) {
  try {
    kernel("k", [&](Builder& k) {
      Dim T = k.dim("T");
      Tensor x = k.input("x", bf16, {T, 64}), y = k.output("y", bf16, {T, 64});
      body(k, T, x, y);
    });
  } catch (const UserError& error) {
    return error.diagnostics().front();
  }
  return std::nullopt;
}

#define EXPECT_MISTAKE(body, id_, line_, words)                            \
  do {                                                                     \
    const auto d = finding(body);                                          \
    ASSERT_TRUE(d.has_value()) << "nothing was found";                     \
    EXPECT_EQ(d->id, id_) << d->message;                                   \
    EXPECT_EQ(d->where.line, line_);                                       \
    EXPECT_NE(d->where.file.find("mistakes_are_told"), std::string::npos); \
    EXPECT_NE(d->message.find(words), std::string::npos) << d->message;    \
    EXPECT_FALSE(d->hint.empty());                                         \
  } while (false)

TEST(Mistakes, AnOuterTileReboundInAParallelLoop) {
  int line = 0;
  const auto body = [&](Builder&, Dim T, Tensor x, Tensor y) {
    Tile sum = zeros(f32, {1, 1});
    parallel(tiles(T, 4), [&](Span t) {
      line = __LINE__ + 1;
      sum += col_sum(row_sum(cast(x(t, all), f32)));
      y(t, all) = x(t, all);
    });
  };
  EXPECT_MISTAKE(body, "parallel-rebind", line, "parallel");
}

TEST(Mistakes, ATileUsedAfterItsScope) {
  int line = 0;
  const auto body = [&](Builder&, Dim T, Tensor x, Tensor y) {
    std::optional<Tile> kept;
    range(tiles(T, 4), [&](Span t) { kept = Tile(x(t, all)); });
    line = __LINE__ + 1;
    y(span(0, 4), all) = *kept;
  };
  EXPECT_MISTAKE(body, "out-of-scope", line, "ended");
}

TEST(Mistakes, ATileOfAnotherKernel) {
  std::optional<Tile> foreign;
  kernel("other", [&](Builder& k) {
    Tensor out = k.output("out", f32, {1, 64});
    foreign = zeros(f32, {1, 64});
    out(all, all) = *foreign;
  });
  int line = 0;
  const auto body = [&](Builder&, Dim, Tensor, Tensor y) {
    line = __LINE__ + 1;
    y(0, all) = cast(*foreign, bf16, rint);
  };
  EXPECT_MISTAKE(body, "other-kernel", line, "another kernel");
}

TEST(Mistakes, ACastWithoutItsMode) {
  int line = 0;
  const auto body = [&](Builder&, Dim T, Tensor x, Tensor y) {
    parallel(tiles(T, 4), [&](Span t) {
      line = __LINE__ + 1;
      y(t, all) = cast(cast(x(t, all), f32) * 2, bf16);
    });
  };
  EXPECT_MISTAKE(body, "cast-mode", line, "mode is missing");
}

TEST(Mistakes, AStoreOfAnotherShape) {
  int line = 0;
  const auto body = [&](Builder&, Dim T, Tensor x, Tensor y) {
    parallel(tiles(T, 4), [&](Span t) {
      line = __LINE__ + 1;
      y(t, span(0, 32)) = x(t, all);
    });
  };
  EXPECT_MISTAKE(body, "store-shape", line, "'y' bf16 [t.size, 32]");
}

TEST(Mistakes, ShapesThatDoNotBroadcast) {
  int line = 0;
  const auto body = [&](Builder&, Dim T, Tensor x, Tensor y) {
    parallel(tiles(T, 4), [&](Span t) {
      Tile a = cast(x(t, span(0, 16)), f32), b = cast(x(t, span(0, 17)), f32);
      line = __LINE__ + 1;
      y(t, span(0, 16)) = cast(a + b, bf16, rint);
    });
  };
  EXPECT_MISTAKE(body, "broadcast", line, "do not fit");
}

TEST(Mistakes, ASliceWithTooFewAxes) {
  int line = 0;
  const auto body = [&](Builder&, Dim, Tensor x, Tensor y) {
    line = __LINE__ + 1;
    Tile row = x(all);
    y(0, all) = row;
  };
  EXPECT_MISTAKE(body, "slice-rank", line, "the tensor has 2");
}

TEST(Mistakes, ANameTwice) {
  int line = 0;
  const auto body = [&](Builder&, Dim T, Tensor, Tensor) {
    line = __LINE__ + 1;
    create_tensor("x", f32, {T});
  };
  EXPECT_MISTAKE(body, "duplicate-name", line, "'x'");
}

TEST(Mistakes, TilesOfNoIndices) {
  int line = 0;
  const auto body = [&](Builder&, Dim T, Tensor, Tensor) {
    line = __LINE__ + 1;
    parallel(tiles(T, 0), [&](Span) {});
  };
  EXPECT_MISTAKE(body, "tile-size", line, "0");
}

// The most common first bug: an assignment that gives a variable another value, and stores nothing.
TEST(Mistakes, AnOutputNeverStored) {
  const auto d = finding([](Builder&, Dim T, Tensor x, Tensor y) {
    parallel(tiles(T, 4), [&](Span t) {
      Tile row = y(t, all);
      row = x(t, all);
    });
  });
  ASSERT_TRUE(d.has_value());
  EXPECT_EQ(d->id, "output-not-stored");
}

TEST(Mistakes, AConstantOutsideOfAKernel) {
  const int line = __LINE__ + 2;
  try {
    zeros(f32, {1, 1});
    FAIL() << "nothing was found";
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().front().id, "no-kernel");
    EXPECT_EQ(error.diagnostics().front().where.line, line);
  }
}

TEST(Mistakes, AKernelThatThrowsLeavesNoKernelOpen) {
  EXPECT_THROW(kernel("k", [](Builder&) { throw std::runtime_error("the author's own"); }), std::runtime_error);
  EXPECT_THROW(zeros(f32, {1, 1}), UserError);
}

}  // namespace
}  // namespace imbrex

// Every mistake of an author: the diagnostic's id, its words, and the very line on which it was made. Each has a twin, `mended`,
// that differs by what the diagnostic says to try, and is a kernel.
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "imbrex/language/language.h"

namespace imbrex {
namespace {

// What building this kernel says, or nothing.
template <class Body>
std::optional<Diagnostic> finding(const Body& body, bool mended) {
  try {
    kernel("k", [&](Builder& k) {
      Dim T = k.dim("T");
      Tensor x = k.input("x", bf16, {T, 64}), y = k.output("y", bf16, {T, 64});
      body(mended, k, T, x, y);
      if (mended) y(all, all) = x(all, all);  // where the mistake is not about the output
    });
  } catch (const UserError& error) {
    return error.diagnostics().front();
  }
  return std::nullopt;
}

template <class Body>
void expect_mistake(const Body& body, const char* id, const int& line, const char* words, const char* hint) {
  const auto d = finding(body, false);
  ASSERT_TRUE(d.has_value()) << "nothing was found";
  EXPECT_EQ(d->id, id) << d->message;
  EXPECT_EQ(d->where.line, line);
  EXPECT_NE(d->where.file.find("mistakes_are_told"), std::string::npos);
  EXPECT_NE(d->message.find(words), std::string::npos) << d->message;
  EXPECT_NE(d->hint.find(hint), std::string::npos) << d->hint;
  const auto in_twin = finding(body, true);
  EXPECT_FALSE(in_twin.has_value()) << render(*in_twin);
}

// ---- tiles and where they live ------------------------------------------------------------------------------------------------

TEST(Mistakes, AnOuterTileReboundInAParallelLoop) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor x, Tensor y) {
    Tile sum = zeros(f32, {1, 1});
    const auto rows = [&](Span t) {
      line = __LINE__ + 1;
      sum += col_sum(row_sum(cast(x(t, all), f32)));
      y(t, all) = x(t, all);
    };
    if (mended)
      range(tiles(T, 4), rows);
    else
      parallel(tiles(T, 4), rows);
  };
  expect_mistake(body, "parallel-rebind", line, "parallel", "make the loop a `range`");
}

TEST(Mistakes, AnExceptedNumberThatNoInt32Is) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    Tile numbers = iota(4, 0);
    line = __LINE__ + 1;
    assume_distinct(numbers, {.except = mended ? -1 : Int{1} << 31});
    y(0, all) = x(0, all);
    y(all, all) = x(all, all);
  };
  expect_mistake(body, "dtype-mismatch", line, "excepts 2147483648, which no int32 is", "except a number that elements");
}

TEST(Mistakes, ATileUsedAfterItsScope) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor x, Tensor y) {
    std::optional<Tile> kept;
    if (mended) kept = zeros(f32, {1, 64});
    range(T, [&](Index t) {
      if (mended)
        *kept = cast(x(t, all), f32);
      else
        kept = cast(x(t, all), f32);
    });
    line = __LINE__ + 1;
    y(0, all) = cast(*kept, bf16, rint);
  };
  expect_mistake(body, "out-of-scope", line, "ended", "make it before the loop or scope and give it its value inside");
}

TEST(Mistakes, ATensorUsedAfterItsScope) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    std::optional<Tensor> kept;
    if (mended) kept = create_tensor("kept", bf16, {1, 64});
    at("scope", [&] {
      if (!mended) kept = create_tensor("kept", bf16, {1, 64});
      (*kept)(all, all) = x(0, all);
    });
    line = __LINE__ + 1;
    y(0, all) = (*kept)(all, all);
  };
  expect_mistake(body, "out-of-scope", line, "'kept'", "create it before the loop or scope");
}

TEST(Mistakes, ATileOfAnotherKernel) {
  std::optional<Tile> foreign;
  kernel("other", [&](Builder& k) {
    Tensor out = k.output("out", f32, {1, 64});
    foreign = zeros(f32, {1, 64});
    out(all, all) = *foreign;
  });
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor, Tensor y) {
    const Tile own = zeros(f32, {1, 64});
    line = __LINE__ + 1;
    y(0, all) = cast(mended ? own : *foreign, bf16, rint);
  };
  expect_mistake(body, "other-kernel", line, "another kernel", "make tiles inside the kernel that uses them");
}

TEST(Mistakes, ATileThatWasMovedAway) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    Tile a = x(0, all), b = std::move(a);
    line = __LINE__ + 1;
    y(0, all) = mended ? b : a;
  };
  expect_mistake(body, "tile-moved", line, "moved", "use the tile that it was moved to");
}

TEST(Mistakes, AskingATileThatWasMovedAway) {
  kernel("k", [&](Builder& k) {
    Tensor y = k.output("y", int32, {1, 64});
    Tile a = zeros(int32, {1, 64}), b = std::move(a);
    EXPECT_THROW(a.dtype(), UserError);
    EXPECT_THROW(a.rows(), UserError);
    EXPECT_THROW(a.columns(), UserError);
    EXPECT_THROW(by(a), UserError);
    EXPECT_THROW(std::move(a).named("a"), UserError);
    y(all, all) = b;
  });
}

TEST(Mistakes, AnotherTypeForATile) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    Tile a = x(0, all);
    line = __LINE__ + 4;
    if (mended)
      Tile b = cast(a, f32);
    else
      a = cast(a, f32);
    y(0, all) = x(0, all);
  };
  expect_mistake(body, "rebind-shape", line, "bf16 [1, 64]", "make a new tile instead");
}

// ---- types and shapes ---------------------------------------------------------------------------------------------------------

TEST(Mistakes, ACastWithoutItsMode) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor x, Tensor y) {
    parallel(tiles(T, 4), [&](Span t) {
      line = __LINE__ + 1;
      y(t, all) = mended ? cast(cast(x(t, all), f32) * 2, bf16, rint) : cast(cast(x(t, all), f32) * 2, bf16);
    });
  };
  expect_mistake(body, "cast-mode", line, "mode is missing", "cast(x, bf16, rint)");
}

TEST(Mistakes, AStoreOfAnotherShape) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor x, Tensor y) {
    parallel(tiles(T, 4), [&](Span t) {
      line = __LINE__ + 1;
      y(t, mended ? span(0, 64) : span(0, 32)) = x(t, all);
    });
  };
  expect_mistake(body, "store-shape", line, "'y' bf16 [t.size, 32]", "store through a slice of the value's shape");
}

TEST(Mistakes, AStoreOfAnotherType) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    const Tile wide = cast(x(0, all), f32), narrow = cast(wide, bf16, rint);
    line = __LINE__ + 1;
    y(0, all) = mended ? narrow : wide;
  };
  expect_mistake(body, "store-dtype", line, "'y' bf16 [1, 64]", "cast(value, bf16, rint)");
}

TEST(Mistakes, AStoreToAnInput) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim, Tensor x, Tensor) {
    Tensor z = mended ? k.inout("z", bf16, {1, 64}) : k.input("z", bf16, {1, 64});
    line = __LINE__ + 1;
    z(all, all) = x(0, all);
  };
  expect_mistake(body, "store-to-input", line, "'z' is an input", "declare it inout");
}

TEST(Mistakes, AStoreToAWeight) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim, Tensor x, Tensor) {
    Tensor z = mended ? k.inout("z", bf16, {1, 64}) : k.weight("z", bf16, {1, 64});
    line = __LINE__ + 1;
    z(all, all) = x(0, all);
  };
  expect_mistake(body, "store-to-input", line, "'z' is a weight", "declare it inout");
}

TEST(Mistakes, ShapesThatDoNotBroadcast) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor x, Tensor y) {
    parallel(tiles(T, 4), [&](Span t) {
      Tile a = cast(x(t, span(0, 16)), f32), b = cast(x(t, span(0, mended ? 16 : 17)), f32);
      line = __LINE__ + 1;
      y(t, span(0, 16)) = cast(a + b, bf16, rint);
    });
  };
  expect_mistake(body, "broadcast", line, "do not fit", "load both through the same spans");
}

TEST(Mistakes, TypesThatDiffer) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    const Tile a = cast(x(0, all), f32), narrow = x(0, all), wide = cast(narrow, f32);
    line = __LINE__ + 1;
    y(0, all) = cast(a + (mended ? wide : narrow), bf16, rint);
  };
  expect_mistake(body, "dtype-mismatch", line, "types differ", "cast(x, f32)");
}

// Where the standard library applies an operator, the position is in one of its headers, which is never shown: the last line of
// the author's before it is.
TEST(Mistakes, InsideTheStandardLibrary) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    const Tile a = cast(x(0, all), f32), narrow = x(0, all), wide = cast(narrow, f32);
    line = __LINE__ - 1;
    const auto sum = std::plus<>()(a, mended ? wide : narrow);
    y(0, all) = cast(sum, bf16, rint);
  };
  expect_mistake(body, "dtype-mismatch", line, "types differ", "cast(x, f32)");
}

TEST(Mistakes, InnerExtentsThatDiffer) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim, Tensor x, Tensor y) {
    Tensor w = k.input("w", bf16, {64, 64});
    line = __LINE__ + 1;
    y(0, all) = cast(matmul(x(0, all), w(mended ? span(0, 64) : span(0, 32), all)), bf16, rint);
  };
  expect_mistake(body, "shape-mismatch", line, "inner extents 64 and 32 differ", "take both slices with the same span of k");
}

TEST(Mistakes, AConstantBeyondItsType) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim, Tensor, Tensor) {
    Tensor z = k.output("z", int8, {1, 8});
    line = __LINE__ + 1;
    z(all, all) = full(int8, {1, 8}, mended ? 127 : 128);
  };
  expect_mistake(body, "constant-range", line, "128 is not a value of int8", "from -128 to 127");
}

TEST(Mistakes, RowsTakenByAMatrix) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    const Tile matrix = zeros(int32, {2, 2}), column = zeros(int32, {2, 1});
    line = __LINE__ + 1;
    y(span(0, 2), all) = x(by(mended ? column : matrix), all);
  };
  expect_mistake(body, "by-tile", line, "not one row or column", "give an int32 tile [m, 1] or [1, m]");
}

TEST(Mistakes, AnIndexReadFromFloats) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim, Tensor x, Tensor y) {
    Tensor n = k.input("n", mended ? int32 : f32, {1});
    line = __LINE__ + 1;
    y(read(n, {0}), all) = x(0, all);
  };
  expect_mistake(body, "dtype-mismatch", line, "'n', which is f32", "read indices from an int32 or int64 tensor");
}

TEST(Mistakes, AnIndexReadWithTooManyIndices) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim, Tensor x, Tensor y) {
    Tensor n = k.input("n", int32, {1});
    line = __LINE__ + 1;
    y(mended ? read(n, {0}) : read(n, {0, 0}), all) = x(0, all);
  };
  expect_mistake(body, "slice-rank", line, "one element of 'n' has 1 indices; got 2", "give one index for each axis");
}

// ---- declarations, slices and loops -------------------------------------------------------------------------------------------

TEST(Mistakes, ASliceWithTooFewAxes) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    line = __LINE__ + 1;
    Tile row = mended ? x(0, all) : x(all);
    y(0, all) = row;
  };
  expect_mistake(body, "slice-rank", line, "the tensor has 2", "give one span, index or `all` for each axis");
}

TEST(Mistakes, AnAxisThatATensorHasNot) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim, Tensor x, Tensor y) {
    line = __LINE__ + 1;
    parallel(x.extent(mended ? 0 : 2), [&](Index t) { y(t, all) = x(t, all); });
  };
  expect_mistake(body, "slice-rank", line, "axis 2 of 'x', which has 2 axes", "give an axis from 0 to 1");
}

TEST(Mistakes, ANameTwice) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor, Tensor) {
    line = __LINE__ + 1;
    create_tensor(mended ? "z" : "x", f32, {T});
  };
  expect_mistake(body, "duplicate-name", line, "'x'", "choose another name");
}

TEST(Mistakes, NoName) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor, Tensor) {
    line = __LINE__ + 1;
    create_tensor(mended ? "größe_q" : "q proj", f32, {T});
  };
  expect_mistake(body, "bad-name", line, "'q proj'", "use letters, digits and _");
}

TEST(Mistakes, AnEmptyTensor) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor, Tensor) {
    line = __LINE__ + 1;
    create_tensor("z", f32, {T, mended ? 1 : 0});
  };
  expect_mistake(body, "empty-tensor", line, "'z' has an extent of 0", "give extents of at least 1");
}

TEST(Mistakes, ATypicalSizeBeyondTheLargest) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim, Tensor, Tensor) {
    line = __LINE__ + 1;
    k.dim("S", {.typical = 64, .max = mended ? 64 : 32});
  };
  expect_mistake(body, "dim-bounds", line, "dimension S with typical value 64 and maximum 32",
                 "its typical value at most its maximum");
}

TEST(Mistakes, AnInputDeclaredInALoop) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim T, Tensor, Tensor) {
    parallel(T, [&](Index) {
      line = __LINE__ + 1;
      mended ? create_tensor("z", f32, {4}) : k.input("z", f32, {4});
    });
  };
  expect_mistake(body, "declared-inside", line, "'z'", "make a temporary with create_tensor");
}

TEST(Mistakes, AnIndexThatGrowsWithoutEnd) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor x, Tensor y) {
    Index row = 0;
    for (int i = 0; i < (mended ? 10 : 50'000); ++i) row = min((row + T) * 2 % 77, T - 1);
    line = __LINE__ + 1;
    y(row, all) = x(0, all);
  };
  expect_mistake(body, "expression-size", line, "too long or nested too deep", "simplify it");
}

TEST(Mistakes, AViewWithOtherElements) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor, Tensor y) {
    line = __LINE__ + 1;
    view("heads", y, {T, 4, mended ? 16 : 15});
  };
  expect_mistake(body, "view-shape", line, "'heads'", "the same number of elements");
}

TEST(Mistakes, TilesOfNoIndices) {
  int line = 0;
  const auto body = [&](bool mended, Builder&, Dim T, Tensor, Tensor) {
    line = __LINE__ + 1;
    parallel(tiles(T, mended ? 1 : 0), [&](Span) {});
  };
  expect_mistake(body, "tile-size", line, "0", "give a positive number of indices per tile");
}

TEST(Mistakes, APipelineWithoutStages) {
  for (const Int stages : {0, ir::kMaxStages + 1}) {
    int line = 0;
    const auto body = [&](bool mended, Builder&, Dim T, Tensor, Tensor) {
      line = __LINE__ + 1;
      pipeline(mended ? ir::kMaxStages : stages, tiles(T, 4), [&](Span) {});
    };
    expect_mistake(body, "pipeline-stages", line, "a pipeline of", "give a number of stages from 1 to 64");
  }
}

// The most common first bug: an assignment that gives a variable another value, and stores nothing.
TEST(Mistakes, AnOutputNeverStored) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim T, Tensor x, Tensor) {
    line = __LINE__ + 1;
    Tensor z = k.output("z", bf16, {T, 64});
    parallel(tiles(T, 4), [&](Span t) {
      Tile row = x(t, all);
      if (mended)
        z(t, all) = x(t, all);
      else
        row = x(t, all);
    });
  };
  const auto stored = [&](bool mended, Builder& k, Dim T, Tensor x, Tensor y) {
    y(all, all) = x(all, all);
    body(mended, k, T, x, y);
  };
  expect_mistake(stored, "output-not-stored", line, "'z' is never stored to",
                 "as `z(all, all) = cast(zeros(f32, {T, 64}), bf16, rint)` does");
}

// The line of the hint, pasted.
TEST(Mistakes, ZerosForAnOutputOfFourAxes) {
  int line = 0;
  const auto body = [&](bool mended, Builder& k, Dim T, Tensor x, Tensor y) {
    line = __LINE__ + 1;
    Tensor z = k.output("z", boolean, {T, 2, 3, 4});
    y(all, all) = x(all, all);
    if (mended) range(T, [&](Index i) { range(2, [&](Index i_2) { z(i, i_2, all, all) = zeros(f32, {3, 4}) != 0.0; }); });
  };
  expect_mistake(body, "output-not-stored", line, "'z' is never stored to",
                 "`range(T, [&](Index i) { range(2, [&](Index i_2) { z(i, i_2, all, all) = zeros(f32, {3, 4}) != 0.0; }); });`");
}

// ---- no kernel ----------------------------------------------------------------------------------------------------------------

TEST(Mistakes, AConstantOutsideOfAKernel) {
  const int line = __LINE__ + 2;
  try {
    zeros(f32, {1, 1});
    FAIL() << "nothing was found";
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().front().id, "no-kernel");
    EXPECT_EQ(error.diagnostics().front().where.line, line);
    EXPECT_NE(error.diagnostics().front().hint.find("inside the body given to kernel"), std::string::npos);
  }
  kernel("k", [](Builder& k) { k.output("y", f32, {1, 1})(all, all) = zeros(f32, {1, 1}); });
}

TEST(Mistakes, AKernelThatThrowsLeavesNoKernelOpen) {
  EXPECT_THROW(kernel("k", [](Builder&) { throw std::runtime_error("the author's own"); }), std::runtime_error);
  EXPECT_THROW(zeros(f32, {1, 1}), UserError);
}

}  // namespace
}  // namespace imbrex

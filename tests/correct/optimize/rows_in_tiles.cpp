#include "imbrex/optimize/rows_in_tiles.h"

#include <fmt/format.h>

#include "correct/optimize/same_bits.h"
#include "imbrex/prove/prove.h"
#include "imbrex/target/isa/tiles.h"

namespace imbrex::optimize {
namespace {

using plan::kTileRowBytes;
using plan::kTileRows;
using plan::tensors_in_tiles;

bool bytes_by_bytes(DType left, DType right) { return bytes_of(left) == 1 && right == DType::int8; }
bool bf16_by_bf16(DType left, DType right) { return left == DType::bf16 && right == DType::bf16; }

// The tensors that lie in tiles, and how each product's left operand is called.
std::string tiled(const ir::Program& program) {
  std::string names;
  for (const std::string& name : tensors_in_tiles(program, bytes_by_bytes)) names += name + " ";
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    ir::for_each_expr(s, [&](const ir::Expr& e) {
      if (e.op == ir::Op::matmul) names += "<- " + e.args[0]->name;
    });
    return true;
  });
  return names;
}

const std::string kHead = R"(
  dim T
  input x: f32[T, 128]
  weight w: int8[128, 32]
  output y: int32[T, 32]
  output z: int8[T, 128]
)";

void expect_tiled(const std::string& names, const std::string& body) {
  const ir::Program before = checked(kHead + body);
  const ir::Program after = rows_in_tiles(before, bytes_by_bytes);
  EXPECT_EQ(tiled(after), names) << ir::print(after);
  EXPECT_TRUE(prove::prove(after).diagnostics.empty()) << ir::print(after);
  EXPECT_TRUE(ir::equal(rows_in_tiles(after, bytes_by_bytes), after)) << "laid out twice";
  expect_same_bits(before, after);
}

// What the caller gets lies in rows; the product reads a copy, stored from the same values.
TEST(RowsInTiles, CopyAnOutput) {
  expect_tiled("z_tiles <- z_tiles", R"(
  parallel t in tiles(T, 4) {
    z[t, :] = cast(x[t, :], int8, rint)
  }
  parallel u in tiles(T, 16) {
    y[u, :] = matmul(z[u, :], w[:, :])
  })");
}

// As large as the tensor there, and each iteration's own where the tensor is.
TEST(RowsInTiles, CopyATemporaryWhereItIsMade) {
  for (const char* also : {"z[t, :] = a[:, :]", "z[t, :] = cast(x[t, :], int8, rint)"})
    expect_tiled(also[10] == 'a' ? "a_tiles <- a_tiles" : "a <- a", std::string(R"(
  parallel t in tiles(T, 16) {
    create a: int8[t.size, 128]
    a[:, :] = cast(x[t, :], int8, rint)
    y[t, :] = matmul(a[:, :], w[:, :])
    )") + also + "\n  }");
}

// No copy where nothing else reads it.
TEST(RowsInTiles, LayATemporaryOutAsItIs) {
  expect_tiled("a <- a", R"(
  z[:, :] = cast(x[:, :], int8, rint)
  create a: int8[T, 128]
  parallel t in tiles(T, 4) {
    a[t, :] = cast(x[t, :] * 2.0, int8, rint)
  }
  parallel u in tiles(T, 32) {
    y[u, :] = matmul(a[u, :], w[:, :])
  })");
}

// Blocks of bf16 have 32 elements.
TEST(RowsInTiles, AreWholeBlocksOfBf16) {
  for (const int columns : {96, 80}) {
    const ir::Program before = checked(fmt::format(R"(
  dim T
  input x: f32[T, {0}]
  weight w: bf16[{0}, 32]
  output y: f32[T, 32]
  create a: bf16[T, {0}]
  a[:, :] = cast(x[:, :], bf16, rint)
  y[:, :] = matmul(a[:, :], w[:, :]))",
                                                   columns));
    const ir::Program after = rows_in_tiles(before, bf16_by_bf16);
    EXPECT_EQ(tensors_in_tiles(after, bf16_by_bf16).size(), columns == 96 ? 1u : 0u) << ir::print(after);
    EXPECT_EQ(tensors_in_tiles(after, bytes_by_bytes).size(), 0u);
    expect_same_bits(before, after);
  }
}

// Tiles begin at every sixteenth row.
TEST(RowsInTiles, LeaveOperandsThatBeginBetweenTiles) {
  expect_tiled("<- z", R"(
  z[:, :] = cast(x[:, :], int8, rint)
  parallel t in tiles(T, 24) {
    y[t, :] = matmul(z[t, :], w[:, :])
  })");
}

TEST(RowsInTiles, LeaveWhatIsStoredInParts) {
  expect_tiled("<- z", R"(
  z[:, 0 +: 64] = cast(x[:, 0 +: 64], int8, rint)
  z[:, 64 +: 64] = cast(x[:, 64 +: 64], int8, rint)
  parallel t in tiles(T, 16) {
    y[t, :] = matmul(z[t, :], w[:, :])
  })");
}

TEST(RowsInTiles, LeaveWhatHasAView) {
  expect_tiled("<- z", R"(
  view flat = z: [T * 128]
  z[:, :] = cast(x[:, :], int8, rint)
  parallel t in tiles(T, 16) {
    y[t, :] = matmul(z[t, :], w[:, :])
  })");
}

TEST(RowsInTiles, LeaveWhatTheCallerGives) {
  const ir::Program before = checked(R"(
  dim T
  input a: int8[T, 128]
  weight w: int8[128, 32]
  output y: int32[T, 32]
  y[:, :] = matmul(a[:, :], w[:, :])
)");
  EXPECT_TRUE(ir::equal(rows_in_tiles(before, bytes_by_bytes), before));
}

TEST(RowsInTiles, LeaveProductsThatTakeNoTiles) {
  const ir::Program before = checked(kHead + R"(
  z[:, :] = cast(x[:, :], int8, rint)
  y[:, :] = matmul(z[:, :], w[:, :]))");
  EXPECT_TRUE(ir::equal(rows_in_tiles(before, [](DType, DType) { return false; }), before));
}

// The annotation is only obeyed where every access is one that tiles serve.
TEST(RowsInTiles, AreNotBelievedWhereSomethingElseReadsThem) {
  const auto in_tiles = [](const std::string& reader) {
    return tensors_in_tiles(checked(kHead + R"(
  create a: int8[T, 128] @tiles
  a[:, :] = cast(x[:, :], int8, rint)
  z[:, :] = )" + reader + R"(
  y[:, :] = matmul(a[:, :], w[:, :]))"),
                            bytes_by_bytes)
        .size();
  };
  EXPECT_EQ(in_tiles("a[:, :]"), 0u);
  EXPECT_EQ(in_tiles("cast(x[:, :], int8, rint)"), 1u);
}

TEST(RowsInTiles, AreNotBelievedWhereAStoreIsOfAPartOfThem) {
  const auto in_tiles = [](const std::string& columns) {
    return tensors_in_tiles(checked(kHead + R"(
  create a: int8[T, 128] @tiles
  a[:, 0 +: )" + columns +
                                    "] = cast(x[:, 0 +: " + columns + R"(], int8, rint)
  a[:, :] = cast(x[:, :], int8, rint)
  z[:, :] = cast(x[:, :], int8, rint)
  y[:, :] = matmul(a[:, :], w[:, :]))"),
                            bytes_by_bytes)
        .size();
  };
  EXPECT_EQ(in_tiles("64"), 0u);
  EXPECT_EQ(in_tiles("128"), 1u);
}

TEST(RowsInTiles, AreOfTheHardwaresSize) {
  EXPECT_EQ(kTileRows, isa::kTileRows);
  EXPECT_EQ(kTileRowBytes, isa::kTileRowBytes);
}

}  // namespace
}  // namespace imbrex::optimize

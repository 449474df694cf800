// Inputs that the command makes satisfy what a kernel assumes of them; saved ones say how large the kernel is.
#include <gtest/gtest.h>

#include "imbrex/checkpoint/safetensors.h"
#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

class Inputs : public testing::Test {
 protected:
  // A kernel of rows of 8 columns: its path.
  std::string kernel(const std::string& declarations, const std::string& body) const {
    const std::string path = folder_.file(fmt::format("{}.tile", folder_.entries()));
    write_text(path, "imbrex 1\nkernel \"k\" {\n  dim T typical 40\n" + declarations + body + "}\n");
    return path;
  }
  static CommandResult expect(int status, const std::string& arguments) {
    const CommandResult result = imbrex_command(arguments);
    EXPECT_EQ(result.status, status) << arguments << "\n" << result.out << result.err;
    return result;
  }
  static void expect_error(const std::string& arguments, const std::string& text) {
    const CommandResult result = expect(1, arguments);
    EXPECT_NE(result.err.find(text), std::string::npos) << arguments << "\n" << result.err;
    EXPECT_EQ(result.out, "");
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  TemporaryFolder folder_;
};

const std::string kRows = "  input x: f32[T, 8]\n  input idx: int32[T]\n  inout y: f32[400, 8]\n";
std::string scatter(const std::string& assumptions, int rows) {
  return fmt::format(
      "  let all = idx[:]\n{}  parallel t in tiles(T, 16) {{\n    let rows = idx[t]\n    assume 0 <= rows and rows < {}\n"
      "    y[by rows, :] = x[t, :]\n  }}\n",
      assumptions, rows);
}
const std::string kRanges =
    "  dim B typical 5\n  input x: f32[T, 8]\n  input begin: int32[B]\n  input end: int32[B]\n  output y: f32[B, 8]\n";
std::string sums(const std::string& condition) {
  return "  range b in 0 .. B {\n    read s = begin[b]\n    read e = end[b]\n    assume " + condition +
         "\n    y[b, :] = col_sum(x[s +: e - s, :])\n  }\n";
}

// Only what assumptions are about is looked at beforehand.
TEST_F(Inputs, AreMadeBesideAViewOfAnotherInput) {
  const std::string path = kernel(kRows + "  output z: f32[T, 8]\n",
                                  "  view flat = x: [T * 8]\n  parallel i in 0 .. T { z[i, :] = flat[i * 8 +: 8] * 2.0 }\n" +
                                      scatter("    assume_distinct all\n", 400));
  expect(0, fmt::format("run '{}' --dim T=5 --repeat 1", path));
}

// Neither as its typical size nor as 1.
TEST_F(Inputs, DecideEachDimensionOfAReplayOrItIsGiven) {
  const std::string path = kernel("  dim U typical 3\n  input x: f32[T, 8]\n  output y: f32[T, U]\n",
                                  "  parallel t in tiles(T, 16) { y[t, :] = full(f32, [t.size, U], 1.0) * row_sum(x[t, :]) }\n");
  const std::string saved = folder_.file("saved");
  expect(0, fmt::format("run '{}' --dim T=5 --dim U=7 --save '{}' --repeat 1", path, saved));
  const std::string replay = fmt::format("'{}' --replay '{}' ", path, saved);
  for (const std::string command : {"run --repeat 1 ", "bench --rounds 3 --no-cold "}) {
    expect_error(command + replay, "do not decide U of 'k'\n  try: --dim U=3\n");
    EXPECT_TRUE(has(expect(0, command + replay + "--dim U=7").out, "U=7")) << command;
  }
  expect_error("run " + replay + "--dim U=7 --dim T=6", "T = 6 was given, and the tensors in");
  expect_error("run " + replay + "--dim U=7 --dim T=6", "try: --replay without a value of T");
}

// An index has no row to be of.
TEST_F(Inputs, AreMadeWhereSomeHaveNoRows) {
  const std::string path =
      kernel("  input idx: int32[4]\n  input x: f32[T, 8]\n  output y: f32[T, 8]\n",
             "  let all = idx[:]\n  assume_sorted all\n  parallel t in tiles(T, 16) { y[t, :] = x[t, :] }\n");
  for (const std::string& kernel : {"'" + path + "'", std::string("nn/rope_interleaved"), std::string("nn/rope_half_split")})
    for (const char* backend : {"", " --backend interpreter"})
      EXPECT_TRUE(has(expect(0, "run " + kernel + " --dim T=0" + backend).out, "nothing to compare")) << kernel;
}

TEST_F(Inputs, OfTruthsAreSavedAndReplayed) {
  const std::string path = kernel("  input x: f32[T, 8]\n  input m: bool[T, 8]\n  output y: f32[T, 8]\n  output g: bool[T, 8]\n",
                                  "  parallel t in tiles(T, 16) {\n    y[t, :] = select(m[t, :], x[t, :], x[t, :] * 2.0)\n"
                                  "    g[t, :] = gt(x[t, :], x[t, :] * 2.0)\n  }\n");
  const std::string saved = folder_.file("saved");
  expect(0, fmt::format("run '{}' --dim T=5 --save '{}' --repeat 1", path, saved));
  EXPECT_TRUE(has(expect(0, fmt::format("run '{}' --replay '{}' --repeat 1", path, saved)).out, "PASS")) << saved;
}

TEST_F(Inputs, SatisfyWhatIsAssumed) {
  const std::vector<std::string> kernels = {
      kernel(kRows, scatter("  assume_distinct all\n", 400)),
      kernel(kRows, scatter("  assume_distinct all\n", 40)),
      kernel(kRows, scatter("  assume_distinct all\n  assume_sorted all\n", 400)),
      kernel(kRanges, sums("0 <= s and s < e and e <= T")),
      kernel(kRanges, sums("0 <= s and s <= e and e <= T")),
      kernel("  input x: f32[T, 8]\n  input off: int32[T + 1]\n  output y: f32[T, 8]\n",
             "  range b in 0 .. T {\n    read s = off[b]\n    read e = off[b + 1]\n    assume 0 <= s and s <= e and e <= T\n"
             "    y[b, :] = col_sum(x[s +: e - s, :])\n  }\n"),
      kernel("  input x: f32[T, 8]\n  input len: int32[T]\n  output y: f32[T, 8]\n",
             "  parallel t in 0 .. T {\n    read n = len[t]\n    assume 1 <= n and n <= t + 1\n    y[t, :] = col_sum(x[0 +: n, "
             ":])\n  }\n"),
      kernel("  input x: f32[T, 8]\n  input n: int32[2, 3]\n  output y: f32[T, 8]\n",
             "  view flat = n: [6]\n  read m = flat[4]\n  assume -7 <= m and m <= -2\n  y[:, :] = x[:, :] * cast(int32(m), f32, "
             "rint)\n"),
      // The first and the last element are known, and those between follow.
      kernel(
          "  input x: f32[T, 8]\n  input off: int32[9]\n  output y: f32[8, 8]\n",
          "  let all = off[:]\n  assume 0 <= all and all <= T\n  assume_sorted all\n  read first = off[0]\n"
          "  read last = off[8]\n  assume first == 0 and last == T\n"
          "  range b in 0 .. 8 {\n    read s = off[b]\n    read e = off[b + 1]\n    y[b, :] = col_sum(x[s +: e - s, :])\n  }\n"),
      // Different in a column, and in each tile of rows.
      kernel("  input x: f32[T, 8]\n  input n: int32[T, 2]\n  output y: f32[T, 8]\n",
             "  let r = n[:, 1]\n  assume 0 <= r and r < T\n  assume_distinct r\n  y[:, :] = x[:, :]\n"),
      kernel("  input x: f32[T, 8]\n  input n: int32[T]\n  output y: f32[T, 8]\n",
             "  range t in tiles(T, 8) {\n    let r = n[t]\n    assume 0 <= r and r < 8\n    assume_distinct r\n"
             "    y[t, :] = x[t, :]\n  }\n"),
      // Where a branch is taken.
      kernel("  input x: f32[T, 8]\n  input n: int32[1]\n  output y: f32[T, 8]\n",
             "  read k = n[0]\n  assume 0 <= k\n  if k > 300 {\n    assume k < T\n    y[:, :] = x[:, :] + x[k, :]\n  } else {\n"
             "    y[:, :] = x[:, :] * 2.0\n  }\n"),
      // Two numbers together.
      kernel("  input x: f32[T, 8]\n  input n: int32[2]\n  output y: f32[T, 8]\n",
             "  read a = n[0]\n  read b = n[1]\n  assume a >= 0 and b >= 0 and a + b == T\n"
             "  y[0 +: a, :] = x[0 +: a, :]\n  y[a +: b, :] = x[a +: b, :]\n"),
      kernel("  input x: f32[T, 8]\n  input n: int32[1]\n  input m: int32[1]\n  output y: f32[T, 8]\n",
             "  read a = n[0]\n  read b = m[0]\n  assume a + b < T\n  assume a + b >= 0\n  y[:, :] = x[:, :] + x[a + b, :]\n"),
  };
  for (const std::string& path : kernels) {
    for (const char* way : {"", " --checked", " --seed 9"}) expect(0, "run '" + path + "' --repeat 1" + way);
  }
  expect(0, "bench '" + kernels[0] + "' --rounds 1 --no-cold");
  // Slots of which some are skipped: several, and nothing else twice; as many as there are too few numbers for.
  const std::string slots = kernel("  dim P typical 50\n  input x: f32[T, 8]\n  input idx: int64[T]\n  inout y: f32[P, 8]\n",
                                   "  let all = cast(idx[:], int32, rint)\n  assume_distinct all except -1\n"
                                   "  parallel t in 0 .. T {\n    read s = idx[t]\n    assume s < P\n    if s >= 0 {\n"
                                   "      y[s, :] = x[t, :]\n    }\n  }\n");
  for (const int64_t pages : {50, 7}) {
    expect(0, fmt::format("run '{}' --dim P={} --repeat 1 --save '{}'", slots, pages, folder_.file("slots")));
    const Array made = checkpoint::read_safetensors(folder_.file("slots/inputs.safetensors")).at("idx");
    std::vector<int64_t> numbers(made.as<int64_t>(), made.as<int64_t>() + made.size());
    EXPECT_GE(std::count(numbers.begin(), numbers.end(), -1), 2);
    std::erase(numbers, -1);
    EXPECT_EQ(std::set<int64_t>(numbers.begin(), numbers.end()).size(), numbers.size());
    EXPECT_GE(numbers.size(), 5U);
  }
  // None where another assumption allows none.
  expect(0, "run '" + kernel(kRows, scatter("  assume_distinct all except -1\n  assume all >= 0\n  assume_distinct all\n", 400)) +
                "' --repeat 1");
  // They are not all alike where they need not be.
  expect(0, "run '" + kernels[0] + "' --repeat 1 --save '" + folder_.file("saved") + "'");
  const Array idx = checkpoint::read_safetensors(folder_.file("saved/inputs.safetensors")).at("idx");
  EXPECT_FALSE(std::is_sorted(idx.as<int32_t>(), idx.as<int32_t>() + idx.size()));
}

TEST_F(Inputs, ThatCannotBeAreAnErrorThatSaysWhy) {
  const std::string crowded = kernel(kRows, scatter("  assume_distinct all\n", 7));
  expect_error("run '" + crowded + "'",
               "[no-inputs]: no inputs were found for which 'k' may be run: 40 elements of idx are all different, and assumed to "
               "lie between 0 and 6\n  try: --replay DIR");
  expect(0, "run '" + crowded + "' --dim T=7 --repeat 1");  // what the hint says
  const std::string large = kernel("  input x: f32[T, 8]\n  output y: f32[T, 8]\n", "  assume T >= 16\n  y[:, :] = x[:, :]\n");
  expect_error("run '" + large + "' --dim T=3", "assume(T >= 16) does not hold: 3 >= 16 is false");
  expect_error("bench '" + large + "' --dim T=3", "try: dimensions for which it holds");
  expect(0, "run '" + large + "' --dim T=16 --repeat 1");
  const std::string odd = kernel("  input x: f32[T, 8]\n  input n: int32[1]\n  output y: f32[T, 8]\n",
                                 "  read m = n[0]\n  assume m % 1000 == 777\n  y[:, :] = x[:, :]\n");
  expect_error("run '" + odd + "'", "assume(m % 1000 == 777) does not hold");
}

TEST_F(Inputs, ThatAreSavedSayHowLargeTheyAre) {
  const std::string path = kernel(
      "  dim U typical 4\n  dim V\n  input w: f32[T // 4 + 1, 2 * U]\n  input x: f32[T + V, 2 * U]\n  input v: int32[V]\n"
      "  output y: f32[T, 2 * U]\n",
      "  y[:, :] = x[0 +: T, :]\n");
  const std::string saved = folder_.file("saved"), replay = " '" + path + "' --replay '" + saved + "' ";
  expect(0, "run '" + path + "' --dim T=21 --dim U=3 --dim V=2 --repeat 1 --save '" + saved + "'");
  for (const char* more : {"", "--dim T=21", "--tokens 21 --dim V=2"}) {
    EXPECT_TRUE(has(expect(0, "run" + replay + "--repeat 1 " + more).out, "T=21 U=3 V=2")) << more;
    EXPECT_TRUE(has(expect(0, "bench" + replay + "--rounds 1 --no-cold " + more).out, "T=21  U=3  V=2")) << more;
  }
  for (const char* command : {"run", "bench"}) {
    expect_error(command + replay + "--dim T=22", "T = 22 was given, and the tensors in '" + saved + "' have T = 21");
    expect_error(command + replay + "--dim Q=1", "'k' has no dimension Q");
  }
  // Another kernel's tensors: the hint speaks of this one.
  const std::string other = kernel("  input x: f32[T, 8]\n  output y: f32[T, 8]\n", "  y[:, :] = x[:, :]\n");
  expect_error(
      "run '" + other + "' --replay '" + saved + "'",
      "must be f32 [23, 8], found f32 [23, 6]\n  try: tensors of the types and shapes that `imbrex show " + other + "` prints");
}

TEST_F(Inputs, ThatAreSavedSayTheOptionsOfTheirKernel) {
  const std::string replay = " nn/rms_norm --replay '" + folder_.file("saved") + "' ";
  expect(0, "run nn/rms_norm --set hidden=100 --set eps=0.5 --tokens 7 --repeat 1 --save '" + folder_.file("saved") + "'");
  EXPECT_TRUE(has(expect(0, "run" + replay + "--repeat 1").out, "eps=0.5 hidden=100  T=7"));
  EXPECT_TRUE(has(expect(0, "bench" + replay + "--rounds 1 --no-cold").out, "eps=0.5 hidden=100"));
  expect_error("run" + replay + "--set hidden=99", "must be bf16 [7, 99], found bf16 [7, 100]");
  const std::string front = "deepseek_v4/qkv_proj_rope --preset demo ", layer = " --replay '" + folder_.file("layer") + "'";
  expect(0, "run " + front + "--tokens 5 --heads 3 --repeat 1 --save '" + folder_.file("layer") + "'");
  EXPECT_TRUE(has(expect(0, "bench deepseek_v4/qkv_proj_rope --rounds 1 --no-cold --no-plain" + layer).out, "heads=3"));
  expect_error("run " + front + "--heads 4" + layer, "heads = 4 was given, and the tensors in");
}

}  // namespace
}  // namespace imbrex::tests

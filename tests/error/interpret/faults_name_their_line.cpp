#include <gtest/gtest.h>

#include "correct/interpret/run_text.h"

namespace imbrex::test {
namespace {

// The one finding of a run; its id is "" where there was none.
Diagnostic fault_of(const std::string& text, const std::map<std::string, int64_t>& dims, Tensors tensors, bool checked = true) {
  try {
    run_text(text, dims, std::move(tensors), {.checked = checked, .tap = {}});
  } catch (const interpret::Fault& fault) {
    return fault.diagnostics().at(0);
  }
  return {};
}

void expect_fault(const Diagnostic& fault, const std::string& id, int line, const std::vector<std::string>& words) {
  EXPECT_EQ(fault.id, id) << fault.message;
  EXPECT_EQ(fault.where.line, line) << fault.message;
  for (const std::string& word : words) EXPECT_NE(fault.message.find(word), std::string::npos) << fault.message;
  EXPECT_FALSE(fault.hint.empty()) << fault.message;
}

const std::string kCopy = "dim T\ninput x: f32[T, 2]\noutput y: f32[T, 2]\n";  // lines 3 to 5
Tensors x_of(int64_t rows) { return {{"x", Array::zeros(DType::f32, {rows, 2})}}; }

TEST(OutOfBounds, a_range_beyond_the_end_in_either_mode) {
  const std::string text = kCopy + "range i in 0 .. (T + 3) // 4 {\ny[4 * i +: 4, :] = x[4 * i +: 4, :]\n}";
  for (bool checked : {false, true}) {
    expect_fault(fault_of(text, {{"T", 6}}, x_of(6), checked), "out-of-bounds", 7, {"index 6", "`x` [6, 2]"});
    EXPECT_EQ(fault_of(text, {{"T", 8}}, x_of(8), checked).id, "");
  }
}

TEST(OutOfBounds, a_negative_point_and_a_row_list) {
  expect_fault(fault_of(kCopy + "y[:, :] = x[:, :]\ny[T - 2, :] = x[0, :]", {{"T", 1}}, x_of(1)), "out-of-bounds", 7,
               {"-1", "`y`"});
  const std::string by =
      "input i: int32[1, 2]\ninput x: f32[3, 2]\noutput y: f32[2, 2]\nlet rows = i[:, :]\ny[:, :] = x[by rows, :]";
  const Tensors tensors{{"x", Array::zeros(DType::f32, {3, 2})}, {"i", int32({1, 2}, {2, 3})}};
  expect_fault(fault_of(by, {}, tensors, false), "out-of-bounds", 7, {"index 3", "axis 0", "`x`"});
}

TEST(OutOfBounds, an_empty_span_touches_nothing) {
  EXPECT_EQ(fault_of(kCopy + "y[:, :] = x[:, :]\ny[T + 5 +: T - 9, :] = x[T + 5 +: T - 9, :]", {{"T", 3}}, x_of(3)).id, "");
}

TEST(OutOfBounds, a_gather_beyond_the_columns) {
  const std::string text = "input x: f32[1, 2]\noutput y: f32[1, 2]\ny[:, :] = gather(x[:, :], iota(2, 1))";
  expect_fault(fault_of(text, {}, {{"x", f32({1, 2}, {1, 2})}}, false), "out-of-bounds", 5, {"column 2", "2 columns"});
}

TEST(UninitialisedRead, of_a_temporary_and_of_an_output) {
  const std::string temporary = kCopy + "create s: f32[T, 2]\ns[0, :] = x[0, :]\ny[:, :] = s[:, :]";
  const Diagnostic fault = fault_of(temporary, {{"T", 2}}, x_of(2));
  expect_fault(fault, "uninitialised-read", 8, {"`s[1, 0]`"});
  ASSERT_EQ(fault.notes.size(), 1u);
  EXPECT_EQ(fault.notes[0].where.line, 6);
  EXPECT_EQ(fault_of(temporary, {{"T", 1}}, x_of(1)).id, "");
  EXPECT_EQ(fault_of(temporary, {{"T", 2}}, x_of(2), false).id, "");
  expect_fault(fault_of(kCopy + "y[:, :] = y[:, :]", {{"T", 1}}, x_of(1)), "uninitialised-read", 6, {"`y[0, 0]`"});
}

TEST(UninitialisedRead, a_tensor_created_in_a_loop_is_fresh_each_time) {
  const std::string text =
      kCopy + "range i in 0 .. T {\ncreate s: f32[1, 2]\nif i < 1 {\ns[:, :] = x[i +: 1, :]\n}\ny[i, :] = s[0, :]\n}";
  EXPECT_EQ(fault_of(text, {{"T", 1}}, x_of(1)).id, "");
  expect_fault(fault_of(text, {{"T", 2}}, x_of(2)), "uninitialised-read", 11, {"`s[0, 0]`"});
}

TEST(OutputNotWritten, two_tiles_of_half_the_rows_miss_one_if_odd) {
  const std::string text = kCopy + "range i in 0 .. 2 {\ny[i * (T // 2) +: T // 2, :] = x[i * (T // 2) +: T // 2, :]\n}";
  EXPECT_EQ(fault_of(text, {{"T", 6}}, x_of(6)).id, "");
  expect_fault(fault_of(text, {{"T", 7}}, x_of(7)), "output-not-written", 5, {"`y[6, 0]`"});
  EXPECT_EQ(fault_of("dim T\ninout y: f32[T]\ny[0] = 1.0", {{"T", 3}}, {{"y", Array::zeros(DType::f32, {3})}}).id, "");
}

TEST(ParallelConflict, heads_that_share_a_scratch) {
  const std::string body = "s[:, :] = x[:, :]\ny[h +: 1, :] = col_sum(s[:, :])\n}";
  const std::string text = kCopy + "create s: f32[T, 2]\nparallel h in 0 .. T {\n" + body;
  const Diagnostic fault = fault_of(text, {{"T", 3}}, x_of(3));
  expect_fault(fault, "parallel-conflict", 8, {"`s[0, 0]`", "h = 0", "h = 1"});
  ASSERT_EQ(fault.notes.size(), 2u);
  EXPECT_EQ(fault.notes[0].where.line, 8);
  EXPECT_EQ(fault.notes[1].where.line, 7);
  EXPECT_EQ(fault_of(kCopy + "parallel h in 0 .. T {\ncreate s: f32[T, 2]\n" + body, {{"T", 3}}, x_of(3)).id, "");
}

TEST(ParallelConflict, through_a_view) {
  const std::string text =
      kCopy + "view flat = y: [T * 2]\ny[:, :] = x[:, :]\nparallel h in 0 .. 2 {\ny[0, h] = 1.0\nflat[1] = 2.0\n}";
  expect_fault(fault_of(text, {{"T", 1}}, x_of(1)), "parallel-conflict", 9, {"`y[0, 1]`", "h = 0", "h = 1"});
}

TEST(ParallelConflict, a_read_in_another_iteration_of_the_outer_loop) {
  const std::string text = kCopy +
                           "create s: f32[4]\nrange k in 0 .. 4 {\ns[k] = 0.0\n}\nparallel i in 0 .. 2 {\nrange r in 0 .. 2 {\n"
                           "parallel j in 0 .. 2 {\ns[2 * i + j] = s[2 * i + j + DELTA] + 1.0\n}\n}\n}\ny[:, :] = x[:, :]";
  const auto with = [&](const std::string& delta) { return std::string(text).replace(text.find("DELTA"), 5, delta); };
  EXPECT_EQ(fault_of(with("0"), {{"T", 1}}, x_of(1)).id, "");
  expect_fault(fault_of(with("(1 - i) * (1 - j)"), {{"T", 1}}, x_of(1)), "parallel-conflict", 13, {"`s[1]`", "j = 0", "j = 1"});
  expect_fault(fault_of(with("(1 - i) * j"), {{"T", 1}}, x_of(1)), "parallel-conflict", 13, {"`s[2]`", "i = 0", "i = 1"});
}

TEST(ParallelConflict, loops_one_after_the_other_are_ordered) {
  const std::string text =
      kCopy + "parallel i in 0 .. T {\ny[i, :] = x[i, :]\n}\nparallel j in 0 .. T {\ny[T - 1 - j, :] = y[T - 1 - j, :] + 1.0\n}";
  EXPECT_EQ(fault_of(text, {{"T", 5}}, x_of(5)).id, "");
}

TEST(TileTooLarge, is_refused_before_memory_is_asked_for) {
  const auto text = [](const std::string& rows) {
    return "dim T\noutput y: f32[1, 1]\ny[:, :] = col_max(row_max(full(f32, [" + rows + ", T], 1.0)))";
  };
  expect_fault(fault_of(text("T"), {{"T", 65536}}, {}), "tile-too-large", 5, {"65536 x 65536 elements"});
  EXPECT_EQ(fault_of(text("2"), {{"T", 65536}}, {}).id, "");
}

// ---- twins: what the hint says, and nothing else, makes the program keep its word ---------------------------------------------

struct Broken {
  const char* name;
  const char* id;
  std::string text;
  int64_t T;
  const char* hint;
  std::string from, to;
};

// For the names of tests.
void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.name; }

class BrokenPromise : public testing::TestWithParam<Broken> {};

TEST_P(BrokenPromise, HoldsWithTheHintedEdit) {
  const Broken& broken = GetParam();
  const Diagnostic fault = fault_of(kCopy + broken.text, {{"T", broken.T}}, x_of(broken.T));
  EXPECT_EQ(fault.id, broken.id) << fault.message;
  EXPECT_NE(fault.hint.find(broken.hint), std::string::npos) << fault.hint;
  std::string text = kCopy + broken.text;
  ASSERT_NE(text.find(broken.from), std::string::npos);
  text.replace(text.find(broken.from), broken.from.size(), broken.to);
  for (const int64_t T : {int64_t{1}, broken.T, int64_t{8}, int64_t{17}}) {
    const Diagnostic twin = fault_of(text, {{"T", T}}, x_of(T));
    EXPECT_EQ(twin.id, "") << "T=" << T << ": " << twin.message;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Faults, BrokenPromise,
    testing::Values(Broken{"FixedTiles", "out-of-bounds",
                           "range i in 0 .. (T + 3) // 4 {\ny[4 * i +: 4, :] = x[4 * i +: 4, :]\n}", 6,
                           "slice with spans of `tiles(...)`",
                           "range i in 0 .. (T + 3) // 4 {\ny[4 * i +: 4, :] = x[4 * i +: 4, :]\n}",
                           "range i in tiles(T, 4) {\ny[i, :] = x[i, :]\n}"},
                    Broken{"OneBeyond", "out-of-bounds", "range i in 0 .. T + 1 {\ny[i, :] = x[i, :]\n}", 3,
                           "bound the loop by the tensor's extent", "T + 1", "T"},
                    Broken{"GatherBeyond", "out-of-bounds", "y[:, :] = x[:, :]\ny[0, :] = gather(x[0, :], iota(2, 1))", 2,
                           "take the indices from 0 to the number of columns less one", "iota(2, 1)", "iota(2, 0)"},
                    Broken{"HalfInitialised", "uninitialised-read", "create s: f32[T, 2]\ns[0, :] = x[0, :]\ny[:, :] = s[:, :]",
                           2, "start the tensor with zeros", "s[0, :] = x[0, :]", "s[:, :] = full(f32, [T, 2], 0.0)"},
                    Broken{"SharedScratch", "parallel-conflict",
                           "create s: f32[T, 2]\nparallel h in 0 .. T {\ns[:, :] = x[:, :]\ny[h +: 1, :] = col_sum(s[:, :])\n}",
                           3, "create the tensor inside the loop", "create s: f32[T, 2]\nparallel h in 0 .. T {\n",
                           "parallel h in 0 .. T {\ncreate s: f32[T, 2]\n"},
                    Broken{"SumOfAllIterations", "parallel-conflict",
                           "y[:, :] = x[:, :]\nparallel i in 0 .. T {\ny[0, :] = y[0, :] + x[i, :]\n}", 3,
                           "make the loop a `range`", "parallel", "range"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Assumptions, are_checked_in_either_mode) {
  for (bool checked : {false, true}) {
    const std::string text = kCopy + "assume T <= 4\ny[:, :] = x[:, :]";
    EXPECT_EQ(fault_of(text, {{"T", 4}}, x_of(4), checked).id, "");
    expect_fault(fault_of(text, {{"T", 5}}, x_of(5), checked), "assumption-failed", 6, {"T <= 4", "5 <= 4"});
    const std::string distinct =
        "input i: int32[1, 3]\noutput y: int32[1, 3]\nlet rows = i[:, :]\nassume_distinct rows\ny[:, :] = rows";
    EXPECT_EQ(fault_of(distinct, {}, {{"i", int32({1, 3}, {7, 9, 8})}}, checked).id, "");
    expect_fault(fault_of(distinct, {}, {{"i", int32({1, 3}, {7, 9, 7})}}, checked), "assumption-failed", 6,
                 {"elements 0 and 2", "7"});
    const std::string but =
        "input i: int32[1, 4]\noutput y: int32[1, 4]\nlet rows = i[:, :]\nassume_distinct rows except -1\ny[:, :] = rows";
    EXPECT_EQ(fault_of(but, {}, {{"i", int32({1, 4}, {-1, 9, -1, -1})}}, checked).id, "");
    expect_fault(fault_of(but, {}, {{"i", int32({1, 4}, {-1, 9, -1, 9})}}, checked), "assumption-failed", 6,
                 {"rows except -1", "elements 1 and 3", "9"});
  }
}

TEST(IndexOverflow, a_step_of_an_expression_that_leaves_64_bits) {
  const std::string text = kCopy + "y[:, :] = x[:, :]\nif T * FACTOR > 0 {\ny[0, :] = x[T - 1, :]\n}";
  const auto with_factor = [&](const std::string& factor) {
    std::string changed = text;
    return changed.replace(changed.find("FACTOR"), 6, factor);
  };
  for (bool checked : {false, true}) {
    expect_fault(fault_of(with_factor("4611686018427387904"), {{"T", 2}}, x_of(2), checked), "index-overflow", 7,
                 {"T * 4611686018427387904"});
    EXPECT_EQ(fault_of(with_factor("4611686018427387903"), {{"T", 2}}, x_of(2), checked).id, "");
  }
}

TEST(IndexOverflow, a_loop_that_would_end_beyond_64_bits) {
  const auto text = [](const std::string& begin) {
    return kCopy + "y[:, :] = x[:, :]\nrange i in " + begin + " .. " + begin + " + T {\nif i == 3 {\ny[0, :] = x[0, :]\n}\n}";
  };
  expect_fault(fault_of(text("9223372036854775806"), {{"T", 2}}, x_of(2)), "index-overflow", 7, {"9223372036854775806"});
  EXPECT_EQ(fault_of(text("9223372036854775804"), {{"T", 2}}, x_of(2)).id, "");
}

TEST(OutOfMemory, a_tensor_beyond_the_bytes_that_may_be_taken) {
  const std::string text =
      kCopy + "range i in 0 .. T {\ncreate s: f32[T, 16]\ns[:, :] = full(f32, [T, 16], 1.0)\n}\ny[:, :] = x[:, :]";
  interpret::Options options;
  options.most_bytes = 8 * 16 * 4;  // one that lives at a time is enough
  run_text(text, {{"T", 8}}, x_of(8), options);
  options.most_bytes -= 1;
  try {
    run_text(text, {{"T", 8}}, x_of(8), options);
    FAIL() << "no fault";
  } catch (const interpret::Fault& fault) {
    EXPECT_EQ(fault.diagnostics().at(0).id, "out-of-memory");
    EXPECT_EQ(fault.diagnostics().at(0).where.line, 7);
  }
}

TEST(Arguments, that_are_missing_or_do_not_fit) {
  const auto id_of = [](const std::map<std::string, int64_t>& dims, Tensors tensors) {
    try {
      run_text(kCopy + "y[:, :] = x[:, :]", dims, std::move(tensors));
    } catch (const UserError& error) {
      return error.diagnostics().at(0).id;
    }
    return std::string();
  };
  EXPECT_EQ(id_of({}, x_of(2)), "dim-missing");
  EXPECT_EQ(id_of({{"T", -1}}, x_of(0)), "dim-range");
  EXPECT_EQ(id_of({{"T", int64_t{1} << 31}}, x_of(2)), "dim-range");
  EXPECT_EQ(id_of({{"T", 2}}, {}), "tensor-missing");
  EXPECT_EQ(id_of({{"T", 2}}, x_of(3)), "tensor-shape");
  EXPECT_EQ(id_of({{"T", 2}}, {{"x", Array::zeros(DType::int32, {2, 2})}}), "tensor-shape");
  EXPECT_EQ(id_of({{"T", 2}}, x_of(2)), "");
}

TEST(Fault, tells_an_int64_that_is_no_index) {
  const auto message = [](int64_t value) {
    Array index = Array::zeros(DType::int64, {3});
    index.as<int64_t>()[1] = value;
    try {
      run_text("input index: int64[3]\noutput y: int32[1, 1]\nread i = index[1]\ny[:, :] = int32(i)", {}, {{"index", index}});
    } catch (const interpret::Fault& fault) {
      const Diagnostic& said = fault.diagnostics().at(0);
      return said.id + " " + std::to_string(said.where.line) + ": " + said.message;
    }
    return std::string();
  };
  EXPECT_EQ(message(int64_t{1} << 31), "assumption-failed 5: `index[1]` is 2147483648, and an index read from data is an int32");
  EXPECT_EQ(message(-(int64_t{1} << 31) - 1),
            "assumption-failed 5: `index[1]` is -2147483649, and an index read from data is an int32");
  EXPECT_EQ(message((int64_t{1} << 31) - 1), "");
  EXPECT_EQ(message(-(int64_t{1} << 31)), "");
}

}  // namespace
}  // namespace imbrex::test

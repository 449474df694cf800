// Programs compiled by runtime/kernel.h, on every instruction set of this machine, by one to three workers, against the
// interpreter, bit for bit: the attention front optimized and as written, taps, and assumptions that do not hold.
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "imbrex/inputs/synthetic.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex/tools/subject.h"
#include "support/compare.h"
#include "support/runnable_targets.h"
#include "support/temporary_folder.h"

namespace imbrex::runtime {
namespace {

using Tensors = std::map<std::string, Array>;
constexpr const char* kOutputs[] = {"q", "kv", "qr", "qr_scale"};

CompileOptions options_for(const target::Target* target, bool optimize = true) {
  CompileOptions options;
  options.target = target;
  options.optimize = optimize;
  options.cache.directory = std::string(IMBREX_BINARY_DIR) + "/test-cache";
  return options;
}

ir::Program front(const std::string& variant) { return kernels::build("deepseek_v4/qkv_proj_rope", variant, "demo", {}).program; }

struct Case {
  Tensors inputs, expected;
};
Case front_case(const ir::Program& program, int64_t T) {
  Case result;
  result.inputs = result.expected =
      kernels::find_kernel("deepseek_v4/qkv_proj_rope").made_inputs(tools::shapes_of(program, {{"T", T}}, {ir::Role::input}), 3);
  interpret::run(program, {{"T", T}}, result.expected);
  return result;
}

// Workspace poisoned, x in rows with gaps.
Tensors run_front(const CompiledKernel& kernel, const Case& c, int64_t T, Executor& executor, int nth) {
  const Array& x = c.inputs.at("x");
  const int64_t D = x.shape[1], stride = D + 5;
  std::vector<uint16_t> rows(static_cast<size_t>(T * stride), 0x7fc0);  // NaN in the gaps
  for (int64_t i = 0; i < T * D; ++i) rows[static_cast<size_t>(i / D * stride + i % D)] = x.as<uint16_t>()[i];
  Tensors outputs;
  Call call(kernel);
  for (const auto& [name, array] : c.inputs)
    if (name != "x") call.bind(name, TensorView::of(array));
  call.bind("x", {rows.data(), DType::bf16, {T, D}, {stride, 1}, false});
  for (const char* name : kOutputs) {
    Array& output = outputs[name] = c.expected.at(name);
    std::fill(output.bytes.begin(), output.bytes.end(), std::byte{0xff});
    call.bind(name, TensorView::of(output));
  }
  call.poison_workspace().run(executor, nth);
  return outputs;
}

// On two of the targets, all by turns.
void expect_front_equals_the_interpreter(const std::string& variant, bool optimize, uint64_t turn) {
  const ir::Program program = front(variant);
  Executor executor(3);
  std::map<int64_t, Case> cases;
  for (const int64_t T : {1, 2, 3, 15, 16, 17, 33}) cases[T] = front_case(program, T);
  for (const target::Target* target : test::by_turns(target::supported_targets(), turn)) {
    const CompiledKernel kernel = compile(program, options_for(target, optimize));
    EXPECT_EQ(kernel.translation().is_optimized(), optimize) << kernel.translation().optimized.reason;
    for (const auto& [T, c] : cases) {
      for (int nth = 1; nth <= 3; ++nth) {
        const Tensors outputs = run_front(kernel, c, T, executor, nth);
        for (const char* name : kOutputs) {
          const auto difference = test::first_difference(outputs.at(name), c.expected.at(name));
          EXPECT_FALSE(difference) << name << *difference << ", T=" << T << ", " << nth << " threads, " << target->name;
        }
      }
    }
  }
}

TEST(CompiledFront, OptimizedFromFusedEqualsTheInterpreter) { expect_front_equals_the_interpreter("fused", true, 0); }
TEST(CompiledFront, OptimizedFromPlainEqualsTheInterpreter) { expect_front_equals_the_interpreter("plain", true, 2); }
TEST(CompiledFront, FusedAsWrittenEqualsTheInterpreter) { expect_front_equals_the_interpreter("fused", false, 4); }
TEST(CompiledFront, UnfusedAsWrittenEqualsTheInterpreter) { expect_front_equals_the_interpreter("unfused", false, 6); }

TEST(CompiledFront, IsCompiledOnceForAllThatMeanTheSame) {
  const CompileOptions options = options_for(&target::targets().front());
  const CompiledKernel first = compile(front("fused"), options), second = compile(front("plain"), options);
  EXPECT_TRUE(second.module().from_cache);
  EXPECT_EQ(first.module().library, second.module().library);
}

ir::Program parsed(const std::string& body) { return ir::parse("imbrex 1\nkernel \"small\" {\n" + body + "\n}\n", "small.tile"); }

Array floats(std::vector<int64_t> shape) {
  Array array = Array::zeros(DType::f32, std::move(shape));
  for (int64_t i = 0; i < array.size(); ++i) array.as<float>()[i] = 0.5f * static_cast<float>(i);
  return array;
}

Array integers(std::vector<int64_t> shape, const std::vector<int32_t>& values) {
  Array array = Array::zeros(DType::int32, std::move(shape));
  std::copy(values.begin(), values.end(), array.as<int32_t>());
  return array;
}

struct Taps {
  std::mutex mutex;
  std::map<std::string, AlignedVector<std::byte>> tiles;  // by name and loop numbers
  static std::string key(const std::string& name, const int64_t* indices, size_t count) {
    std::string text = name;
    for (size_t i = 0; i < count; ++i) text += " " + std::to_string(indices[i]);
    return text;
  }
  static void record(void* user, const char* name, imbrex_dtype dtype, const void* data, int64_t rows, int64_t columns,
                     const int64_t* indices, int32_t count) {
    auto* self = static_cast<Taps*>(user);
    const auto* bytes = static_cast<const std::byte*>(data);
    const std::lock_guard lock(self->mutex);
    self->tiles[key(name, indices, static_cast<size_t>(count))].assign(bytes,
                                                                       bytes + rows * columns * (dtype == IMBREX_F32 ? 4 : 2));
  }
};

TEST(CompiledKernels, TapsShowWhatTheInterpreterShows) {
  const ir::Program program = parsed(R"(
  dim T
  input x: f32[T, 20]
  output y: f32[T, 20]
  parallel t in tiles(T, 4) {
    let twice = x[t, :] * 2.0
    tap "twice" twice
    range d in tiles(20, 8) {
      tap "part" x[t, d]
    }
    y[t, :] = twice
  })");
  Tensors tensors{{"x", floats({10, 20})}}, expected = tensors;
  std::map<std::string, AlignedVector<std::byte>> wanted;
  interpret::Options interpreting;
  interpreting.tap = [&](const std::string& name, const std::vector<int64_t>& indices, const Array& tile) {
    wanted[Taps::key(name, indices.data(), indices.size())] = tile.bytes;
  };
  interpret::run(program, {{"T", 10}}, expected, interpreting);
  EXPECT_EQ(wanted.size(), 3u + 9u);
  for (const target::Target* target : target::supported_targets()) {
    CompileOptions options = options_for(target);
    options.taps = true;
    Taps taps;
    Array y = Array::zeros(DType::f32, {10, 20});
    Call call(compile(program, options));
    call.bind("x", TensorView::of(tensors.at("x"))).bind("y", TensorView::of(y)).on_tap(&Taps::record, &taps);
    Executor executor(2);
    call.run(executor);
    EXPECT_EQ(taps.tiles, wanted) << target->name;
    EXPECT_EQ(y.bytes, expected.at("y").bytes);
  }
}

std::string failure_of(const ir::Program& program, Tensors tensors, bool prove = true) {
  try {
    Executor executor(2);
    CompileOptions options = options_for(&target::best_target());
    options.prove = prove;
    run(compile(program, options), {}, tensors, executor);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(CompiledKernels, SayWhichAssumptionDoesNotHold) {
  const ir::Program program = parsed(R"(
  dim T
  input x: f32[T, 8]
  input n: int32[2]
  output y: f32[T, 8]
  read first = n[0]
  read second = n[1]
  assume first >= 0 and first <= T
  assume second < 5
  parallel t in tiles(T, 4) {
    y[t, :] = x[t, :] * cast(int32(first + second), f32, rint)
  })");
  const auto with = [&](int32_t first, int32_t second) {
    return failure_of(program, {{"x", floats({6, 8})}, {"n", integers({2}, {first, second})}});
  };
  EXPECT_EQ(with(6, 4), "");
  EXPECT_NE(with(7, 4).find("`first >= 0 and first <= T`"), std::string::npos) << with(7, 4);
  EXPECT_NE(with(6, 5).find("`second < 5`"), std::string::npos) << with(6, 5);
}

TEST(CompiledKernels, AFailedAssumptionIsOfOneRun) {
  const ir::Program program = parsed(R"(
  dim T
  input n: int32[1]
  output y: f32[T, 8]
  read count = n[0]
  assume count < 5
  parallel t in tiles(T, 4) {
    y[t, :] = full(f32, [t.size, 8], 1.0)
  })");
  Array n = integers({1}, {5}), y = floats({6, 8});
  Call call(compile(program, options_for(&target::targets().front())));
  call.bind("n", TensorView::of(n)).bind("y", TensorView::of(y));
  Executor executor(2);
  EXPECT_THROW(call.run(executor), UserError);
  n.as<int32_t>()[0] = 4;
  EXPECT_NO_THROW(call.run(executor));
  EXPECT_EQ(y.as<float>()[47], 1.0f);
}

TEST(CompiledKernels, AnAssumptionAboutDimensionsIsCheckedThoughNothingNeedsIt) {
  const ir::Program program = parsed(R"(
  dim T
  input x: f32[T, 8]
  output y: f32[T, 8]
  assume T <= 4
  parallel t in tiles(T, 4) {
    y[t, :] = x[t, :] * 2.0
  })");
  EXPECT_EQ(failure_of(program, {{"x", floats({4, 8})}}), "");
  EXPECT_NE(failure_of(program, {{"x", floats({5, 8})}}).find("`T <= 4`"), std::string::npos);
}

// What nobody proved is checked all the same.
TEST(CompiledKernels, AnIndexFromDataOutsideItsTensorTouchesNothing) {
  const ir::Program program = parsed(R"(
  dim T
  input x: f32[9, 8]
  input rows: int32[T, 1]
  output y: f32[T, 8]
  let i = rows[:, :]
  y[:, :] = x[by i, :] * 2.0)");
  const auto with = [&](int32_t row) {
    return failure_of(program, {{"x", floats({9, 8})}, {"rows", integers({2, 1}, {0, row})}}, false);
  };
  EXPECT_EQ(with(8), "");
  for (const int32_t row : {9, -1, INT32_MAX, INT32_MIN})
    EXPECT_NE(with(row).find("indices read from data lie inside"), std::string::npos) << with(row);
}

// What a call needs beside its outputs, however many threads share it: the tensors between phases once, tiles for each.
TEST(CompiledFront, NeedsLessThanFourMebibytesOfWorkspaceForEachThread) {
  const CompiledKernel kernel =
      compile(kernels::build("deepseek_v4/qkv_proj_rope", "fused", "flash", {}).program, options_for(&target::best_target()));
  ASSERT_TRUE(kernel.translation().is_optimized());
  const int64_t T = 128;
  for (const int32_t nth : {1, 2, 8}) {
    const size_t bytes = kernel.table().workspace_bytes(&T, nth);
    EXPECT_GT(bytes, static_cast<size_t>(T * 4096 * 2)) << "x_norm alone is larger";
    EXPECT_LT(bytes, static_cast<size_t>(nth) * (4u << 20)) << nth << " threads";
  }
}

// Every element type that the language has can be bound, read and written.
TEST(CompiledKernels, TakeTensorsOfEveryType) {
  ir::Program program = ir::parse(R"(imbrex 1
kernel "types" {
  dim T
  input a: f32[T, 7]
  input b: bf16[T, 7]
  input c: f16[T, 7]
  input d: int8[T, 7]
  input e: uint8[T, 7]
  input f: int32[T, 7]
  input g: bool[T, 7]
  output z: bool[T, 7]
  output y: f32[T, 7]
  z[:, :] = gt(select(g[:, :], a[:, :], cast(b[:, :], f32)), cast(c[:, :], f32))
  y[:, :] = select(g[:, :], cast(cast(d[:, :], int32) + cast(e[:, :], int32) + f[:, :], f32, rint), a[:, :])
}
)",
                                  "types.tile");
  ir::verify_or_throw(program);
  Executor executor(2);
  const Tensors inputs = inputs::synthetic_inputs(tools::shapes_of(program, {{"T", 5}}, {ir::Role::input}), 3);
  Tensors expected = inputs;
  interpret::run(program, {{"T", 5}}, expected);
  for (const target::Target* target : target::supported_targets()) {
    Tensors actual = inputs;
    run(compile(program, options_for(target)), {{"T", 5}}, actual, executor);
    for (const char* name : {"z", "y"}) {
      EXPECT_EQ(actual.at(name).dtype, expected.at(name).dtype) << name;
      EXPECT_EQ(actual.at(name).bytes, expected.at(name).bytes) << name << " on " << target->name;
    }
  }
}

}  // namespace
}  // namespace imbrex::runtime

#include <gtest/gtest.h>
#include <pthread.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>

#include "imbrex/runtime/kernel.h"
#include "imbrex/runtime/trace.h"
#include "tests/support/scale_kernel.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::runtime {
namespace {

constexpr int64_t N = 8;

class Calls : public ::testing::Test {
 protected:
  CompiledKernel kernel(bool packs = false) {
    JitOptions options;
    options.cache.directory = folder_.file("cache");
    options.flags = {"-O1"};
    return CompiledKernel::from_source(tests::scale_kernel("scale", packs), "imbrex_kernel_scale", options);
  }
  static Array floats(std::vector<int64_t> shape, float first) {
    Array array = Array::zeros(DType::f32, std::move(shape));
    for (int64_t i = 0; i < array.size(); ++i) array.as<float>()[i] = first + 0.25f * static_cast<float>(i);
    return array;
  }
  static float wanted(const Array& x, const Array& w, int64_t t, int64_t n) {
    const float product = x.as<float>()[t * N + n] * w.as<float>()[n * 2];
    return product + w.as<float>()[n * 2 + 1];
  }
  static void expect_right(const Array& x, const Array& w, const Array& y) {
    ASSERT_EQ(y.shape, x.shape);
    for (int64_t i = 0; i < y.size(); ++i) ASSERT_EQ(y.as<float>()[i], wanted(x, w, i / N, i % N)) << i;
  }
  const tests::TemporaryFolder folder_;
};

TEST_F(Calls, SameBitsForEveryNumberOfThreadsAndRepeatedRuns) {
  Executor executor(4);
  const CompiledKernel compiled = kernel();
  for (const int64_t T : {1, 2, 3, 7, 64}) {
    const Array x = floats({T, N}, -3), w = floats({N, 2}, 0.5f);
    Array y = Array::zeros(DType::f32, {T, N});
    Call call(compiled);
    call.bind("x", TensorView::of(x)).bind("w", TensorView::of(w)).bind("y", TensorView::of(y)).poison_workspace();
    for (int nth = 1; nth <= 4; ++nth) {
      std::fill(y.bytes.begin(), y.bytes.end(), std::byte{0x55});
      call.run(executor, nth);
      expect_right(x, w, y);
    }
  }
}

TEST_F(Calls, MakesOutputsLikeTheInterpreter) {
  std::map<std::string, Array> tensors{{"x", floats({5, N}, 1)}, {"w", floats({N, 2}, 2)}};
  Executor executor(2);
  run(kernel(), {}, tensors, executor);
  expect_right(tensors.at("x"), tensors.at("w"), tensors.at("y"));
  run(kernel(true), {{"T", 5}}, tensors, executor);
  expect_right(tensors.at("x"), tensors.at("w"), tensors.at("y"));
}

TEST_F(Calls, RowsMayBeStridedAndOutputsMayLieBesideEachOther) {
  const int64_t T = 6, stride = 2 * N + 3;
  const Array w = floats({N, 2}, 2), x = floats({T, N}, 1);
  std::vector<float> both(static_cast<size_t>(T * stride), -1.0f);  // a row of x, then its row of y, then a gap
  for (int64_t i = 0; i < T * N; ++i) both[static_cast<size_t>(i / N * stride + i % N)] = x.as<float>()[i];
  Call call(kernel());
  call.bind("x", {both.data(), DType::f32, {T, N}, {stride, 1}, false});
  call.bind("w", TensorView::of(w));
  call.bind("y", {both.data() + N, DType::f32, {T, N}, {stride, 1}, true});
  Executor executor(2);
  call.run(executor);
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t n = 0; n < N; ++n) EXPECT_EQ(both[static_cast<size_t>(t * stride + N + n)], wanted(x, w, t, n));
    for (int64_t gap = 2 * N; gap < stride; ++gap) EXPECT_EQ(both[static_cast<size_t>(t * stride + gap)], -1.0f);
  }
}

TEST_F(Calls, WeightsArePackedFromEitherOrientationIntoEitherMemory) {
  const int64_t T = 3;
  const Array x = floats({T, N}, 1), w = floats({N, 2}, 2);
  Array turned = Array::zeros(DType::f32, {2, N});
  for (int64_t i = 0; i < 2 * N; ++i) turned.as<float>()[i % 2 * N + i / 2] = w.as<float>()[i];
  Array y = Array::zeros(DType::f32, {T, N});
  const CompiledKernel compiled = kernel(true);
  Executor executor(2);

  Call owned(compiled);
  owned.bind("x", TensorView::of(x)).bind("y", TensorView::of(y)).bind("w", TensorView::of(std::as_const(turned)).transposed());
  owned.run(executor);
  expect_right(x, w, y);

  const size_t bytes = owned.packed_bytes("w");
  EXPECT_EQ(bytes, 2 * N * sizeof(float));
  EXPECT_EQ(owned.packed_bytes("x"), 0u);
  void* memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  owned.pack("w", TensorView::of(w), memory, bytes);
  std::fill(y.bytes.begin(), y.bytes.end(), std::byte{0});
  Call lent(compiled);
  lent.bind("x", TensorView::of(x)).bind("y", TensorView::of(y)).bind_packed("w", memory, bytes);
  lent.run(executor);
  expect_right(x, w, y);

  // On any number of threads.
  const std::string packed(static_cast<const char*>(memory), bytes);
  for (const int nth : {1, 2}) {
    std::memset(memory, 0, bytes);
    owned.pack("w", TensorView::of(std::as_const(turned)).transposed(), memory, bytes, executor, nth);
    EXPECT_EQ(std::memcmp(memory, packed.data(), bytes), 0) << nth;
  }
  EXPECT_THROW(owned.pack("w", TensorView::of(w), memory, bytes - 1, executor, 2), UserError);
  std::free(memory);
}

TEST_F(Calls, RunsOnThreadsOfTheCaller) {
  const int64_t T = 33;
  const Array x = floats({T, N}, 1), w = floats({N, 2}, 2);
  Array y = Array::zeros(DType::f32, {T, N});
  Call call(kernel());
  call.bind("x", TensorView::of(x)).bind("w", TensorView::of(w)).bind("y", TensorView::of(y));
  constexpr int nth = 3;
  call.prepare(nth);
  const Buffer workspace(call.workspace_bytes(nth));
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, nth);
  std::vector<std::thread> threads;
  for (int ith = 0; ith < nth; ++ith)
    threads.emplace_back([&, ith] {
      call.run_as(
          ith, nth, [](void* user) { pthread_barrier_wait(static_cast<pthread_barrier_t*>(user)); }, &barrier, workspace.data());
    });
  for (std::thread& thread : threads) thread.join();
  pthread_barrier_destroy(&barrier);
  call.check_assumptions();
  expect_right(x, w, y);
}

TEST_F(Calls, TraceIsATimelineOfEveryWorker) {
  const Array x = floats({4, N}, 1), w = floats({N, 2}, 2);
  Array y = Array::zeros(DType::f32, {4, N});
  Executor executor(2);
  TraceCollector trace(2, 3);
  Call call(kernel());
  call.bind("x", TensorView::of(x))
      .bind("w", TensorView::of(w))
      .bind("y", TensorView::of(y))
      .trace(&TraceCollector::record, &trace);
  for (int i = 0; i < 4; ++i) call.run(executor);
  EXPECT_EQ(trace.events_of(0).size(), 3u);
  EXPECT_EQ(trace.events_of(1).size(), 3u);
  EXPECT_EQ(trace.dropped(), 2u);
  std::ostringstream json;
  trace.write_json(json, "a \"kernel\"");
  EXPECT_NE(json.str().find(R"("name": "a \"kernel\"")"), std::string::npos);
  EXPECT_NE(json.str().find(R"("tid": 1, "name": "multiply", "ts": 0.000, "dur": 1.000)"), std::string::npos);
}

TEST(Buffer, IsAlignedAndReused) {
  Buffer buffer;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{64}, size_t{65}, size_t{5} << 20}) {
    buffer.grow_to(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kAlignment, 0u);
    EXPECT_EQ(buffer.size(), bytes);
  }
  void* const memory = buffer.data();
  buffer.grow_to(100);
  EXPECT_EQ(buffer.data(), memory);
}

}  // namespace
}  // namespace imbrex::runtime

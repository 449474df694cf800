#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <utility>

#include "imbrex/runtime/kernel.h"
#include "tests/support/scale_kernel.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::runtime {
namespace {

constexpr int64_t N = 8;

// The id of the UserError that `body` throws, after checking that its text has `names`.
std::string error_of(const std::function<void()>& body, const std::string& names) {
  try {
    body();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find(names), std::string::npos) << error.what();
    EXPECT_FALSE(error.diagnostics().at(0).hint.empty());
    return error.diagnostics().at(0).id;
  }
  return "no error";
}

class BadCalls : public ::testing::Test {
 protected:
  BadCalls() : x_(Array::zeros(DType::f32, {3, N})), w_(Array::zeros(DType::f32, {N, 2})), y_(Array::zeros(DType::f32, {3, N})) {}
  CompiledKernel kernel(bool packs = false) {
    JitOptions options;
    options.cache.directory = folder_.file("cache");
    options.flags = {"-O0"};
    return CompiledKernel::from_source(tests::scale_kernel("scale", packs), "imbrex_kernel_scale", options);
  }
  Call good(bool packs = false) {
    Call call(kernel(packs));
    call.bind("x", TensorView::of(x_)).bind("w", TensorView::of(w_)).bind("y", TensorView::of(y_));
    return call;
  }
  // What binding `view` to `tensor` and then checking says.
  std::string bind_error(const std::string& tensor, const TensorView& view, bool packs = false) {
    return error_of([&] { good(packs).bind(tensor, view).check(); }, "`" + tensor + "`");
  }
  TensorView x(std::vector<int64_t> shape, std::vector<int64_t> strides = {}) {
    return {x_.bytes.data(), DType::f32, std::move(shape), std::move(strides), true};
  }
  const tests::TemporaryFolder folder_;
  Array x_, w_, y_;
};

TEST_F(BadCalls, TheGoodCallIsGood) {
  EXPECT_EQ(error_of(
                [&] {
                  good().check();
                  good(true).check();
                },
                ""),
            "no error");
}

TEST_F(BadCalls, Tensors) {
  EXPECT_EQ(error_of([&] { good().bind("z", TensorView::of(x_)); }, "`z`"), "unknown-tensor");
  EXPECT_EQ(error_of(
                [&] {
                  Call call(kernel());
                  call.bind("x", TensorView::of(x_)).bind("y", TensorView::of(y_));
                  call.run();
                },
                "`w`"),
            "tensor-missing");
  EXPECT_EQ(bind_error("x", {nullptr, DType::f32, {3, N}, {}, true}), "tensor-null");
  EXPECT_EQ(bind_error("x", {x_.bytes.data(), DType::bf16, {3, N}, {}, true}), "tensor-dtype");
  EXPECT_EQ(bind_error("x", {x_.bytes.data() + 1, DType::f32, {2, N}, {}, true}), "tensor-misaligned");
  EXPECT_EQ(bind_error("y", TensorView::of(std::as_const(y_))), "tensor-read-only");
}

TEST_F(BadCalls, Shapes) {
  EXPECT_EQ(bind_error("x", x({3 * N})), "tensor-shape");
  EXPECT_EQ(bind_error("x", x({3, N, 1})), "tensor-shape");
  EXPECT_EQ(bind_error("x", x({3, N - 1})), "tensor-shape");
  EXPECT_EQ(bind_error("x", x({0, N})), "dim-conflict");
  EXPECT_EQ(bind_error("x", x({-1, N})), "tensor-shape");
  EXPECT_EQ(bind_error("x", x({INT64_MAX, N})), "tensor-shape");
  EXPECT_EQ(bind_error("w", {w_.bytes.data(), DType::f32, {2, N}, {}, true}, true), "tensor-shape");
  // Of what is packed, the shape is known when it is bound and never again.
  Array long_one = Array::zeros(DType::f32, {N + 1, 2});
  EXPECT_EQ(bind_error("w", TensorView::of(long_one), true), "tensor-shape");
}

TEST_F(BadCalls, Strides) {
  EXPECT_EQ(bind_error("x", x({3, N}, {N})), "tensor-strides");
  EXPECT_EQ(bind_error("x", x({3, N}, {N, 2})), "tensor-strides");
  EXPECT_EQ(bind_error("x", x({3, N}, {-N, 1})), "tensor-strides");
  EXPECT_EQ(bind_error("x", x({3, N}, {INT64_MAX, 1})), "tensor-strides");
  EXPECT_EQ(bind_error("y", {y_.bytes.data(), DType::f32, {3, N}, {N - 1, 1}, true}), "tensor-strides");
  EXPECT_EQ(bind_error("y", {y_.bytes.data(), DType::f32, {3, N}, {0, 1}, true}), "tensor-strides");
}

TEST_F(BadCalls, Overlaps) {
  EXPECT_EQ(bind_error("y", x({3, N})), "tensor-overlap");
  Array both = Array::zeros(DType::f32, {3, 2 * N});
  const TensorView left{both.bytes.data(), DType::f32, {3, N}, {2 * N, 1}, true};
  TensorView right = left;
  right.data = both.as<float>() + N;
  EXPECT_EQ(error_of([&] { good().bind("x", left).bind("y", right).check(); }, ""), "no error");
  right.data = both.as<float>() + N - 1;
  EXPECT_EQ(error_of([&] { good().bind("x", left).bind("y", right).check(); }, "`y`"), "tensor-overlap");
  EXPECT_EQ(error_of([&] { good().bind("x", right).bind("y", left).check(); }, "`x`"), "tensor-overlap");
}

TEST_F(BadCalls, PackedMemory) {
  alignas(64) char memory[256] = {};
  Call call = good(true);
  EXPECT_EQ(error_of([&] { call.bind_packed("w", nullptr, 256); }, "`w`"), "tensor-null");
  EXPECT_EQ(error_of([&] { call.bind_packed("w", memory + 4, 200); }, "`w`"), "tensor-misaligned");
  EXPECT_EQ(error_of([&] { call.bind_packed("w", memory, 63); }, "64 bytes"), "packed-size");
  EXPECT_EQ(error_of([&] { call.pack("w", TensorView::of(w_), memory, 63); }, "64 bytes"), "packed-size");
  EXPECT_EQ(error_of([&] { call.bind_packed("x", memory, 256); }, "`x`"), "packed-size");
  const TensorView inside{memory + 60, DType::f32, {N, 2}, {2, 1}, true};
  EXPECT_EQ(error_of([&] { call.pack("w", inside, memory, 256); }, "packed form of tensor `w` shares memory"), "tensor-overlap");
  call.bind_packed("w", memory, 256);
  const TensorView output{memory + 48, DType::f32, {3, N}, {}, true};
  EXPECT_EQ(error_of([&] { call.bind("y", output).check(); }, "`y`, which kernel `scale` writes, shares memory with tensor `w`"),
            "tensor-overlap");
}

TEST_F(BadCalls, Dims) {
  Array two = Array::zeros(DType::f32, {2, N});
  EXPECT_EQ(bind_error("y", TensorView::of(two)), "dim-conflict");
  EXPECT_EQ(error_of([&] { good().set_dim("T", 4).check(); }, "dimension T"), "dim-conflict");
  EXPECT_EQ(error_of([&] { good().set_dim("T", -1).check(); }, "dimension T"), "dim-range");
  EXPECT_EQ(error_of([&] { good().set_dim("T", INT64_MAX).check(); }, "dimension T"), "dim-range");
  EXPECT_EQ(error_of([&] { good().set_dim("T", int64_t{1} << 31).check(); }, "takes 1 to 2147483647"), "dim-range");
  EXPECT_EQ(error_of([&] { good().set_dim("U", 1); }, "`U`"), "unknown-dim");
  EXPECT_EQ(error_of(
                [&] {
                  Call call(kernel());
                  call.bind("w", TensorView::of(w_));
                  call.infer_dims();
                },
                "dimension T"),
            "dim-missing");
}

TEST_F(BadCalls, Threads) {
  Executor executor(2);
  EXPECT_EQ(error_of([&] { good().run(executor, 3); }, "3 threads"), "thread-count");
  EXPECT_EQ(error_of([&] { good().run(executor, -1); }, "-1 threads"), "thread-count");
}

TEST(BadIsa, IsNamed) {
  setenv("IMBREX_ISA", "avx1024", 1);
  EXPECT_EQ(error_of([] { choose_target(); }, "avx1024"), "unknown-isa");
  setenv("IMBREX_ISA", "scalar", 1);
  EXPECT_EQ(&choose_target(), &target::targets().front());
  unsetenv("IMBREX_ISA");
  EXPECT_EQ(&choose_target(), &target::best_target());
}

}  // namespace
}  // namespace imbrex::runtime

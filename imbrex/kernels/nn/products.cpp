#include "imbrex/kernels/nn/nn.h"

namespace imbrex::kernels::nn {
namespace {

constexpr Int row_tile = 64, column_tile = 64, k_tile = 512;

// a[t, :] . b[:, n], K in a pipeline of two stages.
Tile product(const Tensor& a, const Tensor& b, const Span& t, const Span& n) {
  Tile acc = zeros(f32, {t, n});
  pipeline(2, tiles(a.extent(1), k_tile).named("k"), [&](Span k) { acc += matmul(a(t, k), b(k, n)); });
  return acc;
}

// Calls body for tiles of rows and columns: columns in parallel, so that the rows use the weights while they are in cache.
void by_columns(const std::string& scope, const Dim& T, Int columns, const std::function<void(Span, Span)>& body) {
  parallel(tiles(columns, column_tile).named("n"),
           [&](Span n) { at(scope, [&] { range(tiles(T, row_tile), [&](Span t) { body(t, n); }); }); });
}

}  // namespace

Kernel matmul(Int K, Int N) {
  return kernel("matmul", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor a = k.input("a", bf16, {T, K});
    Tensor b = k.weight("b", bf16, {K, N});
    Tensor c = k.output("c", f32, {T, N});
    by_columns("matmul", T, N, [&](Span t, Span n) { c(t, n) = product(a, b, t, n); });
  });
}

Kernel gemm_bias_silu(Int K, Int N) {
  return kernel("gemm_bias_silu", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor a = k.input("a", bf16, {T, K});
    Tensor b = k.weight("b", bf16, {K, N});
    Tensor bias = k.input("bias", f32, {N});
    Tensor c = k.output("c", bf16, {T, N});
    by_columns("gemm", T, N, [&](Span t, Span n) {
      Tile v = (product(a, b, t, n) + bias(n)).named("v");
      c(t, n) = cast(v / (1 + exp(-v)), bf16, rint);
    });
  });
}

Kernel projections(Int D, Int N, Int M) {
  return kernel("projections", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", bf16, {T, D});
    Tensor wq = k.weight("wq", bf16, {D, N}), wk = k.weight("wk", bf16, {D, M}), wv = k.weight("wv", bf16, {D, M});
    Tensor q = k.output("q", bf16, {T, N}), key = k.output("k", bf16, {T, M}), v = k.output("v", bf16, {T, M});
    by_columns("project_q", T, N, [&](Span t, Span n) { q(t, n) = cast(product(x, wq, t, n), bf16, rint); });
    by_columns("project_k", T, M, [&](Span t, Span n) { key(t, n) = cast(product(x, wk, t, n), bf16, rint); });
    by_columns("project_v", T, M, [&](Span t, Span n) { v(t, n) = cast(product(x, wv, t, n), bf16, rint); });
  });
}

}  // namespace imbrex::kernels::nn

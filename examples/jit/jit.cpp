// A kernel of one's own, compiled when the program runs: rows are normalized and multiplied by a weight that is packed once. The
// C++ compiler of the machine makes the code ($IMBREX_CXX, else $CXX, else c++), which is kept in a cache.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "imbrex/language/language.h"
#include "imbrex/runtime/kernel.h"

using namespace imbrex;

namespace {

Kernel normalized_product(Int inner, Int columns) {
  return kernel("normalized_product", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 64});  // any number of rows, decided when it is called
    Tensor x = k.input("x", f32, {T, inner}), w = k.weight("w", f32, {inner, columns}), y = k.output("y", f32, {T, columns});
    parallel(tiles(T, 16), [&](Span t) {
      Tile v = x(t, all);
      Tile inverse = 1.0f / sqrt(row_sum(v * v) * (1.0f / inner) + 1e-6f);
      y(t, all) = matmul(v * inverse, w(all, all));
    });
  });
}

}  // namespace

int main() try {
  constexpr int64_t rows = 5, inner = 48, columns = 32, wide = 64;  // x is a slice of wider activations
  std::vector<float> activations(rows * wide), weight(columns * inner), y(rows * columns);
  for (size_t i = 0; i < activations.size(); ++i) activations[i] = static_cast<float>(i % 7) - 3;
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = 0.25f * static_cast<float>(i % 5) - 0.5f;
  const std::vector<float>& x = activations;  // what is only read may be const

  const runtime::CompiledKernel compiled = runtime::compile(normalized_product(inner, columns).program());
  runtime::Call call(compiled);
  call.bind("x", runtime::TensorView::of(x.data(), f32, {rows, inner}, {wide, 1}));
  call.bind("w", runtime::TensorView::of(weight.data(), f32, {columns, inner}).transposed());  // stored as [out, in]; packed here
  call.bind("y", runtime::TensorView::of(y.data(), f32, {rows, columns}));
  call.run();  // every mistake before is an error that names the tensor

  double worst = 0;
  for (int64_t r = 0; r < rows; ++r) {
    double squares = 0;
    for (int64_t k = 0; k < inner; ++k) squares += std::pow(x[static_cast<size_t>(r * wide + k)], 2);
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < inner; ++k)
        sum += static_cast<double>(x[static_cast<size_t>(r * wide + k)]) * weight[static_cast<size_t>(c * inner + k)];
      const double expected = sum / std::sqrt(squares / inner + 1e-6);
      worst = std::fmax(worst, std::fabs(y[static_cast<size_t>(r * columns + c)] - expected));
    }
  }
  std::printf("jit: %s, %s, %s\n", compiled.table().name, compiled.table().isa, worst < 1e-4 ? "as expected" : "wrong");
  return worst < 1e-4 ? 0 : 1;
} catch (const UserError& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

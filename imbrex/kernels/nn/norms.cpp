#include "imbrex/kernels/nn/nn.h"

namespace imbrex::kernels::nn {
namespace {
constexpr Int row_tile = 16, column_tile = 512;
}

Kernel rms_norm(Int D, float eps) {
  return kernel("rms_norm", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", bf16, {T, D});
    Tensor w = k.input("w", f32, {D});
    Tensor y = k.output("y", bf16, {T, D});
    parallel(tiles(T, row_tile), [&](Span t) {
      at("rms_norm", [&] {
        Tile sum = zeros(f32, {t, 1});
        range(tiles(D, column_tile).named("d"), [&](Span d) {
          Tile v = cast(x(t, d), f32).named("v");
          sum += row_sum(v * v);
        });
        Tile inv = (1.0f / sqrt(sum * (1.0f / D) + eps)).named("inv");
        range(tiles(D, column_tile).named("d_apply"),
              [&](Span d) { y(t, d) = cast(cast(x(t, d), f32) * inv * w(d), bf16, rint); });
      });
    });
  });
}

Kernel layer_norm(Int D, float eps) {
  return kernel("layer_norm", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", bf16, {T, D});
    Tensor w = k.input("w", f32, {D});
    Tensor b = k.input("b", f32, {D});
    Tensor y = k.output("y", bf16, {T, D});
    parallel(tiles(T, row_tile), [&](Span t) {
      at("layer_norm", [&] {
        Tile v = cast(x(t, all), f32).named("v");
        Tile mean = (row_sum(v) * (1.0f / D)).named("mean");
        Tile centered = (v - mean).named("centered");
        Tile inv = (1.0f / sqrt(row_sum(centered * centered) * (1.0f / D) + eps)).named("inv");
        y(t, all) = cast(centered * inv * w(all) + b(all), bf16, rint);
      });
    });
  });
}

Kernel softmax(Int D) {
  return kernel("softmax", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", f32, {T, D});
    Tensor y = k.output("y", f32, {T, D});
    parallel(tiles(T, row_tile), [&](Span t) {
      at("softmax", [&] {
        Tile v = Tile(x(t, all)).named("v");
        Tile p = exp(v - row_max(v)).named("p");
        y(t, all) = p / row_sum(p);
      });
    });
  });
}

}  // namespace imbrex::kernels::nn

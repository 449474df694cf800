#include "imbrex/kernels/nn/nn.h"

namespace imbrex::kernels::nn {
namespace {

constexpr Int row_tile = 16;

// Declares the tensors of a rotation and calls body for tiles of the rows of each head.
template <class Body>
Kernel rope(const std::string& name, Int H, Int D, const Body& body) {
  return kernel(name, [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", bf16, {T, H, D});
    Tensor cosine = k.input("cosine", f32, {T, D / 2});
    Tensor sine = k.input("sine", f32, {T, D / 2});
    Tensor y = k.output("y", bf16, {T, H, D});
    parallel(Range(H).named("h"), [&](Index h) {
      at(name, [&] {
        range(tiles(T, row_tile), [&](Span t) {
          Tile c = Tile(cosine(t, all)).named("c"), s = Tile(sine(t, all)).named("s");
          body(x, y, t, h, c, s);
        });
      });
    });
  });
}

}  // namespace

Kernel rope_interleaved(Int H, Int D) {
  return rope("rope_interleaved", H, D,
              [](const Tensor& x, const Tensor& y, const Span& t, const Index& h, const Tile& c, const Tile& s) {
                Tile v = cast(x(t, h, all), f32).named("v");
                Tile e = even(v).named("e"), o = odd(v).named("o");
                y(t, h, all) = cast(interleave(e * c - o * s, e * s + o * c), bf16, rint);
              });
}

Kernel rope_half_split(Int H, Int D) {
  return rope("rope_half_split", H, D,
              [D](const Tensor& x, const Tensor& y, const Span& t, const Index& h, const Tile& c, const Tile& s) {
                const Span low = span(0, D / 2), high = span(D / 2, D / 2);
                Tile a = cast(x(t, h, low), f32).named("a"), b = cast(x(t, h, high), f32).named("b");
                y(t, h, low) = cast(a * c - b * s, bf16, rint);
                y(t, h, high) = cast(a * s + b * c, bf16, rint);
              });
}

Kernel quantize_rows(Int D) {
  return kernel("quantize_rows", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", bf16, {T, D});
    Tensor y = k.output("y", int8, {T, D});
    Tensor scale = k.output("scale", f32, {T, 1});
    parallel(tiles(T, row_tile), [&](Span t) {
      at("quantize_rows", [&] {
        Tile v = cast(x(t, all), f32).named("v");
        Tile quant = (127.0f / max(row_max(abs(v)), 1e-4f)).named("quant");
        scale(t, all) = 1.0f / quant;
        y(t, all) = cast(v * quant, int8, rint);
      });
    });
  });
}

}  // namespace imbrex::kernels::nn

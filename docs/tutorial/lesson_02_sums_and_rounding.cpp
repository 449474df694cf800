// Lesson 2: a reduction over chunks is one reduction, and a cast happens where it is written.
//
// Two kernels that normalize rows of bf16. One reads each row whole, the other in chunks of 64 columns. `sum += row_sum(v)`
// continues the sum that `sum` holds, so that both give the same bits: chunking is no part of the meaning.
#include <cstdio>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/language/language.h"

using namespace imbrex;

Kernel rms_norm(Int D, Int chunk) {
  return kernel("rms_norm", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", bf16, {T, D});
    Tensor y = k.output("y", bf16, {T, D});
    parallel(tiles(T, 16), [&](Span t) {
      at("rms_norm", [&] {
        Tile sum = zeros(f32, {t, 1});
        range(tiles(D, chunk), [&](Span d) {
          Tile v = cast(x(t, d), f32);
          sum += row_sum(v * v);
        });
        Tile inv = 1.0f / sqrt(sum * (1.0f / D) + 1e-6f);
        // To bf16 values are rounded, so the mode is written; from bf16 to f32 nothing changes, and none is needed.
        range(tiles(D, chunk), [&](Span d) { y(t, d) = cast(cast(x(t, d), f32) * inv, bf16, rint); });
      });
    });
  });
}

int main() {
  const int64_t T = 5, D = 300;
  Array x = Array::zeros(bf16, {T, D});
  for (int64_t i = 0; i < T * D; ++i) x.as<uint16_t>()[i] = static_cast<uint16_t>(0x3f80 + (i * 37) % 200);  // 1.0 to 4.1

  std::map<std::string, Array> whole = {{"x", x}}, chunked = {{"x", x}};
  interpret::run(rms_norm(D, D).program(), {{"T", T}}, whole);
  interpret::run(rms_norm(D, 64).program(), {{"T", T}}, chunked);
  if (whole.at("y").bytes != chunked.at("y").bytes) return 1;
  std::puts("whole rows and chunks of 64 columns: the same bits");
}

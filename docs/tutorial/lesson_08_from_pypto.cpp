// Lesson 8: porting a kernel that is written in PyPTO's vocabulary. docs/vocabulary.md has the whole table.
//
// Rows to int8 with a scale each. In words of that vocabulary, one scope per step with hand-cut tiles of 16 rows:
//
//   for each block of 16 rows, in parallel:
//     in-core scope:  load the block; abs; row_max; maximum with 1e-4        -> amax   [16, 1]
//                     127 * recip(amax)                                      -> quant  [16, 1]
//                     row_expand_mul(block, quant); cast to int32 by rint, then to int8; assemble into q
//                     recip(quant); assemble into scale
//
// What changes: a tile is an expression, so that row_expand_mul is `*`; a subscript loads and stores; tiles(T, 16) has no tail to
// pad; a cast to int8 saturates, so that the detour through int32 can go or stay (it rounds once: the bits are the same).
#include <cstdio>

#include "imbrex/language/language.h"
#include "imbrex/prove/prove.h"
#include "imbrex/runtime/kernel.h"

using namespace imbrex;

Kernel quantize_rows(Int D) {
  return kernel("quantize_rows", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", f32, {T, D});
    Tensor q = k.output("q", int8, {T, D}), scale = k.output("scale", f32, {T, 1});
    parallel(tiles(T, 16), [&](Span t) {
      at("quantize", [&] {
        Tile block = x(t, all);
        Tile quant = 127 * recip(max(row_max(abs(block)), 1e-4f));
        q(t, all) = cast(cast(block * quant, int32, rint), int8, trunc);
        scale(t, all) = recip(quant);
      });
    });
  });
}

int main() {
  const Kernel kernel = quantize_rows(100);
  prove::prove_or_throw(kernel.program());  // every row, for every T; no two blocks share memory
  const int64_t T = 17;
  std::map<std::string, Array> tensors = {{"x", Array::zeros(f32, {T, 100})}};
  for (int64_t i = 0; i < T * 100; ++i) tensors.at("x").as<float>()[i] = static_cast<float>(i % 100 - 50);  // -50 to 49
  runtime::run(runtime::compile(kernel.program()), {{"T", T}}, tensors);
  const int8_t* last_row = tensors.at("q").as<int8_t>() + 16 * 100;
  std::printf("-50 becomes %d, 25 becomes %d, with scale %g\n", last_row[0], last_row[75],
              static_cast<double>(tensors.at("scale").as<float>()[16]));
  return last_row[0] == -127 && last_row[75] == 64 ? 0 : 1;  // 63.5 goes to the even neighbour
}

// Lesson 6: write scopes one after the other; the optimizer fuses them, and the compiled kernel gives the interpreter's bits.
//
// A product, then bias and relu, through a tensor in memory. Nothing here says how the two are to be joined, which tiles the
// product is to use or how its weight is to be packed. `imbrex explain` says for a registered kernel what this program prints.
#include <cstdio>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/print.h"
#include "imbrex/language/language.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/runtime/kernel.h"

using namespace imbrex;

Kernel linear_relu(Int K, Int N) {
  return kernel("linear_relu", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor a = k.input("a", bf16, {T, K}), w = k.weight("w", bf16, {K, N}), bias = k.input("bias", f32, {N});
    Tensor y = k.output("y", bf16, {T, N});
    Tensor product = create_tensor("product", f32, {T, N});
    parallel(tiles(N, 64), [&](Span n) {
      at("product", [&] {
        Tile acc = zeros(f32, {T, n});
        pipeline(2, tiles(K, 128), [&](Span d) { acc += matmul(a(all, d), w(d, n)); });  // matmul_acc: one sum over all of K
        product(all, n) = acc;
      });
    });
    parallel(tiles(T, 16),
             [&](Span t) { at("bias_relu", [&] { y(t, all) = cast(max(product(t, all) + bias(all), 0), bf16, rint); }); });
  });
}

int main() {
  const Kernel written = linear_relu(256, 192);
  const optimize::Optimized optimized = optimize::optimize(written.program());
  std::puts(ir::print(optimized.program).c_str());  // the optimized kernel, as a tile program
  std::printf("%d scopes became %d\n", optimized.scopes_before, optimized.scopes_after);
  if (!optimized.is_scheduled || optimized.scopes_after >= optimized.scopes_before || optimized.dropped.empty()) return 1;

  const int64_t T = 37;
  std::map<std::string, Array> tensors = {
      {"a", Array::zeros(bf16, {T, 256})}, {"w", Array::zeros(bf16, {256, 192})}, {"bias", Array::zeros(f32, {192})}};
  for (const char* name : {"a", "w"})
    for (int64_t i = 0; i < tensors.at(name).size(); ++i)  // 0.5 to 2, of either sign
      tensors.at(name).as<uint16_t>()[i] = static_cast<uint16_t>((i % 3 ? 0x3f00 : 0xbf00) + i * 89 % 256);
  std::map<std::string, Array> interpreted = tensors;
  interpret::run(written.program(), {{"T", T}}, interpreted);
  runtime::run(runtime::compile(written.program()), {{"T", T}}, tensors);
  if (tensors.at("y").bytes != interpreted.at("y").bytes) return 1;
  std::puts("compiled for this machine: the bits of the interpreter");
}

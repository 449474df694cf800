// Lesson 1: a kernel is a C++ function that records a program, and the program can be printed and run.
//
// y = a * x + y for vectors of any length n. x(i) with a span `i` is a slice: used as a value it is loaded, assigned to it is
// stored. tiles(n, 16) covers n exactly: the last span may be shorter, so nothing has to be rounded up.
#include <cstdio>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/print.h"
#include "imbrex/language/language.h"

using namespace imbrex;

Kernel axpy(float a) {
  return kernel("axpy", [&](Builder& k) {
    Dim n = k.dim("n", {.typical = 1000});
    Tensor x = k.input("x", f32, {n});
    Tensor y = k.inout("y", f32, {n});
    parallel(tiles(n, 16).named("i"), [&](Span i) { y(i) = a * x(i) + y(i); });
  });
}

int main() {
  const Kernel k = axpy(2);
  std::puts(ir::print(k.program()).c_str());

  // The interpreter is what the language means. It takes dimensions and arrays by name.
  std::map<std::string, Array> tensors = {{"x", Array::zeros(f32, {37})}, {"y", Array::zeros(f32, {37})}};
  for (int i = 0; i < 37; ++i) {
    tensors.at("x").as<float>()[i] = static_cast<float>(i);
    tensors.at("y").as<float>()[i] = 1;
  }
  interpret::run(k.program(), {{"n", 37}}, tensors);
  for (int i = 0; i < 37; ++i)
    if (tensors.at("y").as<float>()[i] != static_cast<float>(2 * i + 1)) return 1;
  std::puts("y[36] = 73, as it should be");
}

// Lesson 3: what cannot be right does not become a program. Errors name your line, your tensors and the repair.
#include <cstdio>
#include <cstring>

#include "imbrex/language/language.h"

using namespace imbrex;

// The most common first bug: `row = ...` gives the variable another value and stores nothing.
Kernel stores_nothing() {
  return kernel("stores_nothing", [&](Builder& k) {
    Dim T = k.dim("T");
    Tensor x = k.input("x", f32, {T, 64}), y = k.output("y", f32, {T, 64});
    parallel(tiles(T, 8), [&](Span t) {
      Tile row = x(t, all);
      row = row * 2;  // meant: y(t, all) = row * 2;
    });
  });
}

// A value that iterations of a parallel loop hand to each other.
Kernel carries_a_sum() {
  return kernel("carries_a_sum", [&](Builder& k) {
    Dim T = k.dim("T");
    Tensor x = k.input("x", f32, {T, 64}), y = k.output("y", f32, {1, 64});
    Tile sum = zeros(f32, {1, 64});
    parallel(tiles(T, 8), [&](Span t) { sum += col_sum(x(t, all)); });  // meant: range
    y(0, all) = sum;
  });
}

int main() {
  int told = 0;
  for (Kernel (*make)() : {stores_nothing, carries_a_sum}) {
    try {
      make();
    } catch (const UserError& error) {
      std::puts(error.what());
      ++told;
    }
  }
  return told == 2 ? 0 : 1;
}

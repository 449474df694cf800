// How much an instruction does at most: it runs from registers, in twelve chains that cover its latency. Measures of a machine
// are made of this (tools/probes.h), generated code never.
//
// A header gives a function peak_<unit> for each unit that the table of targets lists (target/target.h), and peak_vector for f32
// operations element by element. What it runs is a struct: Operand and Sum (of registers), operand, zero, hide (from the
// compiler, which would compute the sum ahead, or drop it), step, and kOfStep: how many multiply-adds, or operations, a step is.
#pragma once

#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

// Any bits, because the power that a multiplication takes, and so a clock, depends on them; as f32 and bf16 from 1/2 to 1, so
// that no sum overflows.
struct OperandBytes {
  alignas(64) uint8_t any[1024];
  alignas(64) uint8_t floats[1024];
  constexpr OperandBytes() : any(), floats() {
    uint32_t state = 1;
    for (int i = 0; i < 1024; ++i) {
      state = state * 1664525u + 1013904223u;
      any[i] = static_cast<uint8_t>(state >> 24);
      // The high byte of each half is an exponent; the top bit of the low one belongs to it.
      floats[i] = static_cast<uint8_t>(i % 2 == 1 ? 0x3f : any[i] & 0x7f);
    }
  }
};
constexpr OperandBytes kOperandBytes;

template <class Instruction>
inline double peak(int64_t steps) {
  using Sum = typename Instruction::Sum;
  typename Instruction::Operand a = Instruction::operand();
  Instruction::hide(a);
  Sum c0 = Instruction::zero(), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0, c8 = c0, c9 = c0, c10 = c0,
      c11 = c0;
  const auto step = [&](Sum & c) __attribute__((always_inline)) {
    Instruction::hide(a);  // a product of operands that stay the same would be computed once, before the loop
    c = Instruction::step(c, a);
    Instruction::hide(c);
  };
  for (int64_t s = 0; s < steps; ++s) {
    step(c0), step(c1), step(c2), step(c3), step(c4), step(c5);
    step(c6), step(c7), step(c8), step(c9), step(c10), step(c11);
  }
  return 12.0 * Instruction::kOfStep * static_cast<double>(steps);
}

// Returns what was done. Templates, so that a file pays only for what it calls.
#define IMBREX_PEAK(name, Instruction)       \
  template <int = 0>                         \
  inline double peak_##name(int64_t steps) { \
    return peak<Instruction>(steps);         \
  }

}  // namespace
}  // namespace imbrex::isa

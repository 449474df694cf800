// The names of architecture.h for aarch64.
#pragma once

namespace imbrex::isa {
namespace {

IMBREX_OP float sqrt_(float a) { return __builtin_sqrtf(a); }  // errno is nobody's: -fno-math-errno
// Written out: in C++ a conversion of what is no int32 means nothing.
IMBREX_OP int32_t truncated(float x) {
  int32_t result;
  __asm__("fcvtzs %w0, %s1" : "=r"(result) : "w"(x));
  return result;
}

struct FloatState {
  uint64_t control, status;  // FPCR, FPSR
};
constexpr FloatState kPlainFloatState = {0, 0};
inline FloatState float_state() {
  FloatState state;
  __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(state.control), "=r"(state.status) : : "memory");
  return state;
}
inline void set_float_state(FloatState state) {
  __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(state.control), "r"(state.status) : "memory");
}

constexpr int64_t kLineBytes = 64;
inline void finish_streams() {}  // no store here leaves the order that waiting needs
inline void relax() { __asm__ volatile("yield"); }
inline void hide_from_compiler(float& x) { __asm__ volatile("" : "+w"(x)); }

}  // namespace
}  // namespace imbrex::isa

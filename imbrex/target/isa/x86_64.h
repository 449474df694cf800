// The names of architecture.h for x86-64.
#pragma once

#include <emmintrin.h>

namespace imbrex::isa {
namespace {

IMBREX_OP float sqrt_(float a) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); }
IMBREX_OP int32_t truncated(float x) { return _mm_cvttss_si32(_mm_set_ss(x)); }

using FloatState = unsigned;  // MXCSR
constexpr FloatState kPlainFloatState = 0x1f80;
inline FloatState float_state() { return _mm_getcsr(); }
inline void set_float_state(FloatState state) { _mm_setcsr(state); }

// Subnormal operands and tiny results are zero (FTZ and DAZ) for as long as it lives: of products.
class FlushToZero {
 public:
  FlushToZero() : caller_(float_state()) { set_float_state(caller_ | 0x8040); }
  ~FlushToZero() { set_float_state(caller_); }
  FlushToZero(const FlushToZero&) = delete;
  FlushToZero& operator=(const FlushToZero&) = delete;

 private:
  FloatState caller_;
};

constexpr int64_t kLineBytes = 64;
inline void finish_streams() { _mm_sfence(); }
inline void relax() { _mm_pause(); }
inline void hide_from_compiler(float& x) { __asm__ volatile("" : "+x"(x)); }

}  // namespace
}  // namespace imbrex::isa

// What processors of unlike architecture do in their own way though no vector is involved, under one name each. The header of the
// architecture that a file is compiled for defines:
//
//   sqrt_(float), truncated(float)     one instruction each (lane.h says what they give)
//   FloatState                         the calling thread's rounding, flushing and exception flags, as read by float_state() and
//                                      put back by set_float_state(); kPlainFloatState: to nearest even, subnormals kept,
//                                      nothing trapped
//   kLineBytes                         of a cache line
//   finish_streams()                   makes stores past the caches visible to who waits for this thread
//   relax()                            a moment's rest for a thread that asks again and again
//   hide_from_compiler(float&)         it knows nothing of the value from then on
#pragma once

#include <stdint.h>

#define IMBREX_OP inline __attribute__((always_inline))

#if defined(__x86_64__)
#include "imbrex/target/isa/x86_64.h"
#elif defined(__aarch64__)
#include "imbrex/target/isa/aarch64.h"
#else
#error "Imbrex generates code for x86-64 and aarch64"
#endif

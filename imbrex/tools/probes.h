// What this machine could do at best, measured beside a kernel: nothing compared across runs of the program means much on a
// machine that is shared.
#pragma once

#include <cstdint>

#include "imbrex/runtime/executor.h"

namespace imbrex::tools {

// One run of `int8` and `bf16` multiply-adds from registers on `threads` threads, with the best dot-product instructions that the
// machine has. Seconds.
double time_peak(runtime::Executor& executor, int threads, double int8_multiply_adds, double bf16_multiply_adds);

// One run of reading `bytes` (rounded down to 4 KiB for each thread) from `memory` once. Seconds.
double time_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes);

// What `imbrex calibrate` times besides. Multiplications and additions of f32 in registers, as many in all, with the widest
// vectors; and each thread reading its part of `bytes`, `times` times over. Seconds.
double time_vector_operations(runtime::Executor& executor, int threads, double operations);
double time_repeated_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes, int64_t times);

// Streams 192 MiB through the caches, so that the next run finds nothing there.
void evict_caches(runtime::Executor& executor, int threads);

}  // namespace imbrex::tools

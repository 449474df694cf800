// What `imbrex calibrate` times beside the probes of a benchmark (probes.h).
#pragma once

#include <cstdint>

#include "imbrex/runtime/executor.h"

namespace imbrex::tools {

// Multiplications and additions of f32 in registers, as many in all, with the widest vectors that the machine has. Seconds.
double time_vector_operations(runtime::Executor& executor, int threads, double operations);

// Each thread reads its part of `bytes` from `memory`, `times` times over. Seconds.
double time_repeated_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes, int64_t times);

}  // namespace imbrex::tools

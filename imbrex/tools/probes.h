// What this machine could do at best, measured beside a kernel: nothing compared across runs of the program means much on a
// machine that is shared.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "imbrex/runtime/executor.h"
#include "imbrex/target/target.h"

namespace imbrex::tools {

// Multiply-adds of products, by target::Product.
using ProductWork = std::array<double, target::kProductCount>;

// The fastest of a target's units for a product: tried once a process. The target is one that this machine runs.
const target::Unit& fastest_unit(const target::Target& target, target::Product product);

// One run of these multiply-adds from registers on `threads` threads, each product on the target's fastest unit for it. Seconds.
double time_peak(runtime::Executor& executor, int threads, const target::Target& target, const ProductWork& work);

// One run of reading `bytes` (rounded down to 4 KiB for each thread) from `memory` once. Seconds.
double time_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes);

// What `imbrex calibrate` measures besides, on one thread. Multiply-adds per second of a product kernel of a target, its operands
// in the L2 cache; multiplications and additions of f32 in registers per second, as many of each. The best of several runs.
double product_kernel_rate(const target::Target& target, const target::ProductKernel& kernel);
double vector_rate(const target::Target& target);
// One thread reads `bytes`, which stay in a near cache, `times` times over. Seconds.
double time_repeated_reading(const void* memory, int64_t bytes, int64_t times);

// Streams so many bytes through the caches that the next run finds nothing there: twice the L3 cache, which may be the whole
// processor's though this machine is a part of it, but at least 192 MiB and at most an eighth of the memory.
void evict_caches(runtime::Executor& executor, int threads);
int64_t evicted_bytes();

}  // namespace imbrex::tools

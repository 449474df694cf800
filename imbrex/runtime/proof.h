// Nothing is compiled that is not proven. Verdicts are kept beside the compiled kernels, so that a program is proven once:
//
//   <cache root>/proofs/<64 hex digits>   one for each program and prover: the text of the verdict and its SHA-256
//
// What is damaged, or cannot be written, costs a proof and nothing else. Only success is kept: what fails is proven again,
// because its messages name lines, which are no part of what identifies a program.
#pragma once

#include "imbrex/ir/program.h"
#include "imbrex/runtime/cache.h"

namespace imbrex::runtime {

struct Proof {
  bool from_cache = false;
  double seconds = 0;
};

// Proves a verified program for every value of its dimensions, or throws UserError with all errors.
Proof require_proof(const ir::Program& program, const CacheOptions& cache);

}  // namespace imbrex::runtime

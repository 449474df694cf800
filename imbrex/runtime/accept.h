// One verdict on a program, whoever asks: every command and every way to call takes what passes here, and nothing else.
//
//   it verifies, each annotation exists, it is proven, and code can be generated for its loops as they are
//   written
//
// Verdicts are kept beside the compiled kernels, so that a program is judged once:
//
//   <cache root>/proofs/<64 hex digits>   one for each program and judge: the text of the verdict and its SHA-256
//
// What is damaged, or cannot be written, costs a proof and nothing else. Only success is kept: what fails is judged again,
// because its messages name lines, which are no part of what identifies a program.
#pragma once

#include "imbrex/ir/program.h"
#include "imbrex/prove/prove.h"
#include "imbrex/runtime/cache.h"

namespace imbrex::runtime {

struct Proof {
  bool from_cache = false;
  double seconds = 0;
};

// Accepts a program for every value of its dimensions, or throws UserError with all errors.
Proof require_accepted(const ir::Program& program, const CacheOptions& cache);

// The prover's report with what else is wrong among its diagnostics. UserError where the program does not verify.
prove::Report judge(const ir::Program& program, const prove::Options& options = {});

// All but the proof: for who asks to run without it. UserError.
void require_accepted_unproven(const ir::Program& program);

}  // namespace imbrex::runtime

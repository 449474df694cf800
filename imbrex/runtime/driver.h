// The one way from a tile program to C++: every command and every way to call goes it. driver.cpp is its steps from top to bottom;
// each is a function with a header of its own.
//
//   a program is recorded from C++ (language/) or parsed from text (ir/parse.h)
//     verified            ir/verify.h                 it means something
//     annotations, tiles  optimize/check_annotations.h, prove/tile_limits.h
//     proven              prove/prove.h               or a verdict that was kept (verdicts.h)
//     optimized           optimize/optimize.h         or, as written, its author's loops (optimize/pipeline.h)
//     proven again
//     planned             plan/make_plan.h            for one machine
//     printed             codegen/generate.h
//   the C++ is compiled and loaded (kernel.h, jit.h) or written into a folder (aot.h)
#pragma once

#include <string>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/ir/program.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/plan/plan.h"
#include "imbrex/prove/prove.h"
#include "imbrex/runtime/cache.h"
#include "imbrex/target/rates.h"

namespace imbrex::runtime {

// ---- what may be translated

struct Proof {
  bool from_cache = false;
  double seconds = 0;
};

// The prover's report with what else is wrong among its diagnostics. UserError where the program does not verify.
prove::Report judge(const ir::Program& program, const prove::Options& options = {});
// Accepts a program for every value of its dimensions, or throws UserError with all errors. Whoever asks, the verdict is the same.
Proof require_accepted(const ir::Program& program, const CacheOptions& cache);
// All but the proof: for who asks to run without it. UserError.
void require_accepted_unproven(const ir::Program& program);

// ---- the whole way

struct TranslateOptions {
  target::Machine machine;  // that the program is optimized, planned and printed for
  bool optimize = true;
  bool taps = false;  // tap(name, tile) will be called: then the tiles are those that the author wrote
  bool prove = true;
  CacheOptions cache = {};  // where verdicts are kept
};

struct Translation {
  Proof proof;                    // of what the author wrote; none if it was not asked for
  Proof optimized_proof;          // of what the optimizer made of it: always, where it is used
  optimize::Optimized optimized;  // what the plan is of; the author's loops where it is not scheduled
  plan::Plan plan;
  std::string source;  // C++

  const ir::Program& program() const { return optimized.program; }
  bool is_optimized() const { return optimized.is_scheduled; }
};

// UserError where the program is not accepted.
Translation translate(const ir::Program& program, const TranslateOptions& options);

// A line of the C++, with the lines of the text of what it was planned from (ir/print.h), counted from 1, that it is written for.
struct GeneratedLine {
  std::string text;
  std::vector<int> program_lines;
};
// The C++ of a translation without taps.
std::vector<GeneratedLine> generated_lines(const Translation& translation, const target::Machine& machine);

}  // namespace imbrex::runtime

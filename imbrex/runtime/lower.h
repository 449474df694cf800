// From what an author wrote to what code is generated from: verified and proven, then optimized where that is possible, and
// verified and proven again.
#pragma once

#include <string>

#include "imbrex/base/error.h"
#include "imbrex/ir/program.h"
#include "imbrex/optimize/defects.h"
#include "imbrex/runtime/accept.h"
#include "imbrex/target/rates.h"

namespace imbrex::runtime {

struct LowerOptions {
  target::Machine machine;  // that the optimized program is made for
  bool optimize = true;
  bool taps = false;  // tap(name, tile) will be called: then the tiles are those that the author wrote
  bool prove = true;
  CacheOptions cache = {};  // where verdicts are kept
};

struct Lowered {
  ir::Program program;
  bool is_optimized = false;
  // Why it is as written, and what in the source made it so.
  std::string reason;
  SourceLine where;
  std::vector<Diagnostic::Note> kept;  // what stays as its author wrote it where the rest is optimized, and why
  Proof proof;                         // of what the author wrote; none if it was not asked for
  Proof optimized_proof;               // of what the optimizer made of it: always, where it is used
  optimize::Defects defects;           // of the optimizer, which the author's loops stand in for
};

// UserError where the program is not accepted (accept.h).
Lowered lower(const ir::Program& program, const LowerOptions& options);

}  // namespace imbrex::runtime

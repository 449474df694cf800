// Verdicts are kept beside the compiled kernels, so that a program is judged once:
//
//   <cache root>/proofs/<64 hex digits>   one for each program and judge: the text of the verdict and its SHA-256
//
// What is damaged, or cannot be written, costs a proof and nothing else. Only success is kept: what fails is judged again,
// because its messages name lines, which are no part of what identifies a program.
#pragma once

#include <string>

#include "imbrex/ir/program.h"
#include "imbrex/runtime/cache.h"

namespace imbrex::runtime {

// That a program is accepted, by the judge that this build is.
class Verdict {
 public:
  Verdict(const ir::Program& program, const CacheOptions& options);
  bool is_kept() const;
  void keep() const;

 private:
  Cache cache_;
  std::string text_, key_;
};

}  // namespace imbrex::runtime

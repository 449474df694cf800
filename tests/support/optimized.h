// The optimizer as every test calls it: where it fails, the author's loops stand in and nobody else would notice.
#pragma once

#include <gtest/gtest.h>

#include "imbrex/ir/print.h"
#include "imbrex/optimize/optimize.h"

namespace imbrex::test {

// What tests make programs for, so that these are the same everywhere.
inline target::Machine one_machine() { return *target::target_named("avx512"); }

inline optimize::Optimized optimized(const ir::Program& program, const optimize::Machine& machine = one_machine()) {
  optimize::Optimized result = optimize::optimize(program, machine);
  for (const optimize::Defect& defect : result.defects)
    ADD_FAILURE() << optimize::text_of(defect) << "\n"
                  << defect.where.file << ":" << defect.where.line << "\n"
                  << ir::print(program);
  return result;
}

}  // namespace imbrex::test

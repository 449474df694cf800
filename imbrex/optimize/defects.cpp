#include "imbrex/optimize/defects.h"

#include <fmt/format.h>

#include "imbrex/ir/verify.h"

namespace imbrex::optimize {

ir::Program verified(ir::Program program) {
  if (const std::vector<Diagnostic> findings = ir::verify(program); !findings.empty())
    throw InternalError(fmt::format("the program that it makes does not verify: {}", findings[0].message));
  return program;
}

std::string text_of(const Defect& defect) {
  return fmt::format("a defect of Imbrex, which costs speed alone: {}: {}", defect.pass, defect.happened);
}

}  // namespace imbrex::optimize

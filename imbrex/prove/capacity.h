// On-chip memory: each scope's high-water mark in each memory of the target, by lifetime, against its capacity ("over-capacity"),
// and the sum without reuse. docs/capacity.md has the model. Where a dimension is open, the row says up to which value of it the
// scope fits; on the host capacities are advice, never errors.
#pragma once

#include "imbrex/prove/access.h"
#include "imbrex/prove/simplify.h"
#include "imbrex/prove/subject.h"

namespace imbrex::prove {

Findings check_capacity(const ir::Program& program, const Accesses& accesses, const Options& options,
                        const Simplifier& simplified, std::vector<ScopeRow>& scopes);

}  // namespace imbrex::prove

// What each scope moves and computes in one run of the kernel, as expressions over the dimensions: bytes read from and written to
// GM (every load issued, cached or not), operations, executions of the scope (tasks), and on machines where cube and vector units
// exchange tiles through GM, those bytes. Where a count depends on conditions that no constant decides, it is "at most".
#pragma once

#include "imbrex/prove/prove.h"
#include "imbrex/prove/simplify.h"

namespace imbrex::prove {

// Adds to the rows in `scopes` of the same label (scope_labels.h), or makes them, in program order.
void measure_traffic(const ir::Program& program, const Options& options, const Simplifier& simplified,
                     std::vector<ScopeRow>& scopes);
// Scopes of one name together.
void measure_traffic_by_name(const ir::Program& program, const Options& options, std::vector<ScopeRow>& scopes);

// The row of this name, made at the end if there is none.
ScopeRow& row_named(std::vector<ScopeRow>& scopes, const std::string& name, const SourceLine& where);
// What is outside every `at`.
inline constexpr const char* kOutsideScopes = "(outside scopes)";

}  // namespace imbrex::prove

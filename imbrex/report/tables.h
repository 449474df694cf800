// The tables of a page. Each row names what it is of in an attribute, and numbers that are shortened stand there in full.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/optimize/estimate_scopes.h"
#include "imbrex/prove/prove.h"
#include "imbrex/report/temporaries.h"
#include "imbrex/target/rates.h"

namespace imbrex::report {

std::string table_of(const char* what, const std::vector<Temporary>& tensors);

// Each scope's limit and, where it was measured, what it took and lost against the limit, the most first.
std::string table_of(const std::vector<optimize::ScopeCost>& costs, const std::map<std::string, double>& measured,
                     const target::Machine& machine);

std::string table_of(const std::vector<prove::Check>& checks);
// `place`: a link to a line.
std::string table_of(const std::vector<prove::ScopeRow>& scopes, const std::function<std::string(const SourceLine&)>& place);

}  // namespace imbrex::report

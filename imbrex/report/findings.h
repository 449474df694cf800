// What is known of a kernel when it is shown: whether it is proven, what became of it, and at which cost.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "imbrex/optimize/estimate_scopes.h"
#include "imbrex/prove/prove.h"
#include "imbrex/report/page.h"
#include "imbrex/report/temporaries.h"
#include "imbrex/runtime/driver.h"

namespace imbrex::report {

struct Findings {
  Findings(const ir::Program& program, const PageOptions& options);

  prove::Report proof;
  // Of a kernel that is proven:
  std::optional<runtime::Translation> translation;
  std::vector<optimize::ScopeCost> costs;
  Temporaries tensors;
};

// One of the few numbers that stand first, as HTML.
struct Fact {
  std::string value, what;
  const char* name = "";  // a class of the style
};
std::vector<Fact> facts_of(const Findings& findings, const PageOptions& options);

// "T = 128, N = 64", as HTML.
std::string dims_text(const PageOptions& options);

}  // namespace imbrex::report

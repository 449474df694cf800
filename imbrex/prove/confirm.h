// Is a counterexample true? Where data has a part in it, the prover knows only what may be; the interpreter's checked mode on
// data that the assumptions allow knows what is. Private to prove/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/place.h"
#include "imbrex/ir/program.h"

namespace imbrex::prove {

struct Suspicion {
  std::string id;                            // of the fault that is expected
  std::optional<std::vector<int64_t>> dims;  // where it is expected first; small ones are tried too
  // Executions in which it is expected: values for the binders of a place.
  struct Execution {
    const ir::Place* place;
    std::vector<int64_t> binders;
  };
  std::vector<Execution> executions;
  std::vector<int64_t> elements;  // values of index tensors that may matter
};

// What the interpreter met.
struct Confirmed {
  Diagnostic diagnostic;
  bool at_suspected_dims;
};

class Confirmer {
 public:
  explicit Confirmer(const ir::Program& program) : program_(program) {}
  // The checked interpreter's fault on some data, if one is found: on what the suspicion says, and on small data of many
  // patterns. The work is limited, and limited for all suspicions together, by a count of elements; none where it runs out. The
  // hint is added.
  std::optional<Confirmed> counterexample(const Suspicion& suspicion, const std::string& hint) const;

 private:
  const ir::Program& program_;
  mutable int64_t work_left_ = 20'000'000;
};

}  // namespace imbrex::prove

// What is told of a fault that the sets of elements have: the sets know dimensions and iterations, and no data.
#pragma once

#include <string>
#include <vector>

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

// A fault, as the sets say it.
struct Suspected {
  Diagnostic diagnostic;
  std::vector<const Access*> involved;  // the first one stands where a question that is not decided is told
  Suspicion suspicion;
  std::string question;  // "whether ..."
};

// The fault as the sets say it, where dimensions and iterations alone decide it. Where data has a part in it, what the checked
// interpreter meets. Where the assumptions of a loop or branch may end the run first, what the sets say if the interpreter meets
// it there. A question that is not decided, where the interpreter meets no fault.
Diagnostic shown(const Subject& subject, const Suspected& suspected);

}  // namespace imbrex::prove

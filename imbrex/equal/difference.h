// Where two terms first differ, and how that is said.
#pragma once

#include <string>

#include "imbrex/optimize/terms.h"

namespace imbrex::equal {

struct FirstDifference {
  optimize::TermId a, b;                // the innermost terms that differ: what is around them is the same in both
  optimize::TermId around_a, around_b;  // the outermost around them that differ in nothing but positions; else the same
};
FirstDifference first_difference(const optimize::Terms& terms, optimize::TermId a, optimize::TermId b);

// A term as one would write it in kernel 0 or 1, with what is deep inside a long one left out.
std::string brief(const optimize::Terms& terms, optimize::TermId id, size_t kernel);

}  // namespace imbrex::equal

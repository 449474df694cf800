// What accesses touch whatever the data is, where Relations::of() is what they touch for some data. Private to prove/.
#pragma once

#include <isl/cpp.h>

#include <vector>

#include "imbrex/prove/relation.h"

namespace imbrex::prove {

struct Touching {
  const Access* access;
  const isl::set* set;  // Relations::of() it
};

// Over [the first `prefix` binders, elements]: the elements that one or the other of the accesses, all to one memory, touches
// whatever indices are read behind these binders; several may share the work, one below an index and one from there on.
isl::set certainly_touched(const Relations& relations, const std::vector<Touching>& touching, size_t prefix);

}  // namespace imbrex::prove

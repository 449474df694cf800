// Reductions that go on: where one ends and another begins, and over the iterations of a loop. Each is one reduction over the
// joined axis, to the bit, because chunks are no meaning (docs/semantics.md): sums and products go on at the next element, and
// maxima and minima have no order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "imbrex/optimize/terms.h"

namespace imbrex::optimize {

// The terms that the definition of `reference` reduces over, at this use; the reduced axis is called `k`.
std::vector<TermId> opened(Terms& terms, TermId reference, const std::string& k);

// The one reduction over what `first` and then what `next` reduce over, where the elements of `next` continue those of `first`.
// kNoTerm where they do not, or where it is not known.
TermId joined(Terms& terms, TermId first, TermId next);

// The reduction over what `part`, a reference, reduces over in all iterations of `loop`, one after the other. kNoTerm where that
// is no reduction over one axis.
TermId over_iterations(Terms& terms, TermId part, const ir::Loop& loop);
// The same where each iteration gives one element.
TermId over_iterations(Terms& terms, Reduction reduction, TermId element, const ir::Loop& loop);

// The same reduction as `reduction`, a reference, over what `op` makes of each of its elements.
TermId over_each(Terms& terms, TermId reduction, ir::Op op);

// The term with each of its reductions made anew from what it reduces over at this use. Where two uses reduce over the same, they
// are one term then, also if an index became a constant or lost one since they were made.
TermId made_anew(Terms& terms, TermId term);

// Whether `term` or what it needs depends on the loop.
bool depends_on(const Terms& terms, TermId term, const ir::Loop& loop);

// Calls `visit` for every term that `term` needs, bodies of definitions included, once.
void for_each_term(const Terms& terms, TermId term, const std::function<void(TermId)>& visit);

}  // namespace imbrex::optimize

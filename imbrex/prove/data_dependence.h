// What of an access is decided by data: by indices read from tensors, and by rows that an index tile lists. Private to prove/.
#pragma once

#include <set>
#include <string>

#include "imbrex/prove/access.h"

namespace imbrex::prove {

// Whether a comparison uses one of the names; whether it uses none but these.
bool mentions(const ir::Comparison& comparison, const std::set<std::string>& names);
bool is_over(const ir::Comparison& comparison, const std::set<std::string>& names);

// The indices read from data that have a part in what the access touches, or in when it does: they are named there, or tied to
// one that is, by what is assumed of both or by the input that both are read from.
std::set<std::string> indices_with_part(const Accesses& accesses, const Access& access);
// Whether what the access touches, or if, depends on an index read from data.
bool depends_on_data(const Access& access);
// Whether data has a part in what is known of the access: it depends on data, or something is assumed of data before it.
bool has_part_of_data(const ir::Program& program, const Access& access);

}  // namespace imbrex::prove

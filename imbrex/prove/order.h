// The order that dependences impose on scopes: what a later scope reads an earlier one wrote, and what it writes an earlier one
// read or wrote. Two scopes without such a path between them may run in either order or at once.
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

// `dims`: values for which bytes are given in numbers too.
DependenceGraph graph_of_scopes(const Subject& subject, const std::map<std::string, int64_t>& dims);
// As DOT.
std::string text_of(const DependenceGraph& graph, const std::string& program);

}  // namespace imbrex::prove

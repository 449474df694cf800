// The scopes of a program as a picture: what each hands to which, in bytes.
#pragma once

#include <map>
#include <string>

#include "imbrex/prove/prove.h"

namespace imbrex::report {

// The end of a line of such pictures, which stands once on a page that has some.
inline constexpr const char* kArrow =
    "<svg width=\"0\" height=\"0\" aria-hidden=\"true\"><defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
    "markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs></svg>\n";

// An SVG. Scopes stand in layers from top to bottom, each below all that it reads from. `captions`: a second line for each scope.
std::string picture_of(const prove::DependenceGraph& graph, const std::map<std::string, std::string>& captions);

}  // namespace imbrex::report

// Time against T as a picture, both axes logarithmic: one panel for each result of `imbrex bench --json`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace imbrex::tools {

// SVG, with no dependency on fonts or styles outside of it. What takes hot milliseconds in each result: the kernel, as written,
// the peer, and the machine's limit.
std::string performance_picture(const std::vector<nlohmann::json>& results);

}  // namespace imbrex::tools

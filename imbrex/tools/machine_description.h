// Where something was measured.
#pragma once

#include <map>
#include <string>

namespace imbrex::tools {

// "processor", "caches", "system" and "compiler of kernels" in words, as far as this system tells.
std::map<std::string, std::string> machine_description();

}  // namespace imbrex::tools

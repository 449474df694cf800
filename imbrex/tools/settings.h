// "NAME=VALUE", as options of a command and as files say it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace imbrex::tools {

// Nothing without a name or without "=".
std::optional<std::pair<std::string, std::string>> setting_of(const std::string& text);

// "NAME=INTEGER" texts as a map; `option` is what errors call them. UserError "dimension-value", also for two values of one name.
std::map<std::string, int64_t> settings_of(const std::vector<std::string>& texts, const char* option);

}  // namespace imbrex::tools

#include "imbrex/tools/settings.h"

#include <fmt/format.h>

#include <charconv>

#include "imbrex/base/error.h"

namespace imbrex::tools {
namespace {

std::optional<int64_t> integer_of(const std::string& text) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::pair<std::string, std::string>> setting_of(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

std::map<std::string, int64_t> settings_of(const std::vector<std::string>& texts, const char* option) {
  std::map<std::string, int64_t> settings;
  for (const std::string& text : texts) {
    const auto setting = setting_of(text);
    const std::optional<int64_t> value = setting ? integer_of(setting->second) : std::nullopt;
    if (!value)
      throw UserError("dimension-value", fmt::format("{} '{}': expected NAME=INTEGER", option, text),
                      fmt::format("{} T=16", option));
    const auto [found, is_new] = settings.emplace(setting->first, *value);
    if (!is_new && found->second != *value)
      throw UserError("dimension-value",
                      fmt::format("{} {} is given twice: {} and {}", option, setting->first, found->second, *value),
                      fmt::format("{} {}={}", option, setting->first, *value));
  }
  return settings;
}

}  // namespace imbrex::tools

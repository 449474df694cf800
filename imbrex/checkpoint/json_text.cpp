#include "imbrex/checkpoint/json_text.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "imbrex/base/error.h"

namespace imbrex::checkpoint {

using nlohmann::json;

json parse_json(const std::string& text, int most_depth, const std::function<void(const std::string& what)>& malformed) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > most_depth) malformed(fmt::format("is nested deeper than {} objects and lists", most_depth));
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      malformed(fmt::format("has '{}' twice", parsed.get<std::string>()));
    return true;
  };
  std::string what = "is not a JSON object";
  try {
    json parsed = json::parse(text, check);
    if (parsed.is_object()) return parsed;
  } catch (const json::exception& error) {
    what = fmt::format("is not JSON ({})", error.what());
  }
  malformed(what);
  throw InternalError("what is malformed is thrown");
}

json read_json_file(const std::string& path, int most_depth, const std::string& id) {
  const auto unreadable = [&](const std::string& why) {
    throw UserError("file-unreadable", fmt::format("cannot read '{}': {}", path, why), "the path of an existing, readable file");
  };
  const auto malformed = [&](const std::string& what) {
    throw UserError(id, fmt::format("'{}' {}", path, what), "the file as it was published; copy it again if it was cut short");
  };
  std::error_code error;
  if (!std::filesystem::exists(path, error)) unreadable("there is no such file");
  if (!std::filesystem::is_regular_file(path, error)) unreadable("it is not a file");
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) unreadable(error.message());
  if (bytes > static_cast<uintmax_t>(kMostJsonBytes))
    malformed(fmt::format("has {} bytes, more than the {} that are read", bytes, kMostJsonBytes));
  std::ifstream file(path, std::ios::binary);
  std::string text(bytes, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(bytes))) unreadable(fmt::format("its {} bytes", bytes));
  return parse_json(text, most_depth, malformed);
}

}  // namespace imbrex::checkpoint

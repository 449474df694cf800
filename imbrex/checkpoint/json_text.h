// JSON that comes from anybody.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace imbrex::checkpoint {

// Larger JSON than this is not read: an attack, or no description of tensors. (The index of V4-Pro has some 10 MB.)
constexpr int64_t kMostJsonBytes = 100'000'000;

// Parses an object. Calls `malformed`, which throws, with what is wrong: text that is no JSON or not UTF-8, nesting deeper than
// `most_depth`, something else than an object, and a key that stands twice in one object, of which the parser would keep the last.
nlohmann::json parse_json(const std::string& text, int most_depth, const std::function<void(const std::string& what)>& malformed);

// The same of a file. UserErrors "file-unreadable" and, with its path and what is wrong, `id`.
nlohmann::json read_json_file(const std::string& path, int most_depth, const std::string& id);

}  // namespace imbrex::checkpoint

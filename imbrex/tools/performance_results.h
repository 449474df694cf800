// Questions to one size of a result of `imbrex bench --json`. `state` is "hot" or "cold". What was not measured is 0 or "".
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace imbrex::tools {

inline const nlohmann::json* times_of(const nlohmann::json& size, const std::string& contestant, const std::string& state) {
  const auto& all = size.at("contestants");
  const auto found = all.find(contestant);
  return found == all.end() || !found->contains(state) ? nullptr : &found->at(state);
}

inline double median_of(const nlohmann::json& size, const std::string& contestant, const std::string& state) {
  const nlohmann::json* times = times_of(size, contestant, state);
  return times == nullptr ? 0 : times->at("median_ms").get<double>();
}

inline double limit_of(const nlohmann::json& size, const std::string& state) {
  return size.contains("limit_ms") && size.at("limit_ms").contains(state) ? size.at("limit_ms").at(state).get<double>() : 0;
}

// The peer's name among the contestants of `imbrex bench --peers`.
inline constexpr const char* peer_contestant = "oneDNN";

}  // namespace imbrex::tools

// Options of a kernel as JSON: each a number.
#pragma once

#include <nlohmann/json.hpp>

#include "imbrex/kernels/options.h"

namespace imbrex::tools {

inline nlohmann::json json_of(const kernels::Options& options) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, value] : options) std::visit([&](auto held) { out[name] = held; }, value);
  return out;
}

}  // namespace imbrex::tools

#include "imbrex/target/rates.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <sstream>

#include "imbrex/base/error.h"

namespace imbrex::target {
namespace {

struct Field {
  const char* name;
  const char* unit;
  double Rates::*rate;
};

constexpr Field kFields[] = {
    {"bf16", "multiply-adds/s of a core", &Rates::bf16},
    {"int8", "multiply-adds/s of a core", &Rates::int8},
    {"f32", "multiply-adds/s of a core", &Rates::f32},
    {"vector", "f32 operations/s of a core", &Rates::vector},
    {"second_cache", "bytes/s of a core", &Rates::second_cache},
    {"third_cache", "bytes/s of a core", &Rates::third_cache},
    {"memory", "bytes/s of a core", &Rates::memory},
    {"memory_of_all", "bytes/s of all cores", &Rates::memory_of_all},
    {"barrier", "seconds", &Rates::barrier},
    {"task", "seconds", &Rates::task},
};

struct Count {
  const char* name;
  const char* unit;
  int64_t Rates::*bytes;
};

constexpr Count kCounts[] = {
    {"second_cache_bytes", "of a core", &Rates::second_cache_bytes},
    {"third_cache_bytes", "of all cores", &Rates::third_cache_bytes},
};

[[noreturn]] void refuse(const std::string& path, int line, const std::string& message) {
  throw UserError(Diagnostic{"machine-file", {path, line}, message, "a file that `imbrex calibrate --to FILE` writes", {}});
}

}  // namespace

// A 2-core Zen 4 virtual machine: measured, with all its threads, by hand-written loops.
const Rates& default_rates() {
  static const Rates rates = [] {
    Rates zen4;
    zen4.name = "zen4";
    zen4.cores = 2;
    zen4.bf16 = 117e9;
    zen4.int8 = 230e9;
    zen4.f32 = 58e9;
    zen4.vector = 58e9;
    zen4.second_cache = 115e9;
    zen4.third_cache = 97e9;
    zen4.memory = 30e9;
    zen4.memory_of_all = 45e9;
    zen4.second_cache_bytes = 1 << 20;
    zen4.third_cache_bytes = 32 << 20;
    zen4.barrier = 2e-6;
    zen4.task = 3e-8;
    return zen4;
  }();
  return rates;
}

std::vector<OnChipMemory> memories_of(const Target& target) {
  if (target.capacity_is_binding()) return target.memories;
  return {{MemoryKind::vec, "cache", default_rates().second_cache_bytes}};
}

std::string text_of(const Rates& rates) {
  std::string text = "# Rates of a machine, for imbrex: see docs/optimizing.md\n";
  text += fmt::format("cores {}\n", rates.cores);
  for (const Field& field : kFields) text += fmt::format("{} {:.4g}  # {}\n", field.name, rates.*field.rate, field.unit);
  for (const Count& count : kCounts) text += fmt::format("{} {}  # {}\n", count.name, rates.*count.bytes, count.unit);
  return text;
}

Rates read_rates(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    throw UserError("machine-file", fmt::format("the machine file {} cannot be read", path),
                    "a file that `imbrex calibrate --to FILE` writes");
  std::map<std::string, double> values;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string name, more;
    double value = 0;
    if (!(words >> name)) continue;
    if (!(words >> value) || !(value > 0) || !(value < 1e18) || (words >> more))
      refuse(path, number, fmt::format("{} needs one positive number", name));
    if (!values.emplace(name, value).second) refuse(path, number, fmt::format("{} is given twice", name));
  }
  Rates rates;
  rates.name = path;
  const auto take = [&](const char* name) {
    const auto found = values.find(name);
    if (found == values.end()) refuse(path, number, fmt::format("{} has no line for {}", path, name));
    const double value = found->second;
    values.erase(found);
    return value;
  };
  const double cores = take("cores");
  if (!(cores >= 1 && cores <= 4096)) refuse(path, number, fmt::format("{} cores", cores));
  rates.cores = static_cast<int>(cores);
  for (const Field& field : kFields) rates.*field.rate = take(field.name);
  for (const Count& count : kCounts) rates.*count.bytes = static_cast<int64_t>(take(count.name));
  if (!values.empty()) refuse(path, number, fmt::format("{} is no rate of a machine", values.begin()->first));
  return rates;
}

}  // namespace imbrex::target

#include "imbrex/target/rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
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
    {"vector", "f32 operations/s of a core", &Rates::vector},
    {"l2", "bytes/s of a core", &Rates::l2},
    {"l3", "bytes/s of a core", &Rates::l3},
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
    {"l2_bytes", "of a core", &Rates::l2_bytes},
    {"l3_bytes", "of all cores", &Rates::l3_bytes},
};

constexpr const char* kFetchedAhead = "fetched_ahead";  // may be 0, and left out

constexpr const char* kHint = "a file that `imbrex calibrate --to FILE` writes";

[[noreturn]] void refuse(const std::string& path, int line, const std::string& message) {
  throw UserError(Diagnostic{"machine-file", {path, line}, message, kHint, {}});
}

// Every product kernel of the table.
template <class F>
void for_each_product_kernel(F&& f) {
  for (const Target* target : targets_with_code())
    for (const ProductKernel& kernel : target->products) f(kernel);
}

double figure_of(const Rates& rates, const ProductKernel& kernel) {
  const auto found = rates.products.find(kernel.rate);
  return found == rates.products.end() ? 0 : found->second;
}

}  // namespace

Rates read_rates(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw UserError("machine-file", fmt::format("the machine file {} cannot be read", path), kHint);
  std::map<std::string, double> values;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string name, more;
    double value = 0;
    if (!(words >> name)) continue;
    if (!(words >> value) || !(value > 0 || (value == 0 && name == kFetchedAhead)) || !(value < 1e18) || (words >> more))
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
  for (const Product product : kProducts) {
    bool any = false;
    for_each_product_kernel([&](const ProductKernel& kernel) {
      if (const auto found = values.find(kernel.rate); found != values.end()) rates.products.insert(values.extract(found));
      any = any || (kernel.product == product && rates.products.contains(kernel.rate));
    });
    if (!any) refuse(path, number, fmt::format("{} has no line for a product of {}", path, name_of(product)));
  }
  if (const auto found = values.find(kFetchedAhead); found != values.end()) {
    constexpr double kMost = 1 << 20;
    if (found->second > kMost || found->second != std::floor(found->second))
      refuse(path, number,
             fmt::format("{} is a whole number of bytes, at most {}; 0 for what suits Zen 4", kFetchedAhead, kMost));
    rates.fetched_ahead = static_cast<int64_t>(found->second);
    values.erase(found);
  }
  if (!values.empty()) refuse(path, number, fmt::format("unknown rate {}", values.begin()->first));
  return rates;
}

std::string text_of(const Rates& rates) {
  std::string text = "# Rates of a machine, for imbrex: see docs/optimizing.md\n";
  text += fmt::format("cores {}\n", rates.cores);
  for (const auto& [name, rate] : rates.products) text += fmt::format("{} {:.4g}  # multiply-adds/s of a core\n", name, rate);
  for (const Field& field : kFields) text += fmt::format("{} {:.4g}  # {}\n", field.name, rates.*field.rate, field.unit);
  for (const Count& count : kCounts) text += fmt::format("{} {}  # {}\n", count.name, rates.*count.bytes, count.unit);
  text += fmt::format("{} {}  # bytes ahead that products of few rows prefetch weights; 0: as suits Zen 4\n", kFetchedAhead,
                      rates.fetched_ahead);
  return text;
}

Rates rates_named(const std::string& class_or_path) {
  std::string names;
  for (const MachineClass& each : machine_classes()) {
    if (class_or_path == each.rates.name) return each.rates;
    names += each.rates.name + ", ";
  }
  std::error_code error;
  if (std::filesystem::is_directory(class_or_path, error))
    throw UserError("machine-file", fmt::format("'{}' is a folder, not a machine file", class_or_path),
                    fmt::format("{}or {}", names, kHint));
  if (std::ifstream(class_or_path)) return read_rates(class_or_path);
  throw UserError("machine-file", fmt::format("there is no machine class or file '{}'", class_or_path),
                  fmt::format("{}or {}", names, kHint));
}

Rates rates_of_this_machine() {
  const char* given = std::getenv("IMBREX_MACHINE");
  return given && *given ? rates_named(given) : class_of_this_machine().rates;
}

Machine this_machine() { return {best_target(), rates_of_this_machine()}; }

Product product_of(DType left) {
  switch (left) {
    case DType::int8: return Product::i8;
    case DType::uint8: return Product::u8i8;
    case DType::bf16: return Product::bf16;
    case DType::f32: return Product::f32;
    case DType::f16:
    case DType::e4m3:
    case DType::e8m0:
    case DType::int32:
    case DType::int64:
    case DType::boolean: break;
  }
  throw InternalError(fmt::format("there are no products of {}", name_of(left)));
}

const ProductKernel& fastest_kernel(const Machine& machine, Product product) {
  const ProductKernel* best = nullptr;
  for (const ProductKernel& kernel : machine.target->products) {
    if (kernel.product != product) continue;
    if (best == nullptr || figure_of(machine.rates, kernel) > figure_of(machine.rates, *best)) best = &kernel;
  }
  require(best != nullptr, "a target has a kernel for each product");
  return *best;
}

double product_rate(const Machine& machine, Product product) {
  double rate = figure_of(machine.rates, fastest_kernel(machine, product));
  if (rate > 0) return rate;
  for_each_product_kernel([&](const ProductKernel& kernel) {
    if (kernel.product == product) rate = std::max(rate, figure_of(machine.rates, kernel));
  });
  require(rate > 0, "rates have a figure for each product");
  return rate;
}

std::vector<OnChipMemory> memories_of(const Target& target) {
  if (target.capacity_is_binding()) return target.memories;
  return {{MemoryKind::vec, "cache", machine_classes().front().rates.l2_bytes}};
}

}  // namespace imbrex::target

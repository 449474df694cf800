// imbrex cache: looks after the folder of compiled kernels and packed weights.
#include <fmt/format.h>

#include <chrono>
#include <numeric>

#include "imbrex/runtime/cache.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/packed_file.h"

namespace imbrex::tools {
namespace {

std::string age_of(std::filesystem::file_time_type last_used) {
  const auto age = std::filesystem::file_time_type::clock::now() - last_used;
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(age).count();
  if (minutes < 120) return fmt::format("{} min", minutes);
  return minutes < 48 * 60 ? fmt::format("{} h", minutes / 60) : fmt::format("{} days", minutes / (24 * 60));
}

void print_line(const std::string& key, uint64_t bytes, std::filesystem::file_time_type last_used, const std::string& what) {
  fmt::print("{}  {:>8} KiB  {:>8}  {}\n", key.substr(0, 16), bytes / 1024, age_of(last_used), what);
}

void print_entry(const runtime::CacheEntry& entry, const char* state) {
  print_line(entry.key, entry.bytes, entry.last_used, entry.kernel + state);
}

void print_entry(const KeptPackedFile& file, const char* state) {
  const std::string of = file.tensor.empty()
                             ? "of an unknown layer"
                             : fmt::format("of {} and others, for {} on {}", file.tensor, file.kernel, file.target);
  print_line(file.path.stem(), file.bytes, file.last_used, fmt::format("packed weights {}{}", of, state));
}

template <class Entry>
uint64_t bytes_of(const std::vector<Entry>& entries) {
  return std::accumulate(entries.begin(), entries.end(), uint64_t{0}, [](uint64_t sum, const Entry& e) { return sum + e.bytes; });
}

int list() {
  const runtime::Cache cache;
  const std::vector<runtime::CacheEntry> kernels = cache.list();
  const std::vector<KeptPackedFile> files = packed_files_in(cache);
  for (const runtime::CacheEntry& entry : kernels) print_entry(entry, "");
  for (const KeptPackedFile& file : files) print_entry(file, "");
  fmt::print("kernels: {}, {} KiB; files of packed weights: {}, {} KiB\n", kernels.size(), bytes_of(kernels) / 1024, files.size(),
             bytes_of(files) / 1024);
  return 0;
}

int verify() {
  const runtime::Cache cache;
  size_t damaged = 0;
  const auto state_of = [&](bool is_intact) {
    damaged += !is_intact;
    return is_intact ? "" : "  DAMAGED, removed";
  };
  const auto entries = cache.verify(true);
  for (const runtime::CacheEntry& entry : entries) print_entry(entry, state_of(entry.intact));
  const std::vector<KeptPackedFile> files = packed_files_in(cache);
  for (const KeptPackedFile& file : files) {
    const bool is_whole = is_intact(file);
    std::error_code gone;
    if (!is_whole) std::filesystem::remove(file.path, gone);
    print_entry(file, state_of(is_whole));
  }
  fmt::print("{} entries, {} damaged\n", entries.size() + files.size(), damaged);
  return damaged == 0 ? 0 : 1;
}

int clear() {
  const runtime::Cache cache;
  if (!cache.why_unused().empty())
    throw UserError("cache-of-others", fmt::format("nothing is removed, because {}", cache.why_unused()),
                    "IMBREX_CACHE=/path/to/directory, one that only you may write");
  fmt::print("removed {} KiB from {}\n", cache.clear() / 1024, cache.root().string());
  return 0;
}

int path() {
  const runtime::Cache cache;
  if (cache.root().empty())
    throw UserError("cache-unwritable", fmt::format("there is no folder for compiled kernels: {}", cache.why_unused()),
                    "IMBREX_CACHE=/path/to/directory");
  fmt::print("{}\n", cache.root().string());
  return 0;
}

}  // namespace

void add_cache(CLI::App& app, int& status) {
  auto* command = app.add_subcommand(
      "cache", "Lists, checks or clears compiled kernels and packed weights ($IMBREX_CACHE, else ~/.cache/imbrex)");
  command->require_subcommand(1);
  command->add_subcommand("ls", "Lists both, each last used first")->callback([&status] { status = list(); });
  command->add_subcommand("clear", "Removes them all")->callback([&status] { status = clear(); });
  command->add_subcommand("verify", "Compares each with its checksums and removes what is damaged")->callback([&status] {
    status = verify();
  });
  command->add_subcommand("path", "Prints the folder")->callback([&status] { status = path(); });
}

}  // namespace imbrex::tools

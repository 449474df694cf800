// imbrex cache: looks after the folder of compiled kernels.
#include <fmt/format.h>

#include <chrono>

#include "imbrex/runtime/cache.h"
#include "imbrex/tools/commands.h"

namespace imbrex::tools {
namespace {

std::string age_of(const runtime::CacheEntry& entry) {
  const auto age = std::filesystem::file_time_type::clock::now() - entry.last_used;
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(age).count();
  if (minutes < 120) return fmt::format("{} min", minutes);
  return minutes < 48 * 60 ? fmt::format("{} h", minutes / 60) : fmt::format("{} days", minutes / (24 * 60));
}

void print_entry(const runtime::CacheEntry& entry, const char* state) {
  fmt::print("{}  {:>8} KiB  {:>8}  {}{}\n", entry.key.substr(0, 16), entry.bytes / 1024, age_of(entry), entry.kernel, state);
}

int list() {
  for (const runtime::CacheEntry& entry : runtime::Cache().list()) print_entry(entry, "");
  return 0;
}

int verify() {
  size_t damaged = 0;
  const auto entries = runtime::Cache().verify(true);
  for (const runtime::CacheEntry& entry : entries) {
    damaged += !entry.intact;
    print_entry(entry, entry.intact ? "" : "  DAMAGED, removed");
  }
  fmt::print("{} entries, {} damaged\n", entries.size(), damaged);
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
  auto* command =
      app.add_subcommand("cache", "Lists, checks or clears the compiled kernels ($IMBREX_CACHE, else ~/.cache/imbrex)");
  command->require_subcommand(1);
  command->add_subcommand("ls", "Lists the compiled kernels, last used first")->callback([&status] { status = list(); });
  command->add_subcommand("clear", "Removes them all")->callback([&status] { status = clear(); });
  command->add_subcommand("verify", "Compares each with its checksums and removes what is damaged")->callback([&status] {
    status = verify();
  });
  command->add_subcommand("path", "Prints the folder")->callback([&status] { status = path(); });
}

}  // namespace imbrex::tools

#include "imbrex/runtime/cache.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "imbrex/ir/hash.h"
#include "imbrex/runtime/file.h"
#include "imbrex/runtime/trust.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSealed[] = {"kernel.cpp", "kernel.so"};
constexpr const char* kManifest = "manifest";
constexpr const char* kHeaders = "imbrex";  // the folder of those that the source includes
constexpr const char* kFailed = "failed-";
constexpr const char* kPrivate = "imbrex-new-";
constexpr const char* kFoldersOfFiles[] = {"compilers", "proofs", "headers", "packed"};
constexpr const char* kExtensions[] = {"", ".gch", ".packed"};  // of files there, behind the key
// No compilation takes this long: what is older belongs to a process that was killed.
constexpr auto kAbandonedAfter = std::chrono::hours(1);

// What this system and its numbers of processes are told from others by, which may share the cache; empty if that is not known.
const std::string& this_system() {
  static const std::string name = [] {
    std::error_code error;
    const std::string boot = read_file("/proc/sys/kernel/random/boot_id").value_or("");
    const std::string processes = fs::read_symlink("/proc/self/ns/pid", error);
    return boot.empty() || processes.empty() ? "" : ir::sha256_hex(boot + processes).substr(0, 16);
  }();
  return name;
}

// imbrex-new-SYSTEM-PROCESS-, which mkdtemp() completes.
std::string private_prefix() { return fmt::format("{}{}-{}-", kPrivate, this_system(), getpid()); }

bool is_key(const std::string& name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_kept_file(const fs::path& file) {
  return is_key(file.stem()) &&
         std::find(std::begin(kExtensions), std::end(kExtensions), file.extension().string()) != std::end(kExtensions);
}

// Of the path itself, not of what a link there leads to.
bool is_plain_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(fs::symlink_status(path, error));
}
bool is_link(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(fs::symlink_status(path, error));
}

bool starts_with(const std::string& text, const std::string& prefix) { return text.rfind(prefix, 0) == 0; }

std::string manifest_of(const fs::path& directory) {
  std::string text;
  for (const char* name : kSealed) {
    const std::optional<std::string> bytes = read_file(directory / name);
    if (!bytes || bytes->empty()) return "";
    text += fmt::format("{} {} {}\n", ir::sha256_hex(*bytes), bytes->size(), name);
  }
  return text;
}

uint64_t bytes_in(const fs::path& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator file(directory, error), end; !error && file != end; file.increment(error)) {
    std::error_code gone;  // another process may be removing it
    if (const uintmax_t size = file->is_regular_file(gone) ? file->file_size(gone) : 0; !gone) bytes += size;
  }
  return bytes;
}

std::vector<fs::path> children_of(const fs::path& directory) {
  std::vector<fs::path> children;
  std::error_code error;
  for (fs::directory_iterator child(directory, error), end; !error && child != end; child.increment(error))
    children.push_back(child->path());
  return children;
}

// The kernel's name from the comment that generated code starts with: "// kernel NAME ...".
std::string kernel_name(const fs::path& entry) {
  const std::string source = read_file(entry / "kernel.cpp").value_or("");
  const std::string symbol = "imbrex_kernel_";
  const size_t begin = source.find(symbol);
  if (begin == std::string::npos) {  // written by hand
    const std::string line = source.substr(0, source.find('\n'));
    return starts_with(line, "// ") ? line.substr(3) : line;
  }
  const size_t end = source.find('(', begin);
  return source.substr(begin + symbol.size(), end == std::string::npos ? end : end - begin - symbol.size());
}

// Whether a directory with such a name was made here: other programs name theirs so too. One that is damaged may lack files, but
// has no others.
bool is_entry(const fs::path& directory) {
  std::error_code error;
  if (!is_key(directory.filename()) || !fs::is_directory(fs::symlink_status(directory, error))) return false;
  const std::vector<fs::path> files = children_of(directory);
  return !files.empty() && std::all_of(files.begin(), files.end(), [](const fs::path& file) {
    const std::string name = file.filename();
    return name == kManifest || name == kHeaders || name == kSealed[0] || name == kSealed[1];
  });
}

bool is_failed(const fs::path& directory) {
  const std::string name = directory.filename(), prefix = kFailed;
  std::error_code error;
  return starts_with(name, prefix) && is_key(name.substr(prefix.size())) && fs::exists(directory / kSealed[0], error);
}

bool is_ours(const fs::path& entry) {
  if (!why_not_ours(entry).empty() || !why_not_ours(entry / kManifest).empty()) return false;
  return std::all_of(std::begin(kSealed), std::end(kSealed),
                     [&](const char* name) { return why_not_ours(entry / name).empty(); });
}

// A directory that was made under private_prefix(), by a process of this system that ended since.
bool is_of_an_ended_process(const std::string& name) {
  const std::string ours = kPrivate + this_system() + "-";
  if (this_system().empty() || !starts_with(name, ours)) return false;
  const auto process = static_cast<pid_t>(std::strtol(name.c_str() + ours.size(), nullptr, 10));
  return process > 0 && kill(process, 0) != 0 && errno == ESRCH;
}

bool is_abandoned(const fs::path& directory) {
  if (is_of_an_ended_process(directory.filename())) return true;
  std::error_code error;
  const auto changed = fs::last_write_time(directory, error);
  return !error && changed < fs::file_time_type::clock::now() - kAbandonedAfter;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

fs::path default_cache_directory() {
  if (const std::string own = variable("IMBREX_CACHE"); !own.empty()) return own;
  if (const std::string xdg = variable("XDG_CACHE_HOME"); starts_with(xdg, "/")) return fs::path(xdg) / "imbrex";
  if (const std::string home = variable("HOME"); starts_with(home, "/")) return fs::path(home) / ".cache" / "imbrex";
  return {};
}

bool is_intact(const fs::path& entry) {
  const std::optional<std::string> manifest = read_file(entry / kManifest);
  return manifest && !manifest->empty() && *manifest == manifest_of(entry);
}

void seal(const fs::path& directory) {
  write_file(directory / kManifest, manifest_of(directory));
  std::error_code ignored;
  for (const auto& file : fs::recursive_directory_iterator(directory))  // whatever the user's mask lets compilers make
    fs::permissions(file.path(), fs::perms::group_write | fs::perms::others_write, fs::perm_options::remove, ignored);
  for (const char* name : kSealed) flush_to_disk(directory / name);
  flush_to_disk(directory / kManifest);
  flush_to_disk(directory);
}

Cache::Cache(const CacheOptions& options)
    : root_(options.directory.empty() ? default_cache_directory() : options.directory), most_bytes_(options.most_bytes) {
  std::error_code error;
  if (root_.empty()) {
    why_unused_ = "none of IMBREX_CACHE, XDG_CACHE_HOME and HOME is set";
    return;
  }
  root_ = fs::absolute(root_, error);
  why_unused_ = why_others_decide(root_);
}

std::optional<std::string> Cache::kept(const char* folder, const std::string& key) const {
  if (!why_unused_.empty() || !why_not_ours(root_ / folder).empty()) return {};
  const fs::path file = root_ / folder / key;
  return why_not_ours(file).empty() ? read_file(file) : std::nullopt;
}

void Cache::keep(const char* folder, const std::string& key, const std::string& bytes) const {
  if (!why_unused_.empty()) return;
  try {
    make_own_directories(root_ / folder);
    replace_file(root_ / folder / key, bytes);
  } catch (const fs::filesystem_error&) {  // then it is not kept
  }
}

std::optional<fs::path> Cache::kept_file(const char* folder, const std::string& name) const {
  const fs::path file = root_ / folder / name;
  // Links lead to what others may have made; a pipe would wait for a writer.
  if (!why_unused_.empty() || is_link(root_ / folder) || !is_plain_file(file)) return {};
  if (!why_not_ours(root_ / folder).empty() || !why_not_ours(file).empty()) return {};
  std::error_code read_only;
  fs::last_write_time(file, fs::file_time_type::clock::now(), read_only);
  return file;
}

std::string Cache::keep_file(const char* folder, const std::string& name, const fs::path& file, uint64_t most_bytes) const {
  if (!why_unused_.empty()) return why_unused_;
  std::error_code error;
  if (is_link(root_ / folder)) return fmt::format("'{}' is a link", (root_ / folder).string());
  try {
    make_own_directories(root_ / folder);
    fs::permissions(file, fs::perms::group_write | fs::perms::others_write, fs::perm_options::remove);
    flush_to_disk(file);
    fs::rename(file, root_ / folder / name);
  } catch (const fs::filesystem_error& failure) {
    return fmt::format("'{}': {}", (root_ / folder / name).string(), failure.code().message());
  }
  remove_abandoned();
  std::vector<std::pair<fs::file_time_type, fs::path>> others;
  for (const fs::path& child : kept_files(folder, fs::path(name).extension().c_str()))
    if (child.filename() != name) others.emplace_back(fs::last_write_time(child, error), child);
  std::sort(others.rbegin(), others.rend());  // used last first
  uintmax_t total = fs::file_size(root_ / folder / name, error);
  for (const auto& [used, other] : others) {
    const uintmax_t bytes = fs::file_size(other, error);
    if (error) continue;  // another process was first
    total += bytes;
    if (total > most_bytes) fs::remove(other, error);
  }
  return "";
}

std::vector<fs::path> Cache::kept_files(const char* folder, const char* extension) const {
  std::vector<fs::path> files;
  if (!why_unused_.empty() || is_link(root_ / folder)) return files;  // a link leads to what is not ours
  for (const fs::path& child : children_of(root_ / folder))
    if (is_kept_file(child) && is_plain_file(child) && child.extension() == extension) files.push_back(child);
  return files;
}

std::optional<fs::path> Cache::find(const std::string& key) const {
  if (!why_unused_.empty()) return {};
  const fs::path entry = root_ / key;
  if (!is_ours(entry) || !is_intact(entry)) return {};
  std::error_code read_only;  // then nobody evicts either
  fs::last_write_time(entry / kManifest, fs::file_time_type::clock::now(), read_only);
  return entry;
}

fs::path Cache::make_private_directory() const {
  make_own_directories(root_);
  return make_unique_directory(root_, private_prefix());
}

std::optional<fs::path> Cache::publish(const fs::path& private_directory, const std::string& key) const {
  const fs::path entry = root_ / key;
  std::error_code ignored;  // others may use what this user compiled, as far as the root lets them in
  fs::permissions(private_directory, fs::perms::owner_all | fs::perms(0055), ignored);
  // Twice and more only if others put damaged entries into place while this runs.
  for (int attempt = 0; attempt < 4; ++attempt) {
    if (std::rename(private_directory.c_str(), entry.c_str()) == 0) {
      flush_to_disk(root_);
      evict(key);
      return entry;
    }
    if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) return {};
    if (is_ours(entry) && is_intact(entry)) {
      fs::remove_all(private_directory, ignored);
      return entry;
    }
    remove_directory(entry);
  }
  return {};
}

fs::path Cache::keep_failed(const fs::path& private_directory, const std::string& key) const {
  const fs::path failed = root_ / (kFailed + key);
  remove_directory(failed);
  std::error_code error;
  fs::rename(private_directory, failed, error);
  return error ? private_directory : failed;
}

// Renamed first, so that no other process ever sees a part of an entry.
bool Cache::remove_directory(const fs::path& directory) const {
  std::error_code error;
  try {
    const fs::path hidden = make_unique_directory(root_, private_prefix());
    fs::rename(directory, hidden / "removed", error);
    std::error_code ignored;
    fs::remove_all(hidden, ignored);
  } catch (const fs::filesystem_error& e) {
    error = e.code();
  }
  return !error;
}

std::vector<CacheEntry> Cache::list() const {
  std::vector<CacheEntry> entries;
  if (!why_unused_.empty()) return entries;
  for (const fs::path& child : children_of(root_)) {
    if (!is_entry(child)) continue;
    CacheEntry entry{child.filename(), child, bytes_in(child), {}, kernel_name(child), false};
    std::error_code error;
    entry.last_used = fs::last_write_time(child / kManifest, error);
    if (error) entry.last_used = fs::file_time_type::min();
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const CacheEntry& a, const CacheEntry& b) { return std::tie(b.last_used, b.key) < std::tie(a.last_used, a.key); });
  return entries;
}

std::vector<CacheEntry> Cache::verify(bool remove_damaged) const {
  std::vector<CacheEntry> entries = list();
  for (CacheEntry& entry : entries) {
    entry.intact = is_intact(entry.directory);
    if (!entry.intact && remove_damaged) remove_directory(entry.directory);
  }
  return entries;
}

uint64_t Cache::clear() const {
  uint64_t bytes = 0;
  if (!why_unused_.empty()) return bytes;
  for (const fs::path& child : children_of(root_)) {
    const bool is_left = starts_with(child.filename(), kPrivate) && is_abandoned(child);
    if (!is_entry(child) && !is_failed(child) && !is_left) continue;
    const uint64_t size = bytes_in(child);
    if (remove_directory(child)) bytes += size;
  }
  for (const char* folder : kFoldersOfFiles) {
    std::error_code error;
    for (const char* extension : kExtensions)
      for (const fs::path& file : kept_files(folder, extension)) {
        const uintmax_t size = fs::file_size(file, error);
        if (fs::remove(file, error)) bytes += size;
      }
    std::error_code not_empty;
    if (!is_link(root_ / folder)) fs::remove(root_ / folder, not_empty);
  }
  return bytes;
}

void Cache::remove_abandoned() const {
  for (const fs::path& child : children_of(root_))
    if ((starts_with(child.filename(), kPrivate) || is_failed(child)) && is_abandoned(child)) remove_directory(child);
}

void Cache::evict(const std::string& kept_key) const {
  if (!why_unused_.empty()) return;
  remove_abandoned();
  uint64_t total = 0;
  for (const CacheEntry& entry : list()) {
    total += entry.bytes;
    if (total > most_bytes_ && entry.key != kept_key) remove_directory(entry.directory);
  }
}

}  // namespace imbrex::runtime

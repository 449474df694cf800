// The cache of compiled kernels: a directory of entries, each a directory named by the SHA-256 of everything that decides its
// content. Many processes use it at once, without locks:
//
//   <root>/<64 hex digits>/kernel.cpp kernel.so manifest    an entry; `manifest` has size and SHA-256 of the other two; beside
//                                                           them imbrex/, with the headers that kernel.cpp includes
//   <root>/failed-<64 hex digits>/                          source and messages of a compilation that failed
//   <root>/compilers/<64 hex digits>                        what a compiler said for --version
//   <root>/proofs/<64 hex digits>                           programs that are accepted, see verdicts.h
//   <root>/headers/<64 hex digits> and beside it .gch       headers compiled ahead, see precompiled.h
//   <root>/packed/<64 hex digits>.packed                    weights of a layer as a kernel takes them, see tools/packed_file.h
//   <root>/imbrex-new-*/                                    being made, or left by a process that was killed
//
// What is found is loaded and believed: so it is used only where nobody but this user and root could have put it (trust.h).
//
// An entry is made in a private directory, flushed to disk, and renamed into place, so that it is there completely or not at all.
// What does not match its manifest is a miss, and is replaced. The least recently used entries go when the cache exceeds its
// size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/base/error.h"

namespace imbrex::runtime {

struct CacheOptions {
  std::filesystem::path directory;  // empty: default_cache_directory()
  uint64_t most_bytes = uint64_t{1} << 30;
};

// $IMBREX_CACHE, else $XDG_CACHE_HOME/imbrex, else $HOME/.cache/imbrex, of which the latter two must begin with "/"; else empty.
std::filesystem::path default_cache_directory();

struct CacheEntry {
  std::string key;
  std::filesystem::path directory;
  uint64_t bytes = 0;
  std::filesystem::file_time_type last_used;
  std::string kernel;   // the kernel's name, from the function that its source exports, else its first line
  bool intact = false;  // set by verify() only
};

class Cache {
 public:
  explicit Cache(const CacheOptions& options = {});

  const std::filesystem::path& root() const { return root_; }
  // Why nothing is taken from the root nor kept there: no variable names one, or others could put something there. Empty if it is
  // used.
  const std::string& why_unused() const { return why_unused_; }
  // The bytes of `<root>/<folder>/<key>`, as keep() left them there.
  std::optional<std::string> kept(const char* folder, const std::string& key) const;
  // Writes that file, where that is possible.
  void keep(const char* folder, const std::string& key, const std::string& bytes) const;
  // The path of `<root>/<folder>/<name>`, if only this user and root can have put it there; marks it as used.
  std::optional<std::filesystem::path> kept_file(const char* folder, const std::string& name) const;
  // Moves a file there, and removes those of the same extension that were used longest ago, until all have `most_bytes` or it is
  // alone. Names are keys with an extension, and files of other names stay. Returns why it is not kept, else "".
  std::string keep_file(const char* folder, const std::string& name, const std::filesystem::path& file,
                        uint64_t most_bytes) const;
  // The plain files of such names there; none where the cache is unused.
  std::vector<std::filesystem::path> kept_files(const char* folder, const char* extension) const;
  // The entry's directory if it is there and intact; marks it as used.
  std::optional<std::filesystem::path> find(const std::string& key) const;
  // A new private directory inside the root. Throws std::filesystem::filesystem_error where nothing can be written there.
  std::filesystem::path make_private_directory() const;
  // Turns a private directory that holds kernel.cpp and kernel.so into the entry. Where another process was first, that one's
  // entry stays, and if it is intact it is the result. Empty if neither could be had: the private directory is then still there.
  std::optional<std::filesystem::path> publish(const std::filesystem::path& private_directory, const std::string& key) const;
  // Moves a private directory to failed-<key> and says where it is now.
  std::filesystem::path keep_failed(const std::filesystem::path& private_directory, const std::string& key) const;

  // For `imbrex cache`: nothing where the cache is unused. Entries are sorted by last use, latest first.
  std::vector<CacheEntry> list() const;
  // The same with `intact` set. Removes what is not intact if `remove_damaged`.
  std::vector<CacheEntry> verify(bool remove_damaged) const;
  // Removes what is Imbrex's, but not what other processes are making right now, nor anything else that stands there. Returns the
  // bytes.
  uint64_t clear() const;

 private:
  void evict(const std::string& kept_key) const;
  void remove_abandoned() const;  // what processes that were killed left
  bool remove_directory(const std::filesystem::path& directory) const;

  std::filesystem::path root_;
  std::string why_unused_;
  uint64_t most_bytes_;
};

// True if the directory holds a complete entry whose files match its manifest.
bool is_intact(const std::filesystem::path& entry);
// Writes <directory>/manifest and flushes it, the files it names, and the directory to disk.
void seal(const std::filesystem::path& directory);

}  // namespace imbrex::runtime

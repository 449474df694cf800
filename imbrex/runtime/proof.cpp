#include "imbrex/runtime/proof.h"

#include <fmt/format.h>

#include <chrono>

#include "imbrex/ir/hash.h"
#include "imbrex/prove/prove.h"
#include "imbrex/runtime/file.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;

// A verdict with its own checksum: a file that was cut off or changed is none.
std::string verdict_of(const std::string& hash) {
  const std::string text = fmt::format("imbrex proof\nprogram {}\nprover {}\nproven\n", hash, prove::revision());
  return text + ir::sha256_hex(text) + "\n";
}

}  // namespace

Proof require_proof(const ir::Program& program, const CacheOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  const std::string hash = ir::content_hash(program), verdict = verdict_of(hash);
  const fs::path root = Cache(options).root();
  const fs::path file = root.empty() ? fs::path() : root / "proofs" / ir::sha256_hex(verdict);
  if (!file.empty() && read_file(file) == verdict) return {true, seconds()};
  prove::prove_or_throw(program);
  if (!file.empty()) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (!error) replace_file(file, verdict);
  }
  return {false, seconds()};
}

}  // namespace imbrex::runtime

#include "imbrex/runtime/verdicts.h"

#include <fmt/format.h>

#include "imbrex/ir/hash.h"
#include "imbrex/prove/prove.h"

namespace imbrex::runtime {
namespace {

// With its own checksum: a file that was cut off or changed is none.
std::string text_of_verdict(const std::string& hash) {
  const std::string text =
      fmt::format("imbrex verdict\nprogram {}\nprover {}\njudge {}\naccepted\n", hash, prove::revision(), IMBREX_JUDGE_REVISION);
  return text + ir::sha256_hex(text) + "\n";
}

}  // namespace

Verdict::Verdict(const ir::Program& program, const CacheOptions& options)
    : cache_(options), text_(text_of_verdict(ir::content_hash(program))), key_(ir::sha256_hex(text_)) {}

bool Verdict::is_kept() const { return cache_.kept("proofs", key_) == text_; }

void Verdict::keep() const { cache_.keep("proofs", key_, text_); }

}  // namespace imbrex::runtime

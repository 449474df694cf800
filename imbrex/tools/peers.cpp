#include "imbrex/tools/peers.h"

#include "imbrex/base/error.h"
#ifdef IMBREX_BENCH_PEERS
#include "bench/peers/peers.h"
#endif

namespace imbrex::tools {

void require_peers(bool is_front) {
  if (!is_front)
    throw UserError("no-peers", "the peers do the work of deepseek_v4/qkv_proj_rope only", "this kernel without --peers");
#ifndef IMBREX_BENCH_PEERS
  throw UserError(
      "no-peers", "this command was built without peers",
      "apt-get install libdnnl-dev; cmake --preset peers; cmake --build --preset peers; build-peers/imbrex bench ...");
#endif
}

std::string peer_version() {
#ifdef IMBREX_BENCH_PEERS
  return peers::version();
#else
  return {};
#endif
}

PeerContestants peer_contestants(const Tensors& inputs, const Tensors& kernel_outputs, float eps, const target::Target& target,
                                 int threads) {
  require_peers(true);
#ifdef IMBREX_BENCH_PEERS
  return peers::contestants(inputs, kernel_outputs, eps, target, threads);
#else
  (void)inputs, (void)kernel_outputs, (void)eps, (void)target, (void)threads;
  return {};
#endif
}

}  // namespace imbrex::tools

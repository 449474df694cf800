#include "imbrex/tools/peers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "imbrex/base/error.h"
#ifdef IMBREX_BENCH_PEERS
#include "bench/peers/peers.h"
#endif

namespace imbrex::tools {

void require_peers(const kernels::Entry& entry) {
  std::vector<std::string> names;
  for (const kernels::Entry& each : kernels::registry())
    if (each.has_peers) names.push_back(each.name);
  if (!entry.has_peers)
    throw UserError("no-peers", fmt::format("the peers do the work of {} only", fmt::join(names, ", ")),
                    "this kernel without --peers");
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

PeerContestants peer_contestants(const Tensors& inputs, const Tensors& kernel_outputs, const kernels::Options& options,
                                 const target::Target& target, int threads) {
#ifdef IMBREX_BENCH_PEERS
  return peers::contestants(inputs, kernel_outputs, options, target, threads);
#else
  (void)inputs, (void)kernel_outputs, (void)options, (void)target, (void)threads;
  return {};
#endif
}

}  // namespace imbrex::tools

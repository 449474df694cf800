// The place of peers in `imbrex bench --peers`: other software that does a kernel's work, from bench/peers. It is there only
// where the CMake option IMBREX_BENCH_PEERS is on; nothing else in Imbrex needs it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "imbrex/target/target.h"
#include "imbrex/tools/contest.h"

namespace imbrex::tools {

struct PeerContestants {
  std::vector<Contestant> contestants;
  std::string accuracy;     // how far the outputs of each are from the kernel's, measured now
  std::string description;  // what they are, where a reader cannot know
  std::shared_ptr<void> owner;
};

// UserError "no-peers": there are none in this command, or they do not do the work of this kernel.
void require_peers(const kernels::Entry& entry);

std::string peer_version();  // "oneDNN 2.6.3"

// Makes the peers, held to an instruction set, and compares their outputs with the kernel's. `inputs` must outlive them.
PeerContestants peer_contestants(const Tensors& inputs, const Tensors& kernel_outputs, const kernels::Options& options,
                                 const target::Target& target, int threads);

}  // namespace imbrex::tools

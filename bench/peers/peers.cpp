#include "bench/peers/peers.h"

#include <fmt/format.h>

#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>

#include "bench/peers/accuracy.h"
#include "bench/peers/onednn_front.h"
#include "imbrex/base/error.h"

namespace imbrex::peers {

std::string version() {
  const dnnl_version_t* found = dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", found->major, found->minor, found->patch);
}

tools::PeerContestants contestants(const tools::Tensors& inputs, const tools::Tensors& kernel_outputs, const kernels::Options& options,
                                   const target::Target& target, int threads) {
  if (target.vector_bits == 0)
    throw UserError("no-peers", "oneDNN has no scalar code to compare with", "no --isa, or one with vectors");
  // Held to what the target has, as the kernel is. Before the first primitive, and refused after it: then it was the same.
  const bool is_avx2 = target.vector_bits == 256;
  const bool has_tiles = std::any_of(target.products.begin(), target.products.end(), [](const auto& k) { return k.takes_tiles; });
  const auto has = [&](const char* unit) {
    return std::any_of(target.units.begin(), target.units.end(), [&](const target::Unit& each) { return each.name == unit; });
  };
  const bool has_bf16 = has_tiles || has("vdpbf16ps"), has_vnni = has("vpdpbusd");
  dnnl::set_max_cpu_isa(has_tiles  ? dnnl::cpu_isa::all
                        : is_avx2  ? has_vnni ? dnnl::cpu_isa::avx2_vnni : dnnl::cpu_isa::avx2
                        : has_bf16 ? dnnl::cpu_isa::avx512_core_bf16
                        : has_vnni ? dnnl::cpu_isa::avx512_core_vnni
                                   : dnnl::cpu_isa::avx512_core);
  const Glue& glue = is_avx2 ? avx2::glue : has_bf16 ? avx512::glue : avx512_base::glue;
  const auto eps = static_cast<float>(kernels::number(options, "eps"));
  const auto front = std::make_shared<OnednnFront>(inputs, eps, glue, !is_avx2, threads);
  front->run();
  tools::PeerContestants made;
  made.owner = front;
  made.contestants.push_back({.name = "oneDNN", .run = [front] { return front->run(); }});
  made.accuracy = fmt::format("oneDNN, {}: {}", front->choice(), accuracy_text(front->outputs(), kernel_outputs));
  return made;
}

}  // namespace imbrex::peers

#include "bench/peers/peers.h"

#include <fmt/format.h>

#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>

#include "bench/peers/accuracy.h"
#include "bench/peers/engine_front.h"
#include "bench/peers/onednn_front.h"
#include "imbrex/base/error.h"
#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::peers {

std::string version() {
  const dnnl_version_t* found = dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", found->major, found->minor, found->patch);
}

namespace {

template <class Front>
tools::PeerContestants made_of(const std::shared_ptr<Front>& front, const std::shared_ptr<const tools::Tensors>& inputs,
                               const std::string& accuracy) {
  tools::PeerContestants made;
  made.owner = front;
  made.contestants.push_back({.name = "oneDNN", .run = [front, inputs] { return front->run(); }});  // which refers to them
  made.accuracy = accuracy;
  return made;
}

// oneDNN has no products of weights that are e4m3: it is given the bf16 that they become.
std::shared_ptr<const tools::Tensors> with_bf16_weights(const tools::Tensors& inputs, const kernels::Options& options) {
  auto wide = std::make_shared<tools::Tensors>(inputs);
  for (const std::string name : {"wq_a", "wkv"})
    if (Array& weight = wide->at(name); weight.dtype == DType::e4m3)
      weight = kernels::reference::expanded(weight, inputs.at(name + "_scale"), kernels::integer(options, "fp8_block"));
  return wide;
}

// The form that an engine's calls are composed for, and has bf16 products.
void require_engine_form(const kernels::Options& options, bool has_bf16) {
  const std::pair<const char*, int64_t> wanted[] = {{"mode", 0},         {"x_f32", 0}, {"x_normalized", 0}, {"rotations", 2},
                                                    {"q_f32", 0},        {"cache", 4}, {"extra", 0},        {"latent_int8", 0},
                                                    {"latent_bf16", 1}};
  std::string settings;
  bool is_one = true;
  for (const auto& [name, value] : wanted) {
    is_one = is_one && kernels::integer(options, name) == value;
    if (value != 0 || kernels::integer(options, name) != value) settings += fmt::format(" --set {}={}", name, value);
  }
  if (!is_one) throw UserError("no-peers", "the peers compose one form of this kernel", settings.substr(1));
  if (!has_bf16)
    throw UserError("no-peers", "this composition needs bf16 products of oneDNN, which start with AVX-512",
                    "an --isa with AVX-512, or no --peers");
}

}  // namespace

tools::PeerContestants contestants(const tools::Tensors& kernel_inputs, const tools::Tensors& kernel_outputs, const kernels::Options& options,
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
  const bool is_attention_front = options.count("mode") > 0;
  if (is_attention_front) require_engine_form(options, !is_avx2);
  const std::shared_ptr<const tools::Tensors> kept = with_bf16_weights(kernel_inputs, options);
  const tools::Tensors& inputs = *kept;
  if (is_attention_front) {
    const auto front = std::make_shared<EngineFront>(inputs, eps, glue, threads);
    front->run();
    tools::PeerContestants made = made_of(front, kept, engine_accuracy_text(front->outputs(), kernel_outputs));
    made.description = EngineFront::description();
    return made;
  }
  const auto front = std::make_shared<OnednnFront>(inputs, eps, glue, !is_avx2, threads);
  front->run();
  return made_of(front, kept, fmt::format("oneDNN, {}: {}", front->choice(), accuracy_text(front->outputs(), kernel_outputs)));
}

}  // namespace imbrex::peers

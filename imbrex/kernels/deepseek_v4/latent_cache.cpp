#include "imbrex/kernels/deepseek_v4/latent_cache.h"

#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

constexpr Int e4m3_block = 64, e4m3_blocks = nope_dim / e4m3_block;
constexpr double largest_e4m3 = 448;

// Stores the rows of kv whose slot is not -1.
void insert(const Dim& T, const Dim& blocks, Int block, const Tensor& slots,
            const std::function<void(const Index& token, const Index& block, const Index& place)>& store) {
  at("insert", [&] {
    assume_distinct(cast(slots(all), int32), {.except = -1});
    parallel(Range(T).named("token"), [&](Index token) {
      const Index slot = read(slots, {token});
      assume(slot >= -1 && slot < blocks * block);
      when(slot >= 0, [&] { store(token, slot / block, slot % block); });
    });
  });
}

}  // namespace

std::function<void(const Tensor& kv)> declare_cache(Builder& k, const Dim& T, const LatentCache& form) {
  const Int B = form.cache_block;
  const Dim N = k.dim("N", {.typical = 64});
  const Tensor slots = k.input("slots", form.slots, {T});
  if (form.cache == Cache::bf16_rows) {
    const Tensor cache = k.inout("cache", bf16, {N, B, head_dim});
    return [=](const Tensor& kv) {
      insert(T, N, B, slots,
             [&](const Index& token, const Index& block, const Index& place) { cache(block, place, all) = kv(token, all); });
    };
  }
  const Tensor values = k.inout("cache_e4m3", e4m3, {N, B, nope_dim}), scales = k.inout("cache_scale", e8m0, {N, B, e4m3_blocks}),
               rotated = k.inout("cache_rope", bf16, {N, B, rope_dim});
  return [=](const Tensor& kv) {
    insert(T, N, B, slots, [&](const Index& token, const Index& block, const Index& place) {
      const Tile row = reshape(cast(kv(token, span(0, nope_dim)), f32), {e4m3_blocks, e4m3_block});
      const Tile scale = cast(max(row_max(abs(row)), 1e-4f) * (1.0f / 448), e8m0, ceil);
      const Tile scaled = min(max(row / cast(scale, f32), -largest_e4m3), largest_e4m3);
      values(block, place, all) = reshape(cast(scaled, e4m3, rint), {1, nope_dim});
      scales(block, place, all) = reshape(scale, {1, e4m3_blocks});
      rotated(block, place, all) = kv(token, span(nope_dim, rope_dim));
    });
  };
}

Kernel latent_insert(const LatentCache& form) {
  return kernel("latent_insert", [&](Builder& k) {
    const Dim T = k.dim("T", {.typical = 128});
    const Tensor kv = k.input("kv", bf16, {T, head_dim});
    declare_cache(k, T, form)(kv);
  });
}

}  // namespace imbrex::kernels::deepseek_v4

// The entries of the registry, by family. Private to kernels/.
#pragma once

#include "imbrex/kernels/registry.h"

namespace imbrex::kernels {

// Of the front, whose weights are fp8 in a released checkpoint.
inline const OptionInfo fp8_block{
    "fp8_block", "wq_a and wkv are e4m3 with a scale for each so many rows by so many columns; 0: they are bf16", 0, 1024, 32};
// Of every norm. Smaller ones are none in f32.
inline const OptionInfo epsilon{"eps", "what norms add to the mean square before its root", 1e-37, 1.0, 1};

Entry qkv_proj_rope_entry();
Entry qkv_proj_rope_latents_entry();
Entry qkv_proj_rope_queries_entry();
Entry qkv_proj_rope_w8a16_entry();
Entry qkv_proj_rope_fp8_reference_entry();
Entry attention_front_entry();
Entry latent_insert_entry();
std::vector<Entry> nn_entries();

}  // namespace imbrex::kernels

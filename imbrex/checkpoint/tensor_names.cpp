#include "imbrex/checkpoint/tensor_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace imbrex::checkpoint {
namespace {

struct Alias {
  std::string_view word, released;
};

constexpr Alias kAliases[] = {
    {"self_attn", "attn"},
    {"mlp", "ffn"},
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"q_a_proj", "wq_a"},
    {"q_a_norm", "q_norm"},
    {"q_a_layernorm", "q_norm"},
    {"q_b_proj", "wq_b"},
    {"kv_proj", "wkv"},
    {"kv_a_proj_with_mqa", "wkv"},
    {"kv_a_layernorm", "kv_norm"},
    {"o_a_proj", "wo_a"},
    {"o_b_proj", "wo_b"},
    {"sinks", "attn_sink"},
    {"weight_scale_inv", "scale"},
    {"weight_scale", "scale"},
    {"e_score_correction_bias", "bias"},
};
// Of a compressor alone.
constexpr Alias kCompressorAliases[] = {{"kv_norm", "norm"}, {"gate_proj", "wgate"}, {"position_bias", "ape"}};

template <size_t count>
std::string_view released_word(const Alias (&aliases)[count], std::string_view word) {
  const auto* found = std::find_if(aliases, aliases + count, [&](const Alias& alias) { return alias.word == word; });
  return found == aliases + count ? word : found->released;
}

}  // namespace

std::string released_name(const std::string& name) {
  std::string_view rest = name;
  if (rest.starts_with("model.")) rest.remove_prefix(std::string_view("model.").size());
  std::vector<std::string_view> words;
  bool in_compressor = false;
  for (size_t begin = 0; begin <= rest.size();) {
    const size_t end = std::min(rest.find('.', begin), rest.size());
    std::string_view word = rest.substr(begin, end - begin);
    if (in_compressor) word = released_word(kCompressorAliases, word);
    in_compressor = in_compressor || word == "compressor";
    words.push_back(released_word(kAliases, word));
    begin = end + 1;
  }
  return fmt::format("{}", fmt::join(words, "."));
}

std::string layer_prefix(int64_t layer, int64_t layers) {
  return layer < layers ? fmt::format("layers.{}.", layer) : fmt::format("mtp.{}.", layer - layers);
}

}  // namespace imbrex::checkpoint

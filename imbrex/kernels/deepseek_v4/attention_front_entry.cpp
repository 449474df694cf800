#include <fmt/format.h>

#include "imbrex/base/error.h"
#include "imbrex/kernels/deepseek_v4/attention_front.h"
#include "imbrex/kernels/deepseek_v4/attention_front_parts.h"
#include "imbrex/kernels/deepseek_v4/entry_parts.h"
#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"
#include "imbrex/kernels/entries.h"

namespace imbrex::kernels {
namespace {

using deepseek_v4::AttentionFront;

Options values(int64_t hidden, int64_t heads, int64_t q_lora, double eps) {
  return {{"hidden", hidden}, {"heads", heads},    {"q_lora", q_lora},    {"eps", eps}, {"x_f32", 0},       {"x_normalized", 0},
          {"norm_w_bf16", 1}, {"rotations", 1},    {"position_bytes", 8}, {"q_f32", 0}, {"latent_int8", 1}, {"latent_bf16", 0},
          {"cache", 0},       {"cache_block", 64}, {"slot_bytes", 8},     {"extra", 0}, {"mode", 0},        {"fp8_block", 0},
          {"kv", 1}};
}

deepseek_v4::LatentCache cache_of(const Options& options) {
  using deepseek_v4::Cache;
  const int64_t cache = integer(options, "cache");
  return {.cache = cache == 0       ? Cache::none
                   : cache % 2 == 1 ? Cache::bf16_rows
                                    : Cache::fp8,
          .cache_block = integer(options, "cache_block"),
          .slots = integer(options, "slot_bytes") == 8 ? int64 : int32};
}

const OptionInfo cache_block{"cache_block", "tokens of a block of the cache", 1, 4096, 1},
    slot_bytes{"slot_bytes", "8: slots are int64, 4: int32", 4, 8, 4};

ir::Program program(const std::string&, const Options& options) {
  const auto is_on = [&](const char* name) { return integer(options, name) != 0; };
  AttentionFront form;
  static_cast<deepseek_v4::FrontSizes&>(form) = deepseek_v4::front_of(options);
  form.arithmetic = static_cast<deepseek_v4::Arithmetic>(integer(options, "mode"));
  form.block = integer(options, "fp8_block");
  if (form.arithmetic != deepseek_v4::Arithmetic::w8a8 && form.block == 0)
    throw UserError("option-value", fmt::format("mode = {} takes e4m3, but fp8_block = 0", integer(options, "mode")),
                    "fp8_block=128, the rows and columns of a weight that have a scale");
  if (form.arithmetic == deepseek_v4::Arithmetic::fp8_reference) deepseek_v4::require_quantizable(options);
  form.x = is_on("x_f32") ? f32 : bf16;
  form.x_is_normalized = is_on("x_normalized");
  form.rotations = static_cast<deepseek_v4::Rotations>(integer(options, "rotations"));
  form.positions = integer(options, "position_bytes") == 8 ? int64 : int32;
  form.q = is_on("q_f32") ? f32 : bf16;
  form.latent_int8 = is_on("latent_int8");
  if (form.latent_int8 && form.arithmetic != deepseek_v4::Arithmetic::w8a8)
    throw UserError("option-value", fmt::format("latent_int8 = 1, but mode = {} has no int8", integer(options, "mode")),
                    "latent_int8=0 latent_bf16=1");
  form.latent_bf16 = is_on("latent_bf16");
  form.has_kv = is_on("kv");
  form.kv_rows = integer(options, "cache") < 3;
  if (!form.has_kv && integer(options, "cache") != 0)
    throw UserError("option-value", fmt::format("cache = {}, but kv = 0 has no rows for it", integer(options, "cache")),
                    "cache=0");
  static_cast<deepseek_v4::LatentCache&>(form) = cache_of(options);
  form.extra = integer(options, "extra");
  return attention_front(form).program();
}

}  // namespace

reference::FrontForm deepseek_v4::reference_form(const Options& options) {
  return {.eps = number(options, "eps"),
          .q = integer(options, "q_f32") ? DType::f32 : DType::bf16,
          .arithmetic = static_cast<reference::Arithmetic>(integer(options, "mode")),
          .block = integer(options, "fp8_block")};
}

Tensors deepseek_v4::reference_inputs(const Tensors& inputs, const reference::FrontForm& form) {
  if (form.arithmetic == reference::Arithmetic::fp8_reference || form.block == 0) return inputs;
  return with_expanded_weights(inputs, form.block);
}

Entry attention_front_entry() {
  Entry entry;
  entry.name = "deepseek_v4/attention_front";
  entry.description =
      "qkv_proj_rope in the forms that engines call: positions or rotations, rows or a paged cache, types of their own";
  entry.variants = {"plain"};
  entry.presets = {{"demo", "small, for tests and the interpreter", values(512, 4, 256, 1e-6)},
                   {"flash", "DeepSeek-V4 Flash", values(4096, 64, 1024, 1e-6)},
                   {"pro", "DeepSeek-V4 Pro", values(7168, 128, 1536, 1e-6)},
                   {"flash_2", "the later Flash", values(5120, 64, 1280, 1e-20)}};
  entry.options = {
      {"hidden", "columns D of x", 1, 65536, 1, "--hidden"},
      {"heads", "query heads H", 1, 1024, 1, "--heads"},
      {"q_lora", "columns Q of the query latent", 1, 16384, 1, "--q-lora"},
      epsilon,
      {"x_f32", "1: x is f32, else bf16", 0, 1, 1},
      {"x_normalized", "1: x is normalized already, and there is no norm_w", 0, 1, 1},
      {"norm_w_bf16", "1: norm_w is bf16, else f32", 0, 1, 1},
      {"rotations",
       "0, 1: rows of cosines and of sines, bf16 or f32; else by position, from 2: tables of both in f32, 3: one of "
       "pairs in f32, 4: tables in bf16",
       0, 4, 1},
      {"position_bytes", "8: positions are int64, 4: int32", 4, 8, 4},
      {"q_f32", "1: q is f32 and not rounded, else bf16", 0, 1, 1},
      {"latent_int8", "1: the quantized query latent is an output, with its scales", 0, 1, 1},
      {"latent_bf16", "1: the query latent is an output", 0, 1, 1},
      {"cache",
       "0: rows of keys and values are an output; 1, 2: they also go into a cache by slot, bf16 or fp8; 3, 4: there alone", 0, 4,
       1},
      cache_block,
      slot_bytes,
      {"extra", "columns of further projections of the normalized x; 0: none", 0, 65536, 1},
      {"mode", "0: as qkv_proj_rope, 1: as qkv_proj_rope_w8a16, 2: as qkv_proj_rope_fp8_reference", 0, 2, 1},
      {"fp8_block",
       "wq_a and wkv, in modes 1 and 2 also wq_b, are e4m3 with a scale for each so many rows by so many columns; "
       "0, of mode 0: wq_a and wkv are bf16",
       0, 1024, 32},
      {"kv", "1: the layer has keys and values; 0: it uses another's, and there is no wkv", 0, 1, 1}};
  entry.program = program;
  entry.reference = [](const Tensors& inputs, const Options& options) {
    const reference::FrontForm form = deepseek_v4::reference_form(options);
    return reference::attention_front(deepseek_v4::reference_inputs(inputs, form), form);
  };
  entry.usual_preset = "flash";
  entry.has_batches = true;
  entry.bench_tokens = {1, 8, 64, 128};
  entry.made_inputs = deepseek_v4::made_form_inputs;
  entry.stage_tensors = {"kv"};
  entry.judge = deepseek_v4::judge_attention_front;
  entry.least_work = deepseek_v4::least_work;
  entry.has_peers = true;
  return entry;
}

Entry latent_insert_entry() {
  Entry entry;
  entry.name = "deepseek_v4/latent_insert";
  entry.description = "rows of keys and values into a paged cache, by slot";
  entry.variants = {"tiled"};
  const Options usual = {{"cache", 2}, {"cache_block", 64}, {"slot_bytes", 8}};
  entry.presets = {{"demo", "fp8 in blocks of 64 tokens", usual}};
  entry.options = {{"cache", "1: bf16, 2: fp8", 1, 2, 1}, cache_block, slot_bytes};
  entry.program = [](const std::string&, const Options& options) { return latent_insert(cache_of(options)).program(); };
  entry.reference = [](const Tensors& inputs, const Options&) { return reference::with_inserted(inputs, inputs.at("kv")); };
  return entry;
}

}  // namespace imbrex::kernels

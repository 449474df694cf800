// What the library makes of stored weights and a call is what the interpreter makes of the kernel and of the same weights converted.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "imbrex/checkpoint/make_checkpoint.h"
#include "imbrex/checkpoint/safetensors.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/kernels/registry.h"
#include "operator_model.h"
#include "support/temporary_folder.h"

namespace imbrex::test {
namespace {

constexpr int64_t T = 5;

Array turned(const Array& from) {
  Array to = Array::zeros(from.dtype, {from.shape[1], from.shape[0]});
  for (int64_t i = 0; i < from.size(); ++i)
    set_value_at(to, i % from.shape[1] * from.shape[0] + i / from.shape[1], value_at(from, i));
  return to;
}

// [out, in] of fp8 blocks of 32 by 32 as bf16: exact, as these scales are near 1.
Array expanded(const Array& codes, const Array& scales) {
  Array out = Array::zeros(DType::bf16, codes.shape);
  for (int64_t i = 0; i < codes.size(); ++i) {
    const int64_t row = i / codes.shape[1], column = i % codes.shape[1];
    set_value_at(out, i, value_at(codes, i) * value_at(scales, row / 32 * scales.shape[1] + column / 32));
  }
  return out;
}

Array as_f32(const Array& from) {
  Array to = Array::zeros(DType::f32, from.shape);
  for (int64_t i = 0; i < from.size(); ++i) set_value_at(to, i, value_at(from, i));
  return to;
}

// int8 with a scale a row of bf16 rows, as the definition has it: w * (127 / amax) in f32, half to even.
std::pair<Array, Array> quantized(const Array& rows) {
  Array weights = Array::zeros(DType::int8, rows.shape), scales = Array::zeros(DType::f32, {rows.shape[0]});
  for (int64_t r = 0; r < rows.shape[0]; ++r) {
    float amax = 1e-4f;
    for (int64_t c = 0; c < rows.shape[1]; ++c)
      amax = std::max(amax, std::fabs(static_cast<float>(value_at(rows, r * rows.shape[1] + c))));
    scales.as<float>()[r] = amax / 127;
    for (int64_t i = r * rows.shape[1]; i < (r + 1) * rows.shape[1]; ++i)
      weights.as<int8_t>()[i] = static_cast<int8_t>(std::nearbyint(static_cast<float>(value_at(rows, i)) * (127 / amax)));
  }
  return {weights, scales};
}

// The kernel of a form's mode and types, for all heads.
ir::Program program_of(const imbrex_v4_form& form) {
  kernels::Options options = {{"x_f32", form.x == IMBREX_V4_F32},
                              {"q_f32", form.q == IMBREX_V4_F32},
                              {"x_normalized", form.x_is_normalized},
                              {"extra", form.extra},
                              {"rotations", 2},
                              {"norm_w_bf16", 0},
                              {"latent_int8", form.mode == IMBREX_V4_W8A8},
                              {"latent_bf16", 1},
                              {"mode", form.mode},
                              {"fp8_block", form.weight_block},
                              {"kv", !form.without_kv}};
  return kernels::build("deepseek_v4/attention_front", "", "demo", options).program;
}

std::map<std::string, Array> activations_of(const OperatorModel& model, const imbrex_v4_form& form) {
  std::map<std::string, Array> tensors = {
      {"x", random_array(form.x == IMBREX_V4_F32 ? DType::f32 : DType::bf16, {T, kHidden}, 21, 3)},
      {"norm_w", as_f32(model.attn_norm)},
      {"gamma_cq", model.q_norm},
      {"gamma_ckv", model.kv_norm},
      {"w_extra", turned(model.extra)},
      {"table_cos", Array::zeros(DType::f32, {kRows, 32})},
      {"table_sin", Array::zeros(DType::f32, {kRows, 32})},
      {"positions", Array::zeros(DType::int64, {T})}};
  for (int64_t i = 0; i < kRows * 32; ++i) {
    tensors.at("table_cos").as<float>()[i] = model.table.as<float>()[i / 32 * 64 + i % 32];
    tensors.at("table_sin").as<float>()[i] = model.table.as<float>()[i / 32 * 64 + 32 + i % 32];
  }
  for (int64_t t = 0; t < T; ++t) set_index_at(tensors.at("positions"), t, 7 * t);
  return tensors;
}

// The library's front of `form` on `weights`, and the interpreted kernel on the same ones as it takes them.
void expect_bits(const OperatorModel& model, const imbrex_v4_form& form, const imbrex_v4_weights& weights,
                 const std::map<std::string, Array>& kernel_weights) {
  const deepseek_v4::Front front(form);
  AlignedVector<std::byte> packed(front.packed_bytes());
  for (int part = 0; part < 7; ++part) front.pack(weights, packed, part, 7);

  std::map<std::string, Array> tensors = activations_of(model, form);
  tensors.insert(kernel_weights.begin(), kernel_weights.end());
  interpret::run(program_of(form), {{"T", T}, {"P", kRows}}, tensors, {});

  const int64_t heads = form.head_end - form.head_begin;
  AlignedVector<std::byte> workspace(front.workspace_bytes(T, 2));
  Array q = Array::zeros(tensors.at("q").dtype, {T, heads, 512}), kv = Array::zeros(DType::bf16, {T, 512}),
        latent = Array::zeros(DType::int8, {T, kLatent}), scale = Array::zeros(DType::f32, {T, 1}),
        latent_bf16 = Array::zeros(DType::bf16, {T, kLatent}), extra = Array::zeros(DType::f32, {T, form.extra});
  imbrex_v4_call call = {};
  call.tokens = T;
  call.packed = packed.data(), call.packed_bytes = packed.size();
  call.workspace = workspace.data(), call.workspace_bytes = workspace.size();
  call.x = tensors.at("x").bytes.data();
  call.rotation_type = IMBREX_V4_F32, call.cosines = model.table.bytes.data(), call.rotation_rows = kRows;
  call.positions = tensors.at("positions").bytes.data(), call.position_type = IMBREX_V4_INT64;
  call.q = q.bytes.data(), call.latent_bf16 = latent_bf16.as<uint16_t>();
  if (!form.without_kv) call.kv = kv.as<uint16_t>();
  if (form.extra > 0) call.extra = extra.as<float>();
  const bool has_int8 = form.mode == IMBREX_V4_W8A8;
  if (has_int8) call.latent = latent.as<int8_t>(), call.latent_scale = scale.as<float>();
  ASSERT_EQ(run_on_threads(front.get(), call, 2), IMBREX_V4_OK) << front.explain(call);
  const size_t row = q.bytes.size() / T, head = row / static_cast<size_t>(heads);
  for (size_t t = 0; t < T; ++t)
    EXPECT_EQ(std::memcmp(q.bytes.data() + t * row,
                          tensors.at("q").bytes.data() + (t * kHeads + static_cast<size_t>(form.head_begin)) * head, row),
              0)
        << "q of token " << t << ", heads from " << form.head_begin;
  if (!form.without_kv) {
    EXPECT_EQ(kv.bytes, tensors.at("kv").bytes);
  }
  EXPECT_EQ(latent_bf16.bytes, tensors.at("latent").bytes);
  if (has_int8) {
    EXPECT_EQ(latent.bytes, tensors.at("qr").bytes);
    EXPECT_EQ(scale.bytes, tensors.at("qr_scale").bytes);
  }
  if (form.extra > 0) {
    EXPECT_EQ(extra.bytes, tensors.at("extra").bytes);
  }
}

std::map<std::string, Array> w8a8_weights(const OperatorModel& model, const Array& wq_b, const Array& wq_b_scale) {
  return {{"wq_a", turned(expanded(model.wq_a, model.wq_a_scale))},
          {"wq_b", turned(wq_b)},
          {"wq_b_scale", wq_b_scale},
          {"wkv", turned(model.wkv)}};
}

// Scales of blocks as the kernel has them, turned as the weights are.
std::map<std::string, Array> kept_weights(const OperatorModel& model, bool is_wq_b_kept = true) {
  return {{"wq_a", turned(model.wq_a)},
          {"wq_a_scale", turned(model.fp8_wq_a_scale)},
          {"wq_b", turned(is_wq_b_kept ? model.fp8_wq_b : model.wq_b)},
          {"wq_b_scale", is_wq_b_kept ? turned(model.fp8_wq_b_scale) : model.wq_b_scale},
          {"wkv", turned(model.fp8_wkv)},
          {"wkv_scale", turned(model.fp8_wkv_scale)}};
}

TEST(OperatorLibrary, GivesTheBitsOfTheInterpretedKernel) {
  const OperatorModel model;
  for (const imbrex_v4_form& form : all_forms())
    expect_bits(model, form, model.weights(form),
                form.weight_block == 0 ? w8a8_weights(model, model.wq_b, model.wq_b_scale)
                                       : kept_weights(model, form.mode != IMBREX_V4_W8A8));
}

TEST(OperatorLibrary, ConvertsReleasedWeights) {
  const OperatorModel model;
  const Array codes = random_array(DType::e4m3, {kHeads * 512, kLatent}, 31), scales = random_array(DType::e8m0, {64, 8}, 32);
  imbrex_v4_weights weights = model.weights();
  weights.wq_b = {IMBREX_V4_E4M3, codes.bytes.data(), kHeads * 512, kLatent, 0, scales.bytes.data(), 32, 32};
  const auto [wq_b, scale] = quantized(expanded(codes, scales));
  expect_bits(model, form_of(Kind::f32), weights, w8a8_weights(model, wq_b, scale));
}

// Rows of a wider matrix.
TEST(OperatorLibrary, TakesRowsThatLieApart) {
  const OperatorModel model;
  Array wide = random_array(DType::int8, {kHeads * 512, kLatent + 13}, 41);
  imbrex_v4_weights weights = model.weights();
  for (int64_t row = 0; row < kHeads * 512; ++row)
    std::memcpy(wide.as<int8_t>() + row * (kLatent + 13), model.wq_b.as<int8_t>() + row * kLatent, kLatent);
  weights.wq_b.data = wide.bytes.data();
  weights.wq_b.row_bytes = kLatent + 13;
  expect_bits(model, form_of(Kind::f32), weights, w8a8_weights(model, model.wq_b, model.wq_b_scale));
}

// All heads, and a part of them whose scales begin inside the matrix's, of rows that lie apart.
TEST(OperatorLibrary, KeepsAPartOfTheHeadsOfRowsThatLieApart) {
  const OperatorModel model;
  Array wide = random_array(DType::e4m3, {kHeads * 512, kLatent + 13}, 42);
  for (int64_t row = 0; row < kHeads * 512; ++row)
    std::memcpy(wide.as<uint8_t>() + row * (kLatent + 13), model.fp8_wq_b.as<uint8_t>() + row * kLatent, kLatent);
  for (const imbrex_v4_mode mode : {IMBREX_V4_W8A16, IMBREX_V4_FP8_REFERENCE}) {
    for (const int64_t first : {0, 2}) {
      const imbrex_v4_form form = form_of(Kind::further, mode, first, kHeads);
      imbrex_v4_weights weights = model.weights(form);
      weights.wq_b.data = wide.bytes.data();
      weights.wq_b.row_bytes = kLatent + 13;
      expect_bits(model, form, weights, kept_weights(model));
    }
  }
}

imbrex_v4_form form_of_layer(const deepseek_v4::Layer& layer, imbrex_v4_mode mode, int keep_fp8 = 0) {
  imbrex_v4_form types = {};
  types.mode = mode, types.x = types.q = IMBREX_V4_F32, types.keep_fp8 = keep_fp8;
  return layer.form(types);
}

// q, the latent and kv of a layer, each after the other; kv is zeros where it has none.
std::vector<std::byte> results_of(const deepseek_v4::Layer& layer, const imbrex_v4_form& form) {
  const PackedFront front(layer.weights(), form);
  const Array x = random_array(DType::f32, {T, kHidden}, 61), table = random_array(DType::f32, {kRows, 64}, 62);
  Array q = Array::zeros(DType::f32, {T, kHeads, 512}), kv = Array::zeros(DType::bf16, {T, 512}),
        latent = Array::zeros(DType::bf16, {T, kLatent});
  AlignedVector<std::byte> workspace(front.front.workspace_bytes(T, 2));
  imbrex_v4_call call = {};
  call.tokens = T;
  call.packed = front.packed.data(), call.packed_bytes = front.packed.size();
  call.workspace = workspace.data(), call.workspace_bytes = workspace.size();
  call.x = x.bytes.data(), call.q = q.bytes.data(), call.latent_bf16 = latent.as<uint16_t>();
  if (!form.without_kv) call.kv = kv.as<uint16_t>();
  call.rotation_type = IMBREX_V4_F32, call.cosines = table.bytes.data(), call.rotation_rows = kRows;
  EXPECT_EQ(run_on_threads(front.front.get(), call, 2), IMBREX_V4_OK) << front.front.explain(call);
  std::vector<std::byte> all;
  for (const Array* each : {&q, &latent, &kv}) all.insert(all.end(), each->bytes.begin(), each->bytes.end());
  return all;
}

// A layer says its blocks, and its weights are packed as they are mapped.
TEST(OperatorLibrary, KeepsALayerOfACheckpoint) {
  const tests::TemporaryFolder folder;
  checkpoint::make_checkpoint(folder.path(), {"tiny", 1, 1, 3}, [](int64_t) {});
  const deepseek_v4::Layer layer(folder.path(), 1);
  for (const imbrex_v4_mode mode : {IMBREX_V4_W8A16, IMBREX_V4_FP8_REFERENCE}) {
    const imbrex_v4_form form = form_of_layer(layer, mode);
    EXPECT_EQ(form.weight_block, 128);
    EXPECT_EQ(form.without_kv, 0);
    const deepseek_v4::Front front(form);
    AlignedVector<std::byte> packed(front.packed_bytes());
    EXPECT_NO_THROW(front.pack(layer.weights(), packed));
  }
  EXPECT_EQ(results_of(layer, form_of_layer(layer, IMBREX_V4_W8A8)), results_of(layer, form_of_layer(layer, IMBREX_V4_W8A8, 1)));
}

// An engine asks for keep_fp8 whatever the layer: where wq_a is not fp8, its form is the other.
TEST(OperatorLibrary, KeepsFp8WhereALayerHasIt) {
  const tests::TemporaryFolder folder;
  checkpoint::make_checkpoint(folder.path(), {"tiny", 1, 1, 3}, [](int64_t) {});
  EXPECT_EQ(form_of_layer(deepseek_v4::Layer(folder.path(), 1), IMBREX_V4_W8A8, 1).keep_fp8, 1);
  const std::string index_file = folder.file("model.safetensors.index.json"), name = "layers.1.attn.wq_a.weight";
  checkpoint::write_safetensors(folder.file("more.safetensors"), {{name, random_array(DType::bf16, {kLatent, kHidden}, 63)}});
  nlohmann::json index = nlohmann::json::parse(tests::read_text(index_file));
  index["weight_map"][name] = "more.safetensors";
  EXPECT_EQ(index["weight_map"].erase("layers.1.attn.wq_a.scale"), 1u);
  tests::write_text(index_file, index.dump());
  const deepseek_v4::Layer layer(folder.path(), 1);
  const imbrex_v4_form form = form_of_layer(layer, IMBREX_V4_W8A8, 1);
  EXPECT_EQ(form.keep_fp8, 0);
  EXPECT_EQ(results_of(layer, form), results_of(layer, form_of_layer(layer, IMBREX_V4_W8A8)));
}

// A layer that uses another's keys and values says so, and gives what it gives with ones of its own.
TEST(OperatorLibrary, TakesALayerThatSharesKeysAndValues) {
  const tests::TemporaryFolder folder;
  checkpoint::make_checkpoint(folder.path(), {"tiny", 1, 2, 3}, [](int64_t) {});
  const deepseek_v4::Layer own(folder.path(), 2);
  nlohmann::json config = nlohmann::json::parse(tests::read_text(folder.file("config.json")));
  config["kv_source_layer_ids"] = {1};
  tests::write_text(folder.file("config.json"), config.dump());
  EXPECT_EQ(form_of_layer(deepseek_v4::Layer(folder.path(), 2), IMBREX_V4_W8A8).without_kv, 0) << "it has its own";
  const std::string index_file = folder.file("model.safetensors.index.json");
  nlohmann::json index = nlohmann::json::parse(tests::read_text(index_file));
  for (const char* name : {"wkv.weight", "wkv.scale", "kv_norm.weight"})
    EXPECT_EQ(index["weight_map"].erase(std::string("layers.2.attn.") + name), 1u);
  tests::write_text(index_file, index.dump());

  const deepseek_v4::Layer sharing(folder.path(), 2);
  EXPECT_EQ(sharing.weights().wkv.data, nullptr);
  EXPECT_EQ(sharing.weights().kv_norm.data, nullptr);
  EXPECT_EQ(form_of_layer(deepseek_v4::Layer(folder.path(), 1), IMBREX_V4_W8A8).without_kv, 0);
  for (const auto& [mode, keep_fp8] :
       {std::pair(IMBREX_V4_W8A8, 0), {IMBREX_V4_W8A8, 1}, {IMBREX_V4_W8A16, 0}, {IMBREX_V4_FP8_REFERENCE, 0}}) {
    const imbrex_v4_form form = form_of_layer(sharing, mode, keep_fp8);
    EXPECT_EQ(form.without_kv, 1);
    imbrex_v4_form with_kv = form;
    with_kv.without_kv = 0;
    const std::vector<std::byte> expected = results_of(own, with_kv), actual = results_of(sharing, form);
    EXPECT_EQ(std::memcmp(actual.data(), expected.data(), actual.size() - T * 512 * 2), 0) << mode << keep_fp8;
    char message[1024] = "";
    const deepseek_v4::Front front(with_kv);
    AlignedVector<std::byte> packed(front.packed_bytes());
    EXPECT_EQ(imbrex_v4_pack(front.get(), &sharing.weights(), packed.data(), packed.size(), 0, 1, message, sizeof message),
              IMBREX_V4_NULL);
    EXPECT_EQ(std::string(message), "wkv.data is null");
  }
}

// A byte for each weight that is kept, and nothing of keys and values that are not there.
TEST(OperatorLibrary, KeepsFp8AsItIs) {
  const auto packed_bytes = [](imbrex_v4_mode mode, int without_kv = 0) {
    imbrex_v4_form form = form_of(Kind::f32, mode);
    form.without_kv = without_kv;
    return deepseek_v4::Front(form).packed_bytes();
  };
  const size_t weights = (kLatent + 512) * kHidden + kHeads * 512 * kLatent, of_wkv = 512 * kHidden;
  for (const imbrex_v4_mode mode : {imbrex_v4_mode{IMBREX_V4_W8A16}, kKeptW8a8}) {
    EXPECT_GE(packed_bytes(mode), weights);
    EXPECT_LT(packed_bytes(mode), weights + weights / 16);
    EXPECT_GE(packed_bytes(mode), packed_bytes(mode, 1) + of_wkv);
    EXPECT_LT(packed_bytes(mode), packed_bytes(mode, 1) + of_wkv + of_wkv / 16);
  }
  EXPECT_GE(packed_bytes(IMBREX_V4_W8A8), packed_bytes(IMBREX_V4_W8A8, 1) + 2 * of_wkv);
}

TEST(OperatorLibrary, SourcesCanGo) {
  auto model = std::make_unique<OperatorModel>();
  const PackedFront one(*model, form_of(Kind::normalized), 1), other(*model, form_of(Kind::normalized), 5);
  model.reset();
  EXPECT_TRUE(one.packed == other.packed);
}

}  // namespace
}  // namespace imbrex::test

#include "imbrex/base/numbers.h"
#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"
#include "imbrex/kernels/deepseek_v4/judge_parts.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

constexpr Acceptance rules[] = {{"q", 1e-4, 1.0 / 128, 0.005}, {"kv", 1e-4, 1.0 / 128, 0.005}, {"qr", 1e-4, 1.0 / 128, 0.005}};

// Some tokens at a time: what all share and their rows, what the kernel made of them, and how a stage is compared.
using CompareStage = std::function<void(const char* stage, const char* tensor, const reference::Estimate& estimate,
                                        const std::vector<std::string>& outputs)>;
using Expect = std::function<Tensors(const Tensors& inputs)>;
using CompareStages = std::function<void(const Tensors& inputs, const Tensors& actual, const CompareStage& compare)>;

Judgement judged(const JudgeRequest& check, const Tensors& all_inputs, const Expect& expect, const CompareStages& compare_stages,
                 const std::function<void(int64_t tokens)>& progress) {
  Judgement report;
  for (const Acceptance& rule : rules) {
    const Array& output = check.outputs.at(rule.output);
    report.outputs.push_back(started(rule, output));
    if (check.keep_expected) report.expected.emplace(rule.output, Array{output.dtype, output.shape, {}});
  }
  Tensors inputs;
  for (const auto& [name, array] : all_inputs)
    if (!is_per_token(name)) inputs.emplace(name, array);
  const int64_t tokens = check.inputs.at("x").shape[0];
  for (int64_t first = 0; first < tokens; first += tokens_at_a_time) {
    const int64_t count = std::min(tokens_at_a_time, tokens - first);
    for (auto& [name, array] : slice(check.inputs, first, count)) inputs.insert_or_assign(name, std::move(array));
    const Tensors actual = slice(check.outputs, first, count);
    const Tensors expected = check.expected ? slice(*check.expected, first, count) : expect(inputs);
    for (size_t k = 0; k < std::size(rules); ++k)
      compare(rules[k], actual.at(rules[k].output), expected.at(rules[k].output), first, report.outputs[k]);
    compare_stages(
        inputs, actual,
        [&](const char* stage, const char* tensor, const reference::Estimate& estimate, const std::vector<std::string>& outputs) {
          compare_stage(report, stage, tensor, actual, estimate, check.outputs.at(tensor).shape, first, outputs);
        });
    for (auto& [name, kept] : report.expected)
      kept.bytes.insert(kept.bytes.end(), expected.at(name).bytes.begin(), expected.at(name).bytes.end());
    progress(first + count);
  }
  return report;
}

// An array's elements, exactly.
reference::Estimate exactly(const Array& array) {
  reference::Estimate e{
      array.shape[0], array.size() / array.shape[0], {}, std::vector<double>(static_cast<size_t>(array.size()))};
  for (int64_t i = 0; i < array.size(); ++i) e.value.push_back(value_at(array, i));
  return e;
}

}  // namespace

Tensors with_expanded_weights(const Tensors& inputs, int64_t block) {
  Tensors wide = inputs;
  for (const std::string name : {"wq_a", "wq_b", "wkv"})
    if (const auto weight = inputs.find(name); weight != inputs.end() && weight->second.dtype == DType::e4m3)
      wide[name] = reference::expanded(weight->second, inputs.at(name + "_scale"), block);
  return wide;
}

Judgement judge_w8a16(const JudgeRequest& check, const std::function<void(int64_t tokens)>& progress) {
  const double eps = number(check.options, "eps");
  const auto expect = [&](const Tensors& inputs) { return reference::rounded(reference::w8a16_values(inputs, eps)); };
  const auto stages = [&](const Tensors& inputs, const Tensors& actual, const CompareStage& compare) {
    const reference::Bf16LatentValues values = reference::w8a16_values(inputs, eps, &actual.at("qr"));
    compare("qr_rms", "qr", values.latent, {"qr", "q"});
    compare("q_heads", "q", values.q, {"q"});
    compare("kv", "kv", values.kv, {"kv"});
  };
  return judged(check, with_expanded_weights(check.inputs, integer(check.options, "fp8_block")), expect, stages, progress);
}

Judgement judge_fp8_reference(const JudgeRequest& check, const std::function<void(int64_t tokens)>& progress) {
  const double eps = number(check.options, "eps");
  const int64_t block = integer(check.options, "fp8_block");
  const auto expect = [&](const Tensors& inputs) {
    return reference::rounded(reference::fp8_reference_values(inputs, eps, block));
  };
  const auto stages = [&](const Tensors& inputs, const Tensors& actual, const CompareStage& compare) {
    const auto in = [&](const std::string& name) -> const Array& { return inputs.at(name); };
    const auto made = [&](const std::string& name) { return actual.count(name) > 0; };
    const auto quantization = [&](const char* stage, const std::string& rows, const std::string& stem,
                                  const std::vector<std::string>& outputs) {
      const std::string scales = stem + "_scale";
      if (!made(rows) || !made(stem) || !made(scales)) return;
      const reference::BlockQuantized quantized = reference::quantize_blocks(actual.at(rows), block);
      compare(stage, scales.c_str(), exactly(quantized.scales), outputs);
      compare(stage, stem.c_str(), exactly(quantized.elements), outputs);
    };
    const auto product = [&](const char* stage, const std::string& left, const std::string& weight,
                             const std::vector<std::string>& outputs) {
      if (!made(left) || !made(left + "_scale") || !made(stage)) return;
      const reference::BlockQuantized rows{actual.at(left), actual.at(left + "_scale")};
      compare(stage, stage, reference::scaled_product(rows, in(weight), in(weight + "_scale"), block), outputs);
    };
    if (made("x_normed"))
      compare("attn_norm", "x_normed", reference::attention_norm(in("x"), in("norm_w"), eps), {"q", "kv", "qr"});
    quantization("x_quant", "x_normed", "x_fp8", {"q", "kv", "qr"});
    product("qr_proj", "x_fp8", "wq_a", {"q", "qr"});
    if (made("qr_proj")) compare("qr_rms", "qr", reference::normalized(actual.at("qr_proj"), in("gamma_cq"), eps), {"q", "qr"});
    quantization("qr_quant", "qr", "qr_fp8", {"q"});
    product("q_proj", "qr_fp8", "wq_b", {"q"});
    if (made("q_proj"))
      compare("q_heads", "q", reference::reference_heads(actual.at("q_proj"), in("rope_cos"), in("rope_sin"), eps), {"q"});
    product("kv_proj", "x_fp8", "wkv", {"kv"});
    if (made("kv_proj") && made("kv_normed"))
      compare("kv_rms", "kv_normed", reference::normalized(actual.at("kv_proj"), in("gamma_ckv"), eps), {"kv"});
    if (made("kv_normed"))
      compare("kv", "kv", reference::reference_kv(actual.at("kv_normed"), in("rope_cos"), in("rope_sin")), {"kv"});
  };
  return judged(check, check.inputs, expect, stages, progress);
}

}  // namespace imbrex::kernels::deepseek_v4

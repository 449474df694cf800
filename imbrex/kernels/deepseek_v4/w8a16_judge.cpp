#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"
#include "imbrex/kernels/deepseek_v4/judge_parts.h"

namespace imbrex::kernels::deepseek_v4 {

Tensors with_expanded_weights(const Tensors& inputs, int64_t block) {
  Tensors wide = inputs;
  for (const std::string name : {"wq_a", "wq_b", "wkv"})
    wide[name] = reference::expanded(inputs.at(name), inputs.at(name + "_scale"), block);
  return wide;
}

Judgement judge_w8a16(const JudgeRequest& check, const std::function<void(int64_t tokens)>& progress) {
  constexpr Acceptance rules[] = {{"q", 1e-4, 1.0 / 128, 0.005}, {"kv", 1e-4, 1.0 / 128, 0.005}, {"qr", 1e-4, 1.0 / 128, 0.005}};
  const double eps = number(check.options, "eps");
  Judgement report;
  for (const Acceptance& rule : rules) {
    report.outputs.push_back(started(rule, check.outputs.at(rule.output)));
    if (check.keep_expected) report.expected.emplace(rule.output, Array{DType::bf16, check.outputs.at(rule.output).shape, {}});
  }
  Tensors inputs;  // the weights as bf16, and the rows of the tokens at hand
  for (const auto& [name, array] : with_expanded_weights(check.inputs, integer(check.options, "fp8_block")))
    if (!is_per_token(name)) inputs.emplace(name, array);
  const int64_t tokens = check.inputs.at("x").shape[0];
  for (int64_t first = 0; first < tokens; first += tokens_at_a_time) {
    const int64_t count = std::min(tokens_at_a_time, tokens - first);
    for (auto& [name, array] : slice(check.inputs, first, count)) inputs.insert_or_assign(name, std::move(array));
    const Tensors actual = slice(check.outputs, first, count);
    const reference::W8a16Values values = reference::w8a16_values(inputs, eps, actual.at("qr"));
    const Tensors expected = check.expected ? slice(*check.expected, first, count) : reference::qkv_proj_rope_w8a16(inputs, eps);
    for (size_t k = 0; k < std::size(rules); ++k)
      compare(rules[k], actual.at(rules[k].output), expected.at(rules[k].output), first, report.outputs[k]);
    const auto stage = [&](const char* name, const char* tensor, const reference::Estimate& estimate,
                           const std::vector<std::string>& outputs) {
      compare_stage(report, name, tensor, actual, estimate, check.outputs.at(tensor).shape, first, outputs);
    };
    stage("qr_rms", "qr", values.latent, {"qr", "q"});
    stage("q_heads", "q", values.q, {"q"});
    stage("kv", "kv", values.kv, {"kv"});
    for (auto& [name, kept] : report.expected)
      kept.bytes.insert(kept.bytes.end(), expected.at(name).bytes.begin(), expected.at(name).bytes.end());
    progress(first + count);
  }
  return report;
}

}  // namespace imbrex::kernels::deepseek_v4

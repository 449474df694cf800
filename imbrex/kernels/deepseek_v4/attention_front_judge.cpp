// The judge of attention_front: the acceptance of qkv_proj_rope for what it has of it, the query latent like q, further projections
// within the bound of f32 arithmetic, and caches bit for bit from the rows of kv that the kernel made.
#include <algorithm>

#include "imbrex/kernels/deepseek_v4/attention_front_parts.h"
#include "imbrex/kernels/deepseek_v4/judge_parts.h"
#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

// Those of the outputs that this form has.
std::vector<Acceptance> rules_of(const JudgeRequest& check) {
  std::vector<Acceptance> rules(std::begin(acceptances), std::end(acceptances));
  rules.push_back({"latent", 1e-4, 1.0 / 128, 0.005});
  rules.push_back({"extra", 1e-4, 1.0 / 128, 0.005});
  std::erase_if(rules, [&](const Acceptance& rule) { return check.outputs.count(rule.output) == 0; });
  return rules;
}

}  // namespace

Judgement judge_attention_front(const JudgeRequest& check, const std::function<void(int64_t tokens)>& progress) {
  const reference::FrontForm form = reference_form(check.options);
  const std::vector<Acceptance> rules = rules_of(check);
  Judgement report;
  for (const Acceptance& rule : rules) report.outputs.push_back(started(rule, check.outputs.at(rule.output)));
  const auto keep = [&](const std::string& name, const Array& rows) {
    if (!check.keep_expected) return;
    Array& kept = report.expected.try_emplace(name, Array{rows.dtype, check.outputs.at(name).shape, {}}).first->second;
    kept.bytes.insert(kept.bytes.end(), rows.bytes.begin(), rows.bytes.end());
  };
  Tensors inputs;  // what all tokens share, and the rows of those at hand
  for (const auto& [name, array] : reference_inputs(check.inputs, form))
    if (!is_per_token(name) && name.rfind("cache", 0) != 0) inputs.emplace(name, array);

  const int64_t tokens = check.inputs.at("x").shape[0];
  Array expected_kv{DType::bf16, {0, head_dim}, {}};
  for (int64_t first = 0; first < tokens; first += tokens_at_a_time) {
    const int64_t count = std::min(tokens_at_a_time, tokens - first);
    for (auto& [name, array] : slice(check.inputs, first, count)) inputs.insert_or_assign(name, std::move(array));
    const Tensors actual = slice(check.outputs, first, count);
    const bool is_w8a8 = form.arithmetic == reference::Arithmetic::w8a8;
    const auto latent = actual.find(is_w8a8 ? "qr" : "latent");
    const Array* const settled = latent != actual.end() ? &latent->second : nullptr;
    const Tensors rows = reference::with_rotations(inputs);
    const Tensors made = reference::attention_front(rows, form, settled);
    const Tensors expected = check.expected ? slice(*check.expected, first, count) : made;
    for (size_t k = 0; k < rules.size(); ++k) {
      compare(rules[k], actual.at(rules[k].output), expected.at(rules[k].output), first, report.outputs[k]);
      keep(rules[k].output, expected.at(rules[k].output));
    }
    const auto stage = [&](const char* name, const char* tensor, const reference::Estimate& estimate) {
      compare_stage(report, name, tensor, actual, estimate, check.outputs.at(tensor).shape, first, {tensor});
    };
    if (settled && is_w8a8)
      stage("q_heads", "q",
            reference::query_heads(*settled, actual.at("qr_scale"), rows.at("wq_b"), rows.at("wq_b_scale"), rows.at("rope_cos"),
                                   rows.at("rope_sin"), form.eps));
    if (settled && form.arithmetic == reference::Arithmetic::w8a16)
      stage("q_heads", "q", reference::w8a16_values(rows, form.eps, settled).q);
    if (actual.count("extra")) stage("extra", "extra", reference::further_columns(rows, form.eps));
    if (const auto kv = made.find("kv"); kv != made.end()) {
      expected_kv.bytes.insert(expected_kv.bytes.end(), kv->second.bytes.begin(), kv->second.bytes.end());
      expected_kv.shape[0] += count;
    }
    progress(first + count);
  }
  const auto kv = check.outputs.find("kv");
  const Tensors inserted = reference::with_inserted(check.inputs, kv != check.outputs.end() ? kv->second : expected_kv);
  for (const auto& [name, cache] : inserted) {
    report.outputs.push_back(compare_bits(name, check.outputs.at(name), check.expected ? check.expected->at(name) : cache));
    keep(name, cache);
  }
  return report;
}

}  // namespace imbrex::kernels::deepseek_v4

// The judge of qkv_proj_rope.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/kernels/deepseek_v4/entry_parts.h"
#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"
#include "imbrex/kernels/deepseek_v4/judge_parts.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

double eps_of(const JudgeRequest& check) { return number(check.options, "eps"); }

// The outputs that depend on each stage.
std::vector<std::string> outputs_of_stage(const std::string& stage) {
  if (stage == "attn_norm") return {"q", "kv", "qr", "qr_scale"};
  if (stage == "kv") return {"kv"};
  if (stage == "q_heads") return {"q"};
  return {"q", "qr", "qr_scale"};
}

}  // namespace

bool is_per_token(const std::string& name) {
  static const std::set<std::string> names = {"x",  "rope_cos", "rope_sin",  "positions", "slots", "q",          "kv",
                                              "qr", "qr_scale", norm_tensor, "latent",    "extra", latent_tensor};
  return names.contains(name) ||
         std::find(std::begin(fp8_stage_tensors), std::end(fp8_stage_tensors), name) != std::end(fp8_stage_tensors);
}

Array rows_of(const Array& array, int64_t begin, int64_t count) {
  Array rows{array.dtype, array.shape, {}};
  const auto row_bytes = array.bytes.size() / static_cast<size_t>(array.shape[0]);
  rows.shape[0] = count;
  const auto first = array.bytes.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(begin) * row_bytes);
  rows.bytes.assign(first, first + static_cast<std::ptrdiff_t>(static_cast<size_t>(count) * row_bytes));
  return rows;
}

Tensors slice(const Tensors& tensors, int64_t begin, int64_t count) {
  Tensors sliced;
  for (const auto& [name, array] : tensors)
    if (is_per_token(name)) sliced.emplace(name, rows_of(array, begin, count));
  return sliced;
}

OutputResult started(const Acceptance& rule, const Array& output) {
  return {rule.output, output.dtype, output.shape, {}, {}, rule.allowed_share};
}

void compare(const Acceptance& rule, const Array& a, const Array& e, int64_t first_token, OutputResult& result) {
  const int64_t offset = first_token * (a.size() / a.shape[0]);
  for (int64_t i = 0; i < a.size(); ++i) {
    const double found = value_at(a, i), wanted = value_at(e, i), value = beside(wanted, found, a.dtype);
    const double bound = rule.absolute + (std::isfinite(value) ? rule.relative * std::fabs(value) : 0);
    result.tally.add(beside(found, wanted, a.dtype), value, bound, offset + i);
    result.ulps.add(distance_in_ulps(a, e, i));
  }
}

namespace {

// Half of the gap around a value that may be off by `error` before it is rounded.
double half_gap(DType dtype, double value, double error) {
  if (dtype == DType::int8) return 0.5;
  if (!std::isfinite(value)) return 0;
  const double magnitude = std::fabs(value) + error;
  return dtype == DType::bf16 ? bf16_spacing(magnitude) / 2 : 0;  // an f32 result's own rounding is in its error
}

}  // namespace

void compare_stage(Judgement& report, const std::string& stage, const std::string& tensor, const Tensors& actual,
                   const reference::Estimate& e, const std::vector<int64_t>& whole_shape, int64_t first_token,
                   const std::vector<std::string>& outputs) {
  const auto found = std::find_if(report.stages.begin(), report.stages.end(),
                                  [&](const StageResult& r) { return r.stage == stage && r.tensor == tensor; });
  StageResult& result =
      found != report.stages.end() ? *found : report.stages.emplace_back(StageResult{stage, tensor, whole_shape, outputs, {}});
  const Array& a = actual.at(tensor);
  for (int64_t i = 0; i < a.size(); ++i) {
    const double found = value_at(a, i), error = e.error[static_cast<size_t>(i)];
    double value = e.value[static_cast<size_t>(i)];
    // What is no integer: NaN becomes 0, the rest saturates.
    if (a.dtype == DType::int8) value = std::isnan(value) ? 0 : std::clamp(value, -128.0, 127.0);
    value = beside(value, found, a.dtype);
    result.tally.add(beside(found, value, a.dtype), value, error + half_gap(a.dtype, value, error), first_token * e.columns + i);
  }
}

namespace {

// Every stage whose inputs are known, on those inputs.
void compare_stages(Judgement& report, const JudgeRequest& check, const Tensors& inputs, const Tensors& actual, int64_t first) {
  const auto in = [&](const char* name) -> const Array& { return inputs.at(name); };
  const auto shape = [&](const std::string& name) { return check.outputs.at(name).shape; };
  const auto compare = [&](const std::string& stage, const std::string& tensor, const reference::Estimate& estimate) {
    compare_stage(report, stage, tensor, actual, estimate, shape(tensor), first, outputs_of_stage(stage));
  };
  if (actual.count(norm_tensor))
    compare("attn_norm", norm_tensor, reference::attention_norm(in("x"), in("norm_w"), eps_of(check)));
  if (actual.count(norm_tensor) && actual.count(latent_tensor))
    compare("qr_rms", latent_tensor, reference::latent(actual.at(norm_tensor), in("wq_a"), in("gamma_cq"), eps_of(check)));
  if (actual.count(latent_tensor)) {
    const reference::Quantized quantized = reference::quantize(actual.at(latent_tensor));
    compare("qr_quant", "qr_scale", quantized.scale);
    compare("qr_quant", "qr", quantized.value);
  }
  const auto of_latent = [&](const char* name) -> const Array& {
    return inputs.count(name) ? in(name) : actual.at(name);  // of the second part of the front it is an input
  };
  if (actual.count("q"))
    compare("q_heads", "q",
            reference::query_heads(of_latent("qr"), of_latent("qr_scale"), in("wq_b"), in("wq_b_scale"), in("rope_cos"),
                                   in("rope_sin"), eps_of(check)));
  if (actual.count(norm_tensor)) {
    reference::Estimate kv = reference::latent(actual.at(norm_tensor), in("wkv"), in("gamma_ckv"), eps_of(check));
    reference::rotate_tail(kv, in("rope_cos"), in("rope_sin"));
    compare("kv", "kv", kv);
  }
}

// Not a number where either has something that is none or infinite.
double relative_error(const Array& actual, const std::vector<double>& expected) {
  double difference = 0, magnitude = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(value_at(actual, static_cast<int64_t>(i)) - expected[i], 2);
    magnitude += expected[i] * expected[i];
  }
  return magnitude == 0 ? 0 : std::isfinite(difference) ? std::sqrt(difference / magnitude) : std::nan("");
}

// `inputs` has the weights.
void measure_unquantized(Judgement& report, const JudgeRequest& check, Tensors& inputs) {
  const int64_t tokens = check.inputs.at("x").shape[0], tried = std::min<int64_t>(tokens, 4);
  double q = 0, kv = 0;
  for (int64_t i = 0; i < tried; ++i) {
    const int64_t token = (2 * i + 1) * tokens / (2 * tried);
    for (auto& [name, array] : slice(check.inputs, token, 1)) inputs.insert_or_assign(name, array);
    const reference::Unquantized exact = reference::qkv_proj_rope_unquantized(inputs, eps_of(check));
    const double of_q = relative_error(rows_of(check.outputs.at("q"), token, 1), exact.q.value);
    const double of_kv = relative_error(rows_of(check.outputs.at("kv"), token, 1), exact.kv.value);
    if (!std::isfinite(of_q) || !std::isfinite(of_kv)) continue;  // a token with a NaN or an infinity says nothing of rounding
    q += of_q * of_q;
    kv += of_kv * of_kv;
    ++report.rounding_tokens;
  }
  const double measured = std::max(1.0, static_cast<double>(report.rounding_tokens));
  report.rounding = {{"q", std::sqrt(q / measured)}, {"kv", std::sqrt(kv / measured)}};
}

}  // namespace

Tensors with_wide_weights(const Tensors& inputs, const Options& options) {
  Tensors wide = inputs;
  const int64_t block = inputs.count("wq_a") ? integer(options, "fp8_block") : 0;
  if (block > 0)
    for (const std::string name : {"wq_a", "wkv"})
      wide[name] = reference::expanded(inputs.at(name), inputs.at(name + "_scale"), block);
  return wide;
}

Judgement judge(const JudgeRequest& check, const std::function<void(int64_t tokens)>& progress) {
  std::vector<Acceptance> rules(std::begin(acceptances), std::end(acceptances));  // of the outputs of this part of the front
  std::erase_if(rules, [&](const Acceptance& rule) { return check.outputs.count(rule.output) == 0; });
  Judgement report;
  for (const Acceptance& rule : rules) {
    const Array& output = check.outputs.at(rule.output);
    report.outputs.push_back(started(rule, output));
    if (check.keep_expected) report.expected.emplace(rule.output, Array{output.dtype, output.shape, {}});
  }
  Tensors inputs;  // the weights, and the rows of the tokens at hand
  for (const auto& [name, array] : with_wide_weights(check.inputs, check.options))
    if (!is_per_token(name)) inputs.emplace(name, array);

  const int64_t tokens = check.inputs.at("rope_cos").shape[0];
  for (int64_t first = 0; first < tokens; first += tokens_at_a_time) {
    const int64_t count = std::min(tokens_at_a_time, tokens - first);
    for (auto& [name, array] : slice(check.inputs, first, count)) inputs.insert_or_assign(name, std::move(array));
    const Tensors actual = slice(check.outputs, first, count);
    const auto qr = actual.find("qr");
    const Tensors expected = check.expected
                                 ? slice(*check.expected, first, count)
                                 : reference::qkv_proj_rope(inputs, eps_of(check), qr != actual.end() ? &qr->second : nullptr);
    for (size_t k = 0; k < rules.size(); ++k)
      compare(rules[k], actual.at(rules[k].output), expected.at(rules[k].output), first, report.outputs[k]);
    compare_stages(report, check, inputs, actual, first);
    for (auto& [name, kept] : report.expected)
      kept.bytes.insert(kept.bytes.end(), expected.at(name).bytes.begin(), expected.at(name).bytes.end());
    progress(first + count);
  }
  if (rules.size() == std::size(acceptances)) measure_unquantized(report, check, inputs);
  return report;
}

}  // namespace imbrex::kernels::deepseek_v4

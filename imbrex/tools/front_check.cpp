#include "imbrex/tools/front_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::tools {
namespace {

namespace reference = kernels::reference;
using Tensors = std::map<std::string, Array>;

constexpr int64_t tokens_at_a_time = 256;
// What a kernel stores between its stages, by the names of the operator's definition.
constexpr const char* norm_tensor = "token_x_bf16";
constexpr const char* latent_tensor = "qr_bf16";

struct Acceptance {
  const char* output;
  double absolute, relative, allowed_share;
};
constexpr Acceptance acceptances[] = {
    {"q", 1e-4, 1.0 / 128, 0.005},
    {"kv", 1e-4, 1.0 / 128, 0.005},
    {"qr", 1, 0, 0},
    {"qr_scale", 2.5e-5, 5e-3, 0.005},
};

// The stages that each output depends on.
bool depends_on(const std::string& output, const std::string& stage) {
  if (output == "kv") return stage == "attn_norm" || stage == "kv";
  if (output == "q") return stage != "kv";
  return stage == "attn_norm" || stage == "qr_rms" || stage == "qr_quant";
}

bool is_per_token(const std::string& name) {
  return name == "x" || name == "rope_cos" || name == "rope_sin" || name == "q" || name == "kv" || name == "qr" ||
         name == "qr_scale" || name == norm_tensor || name == latent_tensor;
}

Array rows_of(const Array& array, int64_t begin, int64_t count) {
  Array rows{array.dtype, array.shape, {}};
  const auto row_bytes = array.bytes.size() / static_cast<size_t>(array.shape[0]);
  rows.shape[0] = count;
  const auto first = array.bytes.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(begin) * row_bytes);
  rows.bytes.assign(first, first + static_cast<std::ptrdiff_t>(static_cast<size_t>(count) * row_bytes));
  return rows;
}

// Those tensors that have a row for each token, at tokens [begin, begin + count).
Tensors slice(const Tensors& tensors, int64_t begin, int64_t count) {
  Tensors sliced;
  for (const auto& [name, array] : tensors)
    if (is_per_token(name)) sliced.emplace(name, rows_of(array, begin, count));
  return sliced;
}

void compare_outputs(FrontReport& report, const Tensors& actual, const Tensors& expected, int64_t first_token) {
  for (size_t k = 0; k < std::size(acceptances); ++k) {
    const Acceptance& rule = acceptances[k];
    const Array &a = actual.at(rule.output), &e = expected.at(rule.output);
    const int64_t offset = first_token * (a.size() / a.shape[0]);
    OutputResult& result = report.outputs[k];
    for (int64_t i = 0; i < a.size(); ++i) {
      const double found = value_at(a, i), wanted = value_at(e, i), value = beside(wanted, found, a.dtype);
      const double bound = rule.absolute + (std::isfinite(value) ? rule.relative * std::fabs(value) : 0);
      result.tally.add(beside(found, wanted, a.dtype), value, bound, offset + i);
      result.ulps.add(distance_in_ulps(a, e, i));
    }
  }
}

// Half of the gap around a value that may be off by `error` before it is rounded.
double half_gap(DType dtype, double value, double error) {
  if (dtype == DType::int8) return 0.5;
  if (!std::isfinite(value)) return 0;
  const double magnitude = std::fabs(value) + error;
  return dtype == DType::bf16 ? bf16_spacing(magnitude) / 2 : 0;  // an f32 result's own rounding is in its error
}

void compare_stage(FrontReport& report, const char* stage, const char* tensor, const Tensors& actual,
                   const reference::Estimate& e, const std::vector<int64_t>& whole_shape, int64_t first_token) {
  const auto found = std::find_if(report.stages.begin(), report.stages.end(),
                                  [&](const StageResult& r) { return r.stage == stage && r.tensor == tensor; });
  StageResult& result =
      found != report.stages.end() ? *found : report.stages.emplace_back(StageResult{stage, tensor, whole_shape, {}});
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

// Every stage whose inputs are known, on those inputs.
void compare_stages(FrontReport& report, const FrontCheck& check, const Tensors& inputs, const Tensors& actual, int64_t first) {
  const auto in = [&](const char* name) -> const Array& { return inputs.at(name); };
  const auto shape = [&](const char* name) { return check.outputs.at(name).shape; };
  const auto compare = [&](const char* stage, const char* tensor, const reference::Estimate& estimate) {
    compare_stage(report, stage, tensor, actual, estimate, shape(tensor), first);
  };
  if (actual.count(norm_tensor)) compare("attn_norm", norm_tensor, reference::attention_norm(in("x"), in("norm_w"), check.eps));
  if (actual.count(norm_tensor) && actual.count(latent_tensor))
    compare("qr_rms", latent_tensor, reference::latent(actual.at(norm_tensor), in("wq_a"), in("gamma_cq"), check.eps));
  if (actual.count(latent_tensor)) {
    const reference::Quantized quantized = reference::quantize(actual.at(latent_tensor));
    compare("qr_quant", "qr_scale", quantized.scale);
    compare("qr_quant", "qr", quantized.value);
  }
  compare("q_heads", "q",
          reference::query_heads(actual.at("qr"), actual.at("qr_scale"), in("wq_b"), in("wq_b_scale"), in("rope_cos"),
                                 in("rope_sin"), check.eps));
  if (actual.count(norm_tensor)) {
    reference::Estimate kv = reference::latent(actual.at(norm_tensor), in("wkv"), in("gamma_ckv"), check.eps);
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
void measure_unquantized(FrontReport& report, const FrontCheck& check, Tensors& inputs) {
  const int64_t tokens = check.inputs.at("x").shape[0], tried = std::min<int64_t>(tokens, 4);
  double q = 0, kv = 0;
  for (int64_t i = 0; i < tried; ++i) {
    const int64_t token = (2 * i + 1) * tokens / (2 * tried);
    for (auto& [name, array] : slice(check.inputs, token, 1)) inputs.insert_or_assign(name, array);
    const reference::Unquantized exact = reference::qkv_proj_rope_unquantized(inputs, check.eps);
    const double of_q = relative_error(rows_of(check.outputs.at("q"), token, 1), exact.q.value);
    const double of_kv = relative_error(rows_of(check.outputs.at("kv"), token, 1), exact.kv.value);
    if (!std::isfinite(of_q) || !std::isfinite(of_kv)) continue;  // a token with a NaN or an infinity says nothing of rounding
    q += of_q * of_q;
    kv += of_kv * of_kv;
    ++report.unquantized_tokens;
  }
  if (report.unquantized_tokens == 0) return;
  report.unquantized_q = std::sqrt(q / static_cast<double>(report.unquantized_tokens));
  report.unquantized_kv = std::sqrt(kv / static_cast<double>(report.unquantized_tokens));
}

}  // namespace

const StageResult* FrontReport::first_bad_stage(const std::string& output) const {
  for (const StageResult& stage : stages)
    if (!stage.pass() && depends_on(output, stage.stage)) return &stage;
  return nullptr;
}

bool FrontReport::pass() const {
  return std::all_of(outputs.begin(), outputs.end(), [](const OutputResult& o) { return o.pass(); }) &&
         std::all_of(stages.begin(), stages.end(), [](const StageResult& s) { return s.pass(); });
}

FrontReport check_front(const FrontCheck& check, const std::function<void(int64_t tokens)>& progress) {
  FrontReport report;
  for (const Acceptance& rule : acceptances) {
    const Array& output = check.outputs.at(rule.output);
    report.outputs.push_back({rule.output, output.dtype, output.shape, {}, {}, rule.allowed_share});
    if (check.keep_expected) report.expected.emplace(rule.output, Array{output.dtype, output.shape, {}});
  }
  Tensors inputs;  // the weights, and the rows of the tokens at hand
  for (const auto& [name, array] : check.inputs)
    if (!is_per_token(name)) inputs.emplace(name, array);

  const int64_t tokens = check.inputs.at("x").shape[0];
  for (int64_t first = 0; first < tokens; first += tokens_at_a_time) {
    const int64_t count = std::min(tokens_at_a_time, tokens - first);
    for (auto& [name, array] : slice(check.inputs, first, count)) inputs.insert_or_assign(name, std::move(array));
    const Tensors actual = slice(check.outputs, first, count);
    const Tensors expected =
        check.expected ? slice(*check.expected, first, count) : reference::qkv_proj_rope(inputs, check.eps, &actual.at("qr"));
    compare_outputs(report, actual, expected, first);
    compare_stages(report, check, inputs, actual, first);
    for (auto& [name, kept] : report.expected)
      kept.bytes.insert(kept.bytes.end(), expected.at(name).bytes.begin(), expected.at(name).bytes.end());
    progress(first + count);
  }
  measure_unquantized(report, check, inputs);
  return report;
}

}  // namespace imbrex::tools

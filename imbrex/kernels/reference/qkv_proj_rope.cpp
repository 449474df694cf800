#include "imbrex/kernels/reference/qkv_proj_rope.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <thread>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/kernels/reference/matrix.h"

namespace imbrex::kernels::reference {
namespace {

constexpr double u = 0x1p-24;
constexpr double second_order = 1.01;
constexpr int64_t head_dim = 512, rope_dim = 64, plain_dim = head_dim - rope_dim;

template <class F>
void in_parallel(int64_t count, F&& part) {
  std::atomic<int64_t> next = 0;
  const auto work = [&] {
    for (int64_t i = next++; i < count; i = next++) part(i);
  };
  std::vector<std::thread> threads;
  const int64_t others = std::min<int64_t>(count, std::max(1u, std::thread::hardware_concurrency())) - 1;
  for (int64_t i = 0; i < others; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
}

constexpr double infinite = std::numeric_limits<double>::infinity();

// An f32 value: how far it can be from `value`, as in the header.
struct Near {
  double value, error;

  Near in_range() const {
    if (error == infinite) return {in_f32(value), error};
    if (!std::isfinite(value)) return {value, 0};
    if (std::isfinite(in_f32(std::fabs(value) + error))) return *this;
    return {in_f32(value), std::isfinite(in_f32(std::fabs(value) - error)) ? infinite : 0};
  }
};

Near operator*(const Near& a, const Near& b) {
  const double value = a.value * b.value;
  if (a.error == infinite || b.error == infinite) return Near{value, infinite}.in_range();
  if (!std::isfinite(value)) return Near{value, 0}.in_range();
  return Near{value, std::fabs(a.value) * b.error + std::fabs(b.value) * a.error + u * std::fabs(value)}.in_range();
}

Near operator+(const Near& a, const Near& b) {
  const double value = a.value + b.value;
  return Near{value, a.error + b.error + (std::isfinite(value) ? u * std::fabs(value) : 0)}.in_range();
}

double bf16_value(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

std::vector<double> values_of(const Array& array) {
  std::vector<double> values(static_cast<size_t>(array.size()));
  for (size_t i = 0; i < values.size(); ++i) switch (array.dtype) {
      case DType::f32: values[i] = array.as<float>()[i]; break;
      case DType::bf16: values[i] = bf16_value(array.as<uint16_t>()[i]); break;
      case DType::int8: values[i] = array.as<int8_t>()[i]; break;
      default: throw InternalError("the front's tensors are f32, bf16 or int8");
    }
  return values;
}

Estimate zeros(int64_t rows, int64_t columns) {
  const auto size = static_cast<size_t>(rows * columns);
  return {rows, columns, std::vector<double>(size), std::vector<double>(size)};
}

Estimate exact(const Array& rows) {
  return {rows.shape[0], rows.shape[1], values_of(rows), std::vector<double>(static_cast<size_t>(rows.size()))};
}

// How many f32 additions one element goes through in a row sum of n: its lane's, then the six folds.
double additions(int64_t n) {
  const int64_t in_a_lane = (n + 63) / 64;
  return static_cast<double>(in_a_lane) + 6;
}

// value *= 1 / sqrt(mean(value^2) + eps) and then gamma if there is one, on one row whose elements have errors already.
void normalize_row(double* value, double* error, int64_t n, const double* gamma, double eps) {
  constexpr double smallest = 0x1p-149;  // a square below it is lost
  const auto count = static_cast<double>(n);
  double squares = 0, squares_error = count * smallest;
  for (int64_t i = 0; i < n; ++i) {
    squares += value[i] * value[i];
    if (error[i] > 0) squares_error += 2 * std::fabs(value[i]) * error[i] + error[i] * error[i];
  }
  // All terms are positive, so every addition of a path costs at most u, as do squaring and the factor 1/n, twice because it is
  // itself rounded. The square root halves a relative error; adding eps, the root and the division round once each.
  const double relative_of_mean = (1 + additions(n) + 2) * u;
  const Near sum = Near{squares, squares_error + (std::isfinite(squares) ? squares * relative_of_mean : 0)}.in_range();
  const double mean = sum.value / count + eps;
  Near inverse{1 / std::sqrt(mean), sum.error};
  if (std::isfinite(sum.error))
    inverse.error = std::isfinite(mean) ? inverse.value * (sum.error / count / mean / 2 + 2.5 * u) : 0;
  for (int64_t i = 0; i < n; ++i) {
    Near scaled = Near{value[i], error[i]} * inverse;
    if (gamma) scaled = scaled * Near{gamma[i], 0};
    value[i] = scaled.value;
    error[i] = second_order * scaled.error;
  }
}

// Rows [begin, end) of n . w. The kernel's sum runs over k in blocks of 32, each of two chains in pairs, the odd element first
// (docs/semantics.md), with one rounding after each addition, so that its error is at most u times the sum of the magnitudes of
// all partial sums (a running error bound).
void multiply_rows(const double* n, const uint16_t* w, Estimate& out, int64_t depth, int64_t begin, int64_t end) {
  constexpr int64_t column_tile = 256, block = 32, chain = block / 2;
  std::vector<double> rows(block * column_tile), chains(2 * column_tile);
  for (int64_t column = 0; column < out.columns; column += column_tile) {
    const int64_t columns = std::min(column_tile, out.columns - column);
    for (int64_t first = 0; first < depth; first += block) {
      const int64_t size = std::min(block, depth - first);
      for (int64_t k = 0; k < size; ++k)
        for (int64_t c = 0; c < columns; ++c)
          rows[static_cast<size_t>(k * column_tile + c)] = bf16_value(w[(first + k) * out.columns + column + c]);
      for (int64_t t = begin; t < end; ++t) {
        double* const value = out.value.data() + t * out.columns + column;
        double* const error = out.error.data() + t * out.columns + column;
        std::fill(chains.begin(), chains.end(), 0.0);
        for (int64_t step = 0; step < block; ++step) {
          const int64_t k = step ^ 1;
          if (k >= size) continue;
          const double factor = n[t * depth + first + k];
          const double* const weights = rows.data() + k * column_tile;
          double* const sums = chains.data() + k / chain * column_tile;
          for (int64_t c = 0; c < columns; ++c) {
            sums[c] += factor * weights[c];
            error[c] += std::fabs(sums[c]);
          }
        }
        for (int64_t c = 0; c < columns; ++c) {
          const double both = chains[static_cast<size_t>(c)] + chains[static_cast<size_t>(column_tile + c)];
          value[c] += both;
          error[c] += std::fabs(both) + std::fabs(value[c]);
        }
      }
    }
  }
  for (int64_t i = begin * out.columns; i < end * out.columns; ++i) out.error[static_cast<size_t>(i)] *= u;
}

// The exact integers qr . wq_b of one head, [T, 512].
std::vector<int32_t> head_products(const Array& qr, const Array& wq_b, int64_t head) {
  const int64_t tokens = qr.shape[0], depth = qr.shape[1], columns = wq_b.shape[1];
  std::vector<int16_t> activations(static_cast<size_t>(tokens * depth)), weights(static_cast<size_t>(head_dim * depth));
  std::copy_n(qr.as<int8_t>(), tokens * depth, activations.begin());
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t c = 0; c < head_dim; ++c)
      weights[static_cast<size_t>(c * depth + k)] = wq_b.as<int8_t>()[k * columns + head * head_dim + c];

  constexpr int64_t column_tile = 8;  // rows of weights that stay in the L1 cache
  std::vector<int32_t> products(static_cast<size_t>(tokens * head_dim));
  for (int64_t first = 0; first < head_dim; first += column_tile)
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t c = first; c < first + column_tile; ++c) {
        const int16_t* const a = activations.data() + t * depth;
        const int16_t* const b = weights.data() + c * depth;
        int32_t sum = 0;
        for (int64_t k = 0; k < depth; ++k) sum += a[k] * b[k];
        products[static_cast<size_t>(t * head_dim + c)] = sum;
      }
  return products;
}

// One row of one head, or of kv.
void rotate(double* value, double* error, const double* cosine, const double* sine) {
  for (int64_t i = 0; i < rope_dim / 2; ++i) {
    const int64_t even = plain_dim + 2 * i, odd = even + 1;
    const Near e{value[even], error[even]}, o{value[odd], error[odd]}, c{cosine[i], 0}, s{sine[i], 0}, minus_s{-sine[i], 0};
    const Near turned_even = e * c + o * minus_s, turned_odd = e * s + o * c;
    value[even] = turned_even.value, error[even] = second_order * turned_even.error;
    value[odd] = turned_odd.value, error[odd] = second_order * turned_odd.error;
  }
}

Array as_bf16(const Estimate& e) { return rounded(e, DType::bf16, {e.rows, e.columns}); }

void normalize_rows(Estimate& e, const std::vector<double>& gamma, double eps) {
  in_parallel(e.rows, [&](int64_t t) {
    normalize_row(e.value.data() + t * e.columns, e.error.data() + t * e.columns, e.columns, gamma.data(), eps);
  });
}

// `slack`: by how much each element of n may be another value; empty for not at all.
Estimate product(const std::vector<double>& n, int64_t rows, const Array& w, const std::vector<double>& slack = {}) {
  const int64_t depth = w.shape[0], columns = w.shape[1];
  Estimate out = zeros(rows, columns);
  constexpr int64_t row_block = 16;
  in_parallel((rows + row_block - 1) / row_block, [&](int64_t block) {
    multiply_rows(n.data(), w.as<uint16_t>(), out, depth, block * row_block, std::min(rows, (block + 1) * row_block));
  });
  for (size_t i = 0; i < slack.size(); ++i) {
    if (slack[i] == 0) continue;
    const uint16_t* const weights = w.as<uint16_t>() + static_cast<int64_t>(i) % depth * columns;
    double* const error = out.error.data() + static_cast<int64_t>(i) / depth * columns;
    for (int64_t c = 0; c < columns; ++c)
      error[c] += slack[i] == infinite ? infinite : slack[i] * std::fabs(bf16_value(weights[c]));
  }
  return out;
}

Estimate latent_of(const std::vector<double>& n, int64_t rows, const Array& w, const Array& gamma, double eps,
                   const std::vector<double>& slack = {}) {
  Estimate out = product(n, rows, w, slack);
  normalize_rows(out, values_of(gamma), eps);
  return out;
}

}  // namespace

Estimate attention_norm(const Array& x, const Array& norm_w, double eps) { return normalized(x, norm_w, eps); }

Estimate normalized_tokens(const std::map<std::string, Array>& inputs, double eps) {
  return inputs.count("norm_w") ? normalized(inputs.at("x"), inputs.at("norm_w"), eps) : exact(inputs.at("x"));
}

Estimate latent(const Array& n, const Array& w, const Array& gamma, double eps) {
  return latent_of(values_of(n), n.shape[0], w, gamma, eps);
}

void rotate_tail(Estimate& heads, const Array& rope_cos, const Array& rope_sin) {
  const std::vector<double> cosine = values_of(rope_cos), sine = values_of(rope_sin);
  for (int64_t t = 0; t < heads.rows; ++t)
    for (int64_t first = 0; first < heads.columns; first += head_dim)
      rotate(heads.value.data() + t * heads.columns + first, heads.error.data() + t * heads.columns + first,
             cosine.data() + t * rope_dim, sine.data() + t * rope_dim);
}

Quantized quantize(const Array& r) {
  const int64_t rows = r.shape[0], columns = r.shape[1];
  const std::vector<double> values = values_of(r);
  Quantized out{zeros(rows, 1), zeros(rows, columns)};
  for (int64_t t = 0; t < rows; ++t) {
    double largest = 1e-4f;
    for (int64_t c = 0; c < columns; ++c) largest = greater(largest, std::fabs(values[static_cast<size_t>(t * columns + c)]));
    // 127 / amax rounds once, 1 / that once more; r * quant once more than quant.
    const auto twice_rounded = [](double value, double& to, double& error) {
      to = value;
      error = std::isfinite(value) ? second_order * 2 * u * std::fabs(value) : 0;
    };
    twice_rounded(largest / 127, out.scale.value[static_cast<size_t>(t)], out.scale.error[static_cast<size_t>(t)]);
    for (int64_t i = t * columns; i < (t + 1) * columns; ++i)
      twice_rounded(values[static_cast<size_t>(i)] * 127 / largest, out.value.value[static_cast<size_t>(i)],
                    out.value.error[static_cast<size_t>(i)]);
  }
  return out;
}

Estimate query_heads(const Array& qr, const Array& qr_scale, const Array& wq_b, const Array& wq_b_scale, const Array& rope_cos,
                     const Array& rope_sin, double eps) {
  const int64_t tokens = qr.shape[0], columns = wq_b.shape[1];
  const std::vector<double> row_scale = values_of(qr_scale), column_scale = values_of(wq_b_scale);
  Estimate out = zeros(tokens, columns);
  in_parallel(columns / head_dim, [&](int64_t head) {
    const std::vector<int32_t> products = head_products(qr, wq_b, head);
    for (int64_t t = 0; t < tokens; ++t) {
      double* const value = out.value.data() + t * columns + head * head_dim;
      double* const error = out.error.data() + t * columns + head * head_dim;
      for (int64_t c = 0; c < head_dim; ++c) {
        const double product = products[static_cast<size_t>(t * head_dim + c)];
        const Near scaled = Near{product, u * std::fabs(product)} * Near{row_scale[static_cast<size_t>(t)], 0} *
                            Near{column_scale[static_cast<size_t>(head * head_dim + c)], 0};
        value[c] = scaled.value;
        error[c] = scaled.error;
      }
      normalize_row(value, error, head_dim, nullptr, eps);
    }
  });
  rotate_tail(out, rope_cos, rope_sin);
  return out;
}

namespace {

float nearest_float(double value) { return static_cast<float>(in_f32(value)); }

// Eight significant bits, rounded in double, so that there is no second rounding.
double nearest_bf16(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const int exponent = std::max(std::ilogb(value), -126);
  return nearest_float(std::ldexp(std::nearbyint(std::ldexp(value, 7 - exponent)), exponent - 7));
}

// How far apart the bf16 values are that each estimated value can round to: mostly 0.
std::vector<double> rounding_slack(const Estimate& e) {
  std::vector<double> slack(e.value.size());
  for (size_t i = 0; i < slack.size(); ++i)
    if (e.error[i] > 0) slack[i] = nearest_bf16(e.value[i] + e.error[i]) - nearest_bf16(e.value[i] - e.error[i]);
  return slack;
}

// qr with the integers of `settled` where r, being r.value give or take r.error, can round to them. A row with a NaN or an
// infinity has one choice.
Array settle(Array qr, const Estimate& r, const Array& settled) {
  for (int64_t t = 0; t < r.rows; ++t) {
    const auto first = r.value.begin() + t * r.columns;
    if (!std::all_of(first, first + r.columns, [](double value) { return std::isfinite(value); })) continue;
    double least_amax = 1e-4f, most_amax = 1e-4f;
    for (int64_t i = t * r.columns; i < (t + 1) * r.columns; ++i) {
      const double magnitude = std::fabs(r.value[static_cast<size_t>(i)]), error = r.error[static_cast<size_t>(i)];
      least_amax = std::max(least_amax, nearest_bf16(std::max(0.0, magnitude - error)));
      most_amax = std::max(most_amax, nearest_bf16(magnitude + error));
    }
    for (int64_t i = t * r.columns; i < (t + 1) * r.columns; ++i) {
      const double value = r.value[static_cast<size_t>(i)], error = r.error[static_cast<size_t>(i)];
      const double low = nearest_bf16(value - error), high = nearest_bf16(value + error);
      const double least = std::nearbyint(127 * low / (low < 0 ? least_amax : most_amax) * (low < 0 ? 1 + 4 * u : 1 - 4 * u));
      const double most = std::nearbyint(127 * high / (high < 0 ? most_amax : least_amax) * (high < 0 ? 1 - 4 * u : 1 + 4 * u));
      const int8_t wanted = settled.as<int8_t>()[i];
      if (wanted >= least && wanted <= most) qr.as<int8_t>()[i] = wanted;
    }
  }
  return qr;
}

}  // namespace

Array expanded(const Array& weight, const Array& scales, int64_t block) {
  const int64_t columns = weight.shape[1], blocks = scales.shape[1];
  double elements[128];
  for (int code = 0; code < 128; ++code) {
    const int exponent = code / 8, mantissa = code % 8;
    elements[code] = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  }
  elements[127] = std::nan("");
  Array wide = Array::zeros(DType::bf16, weight.shape);
  for (int64_t i = 0; i < weight.size(); ++i) {
    const int code = weight.as<uint8_t>()[i], scale = scales.as<uint8_t>()[i / columns / block * blocks + i % columns / block];
    const double element = code < 128 ? elements[code] : -elements[code - 128];
    const double value = scale == 255 ? std::nan("") : element * std::ldexp(1, scale - 127);
    wide.as<uint16_t>()[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(nearest_bf16(value))) >> 16);
  }
  return wide;
}

FrontValues front_values(const std::map<std::string, Array>& inputs, double eps, const Array* settled) {
  const auto in = [&](const char* name) -> const Array& { return inputs.at(name); };
  const auto heads_of = [&](const Array& qr, const Array& qr_scale) {
    return query_heads(qr, qr_scale, in("wq_b"), in("wq_b_scale"), in("rope_cos"), in("rope_sin"), eps);
  };
  if (inputs.count("qr")) {
    FrontValues queries;
    queries.q = heads_of(in("qr"), in("qr_scale"));
    return queries;
  }
  const Estimate normed = normalized_tokens(inputs, eps);
  const int64_t tokens = normed.rows;
  FrontValues front;
  const Array n = as_bf16(normed);
  const Estimate r =
      latent_of(values_of(n), tokens, in("wq_a"), in("gamma_cq"), eps, settled ? rounding_slack(normed) : std::vector<double>());
  front.latent = as_bf16(r);
  const Quantized quantized = quantize(front.latent);
  front.qr = rounded(quantized.value, DType::int8, front.latent.shape);
  front.qr_scale = rounded(quantized.scale, DType::f32, {tokens, 1});
  if (inputs.count("wq_b")) front.q = heads_of(settled ? settle(front.qr, r, *settled) : front.qr, front.qr_scale);
  if (!inputs.count("wkv")) return front;
  front.kv = latent(n, in("wkv"), in("gamma_ckv"), eps);
  rotate_tail(front.kv, in("rope_cos"), in("rope_sin"));
  return front;
}

std::map<std::string, Array> qkv_proj_rope(const std::map<std::string, Array>& inputs, double eps, const Array* settled) {
  FrontValues front = front_values(inputs, eps, settled);
  std::map<std::string, Array> out;
  if (front.q.rows > 0) out["q"] = rounded(front.q, DType::bf16, {front.q.rows, front.q.columns / head_dim, head_dim});
  if (inputs.count("qr")) return out;
  out["kv"] = rounded(front.kv, DType::bf16, {front.kv.rows, head_dim});
  out["qr"] = std::move(front.qr);
  out["qr_scale"] = std::move(front.qr_scale);
  return out;
}

Unquantized qkv_proj_rope_unquantized(const std::map<std::string, Array>& inputs, double eps) {
  const auto in = [&](const char* name) -> const Array& { return inputs.at(name); };
  const int64_t tokens = in("x").shape[0], depth = in("wq_b").shape[0], columns = in("wq_b").shape[1];
  const Estimate n = attention_norm(in("x"), in("norm_w"), eps);
  const Estimate r = latent_of(n.value, tokens, in("wq_a"), in("gamma_cq"), eps);
  Unquantized out{zeros(tokens, columns), latent_of(n.value, tokens, in("wkv"), in("gamma_ckv"), eps)};

  const std::vector<double> scale = values_of(in("wq_b_scale"));
  in_parallel(columns / head_dim, [&](int64_t head) {
    for (int64_t t = 0; t < tokens; ++t) {
      double* const value = out.q.value.data() + t * columns + head * head_dim;
      for (int64_t k = 0; k < depth; ++k) {
        const int8_t* const weights = in("wq_b").as<int8_t>() + k * columns + head * head_dim;
        for (int64_t c = 0; c < head_dim; ++c) value[c] += r.value[static_cast<size_t>(t * depth + k)] * weights[c];
      }
      for (int64_t c = 0; c < head_dim; ++c) value[c] *= scale[static_cast<size_t>(head * head_dim + c)];
      normalize_row(value, out.q.error.data() + t * columns + head * head_dim, head_dim, nullptr, eps);
    }
  });
  rotate_tail(out.q, in("rope_cos"), in("rope_sin"));
  rotate_tail(out.kv, in("rope_cos"), in("rope_sin"));
  return out;
}

Estimate further_columns(const std::map<std::string, Array>& inputs, double eps) {
  const Estimate normed = normalized_tokens(inputs, eps);
  return product(values_of(as_bf16(normed)), normed.rows, inputs.at("w_extra"), rounding_slack(normed));
}

std::map<std::string, Array> rounded(const Bf16LatentValues& values) {
  const Estimate& q = values.q;
  return {{"qr", as_bf16(values.latent)},
          {"q", rounded(q, DType::bf16, {q.rows, q.columns / head_dim, head_dim})},
          {"kv", as_bf16(values.kv)}};
}

namespace {

Estimate heads_of_latent(const std::map<std::string, Array>& inputs, double eps, const Array& qr) {
  const Array& wq_b = inputs.at("wq_b");
  Estimate q = product(values_of(qr), qr.shape[0], wq_b);
  in_parallel(q.rows, [&](int64_t t) {
    for (int64_t first = t * q.columns; first < (t + 1) * q.columns; first += head_dim)
      normalize_row(q.value.data() + first, q.error.data() + first, head_dim, nullptr, eps);
  });
  rotate_tail(q, inputs.at("rope_cos"), inputs.at("rope_sin"));
  return q;
}

}  // namespace

// The latents are of what the normalized tokens are rounded to, which near a tie can be either of two.
Bf16LatentValues w8a16_values(const std::map<std::string, Array>& inputs, double eps, const Array* qr) {
  const auto in = [&](const char* name) -> const Array& { return inputs.at(name); };
  const Estimate normed = normalized_tokens(inputs, eps);
  const std::vector<double> n = values_of(as_bf16(normed)), slack = rounding_slack(normed);
  Bf16LatentValues values;
  values.latent = latent_of(n, normed.rows, in("wq_a"), in("gamma_cq"), eps, slack);
  values.q = heads_of_latent(inputs, eps, qr ? *qr : as_bf16(values.latent));
  if (!inputs.count("wkv")) return values;
  values.kv = latent_of(n, normed.rows, in("wkv"), in("gamma_ckv"), eps, slack);
  rotate_tail(values.kv, in("rope_cos"), in("rope_sin"));
  return values;
}

namespace {

// The number of e4m3 that is nearest to one of at most 448, halves to even.
double nearest_e4m3(double value) {
  if (value == 0 || std::isnan(value)) return value;
  const int exponent = std::max(std::ilogb(value), -6);
  return std::ldexp(std::nearbyint(std::ldexp(value, 3 - exponent)), exponent - 3);
}

// What a block of values is divided by.
double block_scale(const double* values, int64_t count) {
  double largest = 1e-4f;
  for (int64_t i = 0; i < count; ++i) largest = greater(largest, std::fabs(values[i]));
  const auto part = static_cast<float>(largest * static_cast<double>(1.0f / 448.0f));
  int exponent = 0;
  const float mantissa = std::frexp(part, &exponent);  // from 1/2 to below 1
  return std::isnan(part) ? part : std::ldexp(1, mantissa == 0.5f ? exponent - 1 : exponent);
}

double in_block(double value, double scale) { return nearest_e4m3(std::clamp(value / scale, -448.0, 448.0)); }

}  // namespace

BlockQuantized quantize_blocks(const Array& rows, int64_t block) {
  const std::vector<double> values = values_of(rows);
  BlockQuantized out{Array::zeros(DType::e4m3, rows.shape), Array::zeros(DType::e8m0, {rows.shape[0], rows.shape[1] / block})};
  for (int64_t b = 0; b < out.scales.size(); ++b) {
    const double scale = block_scale(values.data() + b * block, block);
    set_value_at(out.scales, b, scale);
    for (int64_t i = b * block; i < (b + 1) * block; ++i)
      set_value_at(out.elements, i, in_block(values[static_cast<size_t>(i)], scale));
  }
  return out;
}

Estimate scaled_product(const BlockQuantized& a, const Array& w, const Array& w_scales, int64_t block) {
  const int64_t rows = a.elements.shape[0], depth = w.shape[0], columns = w.shape[1];
  Array ones = w_scales;
  std::fill(ones.bytes.begin(), ones.bytes.end(), static_cast<std::byte>(127));
  const Array wide = expanded(w, ones, block);
  Estimate out = zeros(rows, columns);
  constexpr int64_t row_block = 16;
  in_parallel((rows + row_block - 1) / row_block, [&](int64_t number) {
    const int64_t first = number * row_block, count = std::min(row_block, rows - first);
    for (int64_t k = 0; k < depth; k += block) {
      const int64_t size = std::min(block, depth - k);
      std::vector<double> left(static_cast<size_t>(count * size));
      for (int64_t r = 0; r < count; ++r)
        for (int64_t i = 0; i < size; ++i)
          left[static_cast<size_t>(r * size + i)] = value_at(a.elements, (first + r) * depth + k + i);
      Estimate part = zeros(count, columns);
      multiply_rows(left.data(), wide.as<uint16_t>() + k * columns, part, size, 0, count);
      for (int64_t r = 0; r < count; ++r)
        for (int64_t c = 0; c < columns; ++c) {
          const double scale = value_at(a.scales, (first + r) * a.scales.shape[1] + k / block) *
                               value_at(w_scales, k / block * w_scales.shape[1] + c / block);
          const auto from = static_cast<size_t>(r * columns + c), to = static_cast<size_t>((first + r) * columns + c);
          const double scaled = part.value[from] * scale;
          out.value[to] += scaled;
          out.error[to] += part.error[from] * scale + u * (std::fabs(scaled) + std::fabs(out.value[to]));
        }
    }
  });
  for (double& error : out.error) error *= second_order;
  return out;
}

Estimate normalized(const Array& rows, const Array& gamma, double eps) {
  Estimate out = exact(rows);
  normalize_rows(out, values_of(gamma), eps);
  return out;
}

Estimate reference_heads(const Array& q_proj, const Array& rope_cos, const Array& rope_sin, double eps) {
  Estimate out = exact(q_proj);
  in_parallel(out.rows, [&](int64_t t) {
    for (int64_t first = t * out.columns; first < (t + 1) * out.columns; first += head_dim)
      normalize_row(out.value.data() + first, out.error.data() + first, head_dim, nullptr, eps);
  });
  const std::vector<double> slack = rounding_slack(out);
  for (size_t i = 0; i < out.value.size(); ++i) {
    if (static_cast<int64_t>(i) % head_dim < plain_dim) continue;
    out.value[i] = nearest_bf16(out.value[i]);
    out.error[i] = slack[i];
  }
  rotate_tail(out, rope_cos, rope_sin);
  return out;
}

Estimate reference_kv(const Array& kv_normed, const Array& rope_cos, const Array& rope_sin) {
  constexpr int64_t block = 64;
  Estimate out = exact(kv_normed);
  for (int64_t t = 0; t < out.rows; ++t)
    for (int64_t begin = t * head_dim; begin < t * head_dim + plain_dim; begin += block) {
      const double scale = block_scale(out.value.data() + begin, block);
      for (int64_t i = begin; i < begin + block; ++i)
        out.value[static_cast<size_t>(i)] = in_block(out.value[static_cast<size_t>(i)], scale) * scale;
    }
  rotate_tail(out, rope_cos, rope_sin);
  return out;
}

Bf16LatentValues fp8_reference_values(const std::map<std::string, Array>& inputs, double eps, int64_t block, const Array* qr) {
  const auto in = [&](const char* name) -> const Array& { return inputs.at(name); };
  const BlockQuantized x = quantize_blocks(as_bf16(normalized_tokens(inputs, eps)), block);
  Bf16LatentValues values;
  const Array qr_proj = as_bf16(scaled_product(x, in("wq_a"), in("wq_a_scale"), block));
  values.latent = normalized(qr_proj, in("gamma_cq"), eps);
  const BlockQuantized latent = quantize_blocks(qr ? *qr : as_bf16(values.latent), block);
  const Array q_proj = as_bf16(scaled_product(latent, in("wq_b"), in("wq_b_scale"), block));
  values.q = reference_heads(q_proj, in("rope_cos"), in("rope_sin"), eps);
  if (!inputs.count("wkv")) return values;
  const Array kv_proj = as_bf16(scaled_product(x, in("wkv"), in("wkv_scale"), block));
  values.kv = reference_kv(as_bf16(normalized(kv_proj, in("gamma_ckv"), eps)), in("rope_cos"), in("rope_sin"));
  return values;
}

Array rounded(const Estimate& estimate, DType dtype, std::vector<int64_t> shape) {
  Array array = Array::zeros(dtype, std::move(shape));
  for (size_t i = 0; i < estimate.value.size(); ++i) {
    const double value = estimate.value[i];
    if (dtype == DType::f32) array.as<float>()[i] = nearest_float(value);
    if (dtype == DType::bf16)
      array.as<uint16_t>()[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(nearest_bf16(value))) >> 16);
    if (dtype == DType::int8)
      array.as<int8_t>()[i] = static_cast<int8_t>(std::isnan(value) ? 0 : std::clamp(std::nearbyint(value), -128.0, 127.0));
  }
  return array;
}

}  // namespace imbrex::kernels::reference

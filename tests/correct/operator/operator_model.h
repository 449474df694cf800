// A small model's weights in every stored form, the fronts of the example's library on them, and calls on memory with guards.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/deepseek_v4.hpp"

namespace imbrex::test {

constexpr int64_t kHidden = 512, kLatent = 256, kHeads = 4, kFurther = 40;
constexpr int64_t kRows = 40;  // of tables of rotations
constexpr unsigned char kGuard = 0x5c;

inline Array random_array(DType dtype, std::vector<int64_t> shape, uint32_t seed, double scale = 1) {
  std::mt19937 random(seed);
  Array array = Array::zeros(dtype, std::move(shape));
  for (int64_t i = 0; i < array.size(); ++i) {
    const double unit = static_cast<double>(random()) / 0x1p31 - 1;
    if (dtype == DType::e4m3) {
      array.as<uint8_t>()[i] = static_cast<uint8_t>(random() & 0xff);
      if ((array.as<uint8_t>()[i] & 0x7f) == 0x7f) array.as<uint8_t>()[i] = 0;
    } else if (dtype == DType::e8m0) {
      array.as<uint8_t>()[i] = static_cast<uint8_t>(115 + random() % 6);
    } else {
      set_value_at(array, i, dtype == DType::int8 ? std::floor(unit * 128) : unit * scale);
    }
  }
  return array;
}

struct OperatorModel {
  Array wq_a = random_array(DType::e4m3, {kLatent, kHidden}, 1),
        wq_a_scale = random_array(DType::e8m0, {8, 16}, 2);  // blocks of 32 by 32
  Array wkv = random_array(DType::bf16, {512, kHidden}, 3, 0.05);
  Array wq_b = random_array(DType::int8, {kHeads * 512, kLatent}, 4),
        wq_b_scale = random_array(DType::f32, {kHeads * 512}, 5, 0.01);
  Array attn_norm = random_array(DType::bf16, {kHidden}, 6), q_norm = random_array(DType::bf16, {kLatent}, 7),
        kv_norm = random_array(DType::bf16, {512}, 8);
  Array table = random_array(DType::f32, {kRows, 64}, 9);
  Array extra = random_array(DType::bf16, {kFurther, kHidden}, 15, 0.05);
  // As modes take them that keep weights, in blocks of 128 by 128.
  Array fp8_wq_a_scale = random_array(DType::e8m0, {2, 4}, 14);
  Array fp8_wkv = random_array(DType::e4m3, {512, kHidden}, 10), fp8_wkv_scale = random_array(DType::e8m0, {4, 4}, 11);
  Array fp8_wq_b = random_array(DType::e4m3, {kHeads * 512, kLatent}, 12),
        fp8_wq_b_scale = random_array(DType::e8m0, {kHeads * 4, 2}, 13);

  OperatorModel() {
    for (int64_t i = 0; i < wq_b_scale.size(); ++i) wq_b_scale.as<float>()[i] = std::fabs(wq_b_scale.as<float>()[i]) + 1e-4f;
    // The same rotations in both types.
    for (int64_t i = 0; i < table.size(); ++i) table.as<float>()[i] = float_of_bf16(bf16_of_float(table.as<float>()[i]));
  }
  imbrex_v4_weights weights() const {
    imbrex_v4_weights w = {};
    w.wq_a = {IMBREX_V4_E4M3, wq_a.bytes.data(), kLatent, kHidden, 0, wq_a_scale.bytes.data(), 32, 32};
    w.wkv = {IMBREX_V4_BF16, wkv.bytes.data(), 512, kHidden, 0, nullptr, 0, 0};
    w.wq_b = {IMBREX_V4_INT8, wq_b.bytes.data(), kHeads * 512, kLatent, 0, wq_b_scale.bytes.data(), 0, 0};
    w.extra = {IMBREX_V4_BF16, extra.bytes.data(), kFurther, kHidden, 0, nullptr, 0, 0};
    w.attn_norm = {IMBREX_V4_BF16, attn_norm.bytes.data(), kHidden};
    w.q_norm = {IMBREX_V4_BF16, q_norm.bytes.data(), kLatent};
    w.kv_norm = {IMBREX_V4_BF16, kv_norm.bytes.data(), 512};
    return w;
  }
  // As a form takes them. One without keys and values has none.
  imbrex_v4_weights weights(const imbrex_v4_form& form) const {
    imbrex_v4_weights w = weights();
    if (form.mode != IMBREX_V4_W8A8 || form.keep_fp8) {
      w.wq_a = {IMBREX_V4_E4M3, wq_a.bytes.data(), kLatent, kHidden, 0, fp8_wq_a_scale.bytes.data(), 128, 128};
      w.wkv = {IMBREX_V4_E4M3, fp8_wkv.bytes.data(), 512, kHidden, 0, fp8_wkv_scale.bytes.data(), 128, 128};
    }
    if (form.without_kv) w.wkv = {}, w.kv_norm = {};
    if (form.mode == IMBREX_V4_W8A8) return w;
    w.wq_b = {IMBREX_V4_E4M3, fp8_wq_b.bytes.data(), kHeads * 512, kLatent, 0, fp8_wq_b_scale.bytes.data(), 128, 128};
    return w;
  }
};

// Those of the example's library: bf16 x that is normalized, f32 x and q, and bf16 x with further columns.
enum class Kind : uint8_t { normalized, f32, further };
constexpr Kind kKinds[] = {Kind::normalized, Kind::f32, Kind::further};

// Beside the modes, W8A8 with keep_fp8.
constexpr imbrex_v4_mode kKeptW8a8 = -1;
constexpr imbrex_v4_mode kModes[] = {IMBREX_V4_W8A8, kKeptW8a8, IMBREX_V4_W8A16, IMBREX_V4_FP8_REFERENCE};

inline imbrex_v4_form form_of(Kind kind, imbrex_v4_mode mode = IMBREX_V4_W8A8, int64_t head_begin = 0,
                              int64_t head_end = kHeads) {
  imbrex_v4_form form = {};
  form.mode = mode == kKeptW8a8 ? IMBREX_V4_W8A8 : mode;
  form.keep_fp8 = mode == kKeptW8a8;
  form.hidden = kHidden;
  form.q_lora = kLatent;
  form.head_begin = head_begin;
  form.head_end = head_end;
  form.eps = 1e-6;
  form.x = form.q = kind == Kind::f32 ? IMBREX_V4_F32 : IMBREX_V4_BF16;
  form.x_is_normalized = kind == Kind::normalized;
  form.extra = kind == Kind::further ? kFurther : 0;
  if (mode != IMBREX_V4_W8A8) form.weight_block = 128;
  return form;
}

// Every kind, in each mode, with keys and values and without.
inline std::vector<imbrex_v4_form> all_forms() {
  std::vector<imbrex_v4_form> forms;
  for (const int without_kv : {0, 1})
    for (const imbrex_v4_mode mode : kModes)
      for (const Kind kind : kKinds) {
        forms.push_back(form_of(kind, mode));
        forms.back().without_kv = without_kv;
      }
  return forms;
}

struct PackedFront {
  PackedFront(const OperatorModel& model, const imbrex_v4_form& form, int parts = 3)
      : PackedFront(model.weights(form), form, parts) {}
  PackedFront(const imbrex_v4_weights& weights, const imbrex_v4_form& form, int parts = 3)
      : front(form), packed(front.packed_bytes()) {
    for (int part = parts; part-- > 0;) front.pack(weights, packed, part, parts);
  }
  deepseek_v4::Front front;
  AlignedVector<std::byte> packed;
};

// Strided memory of an argument, between guard bytes.
class Strided {
 public:
  Strided() = default;
  Strided(size_t element, std::vector<int64_t> extents, std::vector<int64_t> strides)
      : element_(element), extents_(std::move(extents)), strides_(std::move(strides)) {
    int64_t span = 1;
    for (size_t axis = 0; axis < extents_.size(); ++axis) span += std::max<int64_t>(extents_[axis] - 1, 0) * strides_[axis];
    bytes_.assign(2 * kLead + static_cast<size_t>(span) * element_, std::byte{kGuard});
  }
  template <class T = void>
  T* data() {
    return reinterpret_cast<T*>(bytes_.data() + kLead);
  }
  size_t element() const { return element_; }
  // Calls visit(byte offset of a row in memory, number of the row), in order.
  template <class F>
  void for_each_row(F&& visit) const {
    const int64_t outer = extents_.size() > 2 ? extents_[0] : 1, inner = extents_[extents_.size() - 2];
    for (int64_t a = 0; a < outer; ++a)
      for (int64_t b = 0; b < inner; ++b) {
        const int64_t at = extents_.size() > 2 ? a * strides_[0] + b * strides_[1] : b * strides_[0];
        visit(kLead + static_cast<size_t>(at) * element_, a * inner + b);
      }
  }
  size_t row_bytes() const { return static_cast<size_t>(extents_.back()) * element_; }
  std::vector<std::byte> dense() const {
    std::vector<std::byte> rows;
    for_each_row([&](size_t at, int64_t) { rows.insert(rows.end(), bytes_.begin() + at, bytes_.begin() + at + row_bytes()); });
    return rows;
  }
  void fill(const std::byte* rows) {
    for_each_row([&](size_t at, int64_t row) {
      std::memcpy(bytes_.data() + at, rows + static_cast<size_t>(row) * row_bytes(), row_bytes());
    });
  }
  // All but the rows is as it was.
  bool is_intact() const {
    std::vector<bool> is_row(bytes_.size());
    for_each_row([&](size_t at, int64_t) { std::fill_n(is_row.begin() + static_cast<std::ptrdiff_t>(at), row_bytes(), true); });
    for (size_t i = 0; i < bytes_.size(); ++i)
      if (!is_row[i] && bytes_[i] != std::byte{kGuard}) return false;
    return true;
  }

 private:
  static constexpr size_t kLead = 128;
  size_t element_ = 1;
  std::vector<int64_t> extents_, strides_;
  AlignedVector<std::byte> bytes_;
};

// Runs a call on threads of an engine, each of which must give the same status.
inline imbrex_v4_status run_on_threads(const imbrex_v4_front* front, const imbrex_v4_call& call, int nth,
                                       void (*around)(bool begins) = nullptr) {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, static_cast<unsigned>(nth));
  std::vector<imbrex_v4_status> statuses(static_cast<size_t>(nth));
  const auto work = [&](int ith) {
    imbrex_v4_call own = call;
    own.ith = ith;
    own.nth = nth;
    own.barrier = nth == 1 ? nullptr : +[](void* user) { pthread_barrier_wait(static_cast<pthread_barrier_t*>(user)); };
    own.barrier_user = &barrier;
    if (around) around(true);
    statuses[static_cast<size_t>(ith)] = imbrex_v4_run(front, &own, nullptr, 0);
    if (around) around(false);
  };
  std::vector<std::thread> others;
  for (int ith = 1; ith < nth; ++ith) others.emplace_back(work, ith);
  work(0);
  for (std::thread& each : others) each.join();
  pthread_barrier_destroy(&barrier);
  for (const imbrex_v4_status status : statuses)
    if (status != statuses.front()) throw InternalError("every thread of a call returns the same status");
  return statuses.front();
}

}  // namespace imbrex::test

// Written by Imbrex.
#include "imbrex/target/isa/avx512.h"
#include "imbrex/codegen/kernel_support.h"
#include "imbrex/runtime/abi.h"

namespace {
namespace kernel_qkv_proj_rope {
using namespace imbrex::isa;

// The elements of a tensor along an axis.
int64_t extent([[maybe_unused]] int32_t tensor, [[maybe_unused]] int32_t axis, [[maybe_unused]] const int64_t* dims) {
  const Size T_ = dims[0];
  const Size shapes[][3] = {
      {T_, 512},  // x
      {512},  // norm_w
      {512, 256},  // wq_a
      {256},  // gamma_cq
      {256, 2048},  // wq_b
      {2048},  // wq_b_scale
      {512, 512},  // wkv
      {512},  // gamma_ckv
      {T_, 64},  // rope_cos
      {T_, 64},  // rope_sin
      {T_, 4, 512},  // q
      {T_, 512},  // kv
      {T_, 256},  // qr
      {T_, 1},  // qr_scale
  };
  return elements_of(shapes[tensor][axis]);
}

// Bytes of the memory that all workers see.
Size shared_bytes([[maybe_unused]] const int64_t* dims) {
  const Size T_ = dims[0];
  return T_ * 4160;
}

// Bytes of each worker's own memory.
Size worker_bytes([[maybe_unused]] const int64_t* dims) {
  return 155968;
}

size_t workspace_bytes(const int64_t* dims, int32_t nth) {
  if (is_empty(dims, 1)) return 0;
  return workspace_of(shared_bytes(dims) + nth * worker_bytes(dims));
}

void pack(int32_t index, const void* source, const int64_t* strides, void* packed, int32_t ith, int32_t nth) {
  if (index == 6) {
    constexpr int64_t kInner = 512, kColumns = 512;  // of wkv
    const Part panels = part_of(tiles_of(kColumns, kPanelColumns), ith, nth);
    pack_bf16(static_cast<const uint16_t*>(source), strides[0], strides[1], kInner, kColumns, packed, panels.begin, panels.end);
  }
  if (index == 2) {
    constexpr int64_t kInner = 512, kColumns = 256;  // of wq_a
    const Part panels = part_of(tiles_of(kColumns, kPanelColumns), ith, nth);
    pack_bf16(static_cast<const uint16_t*>(source), strides[0], strides[1], kInner, kColumns, packed, panels.begin, panels.end);
  }
  if (index == 4) {
    constexpr int64_t kInner = 256, kColumns = 2048;  // of wq_b
    const Part panels = part_of(tiles_of(kColumns, kPanelColumns), ith, nth);
    pack_i8(static_cast<const int8_t*>(source), strides[0], strides[1], kInner, kColumns, packed, panels.begin, panels.end);
  }
}

constexpr int64_t x_norm_stride_ = 512;
constexpr int64_t qr_proj_stride_ = 256;
constexpr int64_t kv_proj_stride_ = 528;  // 512 and 16 of padding

// phase 1: t in tiles of 4 of T; each worker its part
constexpr int64_t t_tile_ = 4;
[[gnu::noinline]] void phase_1_x_norm_(const imbrex_call* call, Scratch scratch, int64_t T_, const uint16_t* x_,
    int64_t x_stride_, const float* norm_w_, uint16_t* x_norm_) {
  const Part part = part_of(tiles_of(T_, t_tile_), call->ith, call->nth);
  for (int64_t task_number = part.begin; task_number < part.end; ++task_number) {
    const int64_t t_index_ = task_number;
    const int64_t t_begin_ = t_index_ * t_tile_;
    const int64_t t_size_ = smaller(t_tile_, T_ - t_begin_);
    const Scratch before = scratch;
    // x_norm
    const uint64_t x_norm_started_ = trace_begin(call);
    float* const x_f32_rows_ = scratch.take<float>(2048);
    float* const x_norm_inv_rows_ = scratch.take<float>(4);
    for (int64_t row = 0; row < t_size_; ++row) {
      const uint16_t* const x_row_ = x_ + t_begin_ * x_stride_ + row * x_stride_;
      float* const x_f32_row_ = x_f32_rows_ + row * 512;
      float* const x_norm_inv_row_ = x_norm_inv_rows_ + row;
      sum64 x_norm_sum_lanes_;
      x_norm_sum_lanes_.clear();
      for (int64_t group = 0; group < 512; group += 4 * kLanes) {
        #pragma GCC unroll 4
        for (int block = 0; block < 4; ++block) {
          [[maybe_unused]] const int64_t c = group + kLanes * block;
          const vf x_f32_ = load_bf16(x_row_ + c);
          store_f32(x_f32_row_ + c, x_f32_);
          x_norm_sum_lanes_.add_at(block, mul(x_f32_, x_f32_));
        }
      }
      const float x_norm_sum_ = x_norm_sum_lanes_.fold();
      const float x_norm_inv_ = div(1.0f, sqrt_(add(mul(x_norm_sum_, 0.001953125f), 1e-06f)));
      store_f32_s(x_norm_inv_row_, x_norm_inv_);
    }
    for (int64_t row = 0; row < t_size_; ++row) {
      uint16_t* const x_norm_row_ = x_norm_ + t_begin_ * x_norm_stride_ + row * x_norm_stride_;
      float* const x_f32_row_2_ = x_f32_rows_ + row * 512;
      float* const x_norm_inv_row_2_ = x_norm_inv_rows_ + row;
      const vf x_norm_inv_all_ = broadcast(load_f32_s(x_norm_inv_row_2_));
      for (int64_t pair = 0; pair < 512; pair += 2 * kLanes) {
        vf_pair x_norm_pair_;
        #pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const int64_t c = pair + kLanes * half;
          x_norm_pair_.set(half, mul(mul(load_f32(x_f32_row_2_ + c), x_norm_inv_all_), load_f32(norm_w_ + c)));
        }
        store_bf16_rint(x_norm_row_ + pair, x_norm_pair_);
      }
    }
    trace_end(call, "x_norm", x_norm_started_);
    scratch = before;
  }
}

// phase 2: t_2 in tiles of 72 of T; n in tiles of 32 of 256; idle workers steal
constexpr int64_t t_2_tile_ = 72;
constexpr int64_t n_tile_ = 32;
constexpr int64_t t_2_sweep_ = 3;  // tiles of t_2 before the next n
Part part_of_phase_2(const imbrex_call* call, int64_t T_) {
  return part_of_tiles(T_, t_2_tile_, tiles_of(256, n_tile_), t_2_sweep_, call->ith, call->nth);
}

[[gnu::noinline]] void phase_2_qr_proj_(const imbrex_call* call, Queue* queues, Scratch scratch, int64_t T_, packed_bf16 wq_a_,
    uint16_t* x_norm_, float* qr_proj_) {
  Tasks tasks(&queues[0], worker_bytes(call->dims).value, call);
  for (int64_t task_number; (task_number = tasks.next()) >= 0;) {
    const TaskOfTiles numbers = task_of_tiles(task_number, tiles_of(T_, t_2_tile_), tiles_of(256, n_tile_), t_2_sweep_);
    const int64_t t_2_index_ = numbers.tile;
    const int64_t t_2_begin_ = t_2_index_ * t_2_tile_;
    const int64_t t_2_size_ = smaller(t_2_tile_, T_ - t_2_begin_);
    const int64_t n_index_ = numbers.panel;
    const int64_t n_begin_ = n_index_ * n_tile_;
    const Scratch before_2 = scratch;
    // qr_proj
    const uint64_t qr_proj_started_ = trace_begin(call);
    matmul_bf16<FetchingByRows>(x_norm_ + t_2_begin_ * x_norm_stride_, x_norm_stride_, wq_a_, n_begin_ / kLanes,
        qr_proj_ + t_2_begin_ * qr_proj_stride_ + n_begin_, qr_proj_stride_, t_2_size_, n_tile_, 512, /*accumulate=*/false);
    trace_end(call, "qr_proj", qr_proj_started_);
    scratch = before_2;
  }
}

// phase 3: t_3 in tiles of 72 of T; n_2 in tiles of 64 of 512; idle workers steal
constexpr int64_t t_3_tile_ = 72;
constexpr int64_t n_2_tile_ = 64;
constexpr int64_t t_3_sweep_ = 3;  // tiles of t_3 before the next n_2
Part part_of_phase_3(const imbrex_call* call, int64_t T_) {
  return part_of_tiles(T_, t_3_tile_, tiles_of(512, n_2_tile_), t_3_sweep_, call->ith, call->nth);
}

[[gnu::noinline]] void phase_3_kv_proj_(const imbrex_call* call, Queue* queues, Scratch scratch, int64_t T_, packed_bf16 wkv_,
    uint16_t* x_norm_, float* kv_proj_) {
  Tasks tasks(&queues[1], worker_bytes(call->dims).value, call);
  for (int64_t task_number; (task_number = tasks.next()) >= 0;) {
    const TaskOfTiles numbers = task_of_tiles(task_number, tiles_of(T_, t_3_tile_), tiles_of(512, n_2_tile_), t_3_sweep_);
    const int64_t t_3_index_ = numbers.tile;
    const int64_t t_3_begin_ = t_3_index_ * t_3_tile_;
    const int64_t t_3_size_ = smaller(t_3_tile_, T_ - t_3_begin_);
    const int64_t n_2_index_ = numbers.panel;
    const int64_t n_2_begin_ = n_2_index_ * n_2_tile_;
    const Scratch before_3 = scratch;
    // kv_proj
    const uint64_t kv_proj_started_ = trace_begin(call);
    matmul_bf16<FetchingByRows>(x_norm_ + t_3_begin_ * x_norm_stride_, x_norm_stride_, wkv_, n_2_begin_ / kLanes,
        kv_proj_ + t_3_begin_ * kv_proj_stride_ + n_2_begin_, kv_proj_stride_, t_3_size_, n_2_tile_, 512, /*accumulate=*/false);
    trace_end(call, "kv_proj", kv_proj_started_);
    scratch = before_3;
  }
}

// phase 4: t_4 in tiles of 4 of T; idle workers steal
constexpr int64_t t_4_tile_ = 4;
Part part_of_phase_4(const imbrex_call* call, int64_t T_) {
  return part_of(tiles_of(T_, t_4_tile_), call->ith, call->nth);
}

[[gnu::noinline]] void phase_4_kv_qr_(const imbrex_call* call, Queue* queues, Scratch scratch, int64_t T_,
    const uint16_t* gamma_cq_, const uint16_t* gamma_ckv_, const uint16_t* rope_cos_, int64_t rope_cos_stride_,
    const uint16_t* rope_sin_, int64_t rope_sin_stride_, uint16_t* kv_, int64_t kv_stride_, int8_t* qr_, int64_t qr_stride_,
    float* qr_scale_, int64_t qr_scale_stride_, bool kv_streams_, float* qr_proj_, float* kv_proj_) {
  Tasks tasks(&queues[2], worker_bytes(call->dims).value, call);
  for (int64_t task_number; (task_number = tasks.next()) >= 0;) {
    const int64_t t_4_index_ = task_number;
    const int64_t t_4_begin_ = t_4_index_ * t_4_tile_;
    const int64_t t_4_size_ = smaller(t_4_tile_, T_ - t_4_begin_);
    const Scratch before_4 = scratch;
    // kv
    const uint64_t kv_started_ = trace_begin(call);
    float* const kv_inv_rows_ = scratch.take<float>(4);
    for (int64_t row_2 = 0; row_2 < t_4_size_; ++row_2) {
      float* const kv_proj_row_ = kv_proj_ + t_4_begin_ * kv_proj_stride_ + row_2 * kv_proj_stride_;
      float* const kv_inv_row_ = kv_inv_rows_ + row_2;
      sum64 kv_sum_lanes_;
      kv_sum_lanes_.clear();
      for (int64_t group = 0; group < 512; group += 4 * kLanes) {
        #pragma GCC unroll 4
        for (int block = 0; block < 4; ++block) {
          [[maybe_unused]] const int64_t c = group + kLanes * block;
          kv_sum_lanes_.add_at(block, mul(load_f32(kv_proj_row_ + c), load_f32(kv_proj_row_ + c)));
        }
      }
      const float kv_sum_ = kv_sum_lanes_.fold();
      const float kv_inv_ = div(1.0f, sqrt_(add(mul(kv_sum_, 0.001953125f), 1e-06f)));
      store_f32_s(kv_inv_row_, kv_inv_);
    }
    for (int64_t row_2 = 0; row_2 < t_4_size_; ++row_2) {
      float* const kv_proj_row_2_ = kv_proj_ + t_4_begin_ * kv_proj_stride_ + 448 + row_2 * kv_proj_stride_;
      float* const kv_inv_row_2_ = kv_inv_rows_ + row_2;
      const uint16_t* const gamma_ckv_row_ = gamma_ckv_ + 448;
      const uint16_t* const rope_cos_row_ = rope_cos_ + t_4_begin_ * rope_cos_stride_ + row_2 * rope_cos_stride_;
      const uint16_t* const rope_sin_row_ = rope_sin_ + t_4_begin_ * rope_sin_stride_ + row_2 * rope_sin_stride_;
      uint16_t* const kv_row_ = kv_ + t_4_begin_ * kv_stride_ + 448 + row_2 * kv_stride_;
      uint16_t* const kv_row_2_ = kv_ + t_4_begin_ * kv_stride_ + row_2 * kv_stride_;
      float* const kv_proj_row_3_ = kv_proj_ + t_4_begin_ * kv_proj_stride_ + row_2 * kv_proj_stride_;
      const vf kv_inv_all_ = broadcast(load_f32_s(kv_inv_row_2_));
      for (int64_t c = 0; c < 32; c += kLanes) {
        const vf kv_even_ = mul(mul(even(load_f32(kv_proj_row_2_ + 2 * c), load_f32(kv_proj_row_2_ + 2 * c + kLanes)),
            kv_inv_all_), even(load_bf16(gamma_ckv_row_ + 2 * c), load_bf16(gamma_ckv_row_ + 2 * c + kLanes)));
        const vf rope_cos_f32_ = load_bf16(rope_cos_row_ + c);
        const vf kv_odd_ = mul(mul(odd(load_f32(kv_proj_row_2_ + 2 * c), load_f32(kv_proj_row_2_ + 2 * c + kLanes)),
            kv_inv_all_), odd(load_bf16(gamma_ckv_row_ + 2 * c), load_bf16(gamma_ckv_row_ + 2 * c + kLanes)));
        const vf rope_sin_f32_ = load_bf16(rope_sin_row_ + c);
        const vf kv_2_even = sub(mul(kv_even_, rope_cos_f32_), mul(kv_odd_, rope_sin_f32_));
        const vf kv_2_odd = add(mul(kv_even_, rope_sin_f32_), mul(kv_odd_, rope_cos_f32_));
        stream_bf16_rint(kv_row_ + 2 * c, interleaved(kv_2_even, kv_2_odd), kv_streams_);
      }
      const vf kv_inv_all_2_ = broadcast(load_f32_s(kv_inv_row_2_));
      for (int64_t pair = 0; pair < 448; pair += 2 * kLanes) {
        vf_pair kv_pair_;
        #pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const int64_t c = pair + kLanes * half;
          kv_pair_.set(half, mul(mul(load_f32(kv_proj_row_3_ + c), kv_inv_all_2_), load_bf16(gamma_ckv_ + c)));
        }
        stream_bf16_rint(kv_row_2_ + pair, kv_pair_, kv_streams_);
      }
    }
    trace_end(call, "kv", kv_started_);
    // qr
    const uint64_t qr_started_ = trace_begin(call);
    float* const qr_inv_rows_ = scratch.take<float>(4);
    float* const qr_value_rows_ = scratch.take<float>(1024);
    float* const qr_factor_rows_ = scratch.take<float>(4);
    for (int64_t row_3 = 0; row_3 < t_4_size_; ++row_3) {
      float* const qr_proj_row_ = qr_proj_ + t_4_begin_ * qr_proj_stride_ + row_3 * qr_proj_stride_;
      float* const qr_inv_row_ = qr_inv_rows_ + row_3;
      sum64 qr_sum_lanes_;
      qr_sum_lanes_.clear();
      for (int64_t group = 0; group < 256; group += 4 * kLanes) {
        #pragma GCC unroll 4
        for (int block = 0; block < 4; ++block) {
          [[maybe_unused]] const int64_t c = group + kLanes * block;
          qr_sum_lanes_.add_at(block, mul(load_f32(qr_proj_row_ + c), load_f32(qr_proj_row_ + c)));
        }
      }
      const float qr_sum_ = qr_sum_lanes_.fold();
      const float qr_inv_ = div(1.0f, sqrt_(add(mul(qr_sum_, 0.00390625f), 1e-06f)));
      store_f32_s(qr_inv_row_, qr_inv_);
    }
    for (int64_t row_3 = 0; row_3 < t_4_size_; ++row_3) {
      float* const qr_proj_row_2_ = qr_proj_ + t_4_begin_ * qr_proj_stride_ + row_3 * qr_proj_stride_;
      float* const qr_inv_row_2_ = qr_inv_rows_ + row_3;
      float* const qr_value_row_ = qr_value_rows_ + row_3 * 256;
      float* const qr_factor_row_ = qr_factor_rows_ + row_3;
      max64 qr_max_lanes_;
      qr_max_lanes_.clear();
      const vf qr_inv_all_ = broadcast(load_f32_s(qr_inv_row_2_));
      for (int64_t group = 0; group < 256; group += 4 * kLanes) {
        #pragma GCC unroll 4
        for (int block = 0; block < 4; ++block) {
          [[maybe_unused]] const int64_t c = group + kLanes * block;
          const vf qr_value_ = round_bf16_rint(mul(mul(load_f32(qr_proj_row_2_ + c), qr_inv_all_), load_bf16(gamma_cq_ + c)));
          store_f32(qr_value_row_ + c, qr_value_);
          qr_max_lanes_.add_at(block, abs_(qr_value_));
        }
      }
      const float qr_max_ = reduce_max(qr_max_lanes_.lanes());
      const float qr_factor_ = div(127.0f, max(0.0001f, qr_max_));
      store_f32_s(qr_factor_row_, qr_factor_);
    }
    for (int64_t row_3 = 0; row_3 < t_4_size_; ++row_3) {
      int8_t* const qr_row_ = qr_ + t_4_begin_ * qr_stride_ + row_3 * qr_stride_;
      float* const qr_value_row_2_ = qr_value_rows_ + row_3 * 256;
      float* const qr_factor_row_2_ = qr_factor_rows_ + row_3;
      float* const qr_scale_row_ = qr_scale_ + t_4_begin_ * qr_scale_stride_ + row_3 * qr_scale_stride_;
      const vf qr_factor_all_ = broadcast(load_f32_s(qr_factor_row_2_));
      for (int64_t c = 0; c < 256; c += kLanes) {
        store_i8(qr_row_ + c, saturate_i8(to_i32_rint(mul(load_f32(qr_value_row_2_ + c), qr_factor_all_))));
      }
      store_f32_s(qr_scale_row_, div(1.0f, load_f32_s(qr_factor_row_2_)));
    }
    trace_end(call, "qr", qr_started_);
    scratch = before_4;
  }
}

// phase 5: t_5 in tiles of 72 of T; h in 0 .. 4; idle workers steal
constexpr int64_t t_5_tile_ = 72;
constexpr int64_t t_5_sweep_ = 3;  // tiles of t_5 before the next h
Part part_of_phase_5(const imbrex_call* call, int64_t T_) {
  return part_of_tiles(T_, t_5_tile_, 4, t_5_sweep_, call->ith, call->nth);
}

constexpr int64_t kRowsOfStage = 4;  // that pass through all stages before the next
[[gnu::noinline]] void phase_5_q_(const imbrex_call* call, Queue* queues, Scratch scratch, int64_t T_, packed_i8 wq_b_,
    const float* wq_b_scale_, const uint16_t* rope_cos_, int64_t rope_cos_stride_, const uint16_t* rope_sin_,
    int64_t rope_sin_stride_, uint16_t* q_, int64_t q_stride_0_, int64_t q_stride_1_, int8_t* qr_, int64_t qr_stride_,
    float* qr_scale_, int64_t qr_scale_stride_, bool q_streams_) {
  Tasks tasks(&queues[3], worker_bytes(call->dims).value, call);
  for (int64_t task_number; (task_number = tasks.next()) >= 0;) {
    const TaskOfTiles numbers = task_of_tiles(task_number, tiles_of(T_, t_5_tile_), 4, t_5_sweep_);
    const int64_t t_5_index_ = numbers.tile;
    const int64_t t_5_begin_ = t_5_index_ * t_5_tile_;
    const int64_t t_5_size_ = smaller(t_5_tile_, T_ - t_5_begin_);
    const int64_t h_ = numbers.panel;
    const Scratch before_5 = scratch;
    // q
    const uint64_t q_started_ = trace_begin(call);
    int32_t* const q_acc_ = scratch.take<int32_t>(t_5_size_ * 512);
    prefetch_rows(wq_b_scale_ + 512 * h_, 0, 1, 2048);
    prefetch_rows(rope_cos_ + t_5_begin_ * rope_cos_stride_, rope_cos_stride_ * 2, t_5_size_, 64);
    prefetch_rows(rope_sin_ + t_5_begin_ * rope_sin_stride_, rope_sin_stride_ * 2, t_5_size_, 64);
    if (!q_streams_) prefetch_rows_for_write(q_ + t_5_begin_ * q_stride_0_ + h_ * q_stride_1_, q_stride_0_ * 2, t_5_size_, 896);
    if (!q_streams_) prefetch_rows_for_write(q_ + t_5_begin_ * q_stride_0_ + h_ * q_stride_1_ + 448, q_stride_0_ * 2, t_5_size_,
        128);
    matmul_i8<FetchingByRows>(qr_ + t_5_begin_ * qr_stride_, qr_stride_, wq_b_, 512 * h_ / kLanes, q_acc_, 512, t_5_size_, 512,
        256, /*accumulate=*/false);
    float* const q_value_rows_ = scratch.take<float>(2048);
    float* const q_inv_rows_ = scratch.take<float>(4);
    for (int64_t first_row = 0; first_row < t_5_size_; first_row += kRowsOfStage) {
      const int64_t end_row = smaller(t_5_size_, first_row + kRowsOfStage);
      for (int64_t row_4 = first_row; row_4 < end_row; ++row_4) {
        int32_t* const q_acc_row_ = q_acc_ + row_4 * 512;
        float* const qr_scale_row_2_ = qr_scale_ + t_5_begin_ * qr_scale_stride_ + row_4 * qr_scale_stride_;
        const float* const wq_b_scale_row_ = wq_b_scale_ + 512 * h_;
        float* const q_value_row_ = q_value_rows_ + (row_4 - first_row) * 512;
        float* const q_inv_row_ = q_inv_rows_ + row_4 - first_row;
        sum64 q_sum_lanes_;
        q_sum_lanes_.clear();
        const vf qr_scale_all_ = broadcast(load_f32_s(qr_scale_row_2_));
        for (int64_t group = 0; group < 512; group += 4 * kLanes) {
          #pragma GCC unroll 4
          for (int block = 0; block < 4; ++block) {
            [[maybe_unused]] const int64_t c = group + kLanes * block;
            const vf q_value_ = mul(mul(to_f32_rint(load_i32(q_acc_row_ + c)), qr_scale_all_), load_f32(wq_b_scale_row_ + c));
            store_f32(q_value_row_ + c, q_value_);
            q_sum_lanes_.add_at(block, mul(q_value_, q_value_));
          }
        }
        const float q_sum_ = q_sum_lanes_.fold();
        const float q_inv_ = div(1.0f, sqrt_(add(mul(q_sum_, 0.001953125f), 1e-06f)));
        store_f32_s(q_inv_row_, q_inv_);
      }
      for (int64_t row_4 = first_row; row_4 < end_row; ++row_4) {
        float* const q_value_row_2_ = q_value_rows_ + (row_4 - first_row) * 512;
        float* const q_inv_row_2_ = q_inv_rows_ + row_4 - first_row;
        const uint16_t* const rope_cos_row_2_ = rope_cos_ + t_5_begin_ * rope_cos_stride_ + row_4 * rope_cos_stride_;
        const uint16_t* const rope_sin_row_2_ = rope_sin_ + t_5_begin_ * rope_sin_stride_ + row_4 * rope_sin_stride_;
        uint16_t* const q_row_ = q_ + t_5_begin_ * q_stride_0_ + h_ * q_stride_1_ + 448 + row_4 * q_stride_0_;
        uint16_t* const q_row_2_ = q_ + t_5_begin_ * q_stride_0_ + h_ * q_stride_1_ + row_4 * q_stride_0_;
        const vf q_inv_all_ = broadcast(load_f32_s(q_inv_row_2_));
        for (int64_t c = 0; c < 32; c += kLanes) {
          const vf q_even_ = mul(even(load_f32(q_value_row_2_ + 448 + 2 * c), load_f32(q_value_row_2_ + 448 + 2 * c + kLanes)),
              q_inv_all_);
          const vf rope_cos_f32_2_ = load_bf16(rope_cos_row_2_ + c);
          const vf rope_sin_f32_2_ = load_bf16(rope_sin_row_2_ + c);
          const vf q_odd_ = mul(odd(load_f32(q_value_row_2_ + 448 + 2 * c), load_f32(q_value_row_2_ + 448 + 2 * c + kLanes)),
              q_inv_all_);
          const vf q_2_even = sub(mul(q_even_, rope_cos_f32_2_), mul(q_odd_, rope_sin_f32_2_));
          const vf q_2_odd = add(mul(q_even_, rope_sin_f32_2_), mul(q_odd_, rope_cos_f32_2_));
          stream_bf16_rint(q_row_ + 2 * c, interleaved(q_2_even, q_2_odd), q_streams_);
        }
        const vf q_inv_all_2_ = broadcast(load_f32_s(q_inv_row_2_));
        for (int64_t pair = 0; pair < 448; pair += 2 * kLanes) {
          vf_pair q_pair_;
          #pragma GCC unroll 2
          for (int half = 0; half < 2; ++half) {
            const int64_t c = pair + kLanes * half;
            q_pair_.set(half, mul(load_f32(q_value_row_2_ + c), q_inv_all_2_));
          }
          stream_bf16_rint(q_row_2_ + pair, q_pair_, q_streams_);
        }
      }
    }
    trace_end(call, "q", q_started_);
    scratch = before_5;
  }
}

constexpr int64_t kMostBytesInCache = 1048576;  // larger outputs are stored past the caches
void run(const imbrex_call* call) {
  if (is_empty(call->dims, 1)) return;
  const FloatMode float_mode;
  const int64_t T_ = call->dims[0];
  const uint16_t* const x_ = static_cast<const uint16_t*>(call->tensors[0].input);
  const int64_t x_stride_ = call->tensors[0].strides[0];
  const float* const norm_w_ = static_cast<const float*>(call->tensors[1].input);
  const packed_bf16 wq_a_ = {static_cast<const char*>(call->tensors[2].input)};
  const uint16_t* const gamma_cq_ = static_cast<const uint16_t*>(call->tensors[3].input);
  const packed_i8 wq_b_ = {static_cast<const char*>(call->tensors[4].input)};
  const float* const wq_b_scale_ = static_cast<const float*>(call->tensors[5].input);
  const packed_bf16 wkv_ = {static_cast<const char*>(call->tensors[6].input)};
  const uint16_t* const gamma_ckv_ = static_cast<const uint16_t*>(call->tensors[7].input);
  const uint16_t* const rope_cos_ = static_cast<const uint16_t*>(call->tensors[8].input);
  const int64_t rope_cos_stride_ = call->tensors[8].strides[0];
  const uint16_t* const rope_sin_ = static_cast<const uint16_t*>(call->tensors[9].input);
  const int64_t rope_sin_stride_ = call->tensors[9].strides[0];
  uint16_t* const q_ = static_cast<uint16_t*>(call->tensors[10].output);
  const int64_t q_stride_0_ = call->tensors[10].strides[0];
  const int64_t q_stride_1_ = call->tensors[10].strides[1];
  uint16_t* const kv_ = static_cast<uint16_t*>(call->tensors[11].output);
  const int64_t kv_stride_ = call->tensors[11].strides[0];
  int8_t* const qr_ = static_cast<int8_t*>(call->tensors[12].output);
  const int64_t qr_stride_ = call->tensors[12].strides[0];
  float* const qr_scale_ = static_cast<float*>(call->tensors[13].output);
  const int64_t qr_scale_stride_ = call->tensors[13].strides[0];
  Scratch shared{static_cast<char*>(call->workspace)};
  Scratch scratch = memory_of_worker(call, shared_bytes(call->dims), worker_bytes(call->dims));
  Queue* const queues = scratch.take<Queue>(4);
  queues[0].fill(part_of_phase_2(call, T_));
  queues[1].fill(part_of_phase_3(call, T_));
  queues[2].fill(part_of_phase_4(call, T_));
  queues[3].fill(part_of_phase_5(call, T_));
  const bool kv_streams_ = streams_to(kv_, 512 * T_ * 2, kv_stride_ * 2, kMostBytesInCache);
  const bool q_streams_ = streams_to(q_, 512 * 4 * T_ * 2, q_stride_0_ * 2 | q_stride_1_ * 2, kMostBytesInCache);
  uint16_t* const x_norm_ = shared.take<uint16_t>(T_ * 512);
  float* const qr_proj_ = shared.take<float>(T_ * 256);
  float* const kv_proj_ = shared.take<float>(T_ * 528);
  phase_1_x_norm_(call, scratch, T_, x_, x_stride_, norm_w_, x_norm_);
  // x_norm: stored above, read below
  wait_for_all(call);
  phase_2_qr_proj_(call, queues, scratch, T_, wq_a_, x_norm_, qr_proj_);
  phase_3_kv_proj_(call, queues, scratch, T_, wkv_, x_norm_, kv_proj_);
  // qr_proj: stored above, read below; kv_proj: stored above, read below
  wait_for_all(call);
  phase_4_kv_qr_(call, queues, scratch, T_, gamma_cq_, gamma_ckv_, rope_cos_, rope_cos_stride_, rope_sin_, rope_sin_stride_, kv_,
      kv_stride_, qr_, qr_stride_, qr_scale_, qr_scale_stride_, kv_streams_, qr_proj_, kv_proj_);
  // qr, qr_scale: stored above, read below
  finish_streams();
  wait_for_all(call);
  phase_5_q_(call, queues, scratch, T_, wq_b_, wq_b_scale_, rope_cos_, rope_cos_stride_, rope_sin_, rope_sin_stride_, q_,
      q_stride_0_, q_stride_1_, qr_, qr_stride_, qr_scale_, qr_scale_stride_, q_streams_);
  finish_streams();
}

constexpr const char* kDimNames[] = {"T"};
constexpr int64_t kDimMax[] = {2147483647};
constexpr int64_t kFactors[][1] = {
    {1},
    {0},
};
constexpr imbrex_extent kShape0[] = {{"T", kFactors[0], 0}, {"512", kFactors[1], 512}};  // x
constexpr imbrex_extent kShape1[] = {{"512", kFactors[1], 512}};  // norm_w
constexpr imbrex_extent kShape2[] = {{"512", kFactors[1], 512}, {"256", kFactors[1], 256}};  // wq_a
constexpr imbrex_extent kShape3[] = {{"256", kFactors[1], 256}};  // gamma_cq
constexpr imbrex_extent kShape4[] = {{"256", kFactors[1], 256}, {"2048", kFactors[1], 2048}};  // wq_b
constexpr imbrex_extent kShape5[] = {{"2048", kFactors[1], 2048}};  // wq_b_scale
constexpr imbrex_extent kShape6[] = {{"512", kFactors[1], 512}, {"512", kFactors[1], 512}};  // wkv
constexpr imbrex_extent kShape7[] = {{"512", kFactors[1], 512}};  // gamma_ckv
constexpr imbrex_extent kShape8[] = {{"T", kFactors[0], 0}, {"64", kFactors[1], 64}};  // rope_cos
constexpr imbrex_extent kShape9[] = {{"T", kFactors[0], 0}, {"64", kFactors[1], 64}};  // rope_sin
constexpr imbrex_extent kShape10[] = {{"T", kFactors[0], 0}, {"4", kFactors[1], 4}, {"512", kFactors[1], 512}};  // q
constexpr imbrex_extent kShape11[] = {{"T", kFactors[0], 0}, {"512", kFactors[1], 512}};  // kv
constexpr imbrex_extent kShape12[] = {{"T", kFactors[0], 0}, {"256", kFactors[1], 256}};  // qr
constexpr imbrex_extent kShape13[] = {{"T", kFactors[0], 0}, {"1", kFactors[1], 1}};  // qr_scale
constexpr imbrex_tensor_info kTensors[] = {
    {"x", IMBREX_BF16, IMBREX_INPUT, 2, kShape0, 0, nullptr},
    {"norm_w", IMBREX_F32, IMBREX_INPUT, 1, kShape1, 0, nullptr},
    {"wq_a", IMBREX_BF16, IMBREX_INPUT, 2, kShape2, packed_bytes_bf16(512, 256), "bf16 [512, 256] in panels of bf16"},
    {"gamma_cq", IMBREX_BF16, IMBREX_INPUT, 1, kShape3, 0, nullptr},
    {"wq_b", IMBREX_INT8, IMBREX_INPUT, 2, kShape4, packed_bytes_i8(256, 2048), "int8 [256, 2048] in panels of i8"},
    {"wq_b_scale", IMBREX_F32, IMBREX_INPUT, 1, kShape5, 0, nullptr},
    {"wkv", IMBREX_BF16, IMBREX_INPUT, 2, kShape6, packed_bytes_bf16(512, 512), "bf16 [512, 512] in panels of bf16"},
    {"gamma_ckv", IMBREX_BF16, IMBREX_INPUT, 1, kShape7, 0, nullptr},
    {"rope_cos", IMBREX_BF16, IMBREX_INPUT, 2, kShape8, 0, nullptr},
    {"rope_sin", IMBREX_BF16, IMBREX_INPUT, 2, kShape9, 0, nullptr},
    {"q", IMBREX_BF16, IMBREX_OUTPUT, 3, kShape10, 0, nullptr},
    {"kv", IMBREX_BF16, IMBREX_OUTPUT, 2, kShape11, 0, nullptr},
    {"qr", IMBREX_INT8, IMBREX_OUTPUT, 2, kShape12, 0, nullptr},
    {"qr_scale", IMBREX_F32, IMBREX_OUTPUT, 2, kShape13, 0, nullptr},
};
constexpr imbrex_kernel kernel = {
    IMBREX_ABI_VERSION, IMBREX_SEMANTICS, IMBREX_VERSION, "qkv_proj_rope", "avx512",
    1, kDimNames, kDimMax, 14, kTensors,
    extent, workspace_bytes, pack, run};

}  // namespace kernel_qkv_proj_rope
}  // namespace

extern "C" const imbrex_kernel* imbrex_kernel_qkv_proj_rope(void) { return &kernel_qkv_proj_rope::kernel; }

// Written by Imbrex.
#include "imbrex/target/isa/avx512.h"
#include "imbrex/codegen/kernel_support.h"
#include "imbrex/runtime/abi.h"

namespace {
namespace qkv_proj_rope_kernel {
using namespace imbrex::isa;

// Bytes of the memory that all workers see.
int64_t shared_bytes([[maybe_unused]] const int64_t* dims) {
  const int64_t T = dims[0];
  return floor_div(larger(0, T * 512) * 2 + 63, 64) * 64 + floor_div(larger(0, T * 256) * 4 + 63, 64) * 64 + floor_div(larger(0,
      T * 528) * 4 + 63, 64) * 64;
}

// Bytes of each worker's own memory.
int64_t worker_bytes([[maybe_unused]] const int64_t* dims) {
  return 155968;
}

size_t workspace_bytes(const int64_t* dims, int32_t nth) {
  return static_cast<size_t>(shared_bytes(dims) + nth * worker_bytes(dims));
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

void run(const imbrex_call* call) {
  const FloatMode float_mode;
  const int64_t T = call->dims[0];
  const uint16_t* const x = static_cast<const uint16_t*>(call->tensors[0].data);
  const int64_t x_stride = call->tensors[0].strides[0];
  const float* const norm_w = static_cast<const float*>(call->tensors[1].data);
  const uint16_t* const wq_a = static_cast<const uint16_t*>(call->tensors[2].data);
  const uint16_t* const gamma_cq = static_cast<const uint16_t*>(call->tensors[3].data);
  const int8_t* const wq_b = static_cast<const int8_t*>(call->tensors[4].data);
  const float* const wq_b_scale = static_cast<const float*>(call->tensors[5].data);
  const uint16_t* const wkv = static_cast<const uint16_t*>(call->tensors[6].data);
  const uint16_t* const gamma_ckv = static_cast<const uint16_t*>(call->tensors[7].data);
  const uint16_t* const rope_cos = static_cast<const uint16_t*>(call->tensors[8].data);
  const int64_t rope_cos_stride = call->tensors[8].strides[0];
  const uint16_t* const rope_sin = static_cast<const uint16_t*>(call->tensors[9].data);
  const int64_t rope_sin_stride = call->tensors[9].strides[0];
  uint16_t* const q = static_cast<uint16_t*>(call->tensors[10].data);
  const int64_t q_stride_0 = call->tensors[10].strides[0];
  const int64_t q_stride_1 = call->tensors[10].strides[1];
  uint16_t* const kv = static_cast<uint16_t*>(call->tensors[11].data);
  const int64_t kv_stride = call->tensors[11].strides[0];
  int8_t* const qr = static_cast<int8_t*>(call->tensors[12].data);
  const int64_t qr_stride = call->tensors[12].strides[0];
  float* const qr_scale = static_cast<float*>(call->tensors[13].data);
  const int64_t qr_scale_stride = call->tensors[13].strides[0];
  Scratch shared{static_cast<char*>(call->workspace)};
  Scratch scratch{static_cast<char*>(call->workspace) + shared_bytes(call->dims) + call->ith * worker_bytes(call->dims)};
  Queue* const queues = scratch.take<Queue>(4);
  queues[0].fill(part_of(tiles_of(T, 72) * 8, call->ith, call->nth));
  queues[1].fill(part_of(tiles_of(T, 72) * 8, call->ith, call->nth));
  queues[2].fill(part_of(tiles_of(T, 4), call->ith, call->nth));
  queues[3].fill(part_of(tiles_of(T, 72) * 4, call->ith, call->nth));
  const bool kv_streams = streams_to(kv, 512 * T * 2, kv_stride * 2);
  const bool q_streams = streams_to(q, 512 * 4 * T * 2, q_stride_0 * 2 | q_stride_1 * 2);
  uint16_t* const x_norm = shared.take<uint16_t>(T * 512);
  float* const qr_proj = shared.take<float>(T * 256);
  float* const kv_proj = shared.take<float>(T * 528);
  // parallel t by 4
  {
    const Part part = part_of(tiles_of(T, 4), call->ith, call->nth);
    for (int64_t task_number = part.begin; task_number < part.end; ++task_number) {
      const int64_t t_index = task_number;
      const int64_t t_begin = t_index * 4;
      const int64_t t_size = smaller(4, T - t_begin);
      const Scratch before = scratch;
      // x_norm
      const uint64_t x_norm_started = trace_begin(call);
      float* const x_norm_inv_rows = scratch.take<float>(4);
      for (int64_t row = 0; row < t_size; ++row) {
        const uint16_t* const x_row = x + t_begin * x_stride + row * x_stride;
        float* const x_norm_inv_row = x_norm_inv_rows + row;
        sum64 x_norm_sum_lanes;
        x_norm_sum_lanes.clear();
        for (int64_t group = 0; group < 512; group += 64) {
          #pragma GCC unroll 4
          for (int block = 0; block < 4; ++block) {
            const int64_t c = group + 16 * block;
            x_norm_sum_lanes.add_at(block, mul(load_bf16(x_row + c), load_bf16(x_row + c)));
          }
        }
        const float x_norm_sum = x_norm_sum_lanes.fold();
        const float x_norm_inv = div(1.0f, sqrt_(add(mul(x_norm_sum, 0.001953125f), 1e-06f)));
        store_f32_s(x_norm_inv_row, x_norm_inv);
      }
      for (int64_t row = 0; row < t_size; ++row) {
        uint16_t* const x_norm_row = x_norm + t_begin * 512 + row * 512;
        const uint16_t* const x_row_2 = x + t_begin * x_stride + row * x_stride;
        float* const x_norm_inv_row_2 = x_norm_inv_rows + row;
        const vf x_norm_inv_all = broadcast(load_f32_s(x_norm_inv_row_2));
        for (int64_t pair = 0; pair < 512; pair += 32) {
          vf_pair x_norm_pair;
          #pragma GCC unroll 2
          for (int half = 0; half < 2; ++half) {
            const int64_t c = pair + 16 * half;
            x_norm_pair.set(half, mul(load_f32(norm_w + c), mul(load_bf16(x_row_2 + c), x_norm_inv_all)));
          }
          store_bf16_rint(x_norm_row + pair, x_norm_pair);
        }
      }
      trace_end(call, "x_norm", x_norm_started);
      scratch = before;
    }
  }
  wait_for_all(call);
  // parallel t_2 by 72, n by 32
  {
    Tasks tasks(&queues[0], worker_bytes(call->dims), call);
    for (int64_t task_number_2; (task_number_2 = tasks.next()) >= 0;) {
      const TaskOfTiles numbers = task_of_tiles(task_number_2, tiles_of(T, 72), 8, 3);
      const int64_t t_2_index = numbers.tile;
      const int64_t t_2_begin = t_2_index * 72;
      const int64_t t_2_size = smaller(72, T - t_2_begin);
      const int64_t n_index = numbers.other;
      const int64_t n_begin = n_index * 32;
      const Scratch before_2 = scratch;
      // qr_proj
      const uint64_t qr_proj_started = trace_begin(call);
      matmul_bf16(x_norm + t_2_begin * 512, 512, wq_a, n_begin / 16, qr_proj + t_2_begin * 256 + n_begin, 256, t_2_size, 32, 512,
          false);
      trace_end(call, "qr_proj", qr_proj_started);
      scratch = before_2;
    }
  }
  // parallel t_3 by 72, n_2 by 64
  {
    Tasks tasks_2(&queues[1], worker_bytes(call->dims), call);
    for (int64_t task_number_3; (task_number_3 = tasks_2.next()) >= 0;) {
      const TaskOfTiles numbers_2 = task_of_tiles(task_number_3, tiles_of(T, 72), 8, 3);
      const int64_t t_3_index = numbers_2.tile;
      const int64_t t_3_begin = t_3_index * 72;
      const int64_t t_3_size = smaller(72, T - t_3_begin);
      const int64_t n_2_index = numbers_2.other;
      const int64_t n_2_begin = n_2_index * 64;
      const Scratch before_3 = scratch;
      // kv_proj
      const uint64_t kv_proj_started = trace_begin(call);
      matmul_bf16(x_norm + t_3_begin * 512, 512, wkv, n_2_begin / 16, kv_proj + t_3_begin * 528 + n_2_begin, 528, t_3_size, 64,
          512, false);
      trace_end(call, "kv_proj", kv_proj_started);
      scratch = before_3;
    }
  }
  wait_for_all(call);
  // parallel t_4 by 4
  {
    Tasks tasks_3(&queues[2], worker_bytes(call->dims), call);
    for (int64_t task_number_4; (task_number_4 = tasks_3.next()) >= 0;) {
      const int64_t t_4_index = task_number_4;
      const int64_t t_4_begin = t_4_index * 4;
      const int64_t t_4_size = smaller(4, T - t_4_begin);
      const Scratch before_4 = scratch;
      // kv
      const uint64_t kv_started = trace_begin(call);
      float* const kv_inv_rows = scratch.take<float>(4);
      for (int64_t row_2 = 0; row_2 < t_4_size; ++row_2) {
        float* const kv_proj_row = kv_proj + t_4_begin * 528 + row_2 * 528;
        float* const kv_inv_row = kv_inv_rows + row_2;
        sum64 kv_sum_lanes;
        kv_sum_lanes.clear();
        for (int64_t group = 0; group < 512; group += 64) {
          #pragma GCC unroll 4
          for (int block = 0; block < 4; ++block) {
            const int64_t c = group + 16 * block;
            kv_sum_lanes.add_at(block, mul(load_f32(kv_proj_row + c), load_f32(kv_proj_row + c)));
          }
        }
        const float kv_sum = kv_sum_lanes.fold();
        const float kv_inv = div(1.0f, sqrt_(add(mul(kv_sum, 0.001953125f), 1e-06f)));
        store_f32_s(kv_inv_row, kv_inv);
      }
      for (int64_t row_2 = 0; row_2 < t_4_size; ++row_2) {
        float* const kv_inv_row_2 = kv_inv_rows + row_2;
        float* const kv_proj_row_2 = kv_proj + t_4_begin * 528 + 448 + row_2 * 528;
        const uint16_t* const gamma_ckv_row = gamma_ckv + 448;
        uint16_t* const kv_row = kv + t_4_begin * kv_stride + 448 + row_2 * kv_stride;
        const uint16_t* const rope_cos_row = rope_cos + t_4_begin * rope_cos_stride + row_2 * rope_cos_stride;
        const uint16_t* const rope_sin_row = rope_sin + t_4_begin * rope_sin_stride + row_2 * rope_sin_stride;
        uint16_t* const kv_row_2 = kv + t_4_begin * kv_stride + row_2 * kv_stride;
        float* const kv_proj_row_3 = kv_proj + t_4_begin * 528 + row_2 * 528;
        const vf kv_inv_all = broadcast(load_f32_s(kv_inv_row_2));
        for (int64_t c = 0; c < 32; c += 16) {
          const vf kv_even = mul(mul(kv_inv_all, even(load_f32(kv_proj_row_2 + 2 * c), load_f32(kv_proj_row_2 + 2 * c + 16))),
              even(load_bf16(gamma_ckv_row + 2 * c), load_bf16(gamma_ckv_row + 2 * c + 16)));
          const vf kv_odd = mul(mul(kv_inv_all, odd(load_f32(kv_proj_row_2 + 2 * c), load_f32(kv_proj_row_2 + 2 * c + 16))),
              odd(load_bf16(gamma_ckv_row + 2 * c), load_bf16(gamma_ckv_row + 2 * c + 16)));
          const vf kv_2_even = sub(mul(kv_even, load_bf16(rope_cos_row + c)), mul(kv_odd, load_bf16(rope_sin_row + c)));
          const vf kv_2_odd = add(mul(kv_odd, load_bf16(rope_cos_row + c)), mul(kv_even, load_bf16(rope_sin_row + c)));
          stream_bf16_rint(kv_row + 2 * c, interleaved(kv_2_even, kv_2_odd), kv_streams);
        }
        const vf kv_inv_all_2 = broadcast(load_f32_s(kv_inv_row_2));
        for (int64_t pair = 0; pair < 448; pair += 32) {
          vf_pair kv_pair;
          #pragma GCC unroll 2
          for (int half = 0; half < 2; ++half) {
            const int64_t c = pair + 16 * half;
            kv_pair.set(half, mul(mul(kv_inv_all_2, load_f32(kv_proj_row_3 + c)), load_bf16(gamma_ckv + c)));
          }
          stream_bf16_rint(kv_row_2 + pair, kv_pair, kv_streams);
        }
      }
      trace_end(call, "kv", kv_started);
      // qr
      const uint64_t qr_started = trace_begin(call);
      float* const qr_inv_rows = scratch.take<float>(4);
      float* const qr_value_rows = scratch.take<float>(1024);
      float* const qr_factor_rows = scratch.take<float>(4);
      for (int64_t row_3 = 0; row_3 < t_4_size; ++row_3) {
        float* const qr_proj_row = qr_proj + t_4_begin * 256 + row_3 * 256;
        float* const qr_inv_row = qr_inv_rows + row_3;
        sum64 qr_sum_lanes;
        qr_sum_lanes.clear();
        for (int64_t group = 0; group < 256; group += 64) {
          #pragma GCC unroll 4
          for (int block = 0; block < 4; ++block) {
            const int64_t c = group + 16 * block;
            qr_sum_lanes.add_at(block, mul(load_f32(qr_proj_row + c), load_f32(qr_proj_row + c)));
          }
        }
        const float qr_sum = qr_sum_lanes.fold();
        const float qr_inv = div(1.0f, sqrt_(add(mul(qr_sum, 0.00390625f), 1e-06f)));
        store_f32_s(qr_inv_row, qr_inv);
      }
      for (int64_t row_3 = 0; row_3 < t_4_size; ++row_3) {
        float* const qr_proj_row_2 = qr_proj + t_4_begin * 256 + row_3 * 256;
        float* const qr_inv_row_2 = qr_inv_rows + row_3;
        float* const qr_value_row = qr_value_rows + row_3 * 256;
        float* const qr_factor_row = qr_factor_rows + row_3;
        vf qr_max_lanes = broadcast(-__builtin_inff());
        const vf qr_inv_all = broadcast(load_f32_s(qr_inv_row_2));
        for (int64_t c = 0; c < 256; c += 16) {
          const vf qr_value = round_bf16_rint(mul(load_bf16(gamma_cq + c), mul(load_f32(qr_proj_row_2 + c), qr_inv_all)));
          store_f32(qr_value_row + c, qr_value);
          qr_max_lanes = max(qr_max_lanes, abs_(qr_value));
        }
        const float qr_max = reduce_max(qr_max_lanes);
        const float qr_factor = div(127.0f, max(qr_max, 0.0001f));
        store_f32_s(qr_factor_row, qr_factor);
      }
      for (int64_t row_3 = 0; row_3 < t_4_size; ++row_3) {
        int8_t* const qr_row = qr + t_4_begin * qr_stride + row_3 * qr_stride;
        float* const qr_value_row_2 = qr_value_rows + row_3 * 256;
        float* const qr_factor_row_2 = qr_factor_rows + row_3;
        float* const qr_scale_row = qr_scale + t_4_begin * qr_scale_stride + row_3 * qr_scale_stride;
        const vf qr_factor_all = broadcast(load_f32_s(qr_factor_row_2));
        for (int64_t c = 0; c < 256; c += 16) {
          store_i8(qr_row + c, saturate_i8(to_i32_rint(mul(load_f32(qr_value_row_2 + c), qr_factor_all))));
        }
        store_f32_s(qr_scale_row, div(1.0f, load_f32_s(qr_factor_row_2)));
      }
      trace_end(call, "qr", qr_started);
      scratch = before_4;
    }
  }
  finish_streams();
  wait_for_all(call);
  // parallel t_5 by 72, h
  {
    Tasks tasks_4(&queues[3], worker_bytes(call->dims), call);
    for (int64_t task_number_5; (task_number_5 = tasks_4.next()) >= 0;) {
      const TaskOfTiles numbers_3 = task_of_tiles(task_number_5, tiles_of(T, 72), 4, 3);
      const int64_t t_5_index = numbers_3.tile;
      const int64_t t_5_begin = t_5_index * 72;
      const int64_t t_5_size = smaller(72, T - t_5_begin);
      const int64_t h = numbers_3.other;
      const Scratch before_5 = scratch;
      // q
      const uint64_t q_started = trace_begin(call);
      int32_t* const q_acc = scratch.take<int32_t>(t_5_size * 512);
      fetch_rows(wq_b_scale + 512 * h, 0, 1, 2048);
      if (!q_streams) claim_rows(q + t_5_begin * q_stride_0 + h * q_stride_1, q_stride_0 * 2, t_5_size, 896);
      fetch_rows(rope_cos + t_5_begin * rope_cos_stride, rope_cos_stride * 2, t_5_size, 64);
      fetch_rows(rope_sin + t_5_begin * rope_sin_stride, rope_sin_stride * 2, t_5_size, 64);
      if (!q_streams) claim_rows(q + t_5_begin * q_stride_0 + h * q_stride_1 + 448, q_stride_0 * 2, t_5_size, 128);
      matmul_i8(qr + t_5_begin * qr_stride, qr_stride, wq_b, 512 * h / 16, q_acc, 512, t_5_size, 512, 256, false);
      float* const q_value_rows = scratch.take<float>(2048);
      float* const q_inv_rows = scratch.take<float>(4);
      for (int64_t first_row = 0; first_row < t_5_size; first_row += 4) {
        const int64_t end_row = smaller(t_5_size, first_row + 4);
        for (int64_t row_4 = first_row; row_4 < end_row; ++row_4) {
          const float* const wq_b_scale_row = wq_b_scale + 512 * h;
          float* const qr_scale_row_2 = qr_scale + t_5_begin * qr_scale_stride + row_4 * qr_scale_stride;
          int32_t* const q_acc_row = q_acc + row_4 * 512;
          float* const q_value_row = q_value_rows + (row_4 - first_row) * 512;
          float* const q_inv_row = q_inv_rows + row_4 - first_row;
          sum64 q_sum_lanes;
          q_sum_lanes.clear();
          const vf qr_scale_all = broadcast(load_f32_s(qr_scale_row_2));
          for (int64_t group = 0; group < 512; group += 64) {
            #pragma GCC unroll 4
            for (int block = 0; block < 4; ++block) {
              const int64_t c = group + 16 * block;
              const vf q_value = mul(load_f32(wq_b_scale_row + c), mul(qr_scale_all, to_f32_rint(load_i32(q_acc_row + c))));
              store_f32(q_value_row + c, q_value);
              q_sum_lanes.add_at(block, mul(q_value, q_value));
            }
          }
          const float q_sum = q_sum_lanes.fold();
          const float q_inv = div(1.0f, sqrt_(add(mul(q_sum, 0.001953125f), 1e-06f)));
          store_f32_s(q_inv_row, q_inv);
        }
        for (int64_t row_4 = first_row; row_4 < end_row; ++row_4) {
          float* const q_inv_row_2 = q_inv_rows + row_4 - first_row;
          float* const q_value_row_2 = q_value_rows + (row_4 - first_row) * 512;
          uint16_t* const q_row = q + t_5_begin * q_stride_0 + h * q_stride_1 + 448 + row_4 * q_stride_0;
          const uint16_t* const rope_cos_row_2 = rope_cos + t_5_begin * rope_cos_stride + row_4 * rope_cos_stride;
          const uint16_t* const rope_sin_row_2 = rope_sin + t_5_begin * rope_sin_stride + row_4 * rope_sin_stride;
          uint16_t* const q_row_2 = q + t_5_begin * q_stride_0 + h * q_stride_1 + row_4 * q_stride_0;
          const vf q_inv_all = broadcast(load_f32_s(q_inv_row_2));
          for (int64_t c = 0; c < 32; c += 16) {
            const vf q_even = mul(q_inv_all, even(load_f32(q_value_row_2 + 448 + 2 * c),
                load_f32(q_value_row_2 + 448 + 2 * c + 16)));
            const vf q_odd = mul(q_inv_all, odd(load_f32(q_value_row_2 + 448 + 2 * c),
                load_f32(q_value_row_2 + 448 + 2 * c + 16)));
            const vf q_2_even = sub(mul(q_even, load_bf16(rope_cos_row_2 + c)), mul(load_bf16(rope_sin_row_2 + c), q_odd));
            const vf q_2_odd = add(mul(load_bf16(rope_sin_row_2 + c), q_even), mul(q_odd, load_bf16(rope_cos_row_2 + c)));
            stream_bf16_rint(q_row + 2 * c, interleaved(q_2_even, q_2_odd), q_streams);
          }
          const vf q_inv_all_2 = broadcast(load_f32_s(q_inv_row_2));
          for (int64_t pair = 0; pair < 448; pair += 32) {
            vf_pair q_pair;
            #pragma GCC unroll 2
            for (int half = 0; half < 2; ++half) {
              const int64_t c = pair + 16 * half;
              q_pair.set(half, mul(q_inv_all_2, load_f32(q_value_row_2 + c)));
            }
            stream_bf16_rint(q_row_2 + pair, q_pair, q_streams);
          }
        }
      }
      trace_end(call, "q", q_started);
      scratch = before_5;
    }
  }
  finish_streams();
}

constexpr const char* kDimNames[] = {"T"};
constexpr imbrex_extent kShape0[] = {{1, 0}, {512, -1}};  // x
constexpr imbrex_extent kShape1[] = {{512, -1}};  // norm_w
constexpr imbrex_extent kShape2[] = {{512, -1}, {256, -1}};  // wq_a
constexpr imbrex_extent kShape3[] = {{256, -1}};  // gamma_cq
constexpr imbrex_extent kShape4[] = {{256, -1}, {2048, -1}};  // wq_b
constexpr imbrex_extent kShape5[] = {{2048, -1}};  // wq_b_scale
constexpr imbrex_extent kShape6[] = {{512, -1}, {512, -1}};  // wkv
constexpr imbrex_extent kShape7[] = {{512, -1}};  // gamma_ckv
constexpr imbrex_extent kShape8[] = {{1, 0}, {64, -1}};  // rope_cos
constexpr imbrex_extent kShape9[] = {{1, 0}, {64, -1}};  // rope_sin
constexpr imbrex_extent kShape10[] = {{1, 0}, {4, -1}, {512, -1}};  // q
constexpr imbrex_extent kShape11[] = {{1, 0}, {512, -1}};  // kv
constexpr imbrex_extent kShape12[] = {{1, 0}, {256, -1}};  // qr
constexpr imbrex_extent kShape13[] = {{1, 0}, {1, -1}};  // qr_scale
constexpr imbrex_tensor_info kTensors[] = {
    {"x", IMBREX_BF16, IMBREX_INPUT, 2, kShape0, 0},
    {"norm_w", IMBREX_F32, IMBREX_INPUT, 1, kShape1, 0},
    {"wq_a", IMBREX_BF16, IMBREX_INPUT, 2, kShape2, packed_bytes_bf16(512, 256)},
    {"gamma_cq", IMBREX_BF16, IMBREX_INPUT, 1, kShape3, 0},
    {"wq_b", IMBREX_INT8, IMBREX_INPUT, 2, kShape4, packed_bytes_i8(256, 2048)},
    {"wq_b_scale", IMBREX_F32, IMBREX_INPUT, 1, kShape5, 0},
    {"wkv", IMBREX_BF16, IMBREX_INPUT, 2, kShape6, packed_bytes_bf16(512, 512)},
    {"gamma_ckv", IMBREX_BF16, IMBREX_INPUT, 1, kShape7, 0},
    {"rope_cos", IMBREX_BF16, IMBREX_INPUT, 2, kShape8, 0},
    {"rope_sin", IMBREX_BF16, IMBREX_INPUT, 2, kShape9, 0},
    {"q", IMBREX_BF16, IMBREX_OUTPUT, 3, kShape10, 0},
    {"kv", IMBREX_BF16, IMBREX_OUTPUT, 2, kShape11, 0},
    {"qr", IMBREX_INT8, IMBREX_OUTPUT, 2, kShape12, 0},
    {"qr_scale", IMBREX_F32, IMBREX_OUTPUT, 2, kShape13, 0},
};
constexpr imbrex_kernel kernel = {
    IMBREX_ABI_VERSION, "qkv_proj_rope", "avx512",
    1, kDimNames, 14, kTensors,
    workspace_bytes, pack, run};

}  // namespace qkv_proj_rope_kernel
}  // namespace

extern "C" const imbrex_kernel* imbrex_kernel_qkv_proj_rope(void) { return &qkv_proj_rope_kernel::kernel; }

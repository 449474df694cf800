// Written by Imbrex.
#include "imbrex/target/isa/avx512.h"
#include "imbrex/codegen/kernel_support.h"
#include "imbrex/runtime/abi.h"

namespace {
namespace rms_norm_kernel {
using namespace imbrex::isa;

// Bytes of the memory that all workers see.
int64_t shared_bytes([[maybe_unused]] const int64_t* dims) {
  return 0;
}

// Bytes of each worker's own memory.
int64_t worker_bytes([[maybe_unused]] const int64_t* dims) {
  return 64;
}

size_t workspace_bytes(const int64_t* dims, int32_t nth) {
  return static_cast<size_t>(shared_bytes(dims) + nth * worker_bytes(dims));
}

void run(const imbrex_call* call) {
  const FloatMode float_mode;
  const int64_t T = call->dims[0];
  const uint16_t* const x = static_cast<const uint16_t*>(call->tensors[0].data);
  const int64_t x_stride = call->tensors[0].strides[0];
  const float* const w = static_cast<const float*>(call->tensors[1].data);
  uint16_t* const y = static_cast<uint16_t*>(call->tensors[2].data);
  const int64_t y_stride = call->tensors[2].strides[0];
  Scratch scratch{static_cast<char*>(call->workspace) + shared_bytes(call->dims) + call->ith * worker_bytes(call->dims)};
  const bool y_streams = streams_to(y, 512 * T * 2, y_stride * 2);
  // parallel t by 4
  {
    const Part part = part_of(tiles_of(T, 4), call->ith, call->nth);
    for (int64_t task_number = part.begin; task_number < part.end; ++task_number) {
      const int64_t t_index = task_number;
      const int64_t t_begin = t_index * 4;
      const int64_t t_size = smaller(4, T - t_begin);
      const Scratch before = scratch;
      // y
      const uint64_t y_started = trace_begin(call);
      float* const y_inv_rows = scratch.take<float>(4);
      for (int64_t row = 0; row < t_size; ++row) {
        const uint16_t* const x_row = x + t_begin * x_stride + row * x_stride;
        float* const y_inv_row = y_inv_rows + row;
        sum64 y_sum_lanes;
        y_sum_lanes.clear();
        for (int64_t group = 0; group < 512; group += 64) {
          #pragma GCC unroll 4
          for (int block = 0; block < 4; ++block) {
            const int64_t c = group + 16 * block;
            y_sum_lanes.add_at(block, mul(load_bf16(x_row + c), load_bf16(x_row + c)));
          }
        }
        const float y_sum = y_sum_lanes.fold();
        const float y_inv = div(1.0f, sqrt_(add(mul(y_sum, 0.001953125f), 1e-06f)));
        store_f32_s(y_inv_row, y_inv);
      }
      for (int64_t row = 0; row < t_size; ++row) {
        uint16_t* const y_row = y + t_begin * y_stride + row * y_stride;
        const uint16_t* const x_row_2 = x + t_begin * x_stride + row * x_stride;
        float* const y_inv_row_2 = y_inv_rows + row;
        const vf y_inv_all = broadcast(load_f32_s(y_inv_row_2));
        for (int64_t pair = 0; pair < 512; pair += 32) {
          vf_pair y_pair;
          #pragma GCC unroll 2
          for (int half = 0; half < 2; ++half) {
            const int64_t c = pair + 16 * half;
            y_pair.set(half, mul(load_f32(w + c), mul(load_bf16(x_row_2 + c), y_inv_all)));
          }
          stream_bf16_rint(y_row + pair, y_pair, y_streams);
        }
      }
      trace_end(call, "y", y_started);
      scratch = before;
    }
  }
  finish_streams();
}

constexpr const char* kDimNames[] = {"T"};
constexpr imbrex_extent kShape0[] = {{1, 0}, {512, -1}};  // x
constexpr imbrex_extent kShape1[] = {{512, -1}};  // w
constexpr imbrex_extent kShape2[] = {{1, 0}, {512, -1}};  // y
constexpr imbrex_tensor_info kTensors[] = {
    {"x", IMBREX_BF16, IMBREX_INPUT, 2, kShape0, 0},
    {"w", IMBREX_F32, IMBREX_INPUT, 1, kShape1, 0},
    {"y", IMBREX_BF16, IMBREX_OUTPUT, 2, kShape2, 0},
};
constexpr imbrex_kernel kernel = {
    IMBREX_ABI_VERSION, "rms_norm", "avx512",
    1, kDimNames, 3, kTensors,
    workspace_bytes, nullptr, run};

}  // namespace rms_norm_kernel
}  // namespace

extern "C" const imbrex_kernel* imbrex_kernel_rms_norm(void) { return &rms_norm_kernel::kernel; }

// Written by Imbrex.
#include "imbrex/target/isa/avx512.h"
#include "imbrex/codegen/kernel_support.h"
#include "imbrex/runtime/abi.h"

namespace {
namespace softmax_kernel {
using namespace imbrex::isa;

// Bytes of the memory that all workers see.
int64_t shared_bytes([[maybe_unused]] const int64_t* dims) {
  return 0;
}

// Bytes of each worker's own memory.
int64_t worker_bytes([[maybe_unused]] const int64_t* dims) {
  return 8320;
}

size_t workspace_bytes(const int64_t* dims, int32_t nth) {
  return static_cast<size_t>(shared_bytes(dims) + nth * worker_bytes(dims));
}

void run(const imbrex_call* call) {
  const FloatMode float_mode;
  const int64_t T = call->dims[0];
  const float* const x = static_cast<const float*>(call->tensors[0].data);
  const int64_t x_stride = call->tensors[0].strides[0];
  float* const y = static_cast<float*>(call->tensors[1].data);
  const int64_t y_stride = call->tensors[1].strides[0];
  Scratch scratch{static_cast<char*>(call->workspace) + shared_bytes(call->dims) + call->ith * worker_bytes(call->dims)};
  const bool y_streams = streams_to(y, 512 * T * 4, y_stride * 4);
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
      float* const y_max_rows = scratch.take<float>(4);
      float* const y_value_rows = scratch.take<float>(2048);
      float* const y_sum_rows = scratch.take<float>(4);
      for (int64_t row = 0; row < t_size; ++row) {
        const float* const x_row = x + t_begin * x_stride + row * x_stride;
        float* const y_max_row = y_max_rows + row;
        vf y_max_lanes = broadcast(-__builtin_inff());
        for (int64_t c = 0; c < 512; c += 16) {
          y_max_lanes = max(y_max_lanes, load_f32(x_row + c));
        }
        const float y_max = reduce_max(y_max_lanes);
        store_f32_s(y_max_row, y_max);
      }
      for (int64_t row = 0; row < t_size; ++row) {
        const float* const x_row_2 = x + t_begin * x_stride + row * x_stride;
        float* const y_max_row_2 = y_max_rows + row;
        float* const y_value_row = y_value_rows + row * 512;
        float* const y_sum_row = y_sum_rows + row;
        sum64 y_sum_lanes;
        y_sum_lanes.clear();
        const vf y_max_all = broadcast(load_f32_s(y_max_row_2));
        for (int64_t group = 0; group < 512; group += 64) {
          #pragma GCC unroll 4
          for (int block = 0; block < 4; ++block) {
            const int64_t c = group + 16 * block;
            const vf y_value = exp_(sub(load_f32(x_row_2 + c), y_max_all));
            store_f32(y_value_row + c, y_value);
            y_sum_lanes.add_at(block, y_value);
          }
        }
        const float y_sum = y_sum_lanes.fold();
        store_f32_s(y_sum_row, y_sum);
      }
      for (int64_t row = 0; row < t_size; ++row) {
        float* const y_row = y + t_begin * y_stride + row * y_stride;
        float* const y_value_row_2 = y_value_rows + row * 512;
        float* const y_sum_row_2 = y_sum_rows + row;
        const vf y_sum_all = broadcast(load_f32_s(y_sum_row_2));
        for (int64_t c = 0; c < 512; c += 16) {
          stream_f32(y_row + c, div(load_f32(y_value_row_2 + c), y_sum_all), y_streams);
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
constexpr imbrex_extent kShape1[] = {{1, 0}, {512, -1}};  // y
constexpr imbrex_tensor_info kTensors[] = {
    {"x", IMBREX_F32, IMBREX_INPUT, 2, kShape0, 0},
    {"y", IMBREX_F32, IMBREX_OUTPUT, 2, kShape1, 0},
};
constexpr imbrex_kernel kernel = {
    IMBREX_ABI_VERSION, "softmax", "avx512",
    1, kDimNames, 2, kTensors,
    workspace_bytes, nullptr, run};

}  // namespace softmax_kernel
}  // namespace

extern "C" const imbrex_kernel* imbrex_kernel_softmax(void) { return &softmax_kernel::kernel; }

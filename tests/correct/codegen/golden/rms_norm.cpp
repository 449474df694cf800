// Written by Imbrex.
#include "imbrex/target/isa/avx512.h"
#include "imbrex/codegen/kernel_support.h"
#include "imbrex/runtime/abi.h"

namespace {
namespace kernel_rms_norm {
using namespace imbrex::isa;

// The elements of a tensor along an axis.
int64_t extent([[maybe_unused]] int32_t tensor, [[maybe_unused]] int32_t axis, [[maybe_unused]] const int64_t* dims) {
  const Size T_ = dims[0];
  const Size shapes[][2] = {
      {T_, 512},  // x
      {512},  // w
      {T_, 512},  // y
  };
  return elements_of(shapes[tensor][axis]);
}

// Bytes of the memory that all workers see.
Size shared_bytes([[maybe_unused]] const int64_t* dims) {
  return 0;
}

// Bytes of each worker's own memory.
Size worker_bytes([[maybe_unused]] const int64_t* dims) {
  return 8256;
}

size_t workspace_bytes(const int64_t* dims, int32_t nth) {
  if (is_empty(dims, 1)) return 0;
  return workspace_of(shared_bytes(dims) + nth * worker_bytes(dims));
}

// phase 1: t in tiles of 4 of T; each worker its part
constexpr int64_t t_tile_ = 4;
[[gnu::noinline]] void phase_1_y_(const imbrex_call* call, Scratch scratch, int64_t T_, const uint16_t* x_, int64_t x_stride_,
    const float* w_, uint16_t* y_, int64_t y_stride_, bool y_streams_) {
  const Part part = part_of(tiles_of(T_, t_tile_), call->ith, call->nth);
  for (int64_t task_number = part.begin; task_number < part.end; ++task_number) {
    const int64_t t_index_ = task_number;
    const int64_t t_begin_ = t_index_ * t_tile_;
    const int64_t t_size_ = smaller(t_tile_, T_ - t_begin_);
    const Scratch before = scratch;
    // y
    const uint64_t y_started_ = trace_begin(call);
    float* const x_f32_rows_ = scratch.take<float>(2048);
    float* const y_inv_rows_ = scratch.take<float>(4);
    for (int64_t row = 0; row < t_size_; ++row) {
      const uint16_t* const x_row_ = x_ + t_begin_ * x_stride_ + row * x_stride_;
      float* const x_f32_row_ = x_f32_rows_ + row * 512;
      float* const y_inv_row_ = y_inv_rows_ + row;
      sum64 y_sum_lanes_;
      y_sum_lanes_.clear();
      for (int64_t group = 0; group < 512; group += 4 * kLanes) {
        #pragma GCC unroll 4
        for (int block = 0; block < 4; ++block) {
          [[maybe_unused]] const int64_t c = group + kLanes * block;
          const vf x_f32_ = load_bf16(x_row_ + c);
          store_f32(x_f32_row_ + c, x_f32_);
          y_sum_lanes_.add_at(block, mul(x_f32_, x_f32_));
        }
      }
      const float y_sum_ = y_sum_lanes_.fold();
      const float y_inv_ = div(1.0f, sqrt_(add(mul(y_sum_, 0.001953125f), 1e-06f)));
      store_f32_s(y_inv_row_, y_inv_);
    }
    for (int64_t row = 0; row < t_size_; ++row) {
      uint16_t* const y_row_ = y_ + t_begin_ * y_stride_ + row * y_stride_;
      float* const x_f32_row_2_ = x_f32_rows_ + row * 512;
      float* const y_inv_row_2_ = y_inv_rows_ + row;
      const vf y_inv_all_ = broadcast(load_f32_s(y_inv_row_2_));
      for (int64_t pair = 0; pair < 512; pair += 2 * kLanes) {
        vf_pair y_pair_;
        #pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const int64_t c = pair + kLanes * half;
          y_pair_.set(half, mul(mul(load_f32(x_f32_row_2_ + c), y_inv_all_), load_f32(w_ + c)));
        }
        stream_bf16_rint(y_row_ + pair, y_pair_, y_streams_);
      }
    }
    trace_end(call, "y", y_started_);
    scratch = before;
  }
}

constexpr int64_t kMostBytesInCache = 1048576;  // larger outputs are stored past the caches
void run(const imbrex_call* call) {
  if (is_empty(call->dims, 1)) return;
  const FloatMode float_mode;
  const int64_t T_ = call->dims[0];
  const uint16_t* const x_ = static_cast<const uint16_t*>(call->tensors[0].input);
  const int64_t x_stride_ = call->tensors[0].strides[0];
  const float* const w_ = static_cast<const float*>(call->tensors[1].input);
  uint16_t* const y_ = static_cast<uint16_t*>(call->tensors[2].output);
  const int64_t y_stride_ = call->tensors[2].strides[0];
  Scratch scratch = memory_of_worker(call, shared_bytes(call->dims), worker_bytes(call->dims));
  const bool y_streams_ = streams_to(y_, 512 * T_ * 2, y_stride_ * 2, kMostBytesInCache);
  phase_1_y_(call, scratch, T_, x_, x_stride_, w_, y_, y_stride_, y_streams_);
  finish_streams();
}

constexpr const char* kDimNames[] = {"T"};
constexpr int64_t kDimMax[] = {2147483647};
constexpr int64_t kFactors[][1] = {
    {1},
    {0},
};
constexpr imbrex_extent kShape0[] = {{"T", kFactors[0], 0}, {"512", kFactors[1], 512}};  // x
constexpr imbrex_extent kShape1[] = {{"512", kFactors[1], 512}};  // w
constexpr imbrex_extent kShape2[] = {{"T", kFactors[0], 0}, {"512", kFactors[1], 512}};  // y
constexpr imbrex_tensor_info kTensors[] = {
    {"x", IMBREX_BF16, IMBREX_INPUT, 2, kShape0, 0, nullptr},
    {"w", IMBREX_F32, IMBREX_INPUT, 1, kShape1, 0, nullptr},
    {"y", IMBREX_BF16, IMBREX_OUTPUT, 2, kShape2, 0, nullptr},
};
constexpr imbrex_kernel kernel = {
    IMBREX_ABI_VERSION, IMBREX_SEMANTICS, IMBREX_VERSION, "rms_norm", "avx512",
    1, kDimNames, kDimMax, 3, kTensors,
    extent, workspace_bytes, nullptr, run};

}  // namespace kernel_rms_norm
}  // namespace

extern "C" const imbrex_kernel* imbrex_kernel_rms_norm(void) { return &kernel_rms_norm::kernel; }

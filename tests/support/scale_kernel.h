// A small hand-written kernel against abi.h, as generated code is: y[t, n] = x[t, n] * w[n, 0] + w[n, 1], with w [N, 2] packed
// (or not), rows split over the workers in two phases with a barrier between them.
#pragma once

#include <string>

namespace imbrex::tests {

inline std::string scale_kernel(const std::string& comment = "scale", bool packs = false) {
  return "// " + comment + R"code(
#include "imbrex/runtime/abi.h"
namespace {
constexpr int64_t N = 8;
const char* const dim_names[] = {"T"};
const int64_t dim_max[] = {INT32_MAX}, no_dims[] = {0}, times_T[] = {1};
const imbrex_extent x_shape[] = {{"T", times_T, 0}, {"8", no_dims, N}};
const imbrex_extent w_shape[] = {{"8", no_dims, N}, {"2", no_dims, 2}};
const imbrex_extent y_shape[] = {{"T", times_T, 0}, {"8", no_dims, N}};
int64_t extent(int32_t tensor, int32_t axis, const int64_t* dims) {
  const int64_t shapes[][2] = {{dims[0], N}, {N, 2}, {dims[0], N}};
  return shapes[tensor][axis];
}
const imbrex_tensor_info tensors[] = {
    {"x", IMBREX_F32, IMBREX_INPUT, 2, x_shape, 0, nullptr},
    {"w", IMBREX_F32, IMBREX_INPUT, 2, w_shape, )code" +
         (packs ? "2 * N * sizeof(float), \"rows\"" : "0, nullptr") + R"code(},
    {"y", IMBREX_F32, IMBREX_OUTPUT, 2, y_shape, 0, nullptr},
};
size_t workspace_bytes(const int64_t* dims, int32_t) { return static_cast<size_t>(dims[0]) * N * sizeof(float); }
void pack(int32_t, const void* source, const int64_t* strides, void* packed, int32_t ith, int32_t nth) {
  for (int64_t n = ith; n < N; n += nth)
    for (int64_t i = 0; i < 2; ++i) static_cast<float*>(packed)[n * 2 + i] = static_cast<const float*>(source)[n * strides[0] + i * strides[1]];
}
void run(const imbrex_call* call) {
  const int64_t T = call->dims[0];
  const imbrex_tensor x = call->tensors[0], w = call->tensors[1], y = call->tensors[2];
  const int64_t packed_strides[] = {2, 1};
  const int64_t* w_strides = tensors[1].packed_bytes != 0 ? packed_strides : w.strides;
  float* products = static_cast<float*>(call->workspace);
  if (call->trace) call->trace(call->trace_user, call->ith, "multiply", 1000, 2000);
  for (int64_t t = call->ith; t < T; t += call->nth)
    for (int64_t n = 0; n < N; ++n)
      products[t * N + n] = static_cast<const float*>(x.input)[t * x.strides[0] + n] * static_cast<const float*>(w.input)[n * w_strides[0]];
  if (call->nth > 1) call->barrier(call->barrier_user);
  // Other workers' rows, so that a barrier that does not hold shows.
  for (int64_t t = T - 1 - call->ith; t >= 0; t -= call->nth)
    for (int64_t n = 0; n < N; ++n)
      static_cast<float*>(y.output)[t * y.strides[0] + n] = products[t * N + n] + static_cast<const float*>(w.input)[n * w_strides[0] + 1];
}
const imbrex_kernel kernel = {IMBREX_ABI_VERSION, IMBREX_SEMANTICS, IMBREX_VERSION, "scale", "scalar", 1, dim_names, dim_max, 3, tensors, extent,
                              workspace_bytes, pack, run};
}  // namespace
extern "C" __attribute__((visibility("default"))) const imbrex_kernel* imbrex_kernel_scale() { return &kernel; }
)code";
}

}  // namespace imbrex::tests

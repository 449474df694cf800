// imbrex_check_call and imbrex_check_pack on every way for a C caller to be wrong; each is one field away from a call that
// passes.
#include <gtest/gtest.h>

#include "imbrex/runtime/check_call.h"

namespace {

constexpr int64_t kNone[] = {0}, kOnce[] = {1}, kDimMax[] = {INT32_MAX};
constexpr imbrex_extent kEight = {"8", kNone, 8}, kSixteen = {"16", kNone, 16};
constexpr imbrex_extent kRows[] = {{"T", kOnce, 0}, kEight}, kWeight[] = {kEight, kSixteen}, kVector[] = {kEight};
constexpr imbrex_tensor_info kTensors[] = {{"x", IMBREX_BF16, IMBREX_INPUT, 2, kRows, 0, nullptr},
                                           {"w", IMBREX_INT8, IMBREX_INPUT, 2, kWeight, 128, "rows"},
                                           {"scale", IMBREX_F32, IMBREX_INPUT, 1, kVector, 0, nullptr},
                                           {"y", IMBREX_F32, IMBREX_OUTPUT, 2, kRows, 0, nullptr}};
constexpr const char* kDimNames[] = {"T"};
int64_t extent(int32_t tensor, int32_t axis, const int64_t* dims) {
  const int64_t shapes[][2] = {{dims[0], 8}, {8, 16}, {8}, {dims[0], 8}};
  return shapes[tensor][axis];
}
size_t workspace_bytes(const int64_t*, int32_t nth) { return 64 * static_cast<size_t>(nth); }
constexpr imbrex_kernel kKernel = {
    IMBREX_ABI_VERSION, IMBREX_SEMANTICS, IMBREX_VERSION,  "small", "scalar", 1, kDimNames, kDimMax, 4,
    kTensors,           extent,           workspace_bytes, nullptr, nullptr};

// A call that passes, to be spoilt.
struct Spoilt {
  alignas(64) char memory[4][1024] = {};
  int64_t dims[1] = {5};
  int64_t x_strides[2] = {8, 1}, scale_strides[1] = {1}, y_strides[2] = {8, 1};
  imbrex_tensor tensors[4] = {{memory[0], nullptr, x_strides},
                              {memory[1], nullptr, nullptr},
                              {memory[2], nullptr, scale_strides},
                              {nullptr, memory[3], y_strides}};
  alignas(64) char workspace[256] = {};
  imbrex_call call = {};
  imbrex_kernel kernel = kKernel;
  char text[200] = "untouched";

  Spoilt() {
    call.dims = dims;
    call.tensors = tensors;
    call.workspace = workspace;
    call.workspace_bytes = sizeof workspace;
    call.nth = 2;
    call.barrier = [](void*) {};
  }
  imbrex_status check() { return imbrex_check_call(&kernel, &call, text, sizeof text); }
  void expect(imbrex_status status, const std::string& words) {
    EXPECT_EQ(check(), status);
    EXPECT_NE(std::string(text).find(words), std::string::npos) << text;
    EXPECT_EQ(imbrex_check_call(&kernel, &call, nullptr, 0), status);
    char little[4];
    EXPECT_EQ(imbrex_check_call(&kernel, &call, little, sizeof little), status);
    EXPECT_EQ(little[3], 0);
  }
};

TEST(CheckCall, PassesAGoodCall) {
  Spoilt good;
  EXPECT_EQ(good.check(), IMBREX_OK) << good.text;
  EXPECT_STREQ(good.text, "untouched");
  good.x_strides[0] = 100;  // rows with gaps
  EXPECT_EQ(good.check(), IMBREX_OK) << good.text;
  good.x_strides[0] = 0;  // one row for all, which is only read
  EXPECT_EQ(good.check(), IMBREX_OK) << good.text;
  good.dims[0] = 1;
  good.y_strides[0] = 0;  // of no account for a single row
  good.call.nth = 1;
  good.call.barrier = nullptr;
  EXPECT_EQ(good.check(), IMBREX_OK) << good.text;
}

TEST(CheckCall, PassesACallWithNothingToWrite) {
  Spoilt s;
  s.dims[0] = 0;
  EXPECT_EQ(s.check(), IMBREX_OK) << s.text;
  s.tensors[0] = s.tensors[3] = {nullptr, nullptr, nullptr};
  EXPECT_EQ(s.check(), IMBREX_OK) << s.text;
  imbrex_tensor_info state[] = {kTensors[0], kTensors[1], kTensors[2], kTensors[3]};
  state[2].role = IMBREX_INOUT;
  s.kernel.tensors = state;
  s.expect(IMBREX_BAD_DIM, "dimension T is 0, but tensor scale has elements to write");
}

#define REFUSES(name, status, words, spoil)    \
  TEST(CheckCall, name) {                      \
    Spoilt s;                                  \
    ASSERT_EQ(s.check(), IMBREX_OK) << s.text; \
    spoil;                                     \
    s.expect(status, words);                   \
  }

REFUSES(AnotherVersion, IMBREX_NO_KERNEL, "is for version 1 of imbrex/runtime/abi.h, its caller for version 4",
        s.kernel.abi_version = 1)
REFUSES(OtherSemantics, IMBREX_NO_KERNEL, "small is of semantics 1 (Imbrex 0.1.0), its caller of semantics 2",
        s.kernel.semantics = 1)
REFUSES(NoDims, IMBREX_NULL_POINTER, "small", s.call.dims = nullptr)
REFUSES(NoTensors, IMBREX_NULL_POINTER, "small", s.call.tensors = nullptr)
REFUSES(NoInput, IMBREX_NULL_POINTER, "scale, number 2: its `input` is null", s.tensors[2].input = nullptr)
REFUSES(NoOutput, IMBREX_NULL_POINTER, "y, number 3: its `output` is null",
        s.tensors[3] = (imbrex_tensor{s.memory[3], nullptr, s.y_strides}))
REFUSES(NoPacked, IMBREX_NULL_POINTER, "w, number 1: its `input` is null", s.tensors[1].input = nullptr)
REFUSES(NoStrides, IMBREX_NULL_POINTER, "strides of tensor y", s.tensors[3].strides = nullptr)
REFUSES(NoWorkspace, IMBREX_NULL_POINTER, "workspace of 128 bytes for 2 threads", s.call.workspace = nullptr)
REFUSES(DimNegative, IMBREX_BAD_DIM, "T is -7", s.dims[0] = -7)
REFUSES(DimLargest, IMBREX_BAD_DIM, "T is 9223372036854775807", s.dims[0] = INT64_MAX)
REFUSES(LastAxisStrided, IMBREX_BAD_STRIDE, "last axis of tensor x has stride 2", s.x_strides[1] = 2)
REFUSES(StrideNegative, IMBREX_BAD_STRIDE, "x has a stride of -8", s.x_strides[0] = -8)
REFUSES(OutputRowsOverlap, IMBREX_BAD_STRIDE, "y has a stride of 7", s.y_strides[0] = 7)
REFUSES(DimBeyondItsMax, IMBREX_BAD_DIM, "T is 2147483648, which is not between 0 and 2147483647", s.dims[0] = int64_t{1} << 31)
REFUSES(StrideTooLarge, IMBREX_BAD_DIM, "x spans 2^62 bytes or more", s.x_strides[0] = INT64_MAX / 4)
REFUSES(TensorAfterTheEnd, IMBREX_BAD_DIM, "x ends after", s.tensors[0].input = reinterpret_cast<void*>(UINTPTR_MAX - 63))
REFUSES(ElementsMisaligned, IMBREX_MISALIGNED, "scale is not aligned to 4", s.tensors[2].input = s.memory[2] + 2)
REFUSES(PackedMisaligned, IMBREX_MISALIGNED, "w is not aligned to 64", s.tensors[1].input = s.memory[1] + 32)
REFUSES(WorkspaceMisaligned, IMBREX_MISALIGNED, "workspace of small", s.call.workspace = s.workspace + 16)
REFUSES(WorkspaceTooSmall, IMBREX_SMALL_WORKSPACE, "has 127 bytes, 1 fewer than the 128 that it needs for 2 threads",
        s.call.workspace_bytes = 127)
REFUSES(WorkspaceOfNoSize, IMBREX_SMALL_WORKSPACE, "has 0 bytes, 128 fewer", s.call.workspace_bytes = 0)
REFUSES(WorkspaceAfterTheEnd, IMBREX_BAD_DIM, "workspace of small ends after",
        s.call.workspace = reinterpret_cast<void*>(UINTPTR_MAX - 63))
REFUSES(PackedAfterTheEnd, IMBREX_BAD_DIM, "w ends after", s.tensors[1].input = reinterpret_cast<void*>(UINTPTR_MAX - 63))
REFUSES(ThreadBeyond, IMBREX_BAD_THREAD, "ith = 2 of nth = 2", s.call.ith = 2)
REFUSES(ThreadNegative, IMBREX_BAD_THREAD, "ith = -1", s.call.ith = -1)
REFUSES(NoThreads, IMBREX_BAD_THREAD, "small", s.call.nth = 0)
REFUSES(NoWorkspaceForOneThread, IMBREX_NULL_POINTER, "bytes for 1 thread",
        (s.call.nth = 1, s.call.ith = 0, s.call.workspace = nullptr))
REFUSES(NoBarrier, IMBREX_BAD_THREAD, "2 threads without a barrier", s.call.barrier = nullptr)

// The first of five rows of y ends at byte 32; 128 bytes of the workspace count.
REFUSES(OutputInAnInput, IMBREX_OVERLAP, "tensor y, which small writes, shares memory with tensor x",
        s.tensors[3].output = s.memory[0] + 76)
REFUSES(OutputInPackedMemory, IMBREX_OVERLAP, "tensor y, which small writes, shares memory with tensor w",
        s.tensors[3].output = s.memory[1] + 124)
REFUSES(WorkspaceInAnInput, IMBREX_OVERLAP, "the workspace of small shares memory with tensor scale",
        s.tensors[2].input = s.workspace + 124)
REFUSES(WorkspaceInAnOutput, IMBREX_OVERLAP, "the workspace of small shares memory with tensor y",
        s.tensors[3].output = s.workspace + 64)
REFUSES(WorkspaceInPackedMemory, IMBREX_OVERLAP, "the workspace of small shares memory with tensor w",
        s.tensors[1].input = s.workspace + 64)

TEST(CheckCall, PassesWhatOnlyTouches) {
  Spoilt s;
  s.tensors[3].output = s.memory[0] + 80;  // behind x
  EXPECT_EQ(s.check(), IMBREX_OK) << s.text;
  s.tensors[3].output = s.workspace + 128;  // behind what is needed of the workspace
  EXPECT_EQ(s.check(), IMBREX_OK) << s.text;
  s.tensors[0] = {s.memory[2], nullptr, s.x_strides};  // inputs may share
  EXPECT_EQ(s.check(), IMBREX_OK) << s.text;
}

TEST(CheckCall, RefusesNoKernelAndNoCall) {
  Spoilt s;
  EXPECT_EQ(imbrex_check_call(nullptr, &s.call, s.text, sizeof s.text), IMBREX_NO_KERNEL);
  EXPECT_EQ(imbrex_check_call(&s.kernel, nullptr, s.text, sizeof s.text), IMBREX_NULL_POINTER);
}

TEST(CheckPack, RefusesWhatCannotBePacked) {
  Spoilt s;
  const int64_t strides[] = {1, 8}, backwards[] = {1, -8};
  const auto check = [&](int32_t index, const void* source, const int64_t* steps, const void* packed, int32_t ith, int32_t nth) {
    return imbrex_check_pack(&s.kernel, index, source, steps, packed, ith, nth, s.text, sizeof s.text);
  };
  const void *source = s.memory[0], *packed = s.memory[1];
  const int64_t far[] = {1, INT64_MAX / 16};
  EXPECT_EQ(check(1, source, strides, packed, 0, 1), IMBREX_OK) << s.text;
  for (const int32_t index : {-1, 0, 2, 4}) EXPECT_EQ(check(index, source, strides, packed, 0, 1), IMBREX_NOT_PACKABLE) << index;
  EXPECT_EQ(check(1, nullptr, strides, packed, 0, 1), IMBREX_NULL_POINTER);
  EXPECT_EQ(check(1, source, nullptr, packed, 0, 1), IMBREX_NULL_POINTER);
  EXPECT_EQ(check(1, source, strides, nullptr, 0, 1), IMBREX_NULL_POINTER);
  EXPECT_EQ(check(1, source, backwards, packed, 0, 1), IMBREX_BAD_STRIDE);
  EXPECT_EQ(check(1, source, far, packed, 0, 1), IMBREX_BAD_STRIDE);
  EXPECT_EQ(check(1, s.memory[1] + 127, strides, packed, 0, 1), IMBREX_OVERLAP);
  EXPECT_EQ(check(1, s.memory[1] + 128, strides, packed, 0, 1), IMBREX_OK) << s.text;
  EXPECT_EQ(check(1, s.memory[1] - 127, strides, packed, 0, 1), IMBREX_OVERLAP);
  EXPECT_EQ(check(1, s.memory[1] - 128, strides, packed, 0, 1), IMBREX_OK) << s.text;
  EXPECT_EQ(check(1, reinterpret_cast<const void*>(UINTPTR_MAX - 100), strides, packed, 0, 1), IMBREX_BAD_STRIDE);
  EXPECT_EQ(check(1, source, strides, s.memory[1] + 1, 0, 1), IMBREX_MISALIGNED);
  EXPECT_EQ(check(1, source, strides, packed, 1, 1), IMBREX_BAD_THREAD);
  EXPECT_EQ(check(1, source, strides, packed, 0, 0), IMBREX_BAD_THREAD);
  EXPECT_EQ(imbrex_check_pack(nullptr, 1, source, strides, packed, 0, 1, s.text, sizeof s.text), IMBREX_NO_KERNEL);
}

}  // namespace

// A front: the kernels for one form, where their tensors are, and how its packed weights and workspaces are laid out.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "imbrex/deepseek_v4.h"
#include "imbrex/operator/instances.h"
#include "imbrex/runtime/packed_label.h"

namespace imbrex::v4 {

constexpr int64_t kHeadColumns = 512, kPairs = 32;

// Numbers of tensors in a kernel's table; -1: it has none such. `qr` is the latent in int8, `latent` in bf16.
struct FrontTensors {
  int32_t x, norm_w, wq_a, wq_a_scale, gamma_cq, wq_b, wq_b_scale, wkv, wkv_scale, gamma_ckv, w_extra;
  int32_t positions, cosines, sines;
  int32_t q, qr, qr_scale, latent, kv, extra;
};

// Bytes from the begin of packed memory. `marks` are numbers, the first of what is small, the others of each panel of wq_a, wq_b,
// wkv and w_extra in turn (pack.cpp). They are last, so that memory of which a file has the begin alone lacks them.
struct PackedLayout {
  size_t wq_a, wq_b, wkv, w_extra, wq_a_scale, wq_b_scale, wkv_scale, norm_w, gamma_cq, gamma_ckv, marks, bytes;
  int64_t mark_count;
};

// What is packed at once of a matrix with so many rows, [out, in].
constexpr int64_t panels_of(int64_t rows) { return (rows + IMBREX_PACK_COLUMNS - 1) / IMBREX_PACK_COLUMNS; }

// Bytes from the begin of a workspace. What `of_thread` begins with is of thread 0 alone, and so on.
struct WorkspaceLayout {
  size_t front, insert, cosines, sines, kv, qr, qr_scale, latent, of_thread, thread_bytes, bytes;
  size_t positions, slots, seen;  // from the begin of a thread's own
  int64_t seen_places;            // a power of two
};

constexpr size_t kLabelBytes = 2 * IMBREX_PACKED_LABEL_BYTES + 128;
constexpr int kMostTensors = 32, kMostInserts = 64;

constexpr size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace imbrex::v4

struct imbrex_v4_front {
  imbrex_v4_form form;
  int64_t heads;
  const imbrex_kernel* kernel;
  imbrex::v4::FrontTensors tensors;
  int32_t dim_tokens, dim_positions;
  imbrex::v4::PackedLayout packed;
  char label[imbrex::v4::kLabelBytes];                     // that its packed memory begins with
  const imbrex_kernel* inserts[imbrex::v4::kMostInserts];  // of imbrex_v4_cache_instances
};

namespace imbrex::v4 {

// Where a function says what is wrong.
struct Message {
  char* text;
  size_t bytes;
};
__attribute__((format(printf, 3, 4))) imbrex_v4_status say(Message message, imbrex_v4_status status, const char* rule, ...);

int32_t tensor_of(const imbrex_kernel* kernel, const char* name);  // -1: it has none of this name
int32_t dim_of(const imbrex_kernel* kernel, const char* name);

const char* name_of_mode(imbrex_v4_mode mode);  // null: there is no such mode
// Whether these weights stay fp8 as a checkpoint has it.
inline bool keeps_wq_b(const imbrex_v4_form& form) { return form.mode != IMBREX_V4_W8A8; }
inline bool keeps_wq_a_and_wkv(const imbrex_v4_form& form) { return keeps_wq_b(form) || form.keep_fp8 != 0; }

// Scales of `weights` columns or rows in blocks.
inline int64_t blocks_of(const imbrex_v4_front& front, int64_t weights) {
  return (weights + front.form.weight_block - 1) / front.form.weight_block;
}
// False where a workspace would have 2^62 bytes or more.
bool lay_out(const imbrex_v4_front& front, int64_t tokens, int nth, WorkspaceLayout& layout);

// Whether every part of packed memory was packed to its end, from the same weights.
bool is_complete(const imbrex_v4_front& front, const void* packed);

// The call, its arguments and what they contain: everything that can be seen from it.
imbrex_v4_status check(const imbrex_v4_front& front, const imbrex_v4_call& call, const WorkspaceLayout& layout, Message message);

// A slot or position of a call.
inline int64_t index_at(const void* indices, imbrex_v4_type type, int64_t i) {
  return type == IMBREX_V4_INT64 ? static_cast<const int64_t*>(indices)[i] : static_cast<const int32_t*>(indices)[i];
}

// Of the cache instances, the one that serves a call; -1: none.
int insert_of(const imbrex_v4_front& front, const imbrex_v4_call& call);
// From block to block, in bytes.
int64_t block_bytes_of(const imbrex_v4_call& call);
// Bytes of one token of a cache.
constexpr int64_t kBf16Token = 2 * kHeadColumns, kFp8Values = 448, kFp8Token = 576, kFp8Scales = 8;

}  // namespace imbrex::v4

// A run: what a call brings in another form than the kernel takes, the kernel, and rows of kv into the cache.
#include <algorithm>
#include <cstring>

#include "imbrex/operator/front.h"

namespace imbrex::v4 {
namespace {

float float_of(const void* table, imbrex_v4_type type, int64_t i) {
  if (type == IMBREX_V4_F32) return static_cast<const float*>(table)[i];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(table)[i]) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// A tensor of a kernel, with strides of its own.
struct Bound {
  imbrex_tensor tensors[kMostTensors] = {};
  int64_t strides[kMostTensors][3] = {};

  void input(int32_t index, const void* data, int64_t first = 1, int64_t second = 1) { bind(index, data, first, second, 1); }
  void output(int32_t index, void* data, int64_t first = 1, int64_t second = 1) { bind(index, data, first, second, 1); }
  void bind(int32_t index, const void* data, int64_t first, int64_t second, int64_t third) {
    if (index < 0) return;
    tensors[index].input = data;
    tensors[index].output = const_cast<void*>(data);
    const int64_t all[] = {first, second, third};
    std::copy_n(all, 3, strides[index]);
    tensors[index].strides = strides[index];
  }
};

// One thread's part of one call.
class Run {
 public:
  Run(const imbrex_v4_front& front, const imbrex_v4_call& call, const WorkspaceLayout& layout)
      : front_(front),
        call_(call),
        layout_(layout),
        nth_(call.nth == 0 ? 1 : call.nth),
        workspace_(static_cast<char*>(call.workspace)),
        own_(workspace_ + layout.of_thread + static_cast<size_t>(call.ith) * layout.thread_bytes) {}

  void run() {
    fill_heads_of_others();
    find_rotations();
    run_front();
    if (call_.cache != IMBREX_V4_NO_CACHE && call_.slot_count > 0) insert();
  }

 private:
  int64_t tokens() const { return call_.tokens; }
  int64_t share(int64_t of) const { return tokens() * of / nth_; }
  void wait() const {
    if (nth_ > 1) call_.barrier(call_.barrier_user);
  }
  template <class T>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(workspace_ + offset);
  }

  int64_t q_head_stride() const { return call_.q_head_stride == 0 ? kHeadColumns : call_.q_head_stride; }
  int64_t q_heads() const { return call_.q_heads == 0 ? front_.heads : call_.q_heads; }
  int64_t q_token_stride() const { return call_.q_token_stride == 0 ? q_heads() * q_head_stride() : call_.q_token_stride; }

  // Those behind the front's; zeros of both types are bytes of zero.
  void fill_heads_of_others() const {
    const size_t element = front_.form.q == IMBREX_V4_F32 ? 4 : 2;
    for (int64_t t = share(call_.ith); t < share(call_.ith + 1); ++t)
      for (int64_t h = front_.heads; h < q_heads(); ++h)
        std::memset(static_cast<char*>(call_.q) + static_cast<size_t>(t * q_token_stride() + h * q_head_stride()) * element, 0,
                    static_cast<size_t>(kHeadColumns) * element);
  }

  // Tables in f32 with cosines, and sines, side by side are taken as they are. Rows of others are copied once for each token.
  void find_rotations() {
    const bool is_taken = call_.rotation_type == IMBREX_V4_F32 && call_.rotation != IMBREX_V4_PAIRS;
    if (is_taken) {
      cosines_ = static_cast<const float*>(call_.cosines);
      sines_ = call_.rotation == IMBREX_V4_HALVES ? cosines_ + kPairs : static_cast<const float*>(call_.sines);
      rows_ = call_.rotation_rows;
      row_stride_ = stride_of_tables();
    } else {
      copy_rotations();
      cosines_ = at<float>(layout_.cosines);
      sines_ = at<float>(layout_.sines);
      rows_ = tokens();
      row_stride_ = kPairs;
    }
    if (is_taken && call_.positions != nullptr && call_.position_type == IMBREX_V4_INT64) {
      positions_ = static_cast<const int64_t*>(call_.positions);
      return;
    }
    auto* const positions = reinterpret_cast<int64_t*>(own_ + layout_.positions);
    for (int64_t t = 0; t < tokens(); ++t)
      positions[t] = is_taken && call_.positions != nullptr ? index_at(call_.positions, call_.position_type, t) : t;
    positions_ = positions;
  }

  int64_t stride_of_tables() const {
    if (call_.rotation_stride != 0) return call_.rotation_stride;
    return call_.rotation == IMBREX_V4_SEPARATE ? kPairs : 2 * kPairs;
  }

  void copy_rotations() const {
    const bool is_paired = call_.rotation == IMBREX_V4_PAIRS, is_apart = call_.rotation == IMBREX_V4_SEPARATE;
    for (int64_t t = share(call_.ith); t < share(call_.ith + 1); ++t) {
      const int64_t row =
          (call_.positions == nullptr ? t : index_at(call_.positions, call_.position_type, t)) * stride_of_tables();
      for (int64_t i = 0; i < kPairs; ++i) {
        const int64_t cosine = row + (is_paired ? 2 * i : i), sine = is_apart ? row + i : cosine + (is_paired ? 1 : kPairs);
        at<float>(layout_.cosines)[t * kPairs + i] = float_of(call_.cosines, call_.rotation_type, cosine);
        at<float>(layout_.sines)[t * kPairs + i] = float_of(is_apart ? call_.sines : call_.cosines, call_.rotation_type, sine);
      }
    }
    wait();
  }

  uint16_t* kv() const { return call_.kv != nullptr ? call_.kv : at<uint16_t>(layout_.kv); }
  int64_t kv_stride() const { return call_.kv == nullptr || call_.kv_stride == 0 ? kHeadColumns : call_.kv_stride; }

  void run_kernel(const imbrex_kernel* kernel, const int64_t* dims, const Bound& bound, size_t workspace) const {
    int32_t failed = 0;  // nothing is: what kernels assume was looked at
    imbrex_call call = {};
    call.dims = dims;
    call.tensors = bound.tensors;
    call.workspace = workspace_ + workspace;
    call.workspace_bytes = layout_.bytes - workspace;
    call.ith = call_.ith;
    call.nth = nth_;
    call.barrier = call_.barrier;
    call.barrier_user = call_.barrier_user;
    call.failed_assumption = &failed;
    kernel->run(&call);
  }

  void run_front() const {
    const FrontTensors& of = front_.tensors;
    const int64_t Q = front_.form.q_lora, D = front_.form.hidden, E = front_.form.extra;
    const char* const packed = static_cast<const char*>(call_.packed);
    const auto stride = [](int64_t given, int64_t columns) { return given == 0 ? columns : given; };
    Bound bound;
    bound.input(of.x, call_.x, stride(call_.x_stride, D));
    bound.input(of.norm_w, packed + front_.packed.norm_w);
    bound.input(of.wq_a, packed + front_.packed.wq_a);
    bound.input(of.gamma_cq, packed + front_.packed.gamma_cq);
    bound.input(of.wq_b, packed + front_.packed.wq_b);
    const auto scale_stride = [&](bool is_kept, int64_t columns) { return is_kept ? blocks_of(front_, columns) : 1; };
    const bool is_kept = keeps_wq_a_and_wkv(front_.form);
    bound.input(of.wq_a_scale, packed + front_.packed.wq_a_scale, scale_stride(is_kept, Q));
    bound.input(of.wq_b_scale, packed + front_.packed.wq_b_scale,
                scale_stride(keeps_wq_b(front_.form), front_.heads * kHeadColumns));
    bound.input(of.wkv_scale, packed + front_.packed.wkv_scale, scale_stride(is_kept, kHeadColumns));
    bound.input(of.wkv, packed + front_.packed.wkv);
    bound.input(of.gamma_ckv, packed + front_.packed.gamma_ckv);
    bound.input(of.w_extra, packed + front_.packed.w_extra);
    bound.input(of.positions, positions_);
    bound.input(of.cosines, cosines_, row_stride_);
    bound.input(of.sines, sines_, row_stride_);
    bound.output(of.q, call_.q, q_token_stride(), q_head_stride());
    const bool has_latent = call_.latent != nullptr;
    bound.output(of.qr, has_latent ? call_.latent : at<int8_t>(layout_.qr), has_latent ? stride(call_.latent_stride, Q) : Q);
    bound.output(of.qr_scale, has_latent ? call_.latent_scale : at<float>(layout_.qr_scale));
    const bool has_bf16 = call_.latent_bf16 != nullptr;
    bound.output(of.latent, has_bf16 ? call_.latent_bf16 : at<uint16_t>(layout_.latent),
                 has_bf16 ? stride(call_.latent_bf16_stride, Q) : Q);
    bound.output(of.kv, kv(), kv_stride());
    bound.output(of.extra, call_.extra, stride(call_.extra_stride, E));
    int64_t dims[8] = {};
    dims[front_.dim_tokens] = tokens();
    dims[front_.dim_positions] = rows_;
    run_kernel(front_.kernel, dims, bound, layout_.front);
  }

  // Tokens without a slot have -1.
  const int64_t* slots() const {
    if (call_.slot_type == IMBREX_V4_INT64 && call_.slot_count == tokens()) return static_cast<const int64_t*>(call_.slots);
    auto* const slots = reinterpret_cast<int64_t*>(own_ + layout_.slots);
    for (int64_t t = 0; t < tokens(); ++t) slots[t] = t < call_.slot_count ? index_at(call_.slots, call_.slot_type, t) : -1;
    return slots;
  }

  void insert() const {
    const int instance = insert_of(front_, call_);
    const imbrex_kernel* const kernel = front_.inserts[instance];
    const int64_t block = imbrex_v4_cache_instances[instance].block_tokens;
    auto* const cache = static_cast<char*>(call_.cache_data);
    Bound bound;
    bound.input(tensor_of(kernel, "kv"), kv(), kv_stride());
    bound.input(tensor_of(kernel, "slots"), slots());
    int64_t blocks = call_.cache_blocks;
    if (call_.cache == IMBREX_V4_BF16_CACHE) {
      const bool is_split = block != call_.cache_block_tokens;  // without gaps, in blocks of one token
      if (is_split) blocks *= call_.cache_block_tokens;
      bound.output(tensor_of(kernel, "cache"), cache, (is_split ? kBf16Token : block_bytes_of(call_)) / 2, kHeadColumns);
    } else {
      const int64_t bytes = block_bytes_of(call_);
      bound.output(tensor_of(kernel, "cache_e4m3"), cache, bytes, kFp8Token);
      bound.output(tensor_of(kernel, "cache_rope"), cache + kFp8Values, bytes / 2, kFp8Token / 2);
      bound.output(tensor_of(kernel, "cache_scale"), cache + block * kFp8Token, bytes, kFp8Scales);
    }
    int64_t dims[8] = {};
    dims[dim_of(kernel, "T")] = tokens();
    dims[dim_of(kernel, "N")] = blocks;
    wait();  // for all rows of kv
    run_kernel(kernel, dims, bound, layout_.insert);
  }

  const imbrex_v4_front& front_;
  const imbrex_v4_call& call_;
  const WorkspaceLayout& layout_;
  const int nth_;
  char* const workspace_;
  char* const own_;
  const float *cosines_ = nullptr, *sines_ = nullptr;
  const int64_t* positions_ = nullptr;
  int64_t rows_ = 0, row_stride_ = 0;
};

}  // namespace
}  // namespace imbrex::v4

extern "C" imbrex_v4_status imbrex_v4_run(const imbrex_v4_front* front, const imbrex_v4_call* call, char* text,
                                          size_t text_bytes) {
  using namespace imbrex::v4;
  const Message message = {text, text_bytes};
  if (front == nullptr || call == nullptr) return say(message, IMBREX_V4_NULL, "the front or the call is null");
  const int nth = call->nth == 0 ? 1 : call->nth;
  if (nth < 1 || call->ith < 0 || call->ith >= nth)
    return say(message, IMBREX_V4_BAD_THREAD, "a call runs as thread ith = %d of nth = %d", call->ith, nth);
  if (call->tokens == 0) return IMBREX_V4_OK;
  if (call->tokens < 0 || call->tokens > front->kernel->dim_max[front->dim_tokens])
    return say(message, IMBREX_V4_BAD_VALUE, "tokens is %lld; expected 0 to %lld", static_cast<long long>(call->tokens),
               static_cast<long long>(front->kernel->dim_max[front->dim_tokens]));
  WorkspaceLayout layout;
  if (!lay_out(*front, call->tokens, nth, layout))
    return say(message, IMBREX_V4_BAD_VALUE, "the workspace for %lld tokens would have 2^62 bytes",
               static_cast<long long>(call->tokens));
  if (const imbrex_v4_status status = check(*front, *call, layout, message); status != IMBREX_V4_OK) return status;
  Run(*front, *call, layout).run();
  return IMBREX_V4_OK;
}

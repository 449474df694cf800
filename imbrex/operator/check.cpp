// What can be wrong with a call. Its arguments are looked at as those of a kernel are (runtime/check_call.h): as tensors of a table
// that is made for the call.
#include <algorithm>
#include <cstring>

#include "imbrex/operator/front.h"
#include "imbrex/runtime/check_call.h"

namespace imbrex::v4 {
namespace {

long long number(int64_t value) { return static_cast<long long>(value); }

constexpr int kTables = 16, kAxes = 3;

// The extents of a call stand behind its tokens: those of tensor i from 1 + kAxes * i on. The last is the workspace's bytes.
int64_t extent(int32_t tensor, int32_t axis, const int64_t* dims) { return dims[1 + kAxes * tensor + axis]; }
size_t workspace_bytes(const int64_t* dims, int32_t) { return static_cast<size_t>(dims[1 + kAxes * kTables]); }

class Table {
 public:
  Table(const imbrex_v4_front& front, const imbrex_v4_call& call, size_t workspace) {
    dims_[0] = call.tokens;
    dims_[1 + kAxes * kTables] = static_cast<int64_t>(workspace);
    dim_max_[0] = front.kernel->dim_max[front.dim_tokens];
    call_.dims = dims_;
    call_.tensors = tensors_;
    call_.workspace = call.workspace;
    call_.workspace_bytes = call.workspace_bytes;
    call_.ith = call.ith;
    call_.nth = call.nth == 0 ? 1 : call.nth;
    call_.barrier = call.barrier;
  }
  // [rows, columns], rows `stride` apart; 0: without gaps.
  void matrix(const char* name, imbrex_dtype dtype, imbrex_role role, const void* data, int64_t rows, int64_t columns,
              int64_t stride) {
    const int64_t extents[] = {rows, columns}, strides[] = {stride == 0 ? columns : stride, 1};
    add(name, dtype, role, data, 2, extents, strides);
  }
  void vector(const char* name, imbrex_dtype dtype, imbrex_role role, const void* data, int64_t size) {
    const int64_t stride = 1;
    add(name, dtype, role, data, 1, &size, &stride);
  }
  void add(const char* name, imbrex_dtype dtype, imbrex_role role, const void* data, int32_t rank, const int64_t* extents,
           const int64_t* strides) {
    infos_[count_] = {name, dtype, role, rank, nullptr, 0, nullptr};
    for (int32_t axis = 0; axis < rank; ++axis) {
      dims_[1 + kAxes * count_ + axis] = extents[axis];
      strides_[count_][axis] = strides[axis];
    }
    tensors_[count_].input = data;
    tensors_[count_].output = const_cast<void*>(data);
    tensors_[count_].strides = strides_[count_];
    ++count_;
  }
  imbrex_status check(char* text, size_t size) {
    static const char* const names[] = {"tokens"};
    imbrex_kernel kernel = {};
    kernel.abi_version = IMBREX_ABI_VERSION;
    kernel.semantics = IMBREX_SEMANTICS;
    kernel.version = IMBREX_VERSION;
    kernel.name = "the call";
    kernel.dim_count = 1;
    kernel.dim_names = names;
    kernel.dim_max = dim_max_;
    kernel.tensor_count = count_;
    kernel.tensors = infos_;
    kernel.extent = extent;
    kernel.workspace_bytes = workspace_bytes;
    const imbrex_status status = imbrex_check_call(&kernel, &call_, text, size);
    if (const char* name = status == IMBREX_NULL_POINTER ? first_null() : nullptr)
      say({text, size}, IMBREX_V4_NULL, "%s is null", name);
    return status;
  }

 private:
  // Of the fields that have elements; null if there is none.
  const char* first_null() const {
    for (int32_t i = 0; i < count_; ++i) {
      const int64_t* const extents = dims_ + 1 + kAxes * i;
      if (tensors_[i].input == nullptr && std::none_of(extents, extents + infos_[i].rank, [](int64_t n) { return n == 0; }))
        return infos_[i].name;
    }
    return nullptr;
  }

  int32_t count_ = 0;
  int64_t dims_[2 + kAxes * kTables] = {}, dim_max_[1] = {};
  imbrex_tensor_info infos_[kTables] = {};
  imbrex_tensor tensors_[kTables] = {};
  int64_t strides_[kTables][kAxes] = {};
  imbrex_call call_ = {};
};

imbrex_v4_status status_of(imbrex_status status) {
  switch (status) {
    case IMBREX_OK: return IMBREX_V4_OK;
    case IMBREX_NULL_POINTER: return IMBREX_V4_NULL;
    case IMBREX_BAD_STRIDE: return IMBREX_V4_BAD_STRIDE;
    case IMBREX_MISALIGNED: return IMBREX_V4_MISALIGNED;
    case IMBREX_BAD_THREAD: return IMBREX_V4_BAD_THREAD;
    case IMBREX_SMALL_WORKSPACE: return IMBREX_V4_TOO_SMALL;
    case IMBREX_OVERLAP: return IMBREX_V4_OVERLAP;
    case IMBREX_NO_KERNEL:
    case IMBREX_BAD_DIM:
    case IMBREX_NOT_PACKABLE:
    case IMBREX_OTHER_PACKING: break;
  }
  return IMBREX_V4_BAD_VALUE;
}

bool is_index(imbrex_v4_type type) { return type == IMBREX_V4_INT32 || type == IMBREX_V4_INT64; }
imbrex_dtype index_type(imbrex_v4_type type) { return type == IMBREX_V4_INT32 ? IMBREX_INT32 : IMBREX_INT64; }
imbrex_dtype float_type(imbrex_v4_type type) { return type == IMBREX_V4_BF16 ? IMBREX_BF16 : IMBREX_F32; }

// Numbers that are no sizes of tensors.
imbrex_v4_status check_numbers(const imbrex_v4_front& front, const imbrex_v4_call& call, Message message) {
  const auto bad = [&](const char* name, int64_t value, const char* expected) {
    return say(message, IMBREX_V4_BAD_VALUE, "%s is %lld; expected %s", name, number(value), expected);
  };
  if (call.tokens < 0) return bad("tokens", call.tokens, "0 or more");
  if (call.rotation < IMBREX_V4_HALVES || call.rotation > IMBREX_V4_SEPARATE)
    return bad("rotation", call.rotation, "IMBREX_V4_HALVES, IMBREX_V4_PAIRS or IMBREX_V4_SEPARATE");
  if (call.rotation_type != IMBREX_V4_F32 && call.rotation_type != IMBREX_V4_BF16)
    return bad("rotation_type", call.rotation_type, "IMBREX_V4_F32 or IMBREX_V4_BF16");
  if (call.positions != nullptr && !is_index(call.position_type))
    return bad("position_type", call.position_type, "IMBREX_V4_INT32 or IMBREX_V4_INT64");
  if (call.rotation_rows < 0 || call.rotation_rows > INT32_MAX) return bad("rotation_rows", call.rotation_rows, "0 to 2^31 - 1");
  if (call.positions == nullptr && call.rotation_rows < call.tokens)
    return bad("rotation_rows", call.rotation_rows, "a row for each token, as positions are null");
  if (call.q_heads != 0 && call.q_heads < front.heads) return bad("q_heads", call.q_heads, "the front's heads or more");
  if (call.q_head_stride < 0 || call.q_head_stride > INT32_MAX)
    return say(message, IMBREX_V4_BAD_STRIDE, "q_head_stride is %lld; expected 0, or 512 to 2^31 - 1",
               number(call.q_head_stride));
  if (call.q_heads > INT64_C(1) << 30) return bad("q_heads", call.q_heads, "2^30 or fewer");
  if (front.tensors.qr < 0 && (call.latent != nullptr || call.latent_scale != nullptr))
    return say(message, IMBREX_V4_BAD_VALUE,
               "latent and latent_scale are of an int8 latent, which the mode IMBREX_V4_%s does not compute; expected null, and "
               "latent_bf16",
               name_of_mode(front.form.mode));
  if (front.form.without_kv != 0 && call.kv != nullptr)
    return say(message, IMBREX_V4_BAD_VALUE, "kv is not null; the front is without keys and values (without_kv): expected null");
  if (front.form.without_kv != 0 && call.cache != IMBREX_V4_NO_CACHE)
    return say(message, IMBREX_V4_BAD_VALUE,
               "cache is %d; the front is without keys and values (without_kv): expected IMBREX_V4_NO_CACHE", call.cache);
  if ((call.latent == nullptr) != (call.latent_scale == nullptr))
    return say(message, IMBREX_V4_NULL, "of latent and latent_scale one is null");
  if (call.cache < IMBREX_V4_NO_CACHE || call.cache > IMBREX_V4_FP8_CACHE)
    return bad("cache", call.cache, "IMBREX_V4_NO_CACHE, IMBREX_V4_BF16_CACHE or IMBREX_V4_FP8_CACHE");
  if (call.cache == IMBREX_V4_NO_CACHE) return IMBREX_V4_OK;
  if (call.slot_count < 0 || call.slot_count > call.tokens) return bad("slot_count", call.slot_count, "0 to `tokens`");
  if (!is_index(call.slot_type)) return bad("slot_type", call.slot_type, "IMBREX_V4_INT32 or IMBREX_V4_INT64");
  if (call.cache_block_tokens < 1 || call.cache_block_tokens > 1 << 20)
    return bad("cache_block_tokens", call.cache_block_tokens, "1 to 2^20");
  if (call.cache_blocks < 1 || call.cache_blocks > INT32_MAX / call.cache_block_tokens)
    return bad("cache_blocks", call.cache_blocks, "1 or more, of fewer than 2^31 tokens together");
  if (call.cache_block_bytes < 0 || call.cache_block_bytes % 2 != 0)
    return bad("cache_block_bytes", call.cache_block_bytes, "an even number");
  return IMBREX_V4_OK;
}

void add_arguments(const imbrex_v4_front& front, const imbrex_v4_call& call, Table& table) {
  const int64_t T = call.tokens;
  const imbrex_v4_form& form = front.form;
  table.vector("packed", IMBREX_UINT8, IMBREX_INPUT, call.packed, static_cast<int64_t>(front.packed.bytes));
  table.matrix("x", float_type(form.x), IMBREX_INPUT, call.x, T, form.hidden, call.x_stride);
  const bool is_apart = call.rotation == IMBREX_V4_SEPARATE;
  const int64_t columns = is_apart ? kPairs : 2 * kPairs;
  table.matrix("cosines", float_type(call.rotation_type), IMBREX_INPUT, call.cosines, call.rotation_rows, columns,
               call.rotation_stride);
  if (is_apart)
    table.matrix("sines", float_type(call.rotation_type), IMBREX_INPUT, call.sines, call.rotation_rows, columns,
                 call.rotation_stride);
  if (call.positions != nullptr) table.vector("positions", index_type(call.position_type), IMBREX_INPUT, call.positions, T);

  const int64_t heads = call.q_heads == 0 ? front.heads : call.q_heads;
  const int64_t head_stride = call.q_head_stride == 0 ? kHeadColumns : call.q_head_stride;
  const int64_t q_extents[] = {T, heads, kHeadColumns};
  const int64_t q_strides[] = {call.q_token_stride == 0 ? heads * head_stride : call.q_token_stride, head_stride, 1};
  table.add("q", float_type(form.q), IMBREX_OUTPUT, call.q, 3, q_extents, q_strides);
  if (call.latent != nullptr) {
    table.matrix("latent", IMBREX_INT8, IMBREX_OUTPUT, call.latent, T, form.q_lora, call.latent_stride);
    table.vector("latent_scale", IMBREX_F32, IMBREX_OUTPUT, call.latent_scale, T);
  }
  if (call.latent_bf16 != nullptr)
    table.matrix("latent_bf16", IMBREX_BF16, IMBREX_OUTPUT, call.latent_bf16, T, form.q_lora, call.latent_bf16_stride);
  if (call.kv != nullptr) table.matrix("kv", IMBREX_BF16, IMBREX_OUTPUT, call.kv, T, kHeadColumns, call.kv_stride);
  if (form.extra > 0) table.matrix("extra", IMBREX_F32, IMBREX_OUTPUT, call.extra, T, form.extra, call.extra_stride);
  if (call.cache == IMBREX_V4_NO_CACHE) return;
  // A block of either cache, in units of bf16, to which its parts are aligned.
  const int64_t token = call.cache == IMBREX_V4_BF16_CACHE ? kBf16Token : kFp8Token + kFp8Scales;
  table.matrix("cache_data", IMBREX_BF16, IMBREX_INOUT, call.cache_data, call.cache_blocks, call.cache_block_tokens * token / 2,
               block_bytes_of(call) / 2);
  if (call.slot_count > 0) table.vector("slots", index_type(call.slot_type), IMBREX_INPUT, call.slots, call.slot_count);
}

imbrex_v4_status check_positions(const imbrex_v4_call& call, Message message) {
  for (int64_t t = 0; call.positions != nullptr && t < call.tokens; ++t) {
    const int64_t position = index_at(call.positions, call.position_type, t);
    if (position < 0 || position >= call.rotation_rows)
      return say(message, IMBREX_V4_BAD_DATA, "positions[%lld] is %lld; the table has %lld rows", number(t), number(position),
                 number(call.rotation_rows));
  }
  return IMBREX_V4_OK;
}

// `seen`: places of a hash table, of this thread alone; a place holds a slot + 1.
imbrex_v4_status check_slots(const imbrex_v4_call& call, int32_t* seen, int64_t places, Message message) {
  if (call.cache == IMBREX_V4_NO_CACHE || call.slot_count == 0) return IMBREX_V4_OK;
  const int64_t capacity = call.cache_blocks * call.cache_block_tokens;
  std::memset(seen, 0, static_cast<size_t>(places) * sizeof *seen);
  for (int64_t t = 0; t < call.slot_count; ++t) {
    const int64_t slot = index_at(call.slots, call.slot_type, t);
    if (slot < -1 || slot >= capacity)
      return say(message, IMBREX_V4_BAD_DATA, "slots[%lld] is %lld; the cache has %lld places", number(t), number(slot),
                 number(capacity));
    if (slot < 0) continue;
    auto place = static_cast<int64_t>(static_cast<uint32_t>(slot) * UINT32_C(2654435761)) & (places - 1);
    for (; seen[place] != 0; place = (place + 1) & (places - 1))
      if (seen[place] == static_cast<int32_t>(slot + 1))
        return say(message, IMBREX_V4_BAD_DATA, "slots[%lld] is %lld, as is a slot before", number(t), number(slot));
    seen[place] = static_cast<int32_t>(slot + 1);
  }
  return IMBREX_V4_OK;
}

}  // namespace

int64_t block_bytes_of(const imbrex_v4_call& call) {
  if (call.cache_block_bytes != 0) return call.cache_block_bytes;
  return call.cache_block_tokens * (call.cache == IMBREX_V4_BF16_CACHE ? kBf16Token : kFp8Token + kFp8Scales);
}

int insert_of(const imbrex_v4_front& front, const imbrex_v4_call& call) {
  // Blocks of bf16 rows without gaps are blocks of one token, too.
  const bool has_no_gaps = call.cache == IMBREX_V4_BF16_CACHE && block_bytes_of(call) == call.cache_block_tokens * kBf16Token;
  for (int i = 0; i < imbrex_v4_cache_instance_count && i < kMostInserts; ++i) {
    const imbrex_v4_cache_instance& instance = imbrex_v4_cache_instances[i];
    if (front.inserts[i] == nullptr || instance.cache != call.cache) continue;
    if (instance.block_tokens == call.cache_block_tokens || (has_no_gaps && instance.block_tokens == 1)) return i;
  }
  return -1;
}

imbrex_v4_status check(const imbrex_v4_front& front, const imbrex_v4_call& call, const WorkspaceLayout& layout, Message message) {
  imbrex_v4_status status = check_numbers(front, call, message);
  if (status != IMBREX_V4_OK) return status;
  if (call.packed_bytes < front.packed.bytes && call.packed != nullptr)
    return say(message, IMBREX_V4_TOO_SMALL, "packed has %zu bytes; %zu are needed", call.packed_bytes, front.packed.bytes);
  Table table(front, call, layout.bytes);
  add_arguments(front, call, table);
  if ((status = status_of(table.check(message.text, message.bytes))) != IMBREX_V4_OK) return status;
  if (!imbrex_is_aligned(call.packed, 64)) return say(message, IMBREX_V4_MISALIGNED, "packed is not aligned to 64 bytes");
  if (std::memcmp(call.packed, front.label, sizeof front.label) != 0)
    return say(message, IMBREX_V4_BAD_PACKED, "packed was not packed for this form and instruction set (%s) by this library",
               front.kernel->isa);
  if (!is_complete(front, call.packed))
    return say(message, IMBREX_V4_BAD_PACKED,
               "packed is not complete: some part of it failed or was ended, or is of other weights; pack all parts again");
  if (call.cache != IMBREX_V4_NO_CACHE && insert_of(front, call) < 0)
    return say(
        message, IMBREX_V4_NO_INSTANCE,
        "this library has no code for %s caches with blocks of %lld tokens; build it with imbrex_add_deepseek_v4() in CMake",
        call.cache == IMBREX_V4_BF16_CACHE ? "bf16" : "fp8", number(call.cache_block_tokens));
  if ((status = check_positions(call, message)) != IMBREX_V4_OK) return status;
  char* const own = static_cast<char*>(call.workspace) + layout.of_thread + static_cast<size_t>(call.ith) * layout.thread_bytes;
  return check_slots(call, reinterpret_cast<int32_t*>(own + layout.seen), layout.seen_places, message);
}

}  // namespace imbrex::v4

#include "imbrex/operator/front.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>

#include "imbrex/runtime/check_call.h"

namespace imbrex::v4 {

imbrex_v4_status say(Message message, imbrex_v4_status status, const char* rule, ...) {
  if (message.text == nullptr || message.bytes == 0) return status;
  va_list values;
  va_start(values, rule);
  std::vsnprintf(message.text, message.bytes, rule, values);
  va_end(values);
  return status;
}

int32_t tensor_of(const imbrex_kernel* kernel, const char* name) {
  for (int32_t i = 0; i < kernel->tensor_count; ++i)
    if (std::strcmp(kernel->tensors[i].name, name) == 0) return i;
  return -1;
}

int32_t dim_of(const imbrex_kernel* kernel, const char* name) {
  for (int32_t i = 0; i < kernel->dim_count; ++i)
    if (std::strcmp(kernel->dim_names[i], name) == 0) return i;
  return -1;
}

const char* name_of_mode(imbrex_v4_mode mode) {
  switch (mode) {
    case IMBREX_V4_W8A8: return "W8A8";
    case IMBREX_V4_W8A16: return "W8A16";
    case IMBREX_V4_FP8_REFERENCE: return "FP8_REFERENCE";
  }
  return nullptr;
}

namespace {

FrontTensors tensors_of(const imbrex_kernel* kernel) {
  const auto at = [&](const char* name) { return tensor_of(kernel, name); };
  return {at("x"),   at("norm_w"),    at("wq_a"),      at("wq_a_scale"), at("gamma_cq"),  at("wq_b"),      at("wq_b_scale"),
          at("wkv"), at("wkv_scale"), at("gamma_ckv"), at("w_extra"),    at("positions"), at("table_cos"), at("table_sin"),
          at("q"),   at("qr"),        at("qr_scale"),  at("latent"),     at("kv"),        at("extra")};
}

PackedLayout packed_layout(const imbrex_v4_front& front) {
  PackedLayout layout{};
  const bool has_kv = front.form.without_kv == 0;
  size_t end = aligned(kLabelBytes);
  const auto take = [&](size_t bytes) {
    const size_t begin = end;
    end += aligned(bytes);
    return begin;
  };
  const auto packed = [&](int32_t tensor) { return tensor < 0 ? 0 : front.kernel->tensors[tensor].packed_bytes; };
  layout.wq_a = take(packed(front.tensors.wq_a));
  layout.wkv = take(packed(front.tensors.wkv));
  layout.w_extra = take(packed(front.tensors.w_extra));
  layout.wq_b = take(packed(front.tensors.wq_b));
  const int64_t columns = front.heads * kHeadColumns;
  const auto scales = [&](int64_t inner, int64_t outer) {
    return static_cast<size_t>(blocks_of(front, inner) * blocks_of(front, outer));
  };
  if (keeps_wq_a_and_wkv(front.form)) {
    layout.wq_a_scale = take(scales(front.form.hidden, front.form.q_lora));
    if (has_kv) layout.wkv_scale = take(scales(front.form.hidden, kHeadColumns));
  }
  layout.wq_b_scale =
      take(keeps_wq_b(front.form) ? scales(front.form.q_lora, columns) : static_cast<size_t>(columns) * sizeof(float));
  layout.norm_w = take(front.form.x_is_normalized ? 0 : static_cast<size_t>(front.form.hidden) * sizeof(float));
  layout.gamma_cq = take(static_cast<size_t>(front.form.q_lora) * sizeof(uint16_t));
  layout.gamma_ckv = take(has_kv ? static_cast<size_t>(kHeadColumns) * sizeof(uint16_t) : 0);
  layout.mark_count =
      1 + panels_of(front.form.q_lora) + panels_of(has_kv ? kHeadColumns : 0) + panels_of(columns) + panels_of(front.form.extra);
  layout.marks = take(static_cast<size_t>(layout.mark_count) * sizeof(uint64_t));
  layout.bytes = end;
  return layout;
}

void write_label(imbrex_v4_front& front) {
  std::memset(front.label, 0, sizeof front.label);
  imbrex_label_packed(front.kernel, front.tensors.wq_a, front.label);
  imbrex_label_packed(front.kernel, front.tensors.wq_b, front.label + IMBREX_PACKED_LABEL_BYTES);
  std::snprintf(front.label + 2 * IMBREX_PACKED_LABEL_BYTES, kLabelBytes - 2 * IMBREX_PACKED_LABEL_BYTES,
                "mode %s\nheads %lld to %lld\nextra %lld\nnormalized %d\nkv %d\nblocks %lld\nmarks %lld\n",
                name_of_mode(front.form.mode), static_cast<long long>(front.form.head_begin),
                static_cast<long long>(front.form.head_end), static_cast<long long>(front.form.extra),
                front.form.x_is_normalized != 0, front.form.without_kv == 0, static_cast<long long>(front.form.weight_block),
                static_cast<long long>(front.packed.mark_count));
}

bool is_float(imbrex_v4_type type) { return type == IMBREX_V4_BF16 || type == IMBREX_V4_F32; }

// In how much an instance is of another form; 0: it serves.
int differences(const imbrex_v4_front_instance& instance, const imbrex_v4_form& form) {
  const bool unlike[] = {instance.mode != form.mode,
                         instance.hidden != form.hidden,
                         instance.heads != form.head_end - form.head_begin,
                         instance.q_lora != form.q_lora,
                         static_cast<float>(instance.eps) != static_cast<float>(form.eps),
                         instance.x != form.x || (instance.x_is_normalized != 0) != (form.x_is_normalized != 0),
                         instance.q != form.q,
                         instance.extra != form.extra,
                         instance.weight_block != (keeps_wq_a_and_wkv(form) ? form.weight_block : 0),
                         (instance.without_kv != 0) != (form.without_kv != 0)};
  return static_cast<int>(std::count(std::begin(unlike), std::end(unlike), true));
}

const char* name_of(imbrex_v4_type type) { return type == IMBREX_V4_BF16 ? "bf16" : "f32"; }

// What was asked, and what there is that is nearest to it.
imbrex_v4_status say_no_instance(const imbrex_v4_form& form, Message message) {
  char text[4096], blocks[64] = "";
  if (keeps_wq_a_and_wkv(form))
    std::snprintf(blocks, sizeof blocks, ", %sblocks of %lld", keeps_wq_b(form) ? "" : "fp8 kept in ",
                  static_cast<long long>(form.weight_block));
  int used = std::snprintf(text, sizeof text,
                           "no code for %s, hidden %lld, heads %lld, q_lora %lld, eps %.9g, x %s%s, q %s, extra %lld%s%s; "
                           "nearest to it, this library has:",
                           name_of_mode(form.mode), static_cast<long long>(form.hidden),
                           static_cast<long long>(form.head_end - form.head_begin), static_cast<long long>(form.q_lora), form.eps,
                           name_of(form.x), form.x_is_normalized ? " normalized" : "", name_of(form.q),
                           static_cast<long long>(form.extra), blocks, form.without_kv ? ", without kv" : "");
  int least = INT32_MAX;
  for (int i = 0; i < imbrex_v4_front_instance_count; ++i)
    least = std::min(least, differences(imbrex_v4_front_instances[i], form));
  const char* separator = "";
  for (int i = 0; i < imbrex_v4_front_instance_count && used < static_cast<int>(sizeof text); ++i) {
    if (differences(imbrex_v4_front_instances[i], form) != least) continue;
    used += std::snprintf(text + used, sizeof text - static_cast<size_t>(used), "%s %s", separator,
                          imbrex_v4_front_instances[i].description);
    separator = ";";
  }
  if (used < static_cast<int>(sizeof text))
    std::snprintf(text + used, sizeof text - static_cast<size_t>(used), ". Build others with imbrex_add_deepseek_v4() in CMake");
  return say(message, IMBREX_V4_NO_INSTANCE, "%s", text);
}

// Weights that stay as they are, and a part of them that has scales of its own.
imbrex_v4_status check_blocks(const imbrex_v4_form& form, Message message) {
  if (form.weight_block < 1)
    return say(
        message, IMBREX_V4_BAD_VALUE, "weight_block is %lld; expected the rows and columns of a weight that have a scale%s",
        static_cast<long long>(form.weight_block), keeps_wq_b(form) ? "" : ", or keep_fp8 = 0 for weights that are not fp8");
  if (keeps_wq_b(form) && form.head_begin * kHeadColumns % form.weight_block != 0)
    return say(message, IMBREX_V4_BAD_VALUE,
               "head %lld begins at row %lld of wq_b, inside a block of %lld rows that have a scale",
               static_cast<long long>(form.head_begin), static_cast<long long>(form.head_begin * kHeadColumns),
               static_cast<long long>(form.weight_block));
  return IMBREX_V4_OK;
}

imbrex_v4_status check_form(const imbrex_v4_form* form, Message message) {
  if (form == nullptr) return say(message, IMBREX_V4_NULL, "the form is null");
  if (name_of_mode(form->mode) == nullptr)
    return say(message, IMBREX_V4_BAD_VALUE, "mode is %d; expected IMBREX_V4_W8A8, IMBREX_V4_W8A16 or IMBREX_V4_FP8_REFERENCE",
               form->mode);
  if (form->head_begin < 0 || form->head_end <= form->head_begin || form->head_end > INT64_C(1) << 30)
    return say(message, IMBREX_V4_BAD_VALUE, "heads %lld to %lld are none", static_cast<long long>(form->head_begin),
               static_cast<long long>(form->head_end));
  if (!is_float(form->x) || !is_float(form->q))
    return say(message, IMBREX_V4_BAD_VALUE, "x and q are IMBREX_V4_BF16 or IMBREX_V4_F32, not %d and %d", form->x, form->q);
  return keeps_wq_a_and_wkv(*form) ? check_blocks(*form, message) : IMBREX_V4_OK;
}

// Of an instance that has no code for `isa`, or else $IMBREX_ISA, or that this processor runs at all.
imbrex_v4_status say_no_code(const imbrex_v4_front_instance& instance, const char* isa, Message message) {
  const imbrex_kernel* const best = instance.kernel("");  // whatever $IMBREX_ISA says
  const char* const named = isa != nullptr ? isa : std::getenv("IMBREX_ISA");
  if (best == nullptr) return say(message, IMBREX_V4_NO_PROCESSOR, "this library has no code that this processor runs");
  return say(message, IMBREX_V4_NO_PROCESSOR,
             "%s is %s, for which this library has no code that this processor runs; the best that it has here is %s",
             isa != nullptr ? "isa" : "the environment's IMBREX_ISA", named, best->isa);
}

}  // namespace

bool lay_out(const imbrex_v4_front& front, int64_t tokens, int nth, WorkspaceLayout& layout) {
  int64_t dims[8] = {};
  dims[front.dim_tokens] = tokens;
  dims[front.dim_positions] = 1;  // tables are no part of it
  layout = {};
  const size_t of_front = front.kernel->workspace_bytes(dims, nth);
  size_t of_insert = 0;
  for (int i = 0; i < imbrex_v4_cache_instance_count; ++i) {
    if (front.inserts[i] == nullptr) continue;
    int64_t own[8] = {};
    for (int32_t d = 0; d < front.inserts[i]->dim_count; ++d) own[d] = 1;
    own[dim_of(front.inserts[i], "T")] = tokens;
    const size_t bytes = front.inserts[i]->workspace_bytes(own, nth);
    if (bytes > of_insert) of_insert = bytes;
  }
  if (of_front == IMBREX_TOO_LARGE || of_insert == IMBREX_TOO_LARGE) return false;
  constexpr size_t kMost = static_cast<size_t>(IMBREX_TOO_MANY_BYTES);
  size_t end = 0;
  const auto take = [&](size_t bytes) {
    const size_t begin = end;
    end = bytes < kMost && end < kMost ? end + aligned(bytes) : kMost;
    return begin;
  };
  // Tokens are below 2^31 and columns below 2^17, so that no product here leaves 64 bits.
  const auto rows = [&](int64_t columns, size_t element) { return static_cast<size_t>(tokens * columns) * element; };
  layout.front = take(of_front);
  layout.insert = take(of_insert);
  layout.cosines = take(rows(kPairs, sizeof(float)));
  layout.sines = take(rows(kPairs, sizeof(float)));
  const bool has_kv = front.form.without_kv == 0;
  layout.kv = take(has_kv ? rows(kHeadColumns, sizeof(uint16_t)) : 0);
  const bool has_int8 = front.tensors.qr >= 0;
  layout.qr = take(has_int8 ? rows(front.form.q_lora, 1) : 0);
  layout.qr_scale = take(has_int8 ? rows(1, sizeof(float)) : 0);
  layout.latent = take(rows(front.form.q_lora, sizeof(uint16_t)));
  for (layout.seen_places = 1; layout.seen_places < 2 * tokens; layout.seen_places *= 2) {
  }
  layout.slots = aligned(rows(1, sizeof(int64_t)));
  layout.seen = 2 * layout.slots;
  layout.thread_bytes = has_kv ? layout.seen + aligned(static_cast<size_t>(layout.seen_places) * sizeof(int32_t)) : layout.slots;
  layout.of_thread =
      take(layout.thread_bytes < kMost / static_cast<size_t>(nth) ? layout.thread_bytes * static_cast<size_t>(nth) : kMost);
  layout.bytes = end;
  return end < kMost;
}

}  // namespace imbrex::v4

using namespace imbrex::v4;

extern "C" {

imbrex_v4_status imbrex_v4_create(const imbrex_v4_form* form, imbrex_v4_front** front, char* text, size_t text_bytes) {
  const Message message = {text, text_bytes};
  if (front == nullptr) return say(message, IMBREX_V4_NULL, "there is no place for the front: `front` is null");
  *front = nullptr;
  if (const imbrex_v4_status status = check_form(form, message); status != IMBREX_V4_OK) return status;
  for (int i = 0; i < imbrex_v4_front_instance_count; ++i) {
    const imbrex_v4_front_instance& instance = imbrex_v4_front_instances[i];
    if (differences(instance, *form) != 0) continue;
    const imbrex_kernel* const kernel = instance.kernel(form->isa);
    if (kernel == nullptr) return say_no_code(instance, form->isa, message);
    auto* const made = new (std::nothrow) imbrex_v4_front{};
    if (made == nullptr) return say(message, IMBREX_V4_NO_MEMORY, "no memory for a front");
    made->form = *form;
    made->form.isa = kernel->isa;
    made->form.weight_block = instance.weight_block;
    made->heads = instance.heads;
    made->kernel = kernel;
    made->tensors = tensors_of(kernel);
    made->dim_tokens = dim_of(kernel, "T");
    made->dim_positions = dim_of(kernel, "P");
    made->packed = packed_layout(*made);
    write_label(*made);
    for (int k = 0; form->without_kv == 0 && k < imbrex_v4_cache_instance_count && k < kMostInserts; ++k)
      made->inserts[k] = imbrex_v4_cache_instances[k].kernel(kernel->isa);
    *front = made;
    return IMBREX_V4_OK;
  }
  return say_no_instance(*form, message);
}

void imbrex_v4_destroy(imbrex_v4_front* front) { delete front; }

const char* imbrex_v4_isa(const imbrex_v4_front* front) { return front == nullptr ? nullptr : front->kernel->isa; }

const char* imbrex_v4_instance(size_t index) {
  return index < static_cast<size_t>(imbrex_v4_front_instance_count) ? imbrex_v4_front_instances[index].description : nullptr;
}

size_t imbrex_v4_packed_bytes(const imbrex_v4_front* front) { return front == nullptr ? 0 : front->packed.bytes; }

size_t imbrex_v4_workspace_bytes(const imbrex_v4_front* front, int64_t tokens, int nth) {
  WorkspaceLayout layout;
  if (front == nullptr || tokens < 0 || nth < 1 || tokens > front->kernel->dim_max[front->dim_tokens]) return SIZE_MAX;
  return lay_out(*front, tokens, nth, layout) ? layout.bytes : SIZE_MAX;
}

}  // extern "C"

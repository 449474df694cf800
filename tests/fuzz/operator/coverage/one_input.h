// One input of the fuzzer: edits of a good form, of good weights or of a good call, and of what they point to. Whatever they are, the
// library returns a status, with a message unless it is OK, and writes nothing but what a call that is OK has as outputs.
#pragma once

#include <cstring>
#include <string>

#include "correct/operator/operator_model.h"

namespace imbrex::test {

class OperatorUnderAttack {
 public:
  OperatorUnderAttack() {
    for (const imbrex_v4_form& form : forms_) fronts_.push_back(std::make_unique<PackedFront>(model_, form, 1));
  }

  // What was wrong with what the library did; "" for nothing. Bytes behind the end are zeros.
  std::string try_input(const uint8_t* data, size_t size) {
    Bytes bytes{data, size};
    const unsigned what = bytes.next() % 16, front = bytes.next() % static_cast<unsigned>(fronts_.size());
    const imbrex_v4_form& form = forms_[front];
    if (what == 0) return create(bytes, form);
    return what == 1 ? pack(bytes, fronts_[front]->front.get(), form) : run(bytes, *fronts_[front], form);
  }

 private:
  struct Bytes {
    const uint8_t* data;
    size_t left;
    unsigned next() { return left == 0 ? 0 : (--left, *data++); }
    bool has_more() const { return left > 0; }
    int64_t number() {
      static constexpr int64_t usual[] = {0,   1,   -1,        2,         3,         7,         31,           64,
                                          128, 512, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MAX / 2};
      const unsigned choice = next() % (std::size(usual) + 1);
      if (choice < std::size(usual)) return usual[choice];
      uint64_t value = 0;
      for (int i = 0; i < 8; ++i) value = value << 8 | next();
      return static_cast<int64_t>(value);
    }
  };

  // A number of a struct. Nobody can see that memory is shorter than a number says: one that says how much there is only falls.
  struct Field {
    void* at;
    size_t bytes;
    bool claims_memory = false;
    void set(int64_t value) const {
      if (bytes == sizeof(int32_t)) {
        auto narrow = static_cast<int32_t>(value), old = int32_t{};
        std::memcpy(&old, at, sizeof old);
        if (claims_memory) narrow = std::min(narrow, old);
        std::memcpy(at, &narrow, sizeof narrow);
      } else {
        int64_t old;
        std::memcpy(&old, at, sizeof old);
        if (claims_memory) value = std::min(value, old);
        std::memcpy(at, &value, sizeof value);
      }
    }
  };
  template <class T>
  static Field any(T& number) {
    return {&number, sizeof number};
  }
  template <class T>
  static Field claim(T& number) {
    return {&number, sizeof number, true};
  }

  struct Said {
    char text[512] = "";
    std::string judged(imbrex_v4_status status) const {
      if (status < IMBREX_V4_OK || status > IMBREX_V4_BAD_FILE) return "a status that is none: " + std::to_string(status);
      if (status != IMBREX_V4_OK && text[0] == 0) return "no message with status " + std::to_string(status);
      return "";
    }
  };

  static std::string create(Bytes& bytes, imbrex_v4_form form) {
    const Field fields[] = {
        any(form.mode),         any(form.hidden),   any(form.q_lora),          any(form.head_begin), any(form.head_end),
        any(form.eps),          any(form.x),        any(form.x_is_normalized), any(form.q),          any(form.extra),
        any(form.weight_block), any(form.keep_fp8), any(form.without_kv)};
    static constexpr const char* isas[] = {nullptr, "scalar", "avx2", "", "none"};
    form.isa = isas[bytes.next() % std::size(isas)];
    const int64_t tokens = bytes.number();
    const auto threads = static_cast<int>(bytes.number());
    while (bytes.has_more()) fields[bytes.next() % std::size(fields)].set(bytes.number());
    imbrex_v4_front* front = nullptr;
    Said said;
    const imbrex_v4_status status = imbrex_v4_create(&form, &front, said.text, sizeof said.text);
    if ((status == IMBREX_V4_OK) != (front != nullptr)) return "a front with a status that is not OK, or none with OK";
    imbrex_v4_workspace_bytes(front, tokens, threads);
    imbrex_v4_packed_bytes(front);
    imbrex_v4_destroy(front);
    return said.judged(status);
  }

  std::string pack(Bytes& bytes, const imbrex_v4_front* front, const imbrex_v4_form& form) {
    imbrex_v4_weights weights = model_.weights(form);
    AlignedVector<unsigned char> packed(imbrex_v4_packed_bytes(front) + 2 * kLead, kGuard);
    unsigned char* memory = packed.data() + kLead;
    auto room = static_cast<int64_t>(imbrex_v4_packed_bytes(front));
    int ith = 0, nth = 1;
    std::vector<Field> fields = {claim(room), any(ith), any(nth)};
    std::vector<const void**> pointers;
    std::vector<std::pair<unsigned char*, size_t>> contents;
    for (imbrex_v4_matrix* m : {&weights.wq_a, &weights.wq_b, &weights.wkv, &weights.extra}) {
      for (Field field : {claim(m->rows), any(m->columns), claim(m->row_bytes)}) fields.push_back(field);
      pointers.push_back(&m->data), pointers.push_back(&m->scale);
      if (m->data == nullptr) continue;
      const int64_t element = m->type == IMBREX_V4_BF16 ? 2 : 1;
      contents.emplace_back(bytes_of(m->data), static_cast<size_t>(m->rows * m->columns * element));
      if (m->scale != nullptr) contents.emplace_back(bytes_of(m->scale), 16);
    }
    for (imbrex_v4_vector* v : {&weights.attn_norm, &weights.q_norm, &weights.kv_norm}) {
      fields.push_back(any(v->size));
      pointers.push_back(&v->data);
      if (v->data != nullptr) contents.emplace_back(bytes_of(v->data), static_cast<size_t>(v->size) * 2);
    }
    std::vector<std::pair<unsigned char*, unsigned char>> undone;
    while (bytes.has_more()) {
      const unsigned edit = bytes.next() % 6;
      if (edit < 2) {
        fields[bytes.next() % fields.size()].set(bytes.number());
      } else if (edit == 2) {
        *pointers[bytes.next() % pointers.size()] = bytes.next() % 2 == 0 ? nullptr : memory;
      } else if (edit == 3) {  // types that are none, and no blocks: others would ask for more memory
        imbrex_v4_matrix* const m[] = {&weights.wq_a, &weights.wq_b, &weights.wkv, &weights.extra};
        imbrex_v4_matrix& one = *m[bytes.next() % std::size(m)];
        const auto value = static_cast<int>(bytes.next());
        value % 2 == 0 ? one.type = value % 4 == 0 ? IMBREX_V4_NONE : 7 + value : one.block_columns = -value;
      } else if (edit == 4) {
        memory = packed.data() + bytes.next() % (kLead + 1);
      } else {
        auto& [begin, size] = contents[bytes.next() % contents.size()];
        const size_t place = (bytes.next() << 16 | bytes.next() << 8 | bytes.next()) % size;
        undone.emplace_back(begin + place, begin[place]);
        begin[place] = static_cast<unsigned char>(bytes.next());
      }
    }
    Said said;
    const imbrex_v4_status status =
        imbrex_v4_pack(front, &weights, memory, static_cast<size_t>(room), ith, nth, said.text, sizeof said.text);
    for (auto edit = undone.rbegin(); edit != undone.rend(); ++edit) *edit->first = edit->second;
    const unsigned char* const end = memory + imbrex_v4_packed_bytes(front);
    for (const unsigned char* at = packed.data(); at < packed.data() + packed.size(); ++at)
      if (*at != kGuard && (at < memory || at >= end)) return "bytes beside packed memory were written";
    return said.judged(status);
  }

  // Memory of a call, with a guard around it.
  struct Memory {
    explicit Memory(size_t bytes, unsigned char content = kGuard) : size(bytes), all(bytes + 2 * kLead, kGuard) {
      std::fill_n(data(), size, content);
    }
    unsigned char* data() { return all.data() + kLead; }
    template <class T>
    T* as() {
      return reinterpret_cast<T*>(data());
    }
    bool is_guarded() const {
      const auto is_guard = [](unsigned char byte) { return byte == kGuard; };
      return std::all_of(all.begin(), all.begin() + kLead, is_guard) && std::all_of(all.end() - kLead, all.end(), is_guard);
    }
    bool is_untouched() const {
      return std::all_of(all.begin(), all.end(), [](unsigned char byte) { return byte == kGuard; });
    }
    size_t size;
    AlignedVector<unsigned char> all;
  };

  std::string run(Bytes& bytes, const PackedFront& front, const imbrex_v4_form& form) {
    constexpr int64_t T = 3, kBlocks = 2, kBlock = 3;
    const size_t element = form.x == IMBREX_V4_F32 ? 4 : 2;  // of q, too
    Memory x(T * kHidden * element, 0x3f), positions(T * 8, 1), slots(T * 8, 0), workspace(front.front.workspace_bytes(T, 1), 0);
    Memory q(T * kHeads * 512 * element), latent(T * kLatent), scale(T * 4), latent_bf16(T * kLatent * 2), kv(T * 512 * 2),
        extra(T * kFurther * 4), cache(kBlocks * kBlock * 1024);
    Memory table(model_.table.bytes.size());
    std::memcpy(table.data(), model_.table.bytes.data(), table.size);
    for (int64_t t = 0; t < T; ++t) positions.as<int64_t>()[t] = 7 * t, slots.as<int64_t>()[t] = 2 * t - 1;
    imbrex_v4_call call = {};
    call.tokens = T;
    call.packed = front.packed.data(), call.packed_bytes = front.packed.size();
    call.workspace = workspace.data(), call.workspace_bytes = workspace.size;
    call.x = x.data(), call.x_stride = kHidden;
    call.rotation_type = IMBREX_V4_F32, call.cosines = table.data(), call.rotation_rows = kRows;
    call.rotation_stride = 64;
    call.positions = positions.data(), call.position_type = IMBREX_V4_INT64;
    call.q = q.data(), call.q_heads = kHeads, call.q_token_stride = kHeads * 512, call.q_head_stride = 512;
    if (form.mode == IMBREX_V4_W8A8) call.latent = latent.as<int8_t>(), call.latent_scale = scale.as<float>();
    call.latent_stride = kLatent;
    call.latent_bf16 = latent_bf16.as<uint16_t>(), call.latent_bf16_stride = kLatent;
    if (!form.without_kv) call.kv = kv.as<uint16_t>();
    call.kv_stride = 512;
    call.extra = extra.as<float>(), call.extra_stride = kFurther;
    call.cache = form.without_kv ? IMBREX_V4_NO_CACHE : IMBREX_V4_FP8_CACHE;
    call.cache_data = cache.data(), call.cache_blocks = kBlocks, call.cache_block_tokens = kBlock;
    call.cache_block_bytes = kBlock * 584;
    call.slots = slots.data(), call.slot_type = IMBREX_V4_INT64, call.slot_count = T;
    call.nth = 1;
    const Field fields[] = {claim(call.tokens),
                            claim(call.packed_bytes),
                            claim(call.workspace_bytes),
                            claim(call.x_stride),
                            any(call.rotation),
                            any(call.rotation_type),
                            claim(call.rotation_rows),
                            claim(call.rotation_stride),
                            any(call.position_type),
                            claim(call.q_heads),
                            claim(call.q_token_stride),
                            claim(call.q_head_stride),
                            claim(call.latent_stride),
                            claim(call.latent_bf16_stride),
                            claim(call.kv_stride),
                            claim(call.extra_stride),
                            any(call.cache),
                            claim(call.cache_blocks),
                            claim(call.cache_block_tokens),
                            claim(call.cache_block_bytes),
                            any(call.slot_type),
                            claim(call.slot_count),
                            any(call.ith),
                            any(call.nth)};
    void* const pointers[] = {&call.packed,       &call.x,           &call.cosines,   &call.sines,      &call.positions,
                              &call.slots,        &call.q,           &call.workspace, &call.cache_data, &call.latent,
                              &call.latent_scale, &call.latent_bf16, &call.kv,        &call.extra};
    const auto pointer_at = [](const void* place) {
      const char* pointer;
      std::memcpy(&pointer, place, sizeof pointer);
      return pointer;
    };
    while (bytes.has_more()) {
      const unsigned edit = bytes.next() % 5;
      if (edit < 2) {
        fields[bytes.next() % std::size(fields)].set(bytes.number());
      } else if (edit == 2) {  // packed weights are the longest of all
        void* const place = pointers[bytes.next() % std::size(pointers)];
        const char* pointer = pointer_at(place);
        const unsigned kind = bytes.next() % 3;
        if (kind == 2 && place != &call.packed && pointer != nullptr && reinterpret_cast<uintptr_t>(pointer) % kLead == 0)
          pointer -= 1 + bytes.next() % 7;  // into the guard
        else
          pointer = kind == 0 ? nullptr : static_cast<const char*>(call.packed);
        std::memcpy(place, &pointer, sizeof pointer);
      } else if (edit == 3) {
        (bytes.next() % 2 == 0 ? positions : slots).as<int64_t>()[bytes.next() % T] = bytes.number();
      } else {
        x.data()[(bytes.next() << 8 | bytes.next()) % x.size] = static_cast<unsigned char>(bytes.next());
      }
    }
    const bool is_shifted = std::any_of(std::begin(pointers), std::end(pointers), [&](const void* place) {
      return reinterpret_cast<uintptr_t>(pointer_at(place)) % kLead != 0;
    });
    Said said;
    const imbrex_v4_status status = imbrex_v4_run(front.front.get(), &call, said.text, sizeof said.text);
    const Memory* const outputs[] = {&q, &latent, &scale, &latent_bf16, &kv, &extra, &cache};
    for (const Memory* output : outputs) {
      if (status != IMBREX_V4_OK && !output->is_untouched()) return "outputs were written with status " + std::to_string(status);
      if (!is_shifted && !output->is_guarded()) return "bytes beside an output were written";
    }
    const unsigned char* const behind = cache.data() + kBlocks * kBlock * 584;  // of what an fp8 cache has
    if (call.cache == IMBREX_V4_FP8_CACHE && !is_shifted &&
        std::any_of(behind, static_cast<const unsigned char*>(cache.data() + cache.size),
                    [](unsigned char byte) { return byte != kGuard; }))
      return "bytes behind the cache were written";
    if (!workspace.is_guarded() && !is_shifted) return "bytes beside the workspace were written";
    return said.judged(status);
  }

  static constexpr int64_t kLead = 64;
  static unsigned char* bytes_of(const void* data) { return static_cast<unsigned char*>(const_cast<void*>(data)); }

  OperatorModel model_;
  const std::vector<imbrex_v4_form> forms_ = all_forms();
  std::vector<std::unique_ptr<PackedFront>> fronts_;
};

}  // namespace imbrex::test

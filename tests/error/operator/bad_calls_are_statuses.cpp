// Whatever is wrong with an argument of imbrex/deepseek_v4.h is a status with a message that names it, on every thread, before
// anything is written.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "operator_model.h"

namespace imbrex::test {
namespace {

constexpr int64_t T = 3;

// A good call, to be broken.
struct Example {
  Example() : packed(model, form_of(Kind::normalized)) {
    workspace.resize(packed.front.workspace_bytes(T, 2));
    call.tokens = T;
    call.packed = packed.packed.data(), call.packed_bytes = packed.packed.size();
    call.workspace = workspace.data(), call.workspace_bytes = workspace.size();
    call.x = x.bytes.data();
    call.rotation_type = IMBREX_V4_F32, call.cosines = model.table.bytes.data(), call.rotation_rows = kRows;
    call.positions = positions, call.position_type = IMBREX_V4_INT64;
    call.q = q.bytes.data(), call.kv = kv.as<uint16_t>(), call.latent = latent.as<int8_t>(), call.latent_scale = scale;
    call.cache = IMBREX_V4_FP8_CACHE, call.cache_data = cache.bytes.data(), call.cache_blocks = 2, call.cache_block_tokens = 3;
    call.slots = slots, call.slot_type = IMBREX_V4_INT64, call.slot_count = T;
    call.nth = 1;
  }
  imbrex_v4_status run(std::string* message = nullptr) const {
    char text[4096] = "";
    const imbrex_v4_status status = imbrex_v4_run(packed.front.get(), &call, text, sizeof text);
    if (message) *message = text;
    return status;
  }
  bool nothing_is_written() const {
    const auto is_zero = [](const Array& array) {
      return std::all_of(array.bytes.begin(), array.bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
    };
    return is_zero(q) && is_zero(kv) && is_zero(latent) && is_zero(cache);
  }

  OperatorModel model;
  PackedFront packed;
  Array x = random_array(DType::bf16, {T, kHidden}, 51), q = Array::zeros(DType::bf16, {T, kHeads, 512}),
        kv = Array::zeros(DType::bf16, {T, 512}), latent = Array::zeros(DType::int8, {T, kLatent}),
        cache = Array::zeros(DType::uint8, {2, 3 * 1024});  // of the larger kind of cache
  float scale[T] = {};
  int64_t positions[T] = {1, 2, kRows - 1}, slots[T] = {5, -1, 0};
  AlignedVector<std::byte> workspace;
  imbrex_v4_call call = {};
};

struct Bad {
  const char* says;  // a part of the message
  imbrex_v4_status status;
  std::function<void(Example&)> spoil;
};

TEST(BadCalls, AreStatuses) {
  using E = Example&;
  const std::vector<Bad> all = {
      {"packed is null", IMBREX_V4_NULL, [](E e) { e.call.packed = nullptr; }},
      {"packed", IMBREX_V4_TOO_SMALL, [](E e) { e.call.packed_bytes -= 1; }},
      {"packed", IMBREX_V4_BAD_PACKED, [](E e) { e.packed.packed[3] = std::byte{0}; }},
      {"workspace", IMBREX_V4_NULL, [](E e) { e.call.workspace = nullptr; }},
      {"workspace", IMBREX_V4_TOO_SMALL, [](E e) { e.call.workspace_bytes = 64; }},
      {"workspace", IMBREX_V4_MISALIGNED, [](E e) { e.call.workspace = static_cast<char*>(e.call.workspace) + 4; }},
      {"tokens", IMBREX_V4_BAD_VALUE, [](E e) { e.call.tokens = -1; }},
      {"tokens", IMBREX_V4_BAD_VALUE, [](E e) { e.call.tokens = INT64_MAX; }},
      {"x is null", IMBREX_V4_NULL, [](E e) { e.call.x = nullptr; }},
      {"tensor x", IMBREX_V4_MISALIGNED, [](E e) { e.call.x = static_cast<const char*>(e.call.x) + 1; }},
      {"tensor x", IMBREX_V4_BAD_STRIDE, [](E e) { e.call.x_stride = -5; }},
      {"tensor x", IMBREX_V4_BAD_VALUE, [](E e) { e.call.x_stride = INT64_MAX / 2; }},
      {"rotation", IMBREX_V4_BAD_VALUE, [](E e) { e.call.rotation = static_cast<imbrex_v4_rotation>(7); }},
      {"rotation_type", IMBREX_V4_BAD_VALUE, [](E e) { e.call.rotation_type = IMBREX_V4_INT32; }},
      {"rotation_rows", IMBREX_V4_BAD_VALUE, [](E e) { e.call.rotation_rows = -1; }},
      {"rotation_rows", IMBREX_V4_BAD_VALUE, [](E e) { e.call.positions = nullptr, e.call.rotation_rows = 2; }},
      {"cosines", IMBREX_V4_NULL, [](E e) { e.call.cosines = nullptr; }},
      {"sines", IMBREX_V4_NULL, [](E e) { e.call.rotation = IMBREX_V4_SEPARATE; }},
      {"position_type", IMBREX_V4_BAD_VALUE, [](E e) { e.call.position_type = IMBREX_V4_BF16; }},
      {"positions[2] is 40", IMBREX_V4_BAD_DATA, [](E e) { e.positions[2] = kRows; }},
      {"positions[1] is -1", IMBREX_V4_BAD_DATA, [](E e) { e.positions[1] = -1; }},
      {"q is null", IMBREX_V4_NULL, [](E e) { e.call.q = nullptr; }},
      {"q_heads", IMBREX_V4_BAD_VALUE, [](E e) { e.call.q_heads = kHeads - 1; }},
      {"tensor q", IMBREX_V4_BAD_STRIDE, [](E e) { e.call.q_head_stride = 511; }},
      {"tensor q", IMBREX_V4_BAD_STRIDE, [](E e) { e.call.q_token_stride = 512; }},
      {"tensor q", IMBREX_V4_OVERLAP, [](E e) { e.call.q = const_cast<void*>(e.call.x); }},
      {"latent", IMBREX_V4_NULL, [](E e) { e.call.latent_scale = nullptr; }},
      {"tensor kv", IMBREX_V4_BAD_STRIDE, [](E e) { e.call.kv_stride = 100; }},
      {"tensor kv", IMBREX_V4_OVERLAP, [](E e) { e.call.kv = static_cast<uint16_t*>(e.call.workspace); }},
      {"cache", IMBREX_V4_BAD_VALUE, [](E e) { e.call.cache = static_cast<imbrex_v4_cache>(3); }},
      {"blocks of 5", IMBREX_V4_NO_INSTANCE, [](E e) { e.call.cache_block_tokens = 5, e.call.cache_blocks = 1; }},
      {"cache_block_bytes", IMBREX_V4_BAD_VALUE, [](E e) { e.call.cache_block_bytes = 1753; }},
      {"cache_data", IMBREX_V4_BAD_STRIDE, [](E e) { e.call.cache_block_bytes = 1000; }},
      {"cache_data", IMBREX_V4_NULL, [](E e) { e.call.cache_data = nullptr; }},
      {"cache_data", IMBREX_V4_OVERLAP, [](E e) { e.call.cache_data = e.call.q; }},
      {"cache_blocks", IMBREX_V4_BAD_VALUE, [](E e) { e.call.cache_blocks = INT64_MAX / 2; }},
      {"slot_type", IMBREX_V4_BAD_VALUE, [](E e) { e.call.slot_type = IMBREX_V4_NONE; }},
      {"slot_count", IMBREX_V4_BAD_VALUE, [](E e) { e.call.slot_count = 4; }},
      {"slots[2] is 5, as is", IMBREX_V4_BAD_DATA, [](E e) { e.slots[2] = 5; }},
      {"slots[0] is 6", IMBREX_V4_BAD_DATA, [](E e) { e.slots[0] = 6; }},
      {"slots[0] is -2", IMBREX_V4_BAD_DATA, [](E e) { e.slots[0] = -2; }},
      {"ith = 1", IMBREX_V4_BAD_THREAD, [](E e) { e.call.ith = 1; }},
      {"barrier", IMBREX_V4_BAD_THREAD, [](E e) { e.call.nth = 2; }},
      {"nth = -1", IMBREX_V4_BAD_THREAD, [](E e) { e.call.nth = -1, e.call.tokens = 0; }},
  };
  for (const Bad& bad : all) {
    Example example;
    bad.spoil(example);
    std::string message;
    EXPECT_EQ(example.run(&message), bad.status) << bad.says << ": " << message;
    EXPECT_NE(message.find(bad.says), std::string::npos) << message;
    EXPECT_TRUE(example.nothing_is_written()) << bad.says;
  }
  Example example;
  EXPECT_EQ(example.run(), IMBREX_V4_OK);
  EXPECT_FALSE(example.nothing_is_written());
}

TEST(BadCalls, OfModesThatHaveNoInt8Latent) {
  const OperatorModel model;
  const PackedFront packed(model, form_of(Kind::normalized, IMBREX_V4_W8A16)),
      reference(model, form_of(Kind::normalized, IMBREX_V4_FP8_REFERENCE));
  Example example;
  EXPECT_NE(reference.front.explain(example.call).find("the mode IMBREX_V4_FP8_REFERENCE does not compute"), std::string::npos);
  example.workspace.resize(packed.front.workspace_bytes(T, 1));
  example.call.workspace = example.workspace.data(), example.call.workspace_bytes = example.workspace.size();
  EXPECT_EQ(imbrex_v4_run(packed.front.get(), &example.call, nullptr, 0), IMBREX_V4_BAD_VALUE);
  EXPECT_NE(packed.front.explain(example.call).find("the mode IMBREX_V4_W8A16 does not compute"), std::string::npos);
  example.call.latent = nullptr;  // its scale alone
  EXPECT_EQ(imbrex_v4_run(packed.front.get(), &example.call, nullptr, 0), IMBREX_V4_BAD_VALUE);
  example.call.latent_scale = nullptr;
  EXPECT_EQ(imbrex_v4_run(packed.front.get(), &example.call, nullptr, 0), IMBREX_V4_BAD_PACKED) << "packed for W8A8";
  example.call.packed = reference.packed.data(), example.call.packed_bytes = reference.packed.size();
  EXPECT_EQ(imbrex_v4_run(packed.front.get(), &example.call, nullptr, 0), IMBREX_V4_BAD_PACKED) << "packed for FP8_REFERENCE";
  EXPECT_TRUE(example.nothing_is_written());
  example.call.packed = packed.packed.data(), example.call.packed_bytes = packed.packed.size();
  EXPECT_EQ(imbrex_v4_run(packed.front.get(), &example.call, nullptr, 0), IMBREX_V4_OK);
}

// Outputs that there are none of, and memory with keys and values.
TEST(BadCalls, OfFrontsWithoutKeysAndValues) {
  const OperatorModel model;
  for (const imbrex_v4_mode mode : {imbrex_v4_mode{IMBREX_V4_W8A8}, kKeptW8a8}) {
    imbrex_v4_form form = form_of(Kind::normalized, mode);
    form.without_kv = 1;
    const PackedFront packed(model, form);
    Example example;
    const auto status = [&](const char* says) {
      example.workspace.resize(packed.front.workspace_bytes(T, 1));
      example.call.workspace = example.workspace.data(), example.call.workspace_bytes = example.workspace.size();
      EXPECT_NE(packed.front.explain(example.call).find(says), std::string::npos) << packed.front.explain(example.call);
      return imbrex_v4_run(packed.front.get(), &example.call, nullptr, 0);
    };
    EXPECT_EQ(status("kv is not null; the front is without keys and values"), IMBREX_V4_BAD_VALUE);
    example.call.kv = nullptr;
    EXPECT_EQ(status("cache is 2; the front is without keys and values"), IMBREX_V4_BAD_VALUE);
    example.call.cache = IMBREX_V4_NO_CACHE;
    EXPECT_EQ(status("packed was not packed for this form"), IMBREX_V4_BAD_PACKED) << "with keys and values, in bf16";
    const PackedFront of_other(model, form_of(Kind::normalized, mode));
    example.call.packed = of_other.packed.data(), example.call.packed_bytes = of_other.packed.size();
    EXPECT_EQ(status("packed was not packed for this form"), IMBREX_V4_BAD_PACKED);
    EXPECT_TRUE(example.nothing_is_written());
    example.call.packed = packed.packed.data(), example.call.packed_bytes = packed.packed.size();
    EXPECT_EQ(status(""), IMBREX_V4_OK);
  }
}

// Of the same weights.
TEST(BadCalls, OnWeightsThatAreKeptOrExpandedWhereTheFrontIsNot) {
  const OperatorModel model;
  const imbrex_v4_weights weights = model.weights(form_of(Kind::normalized, kKeptW8a8));
  const PackedFront kept(weights, form_of(Kind::normalized, kKeptW8a8)), expanded(weights, form_of(Kind::normalized));
  EXPECT_LT(kept.packed.size(), expanded.packed.size());
  Example example;
  example.call.packed = expanded.packed.data(), example.call.packed_bytes = expanded.packed.size();
  EXPECT_EQ(example.run(), IMBREX_V4_OK);
  EXPECT_EQ(imbrex_v4_run(kept.front.get(), &example.call, nullptr, 0), IMBREX_V4_BAD_PACKED);
  AlignedVector<std::byte> as_large(expanded.packed.size());
  std::copy(kept.packed.begin(), kept.packed.end(), as_large.begin());
  example.call.packed = as_large.data(), example.call.packed_bytes = as_large.size();
  EXPECT_EQ(example.run(), IMBREX_V4_BAD_PACKED) << "by its label: it is large enough";
}

// Packs these parts of so many, in this order.
void pack_parts(const imbrex_v4_front* front, const imbrex_v4_weights& weights, AlignedVector<std::byte>& memory,
                const std::vector<int>& parts, int nth) {
  for (const int ith : parts)
    EXPECT_EQ(imbrex_v4_pack(front, &weights, memory.data(), memory.size(), ith, nth, nullptr, 0), IMBREX_V4_OK);
}

// The example's call of another front on this memory, in whichever mode.
imbrex_v4_status run_on(Example& example, const deepseek_v4::Front& front, imbrex_v4_mode mode,
                        const AlignedVector<std::byte>& memory) {
  for (Array* array : {&example.q, &example.kv, &example.latent, &example.cache})
    std::fill(array->bytes.begin(), array->bytes.end(), std::byte{0});
  example.workspace.resize(front.workspace_bytes(T, 1));
  imbrex_v4_call call = example.call;
  call.workspace = example.workspace.data(), call.workspace_bytes = example.workspace.size();
  call.packed = memory.data(), call.packed_bytes = memory.size();
  if (mode != IMBREX_V4_W8A8) call.latent = nullptr, call.latent_scale = nullptr;
  const imbrex_v4_status status = imbrex_v4_run(front.get(), &call, nullptr, 0);
  EXPECT_NE(status == IMBREX_V4_OK, example.nothing_is_written());
  return status;
}

// Whichever it is, in memory that had anything, and in memory that had weights which differ in a byte.
TEST(BadCalls, WeightsOfWhichAPartIsMissingAreRefused) {
  Example example;
  const OperatorModel& model = example.model;
  for (const imbrex_v4_form& form : all_forms()) {
    if (!form.x_is_normalized) continue;
    const imbrex_v4_mode mode = form.mode;
    if (form.without_kv) example.call.kv = nullptr, example.call.cache = IMBREX_V4_NO_CACHE;
    const deepseek_v4::Front made(form);
    const imbrex_v4_front* const front = made.get();
    const imbrex_v4_weights weights = model.weights(form);
    std::vector<OperatorModel> others(3);
    (mode == IMBREX_V4_W8A8 ? others[0].wq_b : others[0].fp8_wq_b).bytes.back() ^= std::byte{1};
    others[1].q_norm.bytes[1] ^= std::byte{0x80};
    (form.weight_block == 0 ? others[2].wq_a_scale : others[2].fp8_wq_a_scale).bytes[0] ^= std::byte{1};
    for (const int nth : {1, 2, 5})
      for (int missing = 0; missing < nth; ++missing)
        for (size_t before = 0; before <= others.size(); ++before) {
          AlignedVector<std::byte> memory(made.packed_bytes(), std::byte{kGuard});
          if (before > 0) pack_parts(front, others[before - 1].weights(form), memory, {1, 0}, 2);
          EXPECT_EQ(run_on(example, made, mode, memory), before > 0 ? IMBREX_V4_OK : IMBREX_V4_BAD_PACKED);
          for (int ith = nth; ith-- > 0;)
            if (ith != missing) pack_parts(front, weights, memory, {ith}, nth);
          const imbrex_v4_status status = run_on(example, made, mode, memory);
          EXPECT_EQ(status, nth > 1 || before == 0 ? IMBREX_V4_BAD_PACKED : IMBREX_V4_OK)
              << missing << " of " << nth << ", before " << before;
          pack_parts(front, weights, memory, {missing}, nth);
          EXPECT_EQ(run_on(example, made, mode, memory), IMBREX_V4_OK) << missing << " of " << nth << ", before " << before;
        }
  }
}

// Parts of other numbers of parts do, if they are of the same weights and all panels are among them.
TEST(BadCalls, WeightsMayBePackedAgainInOtherParts) {
  Example example;
  const OperatorModel& model = example.model;
  const deepseek_v4::Front made(form_of(Kind::normalized));
  AlignedVector<std::byte> memory(made.packed_bytes());
  pack_parts(made.get(), model.weights(), memory, {0}, 2);
  pack_parts(made.get(), model.weights(), memory, {1}, 3);
  EXPECT_EQ(run_on(example, made, IMBREX_V4_W8A8, memory), IMBREX_V4_BAD_PACKED);
  pack_parts(made.get(), model.weights(), memory, {2}, 3);
  EXPECT_EQ(run_on(example, made, IMBREX_V4_W8A8, memory), IMBREX_V4_OK);
  pack_parts(made.get(), model.weights(), memory, {2000, 1999}, 2001);  // more parts than panels: some have none
  EXPECT_EQ(run_on(example, made, IMBREX_V4_W8A8, memory), IMBREX_V4_OK);
}

// A process that packs other weights, ended at any time: the memory has those of before, all of the others, or is refused.
TEST(BadCalls, WeightsOfAPackerThatWasKilledAreWholeOrRefused) {
  Example example;
  const OperatorModel& model = example.model;
  OperatorModel other;
  other.wq_b = random_array(DType::int8, {kHeads * 512, kLatent}, 77);
  const deepseek_v4::Front made(form_of(Kind::normalized));
  const size_t bytes = made.packed_bytes();
  AlignedVector<std::byte> before(bytes), after(bytes), found(bytes);
  pack_parts(made.get(), model.weights(), before, {0}, 1);
  pack_parts(made.get(), other.weights(), after, {0}, 1);
  void* const shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  int refused = 0;
  for (int round = 0; round < 40 || (refused == 0 && round < 2000); ++round) {
    std::memcpy(shared, before.data(), bytes);
    const pid_t child = fork();
    if (child == 0) {
      const imbrex_v4_weights weights = other.weights();
      for (const int ith : {1, 0, 2}) imbrex_v4_pack(made.get(), &weights, shared, bytes, ith, 3, nullptr, 0);
      _exit(0);
    }
    usleep(static_cast<useconds_t>(round % 40 * 150));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    std::memcpy(found.data(), shared, bytes);
    const imbrex_v4_status status = run_on(example, made, IMBREX_V4_W8A8, found);
    refused += status == IMBREX_V4_BAD_PACKED;
    if (status == IMBREX_V4_OK)
      EXPECT_TRUE(found == before || found == after) << "round " << round;
    else
      EXPECT_EQ(status, IMBREX_V4_BAD_PACKED);
  }
  munmap(shared, bytes);
  EXPECT_GT(refused, 0);
}

// As after a process that was ended while it packed.
TEST(BadCalls, WeightsThatWerePackedInPartAreRefused) {
  const OperatorModel model;
  Example example;
  imbrex_v4_weights weights = model.weights();
  const Array good = model.wq_b_scale;
  Array bad = good;
  bad.as<float>()[5] = std::nanf("");
  weights.wq_b.scale = bad.bytes.data();
  void* const packed = example.packed.packed.data();
  const imbrex_v4_front* const front = example.packed.front.get();
  EXPECT_EQ(imbrex_v4_pack(front, &weights, packed, example.packed.packed.size(), 0, 1, nullptr, 0), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(imbrex_v4_run(front, &example.call, nullptr, 0), IMBREX_V4_BAD_PACKED);
  EXPECT_TRUE(example.nothing_is_written());
  weights.wq_b.scale = good.bytes.data();
  EXPECT_EQ(imbrex_v4_pack(front, &weights, packed, example.packed.packed.size(), 0, 1, nullptr, 0), IMBREX_V4_OK);
  EXPECT_EQ(imbrex_v4_run(front, &example.call, nullptr, 0), IMBREX_V4_OK);
}

TEST(BadCalls, EveryThreadReturnsBeforeABarrier) {
  Example example;
  example.slots[2] = 5;
  EXPECT_EQ(run_on_threads(example.packed.front.get(), example.call, 2), IMBREX_V4_BAD_DATA);
}

TEST(BadCalls, OfNothing) {
  Example example;
  EXPECT_EQ(imbrex_v4_run(nullptr, &example.call, nullptr, 0), IMBREX_V4_NULL);
  EXPECT_EQ(imbrex_v4_run(example.packed.front.get(), nullptr, nullptr, 0), IMBREX_V4_NULL);
  EXPECT_EQ(imbrex_v4_workspace_bytes(example.packed.front.get(), -1, 1), SIZE_MAX);
  EXPECT_EQ(imbrex_v4_workspace_bytes(example.packed.front.get(), 1, 0), SIZE_MAX);
  imbrex_v4_call nothing = {};
  EXPECT_EQ(imbrex_v4_run(example.packed.front.get(), &nothing, nullptr, 0), IMBREX_V4_OK);
  imbrex_v4_destroy(nullptr);
  imbrex_v4_layer_close(nullptr);
  imbrex_v4_pool_destroy(nullptr);
}

// Whatever numbers a call has, of those that claim no more memory than there is: a status. The address sanitizer sees the rest.
TEST(BadCalls, OfRandomNumbersAreStatuses) {
  Example example;
  std::mt19937 random(9);
  const int64_t numbers[] = {0, 1, -1, 2, 3, 63, INT32_MIN, INT64_MIN, -512, 1 << 20};
  std::map<int, int> seen;
  for (int i = 0; i < 3000; ++i) {
    imbrex_v4_call call = example.call;
    const auto number = [&] { return numbers[random() % std::size(numbers)]; };
    // Only downwards: nobody can see that a buffer is shorter than its strides say.
    const auto lower = [&](auto& field, int64_t usual) {
      if (random() % 12 == 0) field = static_cast<std::remove_reference_t<decltype(field)>>(std::min(number(), usual));
    };
    const auto lose = [&](auto& pointer) {
      if (random() % 40 == 0) pointer = nullptr;
    };
    lower(call.tokens, T), lower(call.packed_bytes, 1), lower(call.workspace_bytes, 64), lower(call.x_stride, kHidden);
    lower(call.rotation, 2), lower(call.rotation_type, 6), lower(call.rotation_rows, kRows), lower(call.rotation_stride, 64);
    lower(call.position_type, 6), lower(call.q_heads, kHeads), lower(call.q_token_stride, kHeads * 512),
        lower(call.q_head_stride, 512);
    lower(call.latent_stride, kLatent), lower(call.kv_stride, 512), lower(call.cache, 3), lower(call.cache_blocks, 2);
    lower(call.cache_block_tokens, 3), lower(call.cache_block_bytes, 3 * 584), lower(call.slot_type, 6),
        lower(call.slot_count, T);
    lower(call.ith, 1), lower(call.nth, 1);
    lose(call.packed), lose(call.x), lose(call.cosines), lose(call.positions), lose(call.q), lose(call.latent), lose(call.kv),
        lose(call.cache_data), lose(call.slots), lose(call.workspace);
    ++seen[imbrex_v4_run(example.packed.front.get(), &call, nullptr, 0)];
  }
  EXPECT_GE(seen.size(), 7u);
  EXPECT_GT(seen[IMBREX_V4_OK], 30);
}

TEST(BadForms, AreStatuses) {
  const auto status_of_form = [](imbrex_v4_form form, const std::function<void(imbrex_v4_form&)>& spoil, const char* says) {
    spoil(form);
    imbrex_v4_front* front = nullptr;
    char message[4096] = "";
    const imbrex_v4_status status = imbrex_v4_create(&form, &front, message, sizeof message);
    EXPECT_EQ(front, nullptr);
    EXPECT_NE(std::string(message).find(says), std::string::npos) << message;
    return status;
  };
  const auto status_of = [&](const std::function<void(imbrex_v4_form&)>& spoil, const char* says) {
    return status_of_form(form_of(Kind::normalized), spoil, says);
  };
  EXPECT_EQ(status_of([](auto& form) { form.head_end = 3; }, "no code for W8A8, hidden 512, heads 3"), IMBREX_V4_NO_INSTANCE);
  EXPECT_EQ(status_of([](auto& form) { form.hidden = 4096; }, "this library has: W8A8, hidden 512, heads 4"),
            IMBREX_V4_NO_INSTANCE);
  EXPECT_EQ(status_of([](auto& form) { form.eps = 1e-20; }, "imbrex_add_deepseek_v4()"), IMBREX_V4_NO_INSTANCE);
  EXPECT_EQ(
      status_of(
          [](auto& form) { form.head_end = 3; },
          "nearest to it, this library has: W8A8, hidden 512, heads 4, q_lora 256, eps 1e-6, bf16-normalized/bf16, extra 0; "
          "W8A8, hidden 512, heads 2, q_lora 256, eps 1e-6, bf16-normalized/bf16, extra 0. Build others"),
      IMBREX_V4_NO_INSTANCE);
  EXPECT_EQ(status_of([](auto& form) { form.head_begin = 4; }, "heads 4 to 4"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& form) { form.q = IMBREX_V4_INT8; }, "x and q"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& form) { form.mode = 7; }, "mode is 7"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& form) { form.isa = "none"; }, "isa is none, for which this library has no code that"),
            IMBREX_V4_NO_PROCESSOR);
  setenv("IMBREX_ISA", "foo", 1);
  EXPECT_EQ(status_of([](auto&) {}, "the environment's IMBREX_ISA is foo, for which"), IMBREX_V4_NO_PROCESSOR);
  unsetenv("IMBREX_ISA");
  EXPECT_EQ(imbrex_v4_create(nullptr, nullptr, nullptr, 0), IMBREX_V4_NULL);

  const auto status_of_kept = [&](const std::function<void(imbrex_v4_form&)>& spoil, const char* says) {
    return status_of_form(form_of(Kind::normalized, kKeptW8a8), spoil, says);
  };
  EXPECT_EQ(status_of_kept([](auto& form) { form.weight_block = 0; }, "weight_block is 0"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(
      status_of_kept([](auto& form) { form.weight_block = 32; },
                     "no code for W8A8, hidden 512, heads 4, q_lora 256, eps 1e-06, x bf16 normalized, q bf16, extra 0, fp8 "
                     "kept in blocks of 32; nearest to it"),
      IMBREX_V4_NO_INSTANCE);
  EXPECT_EQ(status_of_kept([](auto& form) { form.weight_block = 1024, form.head_begin = 1; }, "heads 3"), IMBREX_V4_NO_INSTANCE)
      << "wq_b has no blocks";
  EXPECT_EQ(status_of_kept([](auto& form) { form.without_kv = 1, form.extra = 8; }, "blocks of 128, without kv; nearest to it"),
            IMBREX_V4_NO_INSTANCE);

  const auto status_of_w8a16 = [&](const std::function<void(imbrex_v4_form&)>& spoil, const char* says) {
    return status_of_form(form_of(Kind::normalized, IMBREX_V4_W8A16), spoil, says);
  };
  EXPECT_EQ(status_of_w8a16([](auto& form) { form.head_end = 3; }, "no code for W8A16, hidden 512, heads 3"),
            IMBREX_V4_NO_INSTANCE);
  EXPECT_EQ(status_of_w8a16([](auto& form) { form.weight_block = 32; }, "blocks of 32; nearest to it"), IMBREX_V4_NO_INSTANCE);
  EXPECT_EQ(status_of_w8a16([](auto& form) { form.weight_block = 0; }, "weight_block is 0"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of_w8a16([](auto& form) { form.weight_block = 1024, form.head_begin = 1; }, "head 1 begins at row 512"),
            IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of_w8a16([](auto& form) { form.extra = 8; }, "extra 8, blocks of 128; nearest to it"), IMBREX_V4_NO_INSTANCE);
  EXPECT_EQ(status_of_w8a16([](auto& form) { form.mode = IMBREX_V4_FP8_REFERENCE, form.hidden = 640; },
                            "no code for FP8_REFERENCE, hidden 640, heads 4"),
            IMBREX_V4_NO_INSTANCE);
}

// Weights that a test spoils, packed in three parts.
struct Packing {
  deepseek_v4::Front front;
  imbrex_v4_weights weights;
  AlignedVector<std::byte> packed;

  Packing(const imbrex_v4_form& form, const imbrex_v4_weights& right)
      : front(form), weights(right), packed(front.packed_bytes()) {}

  imbrex_v4_status operator()(const std::function<void(imbrex_v4_weights&)>& spoil, const char* says) {
    imbrex_v4_weights spoilt = weights;
    spoil(spoilt);
    char message[1024] = "";
    imbrex_v4_status status = IMBREX_V4_OK;  // of whichever part sees it
    for (int part = 0; part < 3 && status == IMBREX_V4_OK; ++part)
      status = imbrex_v4_pack(front.get(), &spoilt, packed.data(), packed.size(), part, 3, message, sizeof message);
    EXPECT_NE(std::string(message).find(says), std::string::npos) << message;
    return status;
  }
};

TEST(BadWeights, AreStatuses) {
  const OperatorModel model;
  Packing status_of(form_of(Kind::f32), model.weights());
  const deepseek_v4::Front& front = status_of.front;
  AlignedVector<std::byte>& packed = status_of.packed;
  Array bad = model.wq_a;
  bad.as<uint8_t>()[5] = 0x7f;
  float three[512];
  std::fill_n(three, 512, 1.0f / 3);
  float nan_scales[512];
  std::fill_n(nan_scales, 512, 1.0f);
  nan_scales[511] = std::nanf("");
  Array scales = model.wq_b_scale;
  scales.as<float>()[1000] = -1;
  EXPECT_EQ(status_of([](auto& w) { w.wq_a.data = nullptr; }, "wq_a.data"), IMBREX_V4_NULL);
  EXPECT_EQ(status_of([](auto& w) { w.wq_a.scale = nullptr; }, "wq_a.scale"), IMBREX_V4_NULL);
  EXPECT_EQ(status_of([](auto& w) { w.wq_b.rows = 3 * 512; }, "expected [2048, 256]"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& w) { w.wq_a.rows = 257; }, "wq_a is [257, 512]; expected [256, 512]"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& w) { w.wkv.rows = 1024; }, "wkv is [1024, 512]; expected [512, 512]"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& w) { w.wkv.type = IMBREX_V4_F32; }, "wkv.type"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& w) { w.wkv.row_bytes = 7; }, "wkv.row_bytes"), IMBREX_V4_BAD_STRIDE);
  EXPECT_EQ(status_of([](auto& w) { w.wq_a.block_rows = 0; }, "blocks of 0 by 32"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& w) { w.wq_b.rows = INT64_MAX; }, "less than 2^62 bytes"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& w) { w.attn_norm.size = 3; }, "attn_norm"), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([&](auto& w) { w.wq_a.data = bad.bytes.data(); }, "[0, 5]"), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.kv_norm = {IMBREX_V4_F32, three, 512}; }, "kv_norm[0]"), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.wq_b.scale = scales.bytes.data(); }, "wq_b.scale[1000]"), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.wkv.type = IMBREX_V4_INT8, w.wkv.scale = nan_scales; }, "wkv.scale[511]"),
            IMBREX_V4_BAD_WEIGHT);
  Array nan_weight = model.wkv, nan_norm = model.attn_norm;
  nan_weight.as<uint16_t>()[kHidden + 7] = nan_norm.as<uint16_t>()[9] = 0x7fc0;
  EXPECT_EQ(status_of([&](auto& w) { w.wkv.data = nan_weight.bytes.data(); }, "wkv[1, 7] is no finite"), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.attn_norm.data = nan_norm.bytes.data(); }, "attn_norm[9] is no"), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.wkv.data = packed.data(); }, "shares memory with wkv"), IMBREX_V4_OVERLAP);
  EXPECT_EQ(status_of([&](auto& w) { w.wq_b.scale = packed.data(); }, "shares memory with wq_b.scale"), IMBREX_V4_OVERLAP);
  EXPECT_EQ(status_of([&](auto& w) { w.q_norm.data = packed.data(); }, "shares memory with q_norm"), IMBREX_V4_OVERLAP);
  // A scale that is no number beside weights so small that 2^128 of them would be one.
  Array small = model.wq_a, nan_scale = model.wq_a_scale;
  std::fill(small.bytes.begin(), small.bytes.end(), std::byte{0x20});
  nan_scale.bytes[16 + 3] = std::byte{0xff};
  EXPECT_EQ(status_of([&](auto& w) { w.wq_a.data = small.bytes.data(), w.wq_a.scale = nan_scale.bytes.data(); },
                      "the scale of block [1, 3] is no number"),
            IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(imbrex_v4_pack(front.get(), nullptr, packed.data(), packed.size(), 0, 1, nullptr, 0), IMBREX_V4_NULL);
  const imbrex_v4_weights weights = model.weights();
  EXPECT_EQ(imbrex_v4_pack(front.get(), &weights, packed.data() + 1, packed.size(), 0, 1, nullptr, 0), IMBREX_V4_MISALIGNED);
  EXPECT_EQ(imbrex_v4_pack(front.get(), &weights, packed.data(), packed.size() - 1, 0, 1, nullptr, 0), IMBREX_V4_TOO_SMALL);
  EXPECT_EQ(imbrex_v4_pack(front.get(), &weights, packed.data(), packed.size(), 2, 2, nullptr, 0), IMBREX_V4_BAD_THREAD);
}

// One block of all columns, whatever number says so.
TEST(BadWeights, BlocksMayBeLargerThanTheMatrix) {
  OperatorModel model;
  const deepseek_v4::Front front(form_of(Kind::f32));
  const auto packed_of = [&](int64_t block_columns) {
    imbrex_v4_weights weights = model.weights();
    weights.wq_a.block_columns = block_columns;
    AlignedVector<std::byte> packed(front.packed_bytes());
    EXPECT_EQ(imbrex_v4_pack(front.get(), &weights, packed.data(), packed.size(), 0, 1, nullptr, 0), IMBREX_V4_OK);
    return packed;
  };
  EXPECT_EQ(packed_of(INT64_MAX), packed_of(kHidden));
}

// Modes that keep what is stored refuse what they would have to convert.
TEST(BadWeights, ThatAreKeptAreStatuses) {
  const OperatorModel model;
  Packing status_of(form_of(Kind::further, IMBREX_V4_W8A16, 2, 4), model.weights(form_of(Kind::further, IMBREX_V4_W8A16)));
  Array nan = model.fp8_wq_b, scale = model.fp8_wkv_scale, small = model.fp8_wq_a_scale;
  nan.as<uint8_t>()[1500 * kLatent + 5] = 0x7f;  // in a head of the front
  scale.as<uint8_t>()[11] = 0xff;
  small.as<uint8_t>()[0] = 0;
  const OperatorModel other;
  EXPECT_EQ(status_of([&](auto& w) { w.wkv = other.weights().wkv; }, "wkv.type is 2; the mode IMBREX_V4_W8A16"),
            IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([&](auto& w) { w.wq_b = other.weights().wq_b; }, "wq_b.type is 3; the mode IMBREX_V4_W8A16"),
            IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& w) { w.wq_a.block_rows = 32; }, "wq_a has blocks of 32 by 128; the form's weight_block is 128"),
            IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([](auto& w) { w.wq_a.scale = nullptr; }, "wq_a.scale"), IMBREX_V4_NULL);
  EXPECT_EQ(status_of([&](auto& w) { w.wq_b.data = nan.bytes.data(); }, "[1500, 5]"), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.wkv.scale = scale.bytes.data(); }, "the scale of block [2, 3] is no number"),
            IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.wq_a.scale = small.bytes.data(); }, "no normal bf16 number"), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.wkv.data = status_of.packed.data(); }, "shares memory with wkv"), IMBREX_V4_OVERLAP);
  EXPECT_EQ(status_of([](auto&) {}, ""), IMBREX_V4_OK);
}

// W8A8 keeps wq_a and wkv alone: wq_b is converted from any type.
TEST(BadWeights, ThatW8a8KeepsAreStatuses) {
  const OperatorModel model, other;
  const imbrex_v4_form form = form_of(Kind::further, kKeptW8a8, 2, 4);
  Packing status_of(form, model.weights(form));
  Array nan = model.wq_a, scale = model.fp8_wkv_scale;
  nan.as<uint8_t>()[5] = 0x7f;
  scale.as<uint8_t>()[11] = 0xff;
  constexpr const char* kBf16Wkv =
      "wkv.type is 2; the mode IMBREX_V4_W8A8 with keep_fp8 keeps weights as they are: expected IMBREX_V4_E4M3";
  EXPECT_EQ(status_of([&](auto& w) { w.wkv = other.weights().wkv; }, kBf16Wkv), IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(
      status_of([&](auto& w) { w.wq_a = other.weights().wq_a; }, "wq_a has blocks of 32 by 32; the form's weight_block is 128"),
      IMBREX_V4_BAD_VALUE);
  EXPECT_EQ(status_of([&](auto& w) { w.wq_a.data = nan.bytes.data(); }, "[0, 5]"), IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.wkv.scale = scale.bytes.data(); }, "the scale of block [2, 3] is no number"),
            IMBREX_V4_BAD_WEIGHT);
  EXPECT_EQ(status_of([&](auto& w) { w.wq_b = other.weights(form_of(Kind::f32, IMBREX_V4_W8A16)).wq_b; }, ""), IMBREX_V4_OK);
  EXPECT_EQ(status_of([](auto&) {}, ""), IMBREX_V4_OK);
}

}  // namespace
}  // namespace imbrex::test

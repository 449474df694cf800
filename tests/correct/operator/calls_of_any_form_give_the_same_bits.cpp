// The operator's library, called at random: tokens, strides, types of positions and slots, layouts of tables, caches, ranges of heads and
// threads. Each call gives the bits of a call of the library's pool on memory without gaps, leaves every other byte as it was, and
// allocates nothing. Those of fronts that keep fp8 in W8A8, and of fronts without keys and values, give the bits of W8A8 that expanded
// the same weights, and of fronts with keys and values. IMBREX_OPERATOR_CALLS says how many.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <numeric>

#include "imbrex/base/error.h"
#include "operator_model.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1
// Of this thread, while it counts.
static thread_local bool is_counting = false;
static thread_local int64_t allocations = 0;
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void* malloc(size_t bytes) { return allocations += is_counting, __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return allocations += is_counting, __libc_calloc(count, bytes); }
void* realloc(void* memory, size_t bytes) { return allocations += is_counting, __libc_realloc(memory, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) { return allocations += is_counting, __libc_memalign(alignment, bytes); }
void* memalign(size_t alignment, size_t bytes) { return allocations += is_counting, __libc_memalign(alignment, bytes); }
}
#endif

namespace imbrex::test {
namespace {

std::atomic<int64_t> allocations_in_runs{0};

void count_around([[maybe_unused]] bool begins) {
#ifdef COUNTS_ALLOCATIONS
  is_counting = begins;
  if (begins) allocations = 0;
  if (!begins) allocations_in_runs += allocations;
#endif
}

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}
  int64_t below(int64_t end) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(end)); }
  bool once_in(int64_t n) { return below(n) == 0; }
  template <class T>
  T of(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<int64_t>(values.size()))];
  }
  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

// The memory of one call. `padded`: rows lie further apart than they are long.
struct Memory {
  std::map<std::string, Strided> tensors;
  AlignedVector<std::byte> workspace;
  imbrex_v4_call call = {};
};

int64_t gap(Draw& draw, bool padded) { return padded ? draw.of<int64_t>({0, 1, 7, 24}) : 0; }

template <class T>
void as_type(Strided& tensor, const std::vector<int64_t>& values) {
  for (size_t i = 0; i < values.size(); ++i) tensor.data<T>()[i] = static_cast<T>(values[i]);
}

// What both memories of a call have in common.
struct Plan {
  imbrex_v4_form form;
  int64_t heads, T, cache_block, slot_count, cache_blocks;
  imbrex_v4_cache cache;
  std::vector<int64_t> positions, slots;
  bool has_positions, has_latent, has_latent_bf16, has_kv;
  Array x;
};

Plan plan_of(Draw& draw, const imbrex_v4_form& form) {
  Plan plan = {};
  plan.form = form;
  plan.heads = form.head_end - form.head_begin;
  plan.T = draw.of<int64_t>({0, 1, 1, 2, 3, 5, 8, 17});
  plan.cache = draw.of({IMBREX_V4_NO_CACHE, IMBREX_V4_BF16_CACHE, IMBREX_V4_FP8_CACHE, IMBREX_V4_FP8_CACHE});
  plan.cache_block = plan.cache == IMBREX_V4_BF16_CACHE ? draw.of<int64_t>({1, 16}) : draw.of<int64_t>({3, 64});
  plan.cache_blocks = 17 / plan.cache_block + 1 + draw.below(2);
  plan.has_positions = !draw.once_in(3);
  plan.has_latent = draw.once_in(2), plan.has_latent_bf16 = draw.once_in(2), plan.has_kv = draw.once_in(2);
  if (form.without_kv) plan.cache = IMBREX_V4_NO_CACHE, plan.has_kv = false;
  for (int64_t t = 0; t < plan.T; ++t) plan.positions.push_back(plan.has_positions ? draw.below(kRows) : t);
  plan.slot_count = draw.once_in(3) ? draw.below(plan.T + 1) : plan.T;
  std::vector<int64_t> places(static_cast<size_t>(plan.cache_block * plan.cache_blocks));
  std::iota(places.begin(), places.end(), int64_t{0});
  std::shuffle(places.begin(), places.end(), draw.random());
  for (int64_t t = 0; t < plan.slot_count; ++t) plan.slots.push_back(draw.once_in(4) ? -1 : places[static_cast<size_t>(t)]);
  plan.x = random_array(form.x == IMBREX_V4_F32 ? DType::f32 : DType::bf16, {plan.T, kHidden},
                        static_cast<uint32_t>(draw.below(1 << 30)), 3);
  return plan;
}

// The table's numbers as the call's layout has them.
void bind_table(Memory& memory, const OperatorModel& model, Draw& draw, bool padded) {
  imbrex_v4_call& call = memory.call;
  call.rotation = padded ? draw.of({IMBREX_V4_HALVES, IMBREX_V4_PAIRS, IMBREX_V4_SEPARATE}) : IMBREX_V4_HALVES;
  call.rotation_type = padded ? draw.of({IMBREX_V4_F32, IMBREX_V4_BF16}) : IMBREX_V4_F32;
  call.rotation_rows = kRows;
  const bool is_apart = call.rotation == IMBREX_V4_SEPARATE, is_bf16 = call.rotation_type == IMBREX_V4_BF16;
  const int64_t columns = is_apart ? 32 : 64, stride = columns + gap(draw, padded);
  call.rotation_stride = stride;
  for (const char* name : {"cosines", "sines"}) {
    Strided table(is_bf16 ? 2 : 4, {kRows, columns}, {stride, 1});
    for (int64_t row = 0; row < kRows; ++row)
      for (int64_t c = 0; c < columns; ++c) {
        int64_t from = c;
        if (is_apart) from = name[0] == 'c' ? c : 32 + c;
        if (call.rotation == IMBREX_V4_PAIRS) from = c % 2 * 32 + c / 2;
        const float value = model.table.as<float>()[row * 64 + from];
        if (is_bf16) table.data<uint16_t>()[row * stride + c] = bf16_of_float(value);
        if (!is_bf16) table.data<float>()[row * stride + c] = value;
      }
    memory.tensors[name] = std::move(table);
  }
  call.cosines = memory.tensors.at("cosines").data();
  if (is_apart) call.sines = memory.tensors.at("sines").data();
}

void bind_indices(Memory& memory, const std::string& name, const std::vector<int64_t>& values, imbrex_v4_type type) {
  Strided tensor(type == IMBREX_V4_INT32 ? 4 : 8, {1, static_cast<int64_t>(values.size())},
                 {static_cast<int64_t>(values.size()), 1});
  type == IMBREX_V4_INT32 ? as_type<int32_t>(tensor, values) : as_type<int64_t>(tensor, values);
  memory.tensors[name] = std::move(tensor);
}

Memory memory_of(const Plan& plan, const OperatorModel& model, const PackedFront& front, Draw& draw, bool padded, int nth) {
  Memory memory;
  imbrex_v4_call& call = memory.call;
  call.tokens = plan.T;
  call.packed = front.packed.data();
  call.packed_bytes = front.packed.size();
  memory.workspace.assign(front.front.workspace_bytes(plan.T, nth), std::byte{0xff});
  call.workspace = memory.workspace.data();
  call.workspace_bytes = memory.workspace.size();
  const auto matrix = [&](const char* name, size_t element, int64_t columns, int64_t& stride) -> void* {
    stride = columns + gap(draw, padded);
    memory.tensors[name] = Strided(element, {plan.T, columns}, {stride, 1});
    return memory.tensors.at(name).data();
  };
  const size_t element = plan.form.x == IMBREX_V4_F32 ? 4 : 2;  // of q, too
  call.x = matrix("x", element, kHidden, call.x_stride);
  memory.tensors.at("x").fill(plan.x.bytes.data());
  bind_table(memory, model, draw, padded);
  if (plan.has_positions) {
    call.position_type = padded ? draw.of({IMBREX_V4_INT32, IMBREX_V4_INT64}) : IMBREX_V4_INT64;
    bind_indices(memory, "positions", plan.positions, call.position_type);
    call.positions = memory.tensors.at("positions").data();
  }
  call.q_heads = plan.heads + (padded ? draw.below(3) : 0);
  call.q_head_stride = 512 + gap(draw, padded);
  call.q_token_stride = call.q_heads * call.q_head_stride + gap(draw, padded);
  memory.tensors["q"] = Strided(element, {plan.T, call.q_heads, 512}, {call.q_token_stride, call.q_head_stride, 1});
  call.q = memory.tensors.at("q").data();
  if (plan.form.mode == IMBREX_V4_W8A8 && (plan.has_latent || !padded)) {
    call.latent = static_cast<int8_t*>(matrix("latent", 1, kLatent, call.latent_stride));
    memory.tensors["latent_scale"] = Strided(4, {1, plan.T}, {plan.T, 1});
    call.latent_scale = memory.tensors.at("latent_scale").data<float>();
  }
  if (plan.has_latent_bf16 || !padded)
    call.latent_bf16 = static_cast<uint16_t*>(matrix("latent_bf16", 2, kLatent, call.latent_bf16_stride));
  if (plan.form.extra > 0) call.extra = static_cast<float*>(matrix("extra", 4, plan.form.extra, call.extra_stride));
  if (plan.has_kv || !padded) call.kv = static_cast<uint16_t*>(matrix("kv", 2, 512, call.kv_stride));
  if (plan.cache == IMBREX_V4_NO_CACHE) return memory;
  call.cache = plan.cache;
  const int64_t bytes = plan.cache_block * (plan.cache == IMBREX_V4_BF16_CACHE ? 1024 : 584);
  // Only blocks of one token have gaps between them in this library's bf16 caches.
  const bool has_gaps = padded && (plan.cache == IMBREX_V4_FP8_CACHE || plan.cache_block == 1);
  call.cache_block_bytes = bytes + 2 * gap(draw, has_gaps);
  call.cache_blocks = plan.cache_blocks;
  call.cache_block_tokens = plan.cache_block;
  memory.tensors["cache"] = Strided(1, {plan.cache_blocks, bytes}, {call.cache_block_bytes, 1});
  call.cache_data = memory.tensors.at("cache").data();
  call.slot_type = padded ? draw.of({IMBREX_V4_INT32, IMBREX_V4_INT64}) : IMBREX_V4_INT64;
  call.slot_count = plan.slot_count;
  bind_indices(memory, "slots", plan.slots, call.slot_type);
  call.slots = memory.tensors.at("slots").data();
  return memory;
}

// Of a cache without gaps, what no token went to.
bool other_places_are_untouched(const Plan& plan, const std::vector<std::byte>& cache) {
  std::vector<bool> is_written(cache.size());
  const int64_t block_bytes = plan.cache_block * (plan.cache == IMBREX_V4_BF16_CACHE ? 1024 : 584);
  for (const int64_t slot : plan.slots) {
    if (slot < 0) continue;
    const int64_t block = slot / plan.cache_block * block_bytes, place = slot % plan.cache_block;
    const auto mark = [&](int64_t at, int64_t bytes) { std::fill_n(is_written.begin() + block + at, bytes, true); };
    if (plan.cache == IMBREX_V4_BF16_CACHE) mark(place * 1024, 1024);
    if (plan.cache == IMBREX_V4_FP8_CACHE) mark(place * 576, 576), mark(plan.cache_block * 576 + place * 8, 7);
  }
  for (size_t i = 0; i < cache.size(); ++i)
    if (!is_written[i] && cache[i] != std::byte{kGuard}) return false;
  return true;
}

// Heads that are not the front's.
bool are_zero(const std::vector<std::byte>& rows, size_t begin, size_t bytes) {
  return std::all_of(rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.begin() + static_cast<std::ptrdiff_t>(begin + bytes),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

class OperatorCalls : public testing::Test {
 protected:
  OperatorCalls() {
    for (imbrex_v4_form form : all_forms())
      for (const auto& [begin, end] : {std::pair<int64_t, int64_t>(0, 4), {0, 2}, {2, 4}}) {
        form.head_begin = begin, form.head_end = end;
        fronts_.push_back({form, std::make_unique<PackedFront>(model_, form), nullptr});
        imbrex_v4_form plain = form;
        plain.keep_fp8 = plain.without_kv = 0;
        if (!form.keep_fp8 && !form.without_kv) continue;
        imbrex_v4_form with_weights = form;
        with_weights.without_kv = 0;
        fronts_.back().plain = std::make_unique<PackedFront>(model_.weights(with_weights), plain);
      }
  }

  void try_call(uint64_t seed) {
    SCOPED_TRACE("IMBREX_OPERATOR_SEED=" + std::to_string(seed));
    Draw draw(seed);
    const auto& [form, packed, plain] = fronts_[static_cast<size_t>(draw.below(static_cast<int64_t>(fronts_.size())))];
    const PackedFront& other = plain ? *plain : *packed;
    const Plan plan = plan_of(draw, form);
    const int nth = static_cast<int>(1 + draw.below(4));
    Memory expected = memory_of(plan, model_, other, draw, false, 2), actual = memory_of(plan, model_, *packed, draw, true, nth);
    ASSERT_EQ(pool_.run(other.front, expected.call), IMBREX_V4_OK) << other.front.explain(expected.call);
    ASSERT_EQ(run_on_threads(packed->front.get(), actual.call, nth, count_around), IMBREX_V4_OK)
        << packed->front.explain(actual.call);
    for (const auto& [name, tensor] : actual.tensors) EXPECT_TRUE(tensor.is_intact()) << "bytes around " << name;
    for (const char* name : {"latent", "latent_scale", "latent_bf16", "kv", "extra", "cache"})
      if (actual.tensors.count(name)) {
        EXPECT_EQ(actual.tensors.at(name).dense(), expected.tensors.at(name).dense()) << name;
      }
    if (plan.cache != IMBREX_V4_NO_CACHE) {
      EXPECT_TRUE(other_places_are_untouched(plan, actual.tensors.at("cache").dense()));
    }
    const std::vector<std::byte> q = actual.tensors.at("q").dense(), dense = expected.tensors.at("q").dense();
    const auto row = static_cast<size_t>(plan.heads * 512) * (form.q == IMBREX_V4_F32 ? 4 : 2),
               with_others = q.size() / std::max<size_t>(1, static_cast<size_t>(plan.T));
    for (size_t t = 0; t < static_cast<size_t>(plan.T); ++t) {
      EXPECT_TRUE(std::equal(q.begin() + static_cast<std::ptrdiff_t>(t * with_others),
                             q.begin() + static_cast<std::ptrdiff_t>(t * with_others + row),
                             dense.begin() + static_cast<std::ptrdiff_t>(t * row)))
          << "q of token " << t;
      EXPECT_TRUE(are_zero(q, t * with_others + row, with_others - row));
    }
  }

  struct Made {
    imbrex_v4_form form;
    std::unique_ptr<PackedFront> packed;
    std::unique_ptr<PackedFront> plain;  // W8A8 with the same weights expanded, and with keys and values; null: it is that
  };
  OperatorModel model_;
  std::vector<Made> fronts_;
  deepseek_v4::Pool pool_{2};
};

TEST_F(OperatorCalls, OfAnyFormGiveTheBitsOfThePool) {
  const char *calls = std::getenv("IMBREX_OPERATOR_CALLS"), *seed = std::getenv("IMBREX_OPERATOR_SEED");
  allocations_in_runs = 0;
  if (seed) return try_call(std::stoull(seed));
  for (uint64_t i = 0; i < (calls ? std::stoull(calls) : 1200) && !HasFailure(); ++i) try_call(i);
  EXPECT_EQ(allocations_in_runs, 0);
}

// The heads of a front are those of the model that it was made for.
TEST_F(OperatorCalls, HeadRangesAreThePartsOfAllHeads) {
  Draw draw(1);
  const Plan plan = plan_of(draw, fronts_[0].form);
  std::vector<std::vector<std::byte>> q;
  for (size_t i = 0; i < 3; ++i) {
    Plan own = plan;
    own.T = 3, own.positions = {1, 2, 3}, own.has_positions = true, own.cache = IMBREX_V4_NO_CACHE,
    own.heads = fronts_[i].form.head_end - fronts_[i].form.head_begin;
    own.x = random_array(DType::bf16, {3, kHidden}, 77);
    Memory memory = memory_of(own, model_, *fronts_[i].packed, draw, false, 2);
    ASSERT_EQ(pool_.run(fronts_[i].packed->front, memory.call), IMBREX_V4_OK);
    q.push_back(memory.tensors.at("q").dense());
  }
  constexpr size_t all = 4 * 512 * 2, half = all / 2;
  for (size_t t = 0; t < 3; ++t) {
    EXPECT_EQ(std::memcmp(&q[0][t * all], &q[1][t * half], half), 0);
    EXPECT_EQ(std::memcmp(&q[0][t * all + half], &q[2][t * half], half), 0);
  }
}

// One front and its packed weights, several callers at once.
TEST_F(OperatorCalls, RunAtOnceOnOneFront) {
  const PackedFront& packed = *fronts_[0].packed;
  Draw draw(5);
  Plan plan = plan_of(draw, fronts_[0].form);
  plan.T = 8, plan.has_positions = false, plan.cache = IMBREX_V4_NO_CACHE;
  plan.x = random_array(DType::bf16, {8, kHidden}, 78);
  std::vector<Memory> memories;
  for (int i = 0; i < 3; ++i) memories.push_back(memory_of(plan, model_, packed, draw, false, 2));
  std::vector<std::thread> callers;
  for (Memory& memory : memories)
    callers.emplace_back([&] {
      for (int again = 0; again < 20; ++again) EXPECT_EQ(run_on_threads(packed.front.get(), memory.call, 2), IMBREX_V4_OK);
    });
  for (std::thread& each : callers) each.join();
  for (const Memory& memory : memories) EXPECT_EQ(memory.tensors.at("q").dense(), memories[0].tensors.at("q").dense());
}

}  // namespace
}  // namespace imbrex::test

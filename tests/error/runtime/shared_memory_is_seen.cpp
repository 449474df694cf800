// imbrex_may_overlap() against the bytes themselves: what shares one is always seen, what lies in turns is let pass.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "imbrex/runtime/call_memory.h"

namespace {

// Two tensors, with extents in place of dimensions.
struct Two {
  std::vector<int64_t> extents[2], strides[2];
  imbrex_dtype dtypes[2];
  uintptr_t begins[2];

  bool said() const {
    current = this;
    imbrex_tensor_info infos[2] = {};
    imbrex_kernel kernel = {};
    kernel.tensors = infos;
    kernel.extent = [](int32_t tensor, int32_t axis, const int64_t*) {
      return current->extents[tensor][static_cast<size_t>(axis)];
    };
    imbrex_memory memories[2];
    for (int32_t i = 0; i < 2; ++i) {
      infos[i].dtype = dtypes[i];
      infos[i].rank = static_cast<int32_t>(extents[i].size());
      const imbrex_tensor tensor = {reinterpret_cast<const void*>(begins[i]), nullptr, strides[i].data()};
      memories[i] = imbrex_memory_of(&kernel, i, tensor, nullptr);
    }
    const int answer = imbrex_may_overlap(&kernel, nullptr, &memories[0], &memories[1]);
    EXPECT_EQ(imbrex_may_overlap(&kernel, nullptr, &memories[1], &memories[0]), answer);
    return answer != 0;
  }
  bool is_so() const {
    const std::set<uintptr_t> first = bytes(0), second = bytes(1);
    return std::any_of(first.begin(), first.end(), [&](uintptr_t byte) { return second.contains(byte); });
  }

 private:
  std::set<uintptr_t> bytes(int tensor) const {
    const size_t element = imbrex_element_bytes(dtypes[tensor]);
    std::vector<uintptr_t> elements = {begins[tensor]};
    for (size_t axis = 0; axis < extents[tensor].size(); ++axis) {
      std::vector<uintptr_t> more;
      for (const uintptr_t at : elements)
        for (int64_t i = 0; i < extents[tensor][axis]; ++i)
          more.push_back(at + static_cast<uintptr_t>(i * strides[tensor][axis]) * element);
      elements = more;
    }
    std::set<uintptr_t> all;
    for (const uintptr_t at : elements)
      for (size_t byte = 0; byte < element; ++byte) all.insert(at + byte);
    return all;
  }
  static inline const Two* current = nullptr;
};

TEST(SharedMemory, IsNeverMissed) {
  std::mt19937 random(7);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  const imbrex_dtype dtypes[] = {IMBREX_INT8, IMBREX_BF16, IMBREX_F32};
  int shared = 0, apart = 0, cautious = 0;
  for (int i = 0; i < 100'000; ++i) {
    Two two = {};
    const std::vector<int64_t> common = {12 + 12 * below(3), 4 * below(4), 1};
    for (int tensor = 0; tensor < 2; ++tensor) {
      two.dtypes[tensor] = below(3) == 0 ? dtypes[below(3)] : IMBREX_BF16;
      two.begins[tensor] = static_cast<uintptr_t>(4096 + below(60));
      for (int64_t axis = below(4); axis < 3; ++axis) {
        two.extents[tensor].push_back(below(20) == 0 ? 0 : 1 + below(4));
        two.strides[tensor].push_back(axis < 2 && below(4) == 0 ? below(40) : common[static_cast<size_t>(axis)]);
      }
    }
    const bool said = two.said(), is_so = two.is_so();
    ASSERT_TRUE(said || !is_so) << "case " << i;
    ++(is_so ? shared : said ? cautious : apart);
  }
  EXPECT_GT(shared, 10'000);
  EXPECT_GT(apart, 10'000);
  EXPECT_LT(cautious, apart / 2) << apart;
}

// Tensors of one buffer, `first` elements in: [T, n] beside each other, heads in turn, and one row.
TEST(SharedMemory, IsNoneOfPiecesInTurn) {
  const auto said = [](std::vector<int64_t> a, std::vector<int64_t> a_strides, std::vector<int64_t> b,
                       std::vector<int64_t> b_strides, uintptr_t first) {
    return Two{{std::move(a), std::move(b)},
               {std::move(a_strides), std::move(b_strides)},
               {IMBREX_BF16, IMBREX_BF16},
               {4096, 4096 + 2 * first}}
        .said();
  };
  EXPECT_FALSE(said({7, 512}, {576, 1}, {7, 64}, {576, 1}, 512));
  EXPECT_TRUE(said({7, 512}, {576, 1}, {7, 64}, {576, 1}, 511));
  EXPECT_TRUE(said({7, 512}, {576, 1}, {7, 65}, {576, 1}, 512));
  EXPECT_FALSE(said({7, 4, 512}, {2304, 576, 1}, {7, 4, 64}, {2304, 576, 1}, 512));
  EXPECT_TRUE(said({7, 4, 512}, {2304, 576, 1}, {7, 4, 65}, {2304, 576, 1}, 512));
  EXPECT_FALSE(said({7, 4, 512}, {2400, 576, 1}, {7, 64}, {2400, 1}, 2304));
  EXPECT_FALSE(said({7, 512}, {576, 1}, {64}, {1}, 512));
  EXPECT_FALSE(said({1, 512}, {3, 1}, {7, 64}, {576, 1}, 512));
  EXPECT_TRUE(said({7, 512}, {576, 1}, {7, 64}, {512, 1}, 512));  // not in turn
  EXPECT_FALSE(said({7, 0}, {576, 1}, {7, 64}, {576, 1}, 0));
}

}  // namespace

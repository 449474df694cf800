// A tap shows the tiles that the interpreter shows, a trace every scope that was run; without taps compiled in there are none.
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

constexpr const char* kText = R"(imbrex 1
kernel "watched" {
  dim N
  input x: f32[N, 20]
  output y: f32[N, 20]
  at "double" {
    parallel n in tiles(N, 4) {
      range c in 2 .. 4 {
        tap "part" x[n, c * 5 +: 5] * 2.0
      }
      y[n, :] = x[n, :] * 2.0
      tap "sums" row_sum(x[n, :])
    }
  }
  parallel row in 0 .. N {
    at "add" {
      y[row, :] = y[row, :] + 1.0
      tap "codes" cast(y[row, :], int8, rint)
    }
  }
  tap "all" y[:, :]
})";

struct Shown {
  std::string name;
  std::vector<int64_t> indices, shape;
  std::vector<std::byte> bytes;
  auto operator<=>(const Shown&) const = default;
};

struct Watched {
  std::mutex mutex;
  std::multiset<Shown> taps;
  std::map<std::string, int> scopes;
  bool is_ordered = true;
};

void tap(void* user, const char* name, imbrex_dtype dtype, const void* data, int64_t rows, int64_t columns,
         const int64_t* indices, int32_t index_count) {
  const int64_t bytes = dtype == IMBREX_F32 ? 4 : 1;
  const auto* begin = static_cast<const std::byte*>(data);
  auto& watched = *static_cast<Watched*>(user);
  const std::lock_guard lock(watched.mutex);
  watched.taps.insert({name, {indices, indices + index_count}, {rows, columns}, {begin, begin + rows * columns * bytes}});
}

void trace(void* user, int, const char* name, uint64_t begin, uint64_t end) {
  auto& watched = *static_cast<Watched*>(user);
  const std::lock_guard lock(watched.mutex);
  ++watched.scopes[name];
  watched.is_ordered = watched.is_ordered && begin <= end && begin > 0;
}

TEST(Watching, shows_what_happens) {
  const ir::Program program = ir::parse(kText, "watched.tile");
  ir::verify_or_throw(program);
  const Dims dims{{"N", 10}};
  Tensors inputs{{"x", Array::zeros(DType::f32, {10, 20})}};
  for (int i = 0; i < 200; ++i) inputs["x"].as<float>()[i] = static_cast<float>(i) * 0.125f;
  Tensors expected = inputs;
  std::multiset<Shown> taps;
  interpret::Options options;
  options.tap = [&](const std::string& name, const std::vector<int64_t>& indices, const Array& tile) {
    const auto* begin = reinterpret_cast<const std::byte*>(tile.bytes.data());
    taps.insert({name, indices, tile.shape, {begin, begin + tile.bytes.size()}});
  };
  interpret::run(program, dims, expected, options);
  ASSERT_EQ(taps.size(), 3u * 3u + 10u + 1u);

  for (const target::Target* target : test::runnable_targets()) {
    for (const bool with_taps : {true, false}) {
      const GeneratedCode code(std::span(&program, 1), *target, "-O1", with_taps);
      ASSERT_EQ(code.error(), "");
      for (int threads = 1; threads <= 3; ++threads) {
        Watched watched;
        const RunResult result = run_generated(program, code.kernel(program), dims, inputs, threads, 0, {trace, tap, &watched});
        EXPECT_EQ(result.error, "");
        EXPECT_FALSE(first_difference(result.tensors.at("y"), expected.at("y")));
        EXPECT_EQ(watched.taps == taps, with_taps) << target->name << ", " << threads << " threads";
        EXPECT_EQ(watched.taps.empty(), !with_taps);
        EXPECT_EQ(watched.scopes, (std::map<std::string, int>{{"double", threads}, {"add", 10}}));
        EXPECT_TRUE(watched.is_ordered);
      }
    }
  }
}

}  // namespace
}  // namespace imbrex::test

// imbrex calibrate: measures the rates of this machine that the optimizer's estimates are made of.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "imbrex/ir/hash.h"
#include "imbrex/runtime/file.h"
#include "imbrex/target/rates.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/probes.h"

namespace imbrex::tools {
namespace {

struct CalibrateOptions {
  std::string to;
  int64_t threads = 0;
};

// The least of several runs: what neighbours add is no property of the machine.
template <class F>
double least_seconds(F&& run) {
  double best = run();
  for (int i = 0; i < 8; ++i) best = std::min(best, run());
  return best;
}

// sysconf says 0 or -1 where it does not know.
int64_t cache_bytes(int level, int64_t otherwise) {
#ifdef _SC_LEVEL2_CACHE_SIZE
  const int64_t bytes = sysconf(level == 2 ? _SC_LEVEL2_CACHE_SIZE : _SC_LEVEL3_CACHE_SIZE);
  if (bytes > 0) return bytes;
#endif
  return otherwise;
}

class Calibration {
 public:
  explicit Calibration(int threads) : executor_(threads), threads_(threads), memory_((int64_t{192} << 20) / 8, 1) {}

  target::Rates run() {
    target::Rates rates;
    rates.name = "this machine";
    rates.cores = threads_;
    constexpr double kProducts = 2e9, kOperations = 1e9;
    const double int8 = kProducts / least_seconds([&] { return time_peak(executor_, 1, kProducts, 0); });
    const double bf16 = kProducts / least_seconds([&] { return time_peak(executor_, 1, 0, kProducts); });
    rates.vector = kOperations / least_seconds([&] { return time_vector_operations(executor_, 1, kOperations); });
    for (const target::ProductKernel& kernel : target::best_target().products) {
      const bool is_f32 = kernel.product == target::Product::f32, is_bf16 = kernel.product == target::Product::bf16;
      // A product of f32 takes a multiplication and an addition of its own.
      rates.products[kernel.rate] = is_f32 ? rates.vector / 2 : is_bf16 ? bf16 : int8;
    }
    rates.second_cache_bytes = cache_bytes(2, 1 << 20);
    rates.third_cache_bytes = cache_bytes(3, 8 << 20);
    rates.second_cache = bytes_per_second(1, rates.second_cache_bytes / 2, 64 << 20);
    rates.third_cache = bytes_per_second(1, std::max(rates.third_cache_bytes / 4, 2 * rates.second_cache_bytes), 64 << 20);
    const int64_t all = static_cast<int64_t>(memory_.size()) * 8;
    rates.memory = bytes_per_second(1, all, all);
    rates.memory_of_all = bytes_per_second(threads_, all, all);
    constexpr int kBarriers = 1000;
    rates.barrier = least_seconds([&] {
                      const auto begin = std::chrono::steady_clock::now();
                      executor_.run(threads_, [&](int, int, runtime::Barrier& barrier) {
                        for (int i = 0; i < kBarriers; ++i) barrier.wait();
                      });
                      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
                    }) /
                    kBarriers;
    // Handing out a task is an exchange on a queue and two divisions; nothing here can time it apart.
    rates.task = target::machine_classes().front().rates.task;
    return rates;
  }

 private:
  // `bytes` are read again and again until `total` have been.
  double bytes_per_second(int threads, int64_t bytes, int64_t total) {
    const int64_t times = std::max<int64_t>(1, total / bytes);
    const double seconds = least_seconds([&] { return time_repeated_stream(executor_, threads, memory_.data(), bytes, times); });
    return static_cast<double>(bytes * times) / seconds;
  }

  runtime::Executor executor_;
  int threads_;
  std::vector<uint64_t> memory_;
};

int calibrate(const CalibrateOptions& options) {
  const std::string text = target::text_of(Calibration(threads_of(options.threads)).run());
  if (options.to.empty()) {
    fmt::print("{}", text);
    return 0;
  }
  try {
    runtime::write_file(options.to, text);
  } catch (const std::filesystem::filesystem_error& error) {
    throw UserError("file-unwritable", fmt::format("cannot write the rates: {}", error.what()),
                    "--to with a file in a folder that you may write to");
  }
  fmt::print("wrote {}, {}\nto use it: IMBREX_MACHINE={}\n", options.to, ir::sha256_hex(text).substr(0, 12), options.to);
  return 0;
}

}  // namespace

void add_calibrate(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("calibrate", "Measures this machine's rates, for the optimizer's estimates");
  auto o = std::make_shared<CalibrateOptions>();
  command->add_option("--to", o->to, "File to write them to (default: printed)");
  command->add_option("--threads", o->threads, "Threads (default: one for each processor)");
  command->callback([o, &status] { status = calibrate(*o); });
}

}  // namespace imbrex::tools

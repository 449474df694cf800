// imbrex calibrate: measures the rates of this machine that the optimizer's estimates are made of.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "imbrex/ir/hash.h"
#include "imbrex/runtime/buffer.h"
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
  explicit Calibration(int threads) : executor_(threads), threads_(threads), memory_(kMemory) {
    std::fill_n(static_cast<char*>(memory_.data()), kMemory, char{1});
  }

  target::Rates run() {
    target::Rates rates;
    rates.name = "this machine";
    rates.cores = threads_;
    for (const target::Target* target : target::supported_targets())
      for (const target::ProductKernel& kernel : target->products)
        if (!rates.products.contains(kernel.rate)) rates.products[kernel.rate] = product_kernel_rate(*target, kernel);
    rates.vector = vector_rate(target::best_target());
    rates.l2_bytes = cache_bytes(2, target::class_of_this_machine().rates.l2_bytes);
    rates.l3_bytes = cache_bytes(3, target::class_of_this_machine().rates.l3_bytes);
    const int64_t half = rates.l2_bytes / 2, times = (int64_t{64} << 20) / half;
    rates.l2 =
        static_cast<double>(half * times) / least_seconds([&] { return time_repeated_reading(memory_.data(), half, times); });
    const int64_t in_l3 = std::min(std::max(rates.l3_bytes / 4, 2 * rates.l2_bytes), kMemory / 4);
    rates.l3 = bytes_per_second(1, in_l3, false);
    rates.memory = bytes_per_second(1, kMemory, true);
    rates.memory_of_all = bytes_per_second(threads_, kMemory, true);
    constexpr int kBarriers = 1000;
    rates.barrier = least_seconds([&] {
                      const auto begin = std::chrono::steady_clock::now();
                      executor_.run(threads_, [&](int, int, runtime::Barrier& barrier) {
                        for (int i = 0; i < kBarriers; ++i) barrier.wait();
                      });
                      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
                    }) /
                    kBarriers;
    // Handing out a task is an exchange on a queue and two divisions; nothing here can time it apart. The
    // prefetch distance is not measured.
    rates.task = target::class_of_this_machine().rates.task;
    rates.fetched_ahead = target::class_of_this_machine().rates.fetched_ahead;
    return rates;
  }

 private:
  double bytes_per_second(int threads, int64_t bytes, bool cold) {
    return static_cast<double>(bytes) / least_seconds([&] {
             if (cold) evict_caches(executor_, threads_);
             return time_stream(executor_, threads, memory_.data(), bytes);
           });
  }

  static constexpr int64_t kMemory = int64_t{192} << 20;
  runtime::Executor executor_;
  int threads_;
  runtime::Buffer memory_;
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

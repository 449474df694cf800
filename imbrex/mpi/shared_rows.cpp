#include "imbrex/mpi/shared_rows.h"

#include <algorithm>
#include <functional>

#include "imbrex/mpi/timing.h"

namespace imbrex::mpi {

SharedRows::SharedRows(const ir::Program& of_rows, const ir::Program& of_units, int64_t T, Loaded& whole,
                       const Processor& processor, const World& world)
    : processor_(processor), world_(world) {
  for (int rank = 0; rank < world.ranks(); ++rank) rows_.push_back(part_of(T, rank, world.ranks()).count);
  const auto call_of = [&](const ir::Program& program, const Part& rows) {
    auto call = std::make_unique<runtime::Call>(processor.compiled(program));
    whole.lend(*call, program, rows);
    return call;
  };
  of_rows_ = call_of(of_rows, part_of(T, world.rank(), world.ranks()));
  of_units_ = call_of(of_units, {0, T});
  for (const tools::TensorShape& shape : whole.output_shapes) {
    const bool is_of_rows = std::any_of(of_rows.tensors.begin(), of_rows.tensors.end(), [&](const ir::Tensor& tensor) {
      return tensor.role == ir::Role::output && tensor.name == shape.name;
    });
    if (!is_of_rows) continue;
    Array& array = whole.outputs.at(shape.name);
    names_.push_back(shape.name);
    bytes_ += static_cast<int64_t>(array.bytes.size());
    if (T > 0) exchanged_.push_back({array.bytes.data(), static_cast<int64_t>(array.bytes.size()) / T});
  }
}

double SharedRows::exchange() {
  const auto begin = std::chrono::steady_clock::now();
  for (const Exchanged& each : exchanged_) world_.exchange_rows(each.whole, each.row_bytes, rows_);
  return seconds_since(begin);
}

double SharedRows::run() {
  const auto begin = std::chrono::steady_clock::now();
  compute_rows();
  exchange();
  compute_units();
  return seconds_since(begin);
}

BothWays measure(Loaded& whole, SharedRows& shared, int64_t rounds, const World& world) {
  std::vector<double> of_whole, of_rows, of_exchange, of_units;
  const auto add = [&](std::vector<double>& to, const std::function<double()>& work) {
    world.barrier();
    to.push_back(world.most(work()));
  };
  whole.run();
  shared.run();
  for (int64_t i = 0; i < rounds; ++i) {
    add(of_whole, [&] { return whole.run(); });
    add(of_rows, [&] { return shared.compute_rows(); });
    add(of_exchange, [&] { return shared.exchange(); });
    add(of_units, [&] { return shared.compute_units(); });
  }
  return {median(of_whole), median(of_rows), median(of_exchange), median(of_units)};
}

}  // namespace imbrex::mpi

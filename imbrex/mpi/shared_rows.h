// A kernel in two: each rank computes of some rows (tokens) what does not belong to units, all exchange it, and each computes its units
// of all rows. The bits are those of the whole kernel, as no row depends on another.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "imbrex/mpi/loaded.h"
#include "imbrex/mpi/world.h"

namespace imbrex::mpi {

class SharedRows {
 public:
  // Of the kernel that `whole` has, for the same memory: the programs of its two parts (kernels::Division), of all T rows.
  SharedRows(const ir::Program& of_rows, const ir::Program& of_units, int64_t T, Loaded& whole, const Processor& processor,
             const World& world);

  // One after another, by all ranks: seconds that each takes here.
  double compute_rows() { return processor_.seconds_of(*of_rows_); }
  double exchange();
  double compute_units() { return processor_.seconds_of(*of_units_); }
  // Seconds of all three.
  double run();

  const std::vector<std::string>& names() const { return names_; }  // of the tensors that are exchanged
  int64_t bytes() const { return bytes_; }                          // of all their rows
  const std::vector<int64_t>& rows() const { return rows_; }        // by rank

 private:
  struct Exchanged {
    void* whole;
    int64_t row_bytes;
  };
  Processor processor_;
  const World& world_;
  std::unique_ptr<runtime::Call> of_rows_, of_units_;
  std::vector<int64_t> rows_;
  std::vector<Exchanged> exchanged_;
  std::vector<std::string> names_;
  int64_t bytes_ = 0;
};

// Both ways to run it, measured: medians of rounds, each of which takes as long as its slowest rank.
struct BothWays {
  double whole = 0;                          // seconds of a run in which each rank computes all rows
  double rows = 0, exchange = 0, units = 0;  // of one in which they share them
  double shared() const { return rows + exchange + units; }
};
BothWays measure(Loaded& whole, SharedRows& shared, int64_t rounds, const World& world);

}  // namespace imbrex::mpi

// The processes of this run, which MPI calls ranks, and what they send each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace imbrex::mpi {

class World {
 public:
  // Of a process that `mpirun` started, or of one alone. Only the thread that makes it may call it.
  World(int* argc, char*** argv);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  int ranks_here() const { return ranks_here_; }  // on this machine
  bool is_first() const { return rank_ == 0; }

  // Ends all ranks, with this exit status.
  [[noreturn]] void abort(int status) const;

  void barrier() const;
  double most(double value) const;                // of all ranks
  int64_t sum(int64_t value) const;               // likewise
  bool is_equal(uint64_t value) const;            // whether all ranks have the same
  std::vector<int64_t> all(int64_t value) const;  // by rank

  // Rows that the first rank puts side by side: this rank's `rows` of `bytes` each, one after another in `mine`, go to `bytes` from
  // `offset` on of each row of `whole`, whose rows have `row_bytes`. `whole` is the first rank's.
  void gather_rows(const void* mine, int64_t rows, int64_t bytes, void* whole, int64_t row_bytes, int64_t offset) const;
  // Everyone's `bytes` to everyone, in the order of ranks.
  void all_gather(const void* mine, int64_t bytes, void* whole) const;

 private:
  int rank_ = 0, ranks_ = 1, ranks_here_ = 1;
};

}  // namespace imbrex::mpi

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
  double most(double value) const;                                       // of all ranks
  bool first_says(bool value) const;                                     // the first rank's
  bool is_equal(uint64_t value) const;                                   // whether all ranks have the same
  std::vector<int64_t> all(int64_t value) const;                         // by rank
  std::vector<std::string> texts_of_all(const std::string& text) const;  // by rank; of at most 2^31 - 1 bytes together

  // Rows that the first rank puts side by side: this rank's `rows` of `bytes` each, one after another in `mine`, go to `bytes` from
  // `offset` on of each row of `whole`, whose rows have `row_bytes`. `whole` is the first rank's.
  void gather_rows(const void* mine, int64_t rows, int64_t bytes, void* whole, int64_t row_bytes, int64_t offset) const;
  // Rows that each rank has a part of, to all: `whole` has those of all ranks one after another, `rows[rank]` of each, and those of this
  // rank are there.
  void exchange_rows(void* whole, int64_t row_bytes, const std::vector<int64_t>& rows) const;

 private:
  int rank_ = 0, ranks_ = 1, ranks_here_ = 1;
};

}  // namespace imbrex::mpi

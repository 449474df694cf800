#include "imbrex/mpi/world.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace imbrex::mpi {
namespace {

// MPI counts in int. Memory is sent in elements of this type, one for each row.
class RowType {
 public:
  explicit RowType(int64_t bytes) {
    // Of words where it can be: a row of 2^31 bytes and more has no count in bytes.
    const bool in_words = bytes % 8 == 0;
    MPI_Type_contiguous(static_cast<int>(in_words ? bytes / 8 : bytes), in_words ? MPI_UINT64_T : MPI_BYTE, &type_);
    MPI_Type_commit(&type_);
  }
  RowType(int64_t rows, int64_t bytes, int64_t stride) {
    const RowType row(bytes);
    MPI_Type_create_hvector(static_cast<int>(rows), 1, static_cast<MPI_Aint>(stride), row.type_, &type_);
    MPI_Type_commit(&type_);
  }
  ~RowType() { MPI_Type_free(&type_); }
  RowType(const RowType&) = delete;
  RowType& operator=(const RowType&) = delete;
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

constexpr int kRows = 1, kPlace = 2;  // tags

}  // namespace

// Errors of MPI end the run with a message of MPI's, which is its default.
World::World(int* argc, char*** argv) {
  int provided = 0;
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks_);
  MPI_Comm here = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &here);
  MPI_Comm_size(here, &ranks_here_);
  MPI_Comm_free(&here);
}

World::~World() { MPI_Finalize(); }

void World::abort(int status) const {
  MPI_Abort(MPI_COMM_WORLD, status);
  std::abort();  // MPI_Abort does not return
}

void World::barrier() const { MPI_Barrier(MPI_COMM_WORLD); }

double World::most(double value) const {
  double result = 0;
  MPI_Allreduce(&value, &result, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return result;
}

bool World::first_says(bool value) const {
  int said = value;
  MPI_Bcast(&said, 1, MPI_INT, 0, MPI_COMM_WORLD);
  return said != 0;
}

bool World::is_equal(uint64_t value) const {
  uint64_t least = 0, most = 0;
  MPI_Allreduce(&value, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
  MPI_Allreduce(&value, &most, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
  return least == most;
}

std::vector<int64_t> World::all(int64_t value) const {
  std::vector<int64_t> values(static_cast<size_t>(ranks_));
  MPI_Allgather(&value, 1, MPI_INT64_T, values.data(), 1, MPI_INT64_T, MPI_COMM_WORLD);
  return values;
}

std::vector<std::string> World::texts_of_all(const std::string& text) const {
  const std::vector<int64_t> sizes = all(static_cast<int64_t>(text.size()));
  const std::vector<int> counts(sizes.begin(), sizes.end());
  std::vector<int> places(counts.size());
  std::exclusive_scan(counts.begin(), counts.end(), places.begin(), 0);
  std::string joined(static_cast<size_t>(places.back() + counts.back()), '\0');
  MPI_Allgatherv(text.data(), counts[static_cast<size_t>(rank_)], MPI_CHAR, joined.data(), counts.data(), places.data(), MPI_CHAR,
                 MPI_COMM_WORLD);
  std::vector<std::string> texts;
  for (size_t rank = 0; rank < counts.size(); ++rank)
    texts.push_back(joined.substr(static_cast<size_t>(places[rank]), static_cast<size_t>(counts[rank])));
  return texts;
}

void World::gather_rows(const void* mine, int64_t rows, int64_t bytes, void* whole, int64_t row_bytes, int64_t offset) const {
  if (!is_first()) {
    const int64_t place[] = {bytes, offset};
    MPI_Send(place, 2, MPI_INT64_T, 0, kPlace, MPI_COMM_WORLD);
    const RowType row(bytes);
    MPI_Send(mine, static_cast<int>(rows), row.get(), 0, kRows, MPI_COMM_WORLD);
    return;
  }
  auto* const to = static_cast<char*>(whole);
  const auto* const from = static_cast<const char*>(mine);
  for (int64_t row = 0; row < rows; ++row) std::copy_n(from + row * bytes, bytes, to + row * row_bytes + offset);
  for (int rank = 1; rank < ranks_; ++rank) {
    int64_t place[2] = {};
    MPI_Recv(place, 2, MPI_INT64_T, rank, kPlace, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    const RowType part(rows, place[0], row_bytes);
    MPI_Recv(to + place[1], 1, part.get(), rank, kRows, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
}

void World::exchange_rows(void* whole, int64_t row_bytes, const std::vector<int64_t>& rows) const {
  std::vector<int> counts(rows.begin(), rows.end()), places(rows.size());
  std::exclusive_scan(counts.begin(), counts.end(), places.begin(), 0);
  const RowType row(row_bytes);
  MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, whole, counts.data(), places.data(), row.get(), MPI_COMM_WORLD);
}

}  // namespace imbrex::mpi

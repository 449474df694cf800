// The queues of generated code: every task is done exactly once, by its own worker or by one that steals it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "imbrex/target/isa/scalar.h"
// After the primitives, as in generated code.
#include "imbrex/codegen/kernel_support.h"

namespace imbrex::isa {
namespace {

struct Done {
  std::vector<std::atomic<int>> times;
  std::vector<int64_t> by_worker;
};

// Worker `slow` sleeps in each of its tasks.
Done run_tasks(int64_t tasks, int32_t nth, int32_t slow) {
  Done done{std::vector<std::atomic<int>>(static_cast<size_t>(tasks)), std::vector<int64_t>(static_cast<size_t>(nth))};
  struct Own {  // what lies between two workers' queues is any number of bytes
    Queue queue;
    char other[192];
  };
  std::vector<Own> own(static_cast<size_t>(nth));
  for (int32_t ith = 0; ith < nth; ++ith) own[static_cast<size_t>(ith)].queue.fill(part_of(tasks, ith, nth));
  std::vector<std::thread> threads;
  for (int32_t ith = 0; ith < nth; ++ith) {
    threads.emplace_back([&, ith] {
      imbrex_call call = {};
      call.ith = ith;
      call.nth = nth;
      Tasks mine(&own[static_cast<size_t>(ith)].queue, sizeof(Own), &call);
      for (int64_t task; (task = mine.next()) >= 0;) {
        ++done.times[static_cast<size_t>(task)];
        ++done.by_worker[static_cast<size_t>(ith)];
        if (ith == slow) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return done;
}

// The tiles of a sweep come with all panels before the next sweep; each pair comes once.
TEST(TaskOfTiles, IsEachPairOnce) {
  for (const int64_t tiles : {1, 2, 3, 4, 7, 29})
    for (const int64_t panels : {1, 2, 16})
      for (const int64_t sweep : {1, 3, 4, 100}) {
        std::set<std::pair<int64_t, int64_t>> seen;
        for (int64_t task = 0; task < tiles * panels; ++task) {
          const TaskOfTiles numbers = task_of_tiles(task, tiles, panels, sweep);
          EXPECT_TRUE(numbers.tile >= 0 && numbers.tile < tiles && numbers.panel >= 0 && numbers.panel < panels);
          EXPECT_TRUE(seen.emplace(numbers.tile, numbers.panel).second) << task << " of " << tiles << " x " << panels;
          EXPECT_EQ(numbers.tile / sweep, task / (sweep * panels)) << "leaves the sweep too early";
        }
      }
}

// Blocks follow each other, and each worker's has its share of the rows, to half a tile at either end.
TEST(PartOfTiles, HasItsShareOfTheRows) {
  for (const int64_t rows : {0, 1, 3, 71, 72, 73, 216, 217, 512, 1000})
    for (const int64_t tile : {1, 4, 72, 5000})
      for (const int64_t panels : {0, 1, 4, 17})
        for (const int64_t sweep : {1, 3, 64})
          for (const int64_t nth : {1, 2, 3, 7, 100}) {
            const int64_t tiles = tiles_of(rows, tile), tasks = tiles * panels;
            int64_t end = 0;
            for (int64_t ith = 0; ith < nth; ++ith) {
              const Part part = part_of_tiles(rows, tile, panels, sweep, ith, nth);
              ASSERT_EQ(part.begin, end);
              ASSERT_GE(part.end, part.begin);
              end = part.end;
              int64_t own = 0;
              for (int64_t task = part.begin; task < part.end; ++task)
                own += std::min(tile, rows - task_of_tiles(task, tiles, panels, sweep).tile * tile);
              EXPECT_LE(std::abs(own * nth - rows * panels), (std::min(tile, rows) + 1) * nth)
                  << rows << " rows in tiles of " << tile << ", " << panels << " panels, worker " << ith << " of " << nth;
            }
            EXPECT_EQ(end, tasks);
          }
}

TEST(Tasks, AreDoneOnce) {
  for (const int32_t nth : {1, 2, 3, 7}) {
    for (const int64_t tasks : {0, 1, 2, 3, 6, 7, 8, 1000}) {
      const Done done = run_tasks(tasks, nth, -1);
      for (const std::atomic<int>& times : done.times) EXPECT_EQ(times, 1) << tasks << " tasks, " << nth << " workers";
    }
  }
}

TEST(Tasks, OfASlowWorkerAreStolen) {
  const Done done = run_tasks(90, 3, 1);
  for (const std::atomic<int>& times : done.times) EXPECT_EQ(times, 1);
  EXPECT_LT(done.by_worker[1], 30);
}

TEST(Tasks, WithNumbersOfMoreThan32BitsStayWithTheirWorker) {
  const int64_t many = int64_t{1} << 33;
  Queue queues[2];
  queues[0].fill({0, 2});
  queues[1].fill({many, many + 2});
  imbrex_call call = {};
  call.nth = 2;
  call.ith = 1;
  Tasks own(&queues[1], sizeof(Queue), &call);
  EXPECT_EQ(own.next(), many);
  EXPECT_EQ(own.next(), many + 1);
  EXPECT_EQ(own.next(), 1);  // then it steals, from the back
  call.ith = 0;
  Tasks other(&queues[0], sizeof(Queue), &call);
  EXPECT_EQ(other.next(), 0);
  EXPECT_EQ(other.next(), -1);
}

}  // namespace
}  // namespace imbrex::isa

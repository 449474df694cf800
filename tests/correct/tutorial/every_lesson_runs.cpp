// The lessons of docs/tutorial/ are programs of their own, compiled by this folder's CMakeLists.txt; each ends with exit status
// 0.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>

namespace {

TEST(Tutorial, EveryLessonRuns) {
  std::istringstream lessons(IMBREX_LESSONS);
  int count = 0;
  for (std::string lesson; std::getline(lessons, lesson, ':'); ++count)
    EXPECT_EQ(std::system(("IMBREX_CACHE='" IMBREX_BINARY_DIR "/test-cache' '" + lesson + "' > /dev/null").c_str()), 0) << lesson;
  EXPECT_GE(count, 9);
}

}  // namespace

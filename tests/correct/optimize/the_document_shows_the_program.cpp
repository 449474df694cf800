// docs/optimizing.md shows the program that the optimizer makes today. IMBREX_UPDATE_GOLDEN=1 writes it there.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

TEST(TheDocument, ShowsTheOptimizedFront) {
  const std::string path = std::string(IMBREX_SOURCE_DIR) + "/docs/optimizing.md", begin = "```tile\n", end = "```\n";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const std::string document = text.str();
  const size_t from = document.find(begin) + begin.size(), to = document.find(end, from);
  ASSERT_NE(to, std::string::npos);
  const std::string program =
      ir::print(test::optimized(kernels::build("deepseek_v4/qkv_proj_rope", "plain", "demo", {}).program).program);
  if (std::getenv("IMBREX_UPDATE_GOLDEN"))
    std::ofstream(path) << document.substr(0, from) + program + document.substr(to);
  else
    EXPECT_EQ(document.substr(from, to - from), program);
}

}  // namespace
}  // namespace imbrex::optimize

// Workers wait for each other between two phases exactly where one stores what the other loads or stores: which is not seen in a
// run that happens to be slow enough.
#include <gtest/gtest.h>

#include "imbrex/codegen/generate.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/plan/make_plan.h"

namespace imbrex::codegen {
namespace {

// Of a kernel with these phases, each over rows.
int waits_between(const std::vector<std::string>& phases) {
  std::string text = R"(imbrex 1
kernel "phases" {
  dim N
  input x: f32[N, 16]
  output y: f32[N, 16]
  output z: f32[N, 16]
  create r: f32[N, 16]
  create s: f32[N, 16]
  view flat = s: [16 * N]
)";
  for (size_t i = 0; i < phases.size(); ++i) {
    std::string body = phases[i];
    for (size_t at = 0; (at = body.find('#', at)) != std::string::npos;) body.replace(at, 1, "n" + std::to_string(i));
    text += "  parallel n" + std::to_string(i) + " in 0 .. N { " + body + " }\n";
  }
  const ir::Program program = ir::parse(text + "}\n", "phases.tile");
  ir::verify_or_throw(program);
  const std::string source = generate(plan::make_plan(program, target::targets().front(), false), target::targets().front()),
                    wait = "wait_for_all(call);";
  int waits = 0;
  for (size_t at = source.find(wait); at != std::string::npos; at = source.find(wait, at + 1)) ++waits;
  return waits;
}

const std::string kFill = "s[#, :] = x[#, :]  y[#, :] = x[#, :]  z[#, :] = x[#, :]  r[#, :] = x[#, :]";

TEST(Phases, that_touch_nothing_of_each_other_do_not_wait) {
  EXPECT_EQ(waits_between({"y[#, :] = x[#, :]", "z[#, :] = x[#, :]"}), 0);
  EXPECT_EQ(waits_between({kFill, "y[#, :] = r[#, :]", "z[#, :] = r[N - 1 - #, :] + s[#, :]"}), 1);
}

TEST(Phases, wait_before_they_load_what_another_stored) {
  EXPECT_EQ(waits_between({"y[#, :] = x[#, :] s[#, :] = x[#, :]", "z[#, :] = s[N - 1 - #, :]"}), 1);
  EXPECT_EQ(waits_between({"y[#, :] = x[#, :] s[#, :] = x[#, :]", "z[#, :] = flat[16 * # +: 16]"}), 1);
}

TEST(Phases, wait_before_they_overwrite_what_another_still_loads) {
  // The last two: one loads r, or s, from all over while the other would store there. Twin: it stores elsewhere.
  EXPECT_EQ(waits_between({kFill, "y[#, :] = s[N - 1 - #, :]", "s[#, :] = x[#, :] * 2.0"}), 2);
  EXPECT_EQ(waits_between({kFill, "y[#, :] = s[N - 1 - #, :]", "flat[16 * # +: 16] = x[#, :]"}), 2);
  EXPECT_EQ(waits_between({kFill, "y[#, :] = s[N - 1 - #, :]", "r[#, :] = x[#, :] * 2.0"}), 1);
}

TEST(Phases, wait_before_they_overwrite_what_another_stores) {
  EXPECT_EQ(waits_between({"y[#, :] = x[#, :]  z[#, :] = x[#, :]", "y[N - 1 - #, :] = x[#, :] * 2.0"}), 1);
  EXPECT_EQ(waits_between({"y[#, :] = x[#, :]", "z[N - 1 - #, :] = x[#, :] * 2.0"}), 0);
}

}  // namespace
}  // namespace imbrex::codegen

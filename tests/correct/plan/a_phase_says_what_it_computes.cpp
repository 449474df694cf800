// What the page of a plan says a phase computes is what `check` counts.
#include <gtest/gtest.h>

#include <optional>

#include "imbrex/ir/parse.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/plan/make_plan.h"
#include "imbrex/plan/phase_work.h"
#include "imbrex/plan/print.h"
#include "imbrex/prove/traffic.h"

namespace imbrex::plan {
namespace {

// None where conditions decide.
std::optional<int64_t> operations_at(const PhaseWork& work, const prove::DimValues& dims) {
  int64_t sum = work.operations.at(dims).value_or(-1);
  bool is_exact = !work.operations.is_at_most();
  for (const prove::Quantity& each : work.multiply_adds) {
    sum += 2 * each.at(dims).value_or(-1);
    is_exact = is_exact && !each.is_at_most();
  }
  return is_exact ? std::optional(sum) : std::nullopt;
}

TEST(PhaseWork, IsWhatCheckCounts) {
  int compared = 0;
  const target::Machine machine(target::targets().front());
  for (const kernels::Entry& entry : kernels::registry()) {
    const ir::Program program = kernels::build(entry.name, "", "demo", {}).program;
    for (const ir::Program& each : {optimize::as_written(program), optimize::optimize(program, machine).program}) {
      const Plan plan = make_plan(each, machine, false);
      const PhaseWork work = work_of(plan, {}, plan.body);
      for (const int64_t rows : {1, 37, 128}) {
        const auto counted = operations_at(work, {{"T", rows}});
        if (!counted) continue;
        std::vector<prove::ScopeRow> scopes;
        prove::measure_traffic_by_name(each, {.dims = {{"T", rows}}}, scopes);
        int64_t expected = 0;
        for (const prove::ScopeRow& scope : scopes) expected += scope.operations.value.value_or(0);
        EXPECT_EQ(*counted, expected) << entry.name << ", T = " << rows << "\n" << print(plan, machine);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 40);
}

TEST(PhaseWork, StandsBelowItsPhase) {
  const ir::Program program = ir::parse(R"(imbrex 1
kernel "k" {
  dim T typical 64
  input a: bf16[T, 64]
  input b: bf16[64, 96]
  output c: f32[T, 96]
  output d: f32[64, T]
  parallel t in tiles(T, 16) { c[t, :] = matmul(a[t, :], b[:, :]) + 1.0 }
  parallel u in tiles(T, 16) { d[:, u] = transpose(cast(a[u, :], f32)) * 2.0 }
}
)",
                                        "k.tile");
  const target::Machine machine(target::targets().front());
  const std::string page = print(make_plan(program, machine, false), machine);
  for (const char* line : {"  computes: 6144*T multiply-adds of bf16, 96*T other operations\n",
                           "  computes: 128*T operations, 64*T elements moved\n"})
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
}

}  // namespace
}  // namespace imbrex::plan

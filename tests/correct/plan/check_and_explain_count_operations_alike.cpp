// `check` and `explain` count the operations of each scope alike, of the author's loops and of the optimized program, at sizes that
// fill no tile, too.
#include <gtest/gtest.h>

#include "imbrex/kernels/registry.h"
#include "imbrex/optimize/estimate_scopes.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/prove/traffic.h"

namespace imbrex::optimize {
namespace {

using Counts = std::map<std::string, double>;  // by scope

Counts of_check(const ir::Program& program, const std::map<std::string, int64_t>& dims) {
  std::vector<prove::ScopeRow> rows;
  prove::measure_traffic_by_name(program, {.dims = dims}, rows);
  Counts counts;
  for (const prove::ScopeRow& row : rows)
    if (row.operations.value.value_or(-1) != 0) counts[row.name] = static_cast<double>(row.operations.value.value_or(-1));
  return counts;
}

Counts of_explain(const ir::Program& program, const std::map<std::string, int64_t>& dims, const target::Machine& machine) {
  Counts counts;
  for (const ScopeCost& scope : estimate_scopes(program, dims, machine))
    if (scope.operations != 0) counts[scope.name] += scope.operations;
  return counts;
}

TEST(OperationCounts, OfCheckAndExplainAreOne) {
  int counted = 0;
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants) {
      const ir::Program program = kernels::build(entry.name, variant, "demo", {}).program;
      const target::Machine machine(target::targets().front());
      for (const ir::Program& each : {as_written(program), optimize(program, machine).program})
        for (const int64_t rows : {1, 37, 128, 1000}) {
          const std::map<std::string, int64_t> dims{{"T", rows}};
          const Counts expected = of_check(each, dims);
          EXPECT_EQ(of_explain(each, dims, machine), expected) << entry.name << " " << variant << ", T = " << rows;
          counted += !expected.empty();
        }
    }
  EXPECT_GT(counted, 80);
}

}  // namespace
}  // namespace imbrex::optimize

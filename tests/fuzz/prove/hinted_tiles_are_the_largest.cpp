// Kernels that fit on chip, with tiles made larger step by step: one that no longer fits is refused for its capacity and stays so
// for larger tiles, the tile that the message hints at fits, and the next larger one does not.
#include <gtest/gtest.h>

#include <iostream>
#include <regex>
#include <set>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/place.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/prove/prove.h"
#include "support/defect_cases.h"

namespace imbrex::prove {
namespace {

struct Kernel {
  std::string name;
  ir::Program program;
  Options options;
};

std::vector<Kernel> kernels_that_fit() {
  std::vector<Kernel> all;
  for (const tests::DefectCase& c : tests::cases_of(tests::folder_of_cases() / "over_capacity.cases")) {
    Options options;
    options.target = c.target, options.dims = c.dims;
    all.push_back({c.name, ir::parse(tests::edited(c), "kernel.tile"), options});
  }
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants) {
      Options options;
      options.target = "a2a3";
      all.push_back(
          {entry.name + " " + variant, kernels::build(entry.name, variant, entry.presets.at(0).name, {}).program, options});
      for (const ir::Dim& dim : all.back().program.dims) all.back().options.dims[dim.name] = 128;
    }
  return all;
}

// But for those whose iterations a condition tells apart: with larger tiles there are fewer iterations, and maybe none of those
// that need most.
std::vector<std::string> tiled_loops(const ir::Program& program) {
  std::vector<std::string> names;
  std::set<std::string> told_apart;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    const auto* loop = std::get_if<ir::Loop>(&statement.node);
    if (loop && loop->tile > 0) names.push_back(loop->variable);
    if (const auto* branch = std::get_if<ir::If>(&statement.node))
      for (const ir::Comparison& comparison : branch->condition) told_apart.merge(ir::names_in(comparison));
    return true;
  });
  std::erase_if(names, [&](const std::string& name) { return told_apart.contains(name); });
  return names;
}

ir::Program with_tile(const ir::Program& program, const std::string& loop_name, int64_t factor, int64_t tile) {
  ir::Program result = program;
  result.written_names.clear();  // hints name loops as with_tile does, where an author has given several the same name
  ir::for_each_statement(result.body, [&](ir::Statement& statement) {
    auto* loop = std::get_if<ir::Loop>(&statement.node);
    if (loop && loop->variable == loop_name) loop->tile = factor * loop->tile + tile;
    return true;
  });
  return result;
}

// "scope NAME needs ... of MEMORY" of each error of capacity, with its hint.
std::map<std::string, std::string> overflows_of(const Kernel& kernel, const ir::Program& program) {
  std::map<std::string, std::string> result;
  for (const Diagnostic& diagnostic : prove(program, kernel.options).diagnostics) {
    std::smatch found;
    if (diagnostic.id != "over-capacity") continue;
    EXPECT_TRUE(std::regex_search(diagnostic.message, found, std::regex("scope (\\S+) needs .* of (\\S+) at once")));
    result[found[1].str() + " " + found[2].str()] = diagnostic.hint;
  }
  return result;
}

TEST(Capacity, HintedTilesAreTheLargest) {
  int kernels = 0, mutants = 0, hints = 0;
  for (const Kernel& kernel : kernels_that_fit()) {
    SCOPED_TRACE(kernel.name);
    EXPECT_TRUE(overflows_of(kernel, kernel.program).empty());
    ++kernels;
    for (const std::string& loop : tiled_loops(kernel.program)) {
      std::set<std::string> before;
      for (const int64_t factor : {2, 3, 5, 16, 64}) {
        const ir::Program mutant = with_tile(kernel.program, loop, factor, 0);
        const std::map<std::string, std::string> overflows = overflows_of(kernel, mutant);
        for (const std::string& place : before)
          EXPECT_TRUE(overflows.count(place)) << place << " fits again with larger tiles of " << loop;
        mutants += !overflows.empty();
        for (const auto& [place, hint] : overflows) {
          before.insert(place);
          std::smatch found;
          if (!std::regex_search(hint, found, std::regex("use a smaller tile for (\\S+): `tiles\\(.*, ([0-9]+)\\)`"))) continue;
          const int64_t tile = std::stoll(found[2]);
          EXPECT_FALSE(overflows_of(kernel, with_tile(mutant, found[1], 0, tile)).count(place)) << place << ": " << hint;
          EXPECT_TRUE(overflows_of(kernel, with_tile(mutant, found[1], 0, tile + (tile < 16 ? 1 : 16))).count(place))
              << place << ": " << hint;
          ++hints;
        }
      }
    }
  }
  EXPECT_GE(mutants, 50);
  EXPECT_GE(hints, 30);
  std::cout << mutants << " mutants of " << kernels << " kernels that no longer fit, each refused; " << hints
            << " hinted tiles fit, and are the largest that do\n";
}

}  // namespace
}  // namespace imbrex::prove

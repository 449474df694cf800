// What the table of targets says of each target is so.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include "correct/target/isa/table.h"
#include "imbrex/target/target.h"
#include "support/command.h"
#include "support/runnable_targets.h"

namespace imbrex::isa_test {

std::vector<const Table*> tables() {
  std::vector<const Table*> result;
  for (const Table* table : all_tables())
    for (const target::Target* target : target::supported_targets())
      if (target->name == table->isa && !table->tiles_in_software) result.push_back(table);
  return result;
}

std::vector<const Table*> tables_of_products() {
  std::vector<const Table*> result = tables();
  for (const Table* table : all_tables())
    for (const target::Target* target : test::runnable_targets())
      if (target->name == table->isa && table->tiles_in_software) result.push_back(table);
  return result;
}

namespace {

TEST(Targets, AreAllTested) {
  const std::vector<const target::Target*> targets = target::targets_of(IMBREX_THIS_ARCHITECTURE);
  std::vector<std::string> names, names_of_tables, in_software;
  for (const target::Target* target : targets) names.push_back(target->name);
  for (const Table* table : all_tables()) (table->tiles_in_software ? in_software : names_of_tables).push_back(table->isa);
  EXPECT_EQ(names_of_tables, names);
  EXPECT_EQ(tables().size(), target::supported_targets().size());
  for (const target::Target* target : targets)
    EXPECT_EQ(std::count(in_software.begin(), in_software.end(), target->name), test::has_tiles(*target)) << target->name;
}

TEST(Targets, WithCodeComeFirstAndTheFirstRunsEverywhere) {
  bool has_code = true;
  std::set<std::string> names;
  for (const target::Target& target : target::targets()) {
    EXPECT_TRUE(names.insert(target.name).second) << target.name;
    EXPECT_TRUE(has_code || !target.has_code()) << target.name;
    has_code = target.has_code();
  }
  EXPECT_EQ(target::targets().front().needs.feature_count, 0);
  EXPECT_EQ(target::supported_targets().front(), &target::targets().front());
  EXPECT_EQ(target::target_named("sse9"), nullptr);
}

// Code for another architecture needs no feature that could be missing here, and runs all the same only there.
TEST(Targets, OfAnotherArchitectureDoNotRun) {
  size_t others = 0;
  for (const target::Target* target : target::targets_with_code()) {
    if (imbrex_is_of_this_architecture(&target->needs)) continue;
    ++others;
    EXPECT_FALSE(target::runs_here(*target)) << target->name;
  }
  EXPECT_GT(others, 0u);
  for (const imbrex_architecture architecture : target::kArchitectures) {
    const std::vector<const target::Target*> targets = target::targets_of(architecture);
    EXPECT_EQ(targets.front(), &target::targets().front());
    EXPECT_GT(targets.size(), 1u) << target::name_of(architecture);
  }
}

TEST(Targets, HaveAKernelForEachProductWhoseTileFitsTheirRegisters) {
  for (const target::Target* target : target::targets_with_code()) {
    EXPECT_TRUE(std::ifstream(IMBREX_SOURCE_DIR "/" + target->header).good()) << target->header;
    for (const target::Product product : target::kProducts) {
      int kernels = 0;
      for (const target::ProductKernel& kernel : target->products) kernels += kernel.product == product;
      EXPECT_GT(kernels, 0) << target->name << " " << target::name_of(product);
    }
    for (const target::ProductKernel& kernel : target->products) {
      EXPECT_EQ(kernel.columns % 16, 0) << kernel.name;
      if (target->vector_bits == 0 || kernel.takes_tiles) continue;
      EXPECT_LT(kernel.rows * kernel.columns * 32 / target->vector_bits, target->vector_registers) << kernel.name;
    }
  }
}

// The optimizer takes a microkernel's height from the table, the code from the header.
TEST(Targets, HaveTheTilesOfTheirHeaders) {
  for (const Table* table : all_tables()) {
    for (const target::ProductKernel& kernel : target::target_named(table->isa)->products)
      if (!kernel.takes_tiles) {
        EXPECT_EQ(kernel.rows,
                  (kernel.columns == 16 ? table->rows_of_one : table->rows_of_two)[static_cast<size_t>(kernel.product)])
            << table->isa << " " << kernel.name;
      }
  }
}

// What compilers define where they may use a feature, and the bit that CPUID gives for it.
const std::map<std::string, std::tuple<int, int, char, int>> kBitOfMacro = {
    {"__SSE3__", {1, 0, 'c', 0}},        {"__SSSE3__", {1, 0, 'c', 9}},     {"__FMA__", {1, 0, 'c', 12}},
    {"__SSE4_1__", {1, 0, 'c', 19}},     {"__SSE4_2__", {1, 0, 'c', 20}},   {"__CRC32__", {1, 0, 'c', 20}},
    {"__POPCNT__", {1, 0, 'c', 23}},     {"__XSAVE__", {1, 0, 'c', 26}},    {"__AVX__", {1, 0, 'c', 28}},
    {"__F16C__", {1, 0, 'c', 29}},       {"__AVX2__", {7, 0, 'b', 5}},      {"__AVX512F__", {7, 0, 'b', 16}},
    {"__AVX512DQ__", {7, 0, 'b', 17}},   {"__AVX512BW__", {7, 0, 'b', 30}}, {"__AVX512VL__", {7, 0, 'b', 31}},
    {"__AVX512VNNI__", {7, 0, 'c', 11}}, {"__AVXVNNI__", {7, 1, 'a', 4}},   {"__AVX512BF16__", {7, 1, 'a', 5}}};

// Those that say more of the code, or what is fast.
bool is_no_feature(const std::string& macro) {
  return macro == "__BIGGEST_ALIGNMENT__" || macro.starts_with("__FP_FAST_") || macro.starts_with("__EVEX");
}

std::set<std::string> macros_of(const std::string& compiler, const std::vector<std::string>& flags) {
  std::string command = compiler;
  for (const std::string& flag : flags) command += " " + flag;
  const tests::CommandResult result = tests::run_command(command + " -dM -E -x c++ /dev/null");
  EXPECT_EQ(result.status, 0) << result.err;
  std::set<std::string> macros;
  std::istringstream lines(result.out);
  for (std::string define, name; lines >> define >> name && std::getline(lines, define);) macros.insert(name);
  return macros;
}

// A target's code runs where it is detected, and a processor without an instruction never gets it: what compilers may use under
// its flags is what is asked for. Tile registers are used by name.
TEST(Targets, AskForWhatTheirFlagsUseAndNothingElse) {
  if (IMBREX_THIS_ARCHITECTURE != IMBREX_X86_64) GTEST_SKIP() << "flags of another architecture's compilers";
  int compilers = 0;
  for (const char* compiler : {"g++", "clang++"}) {
    if (tests::run_command(std::string(compiler) + " --version").status != 0) continue;
    ++compilers;
    const std::set<std::string> everywhere = macros_of(compiler, {});
    for (const target::Target* target : target::targets_of(IMBREX_X86_64)) {
      std::set<std::tuple<int, int, char, int>> used, asked_for;
      for (const std::string& macro : macros_of(compiler, target->flags)) {
        if (everywhere.contains(macro) || is_no_feature(macro)) continue;
        const auto bit = kBitOfMacro.find(macro);
        EXPECT_NE(bit, kBitOfMacro.end()) << compiler << " " << target->name << " " << macro;
        if (bit != kBitOfMacro.end()) used.insert(bit->second);
      }
      for (int i = 0; i < target->needs.feature_count; ++i) {
        const imbrex_cpu_feature& feature = target->needs.features[i];
        const bool is_of_tiles = feature.leaf == 7 && feature.reg == 'd';
        if (!is_of_tiles) asked_for.insert({feature.leaf, feature.subleaf, feature.reg, feature.bit});
      }
      EXPECT_EQ(used, asked_for) << compiler << " " << target->name;
      constexpr uint32_t ymm = 0x6, zmm = 0xe6;
      const uint32_t states = target->vector_bits == 512 ? zmm : target->vector_bits == 256 ? ymm : 0;
      EXPECT_EQ(target->needs.saved_states & zmm, states) << target->name;
    }
  }
  EXPECT_GT(compilers, 0);
}

// The last that runs is taken: none stands before one that needs less, where no machine would take it.
TEST(Targets, AreEachTheBestOfSomeMachine) {
  const auto needs_all_of = [](const target::Target& target, const target::Target& other) {
    const auto is_needed = [&](const imbrex_cpu_feature& feature) {
      return std::any_of(target.needs.features, target.needs.features + target.needs.feature_count, [&](const auto& each) {
        return std::tie(each.leaf, each.subleaf, each.reg, each.bit) ==
               std::tie(feature.leaf, feature.subleaf, feature.reg, feature.bit);
      });
    };
    return std::all_of(other.needs.features, other.needs.features + other.needs.feature_count, is_needed);
  };
  const std::vector<const target::Target*> all = target::targets_of(IMBREX_X86_64);
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t later = i + 1; later < all.size(); ++later)
      EXPECT_FALSE(needs_all_of(*all[i], *all[later])) << all[i]->name << " before " << all[later]->name;
}

}  // namespace
}  // namespace imbrex::isa_test

// What the table of targets says of each target is so.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "correct/target/isa/table.h"
#include "imbrex/target/target.h"
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
        EXPECT_EQ(kernel.rows, kernel.columns == 16 ? table->rows_of_one : table->rows_of_two)
            << table->isa << " " << kernel.name;
      }
  }
}

}  // namespace
}  // namespace imbrex::isa_test

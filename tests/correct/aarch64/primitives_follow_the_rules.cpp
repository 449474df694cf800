// The tests of primitives and product kernels (tests/correct/target), compiled for aarch64 and run by an emulator: there on each
// of its targets.
#include <fmt/ranges.h>

#include "correct/aarch64/emulator.h"

namespace imbrex::test {
namespace {

// The table of a target's primitives, as tests/correct/target/CMakeLists.txt makes it.
std::string table_source(const target::Target& target) {
  std::string products;
  for (const target::ProductKernel& kernel : target.products)
    products += fmt::format("IMBREX_PRODUCT({}, {}) ", name_of(kernel.product), kernel.name);
  std::string peaks;  // not run: that they compile
  for (const target::Unit& unit : target.units) peaks += fmt::format(" + imbrex::isa::peak_{}<>(steps)", unit.name);
  return fmt::format(
      "#include \"{0}\"\ndouble {1}_peaks(int64_t steps) {{ return imbrex::isa::peak_vector<>(steps){2}; }}\n"
      "#define IMBREX_ISA \"{1}\"\n#define IMBREX_TABLE {1}_table\n#define IMBREX_PRODUCTS {3}\n"
      "#include \"correct/target/isa/make_table.h\"\n",
      target.header, target.name, peaks, products);
}

// What the tests ask for: all tables, each of a target that runs there.
std::string tables_source(const std::vector<const target::Target*>& targets) {
  std::string declarations, references;
  for (const target::Target* target : targets) {
    declarations += fmt::format("extern const Table {}_table;\n", target->name);
    references += fmt::format("&{}_table, ", target->name);
  }
  return fmt::format(
      "#include \"correct/target/isa/table.h\"\nnamespace imbrex::isa_test {{\n{}"
      "const std::vector<const Table*>& all_tables() {{\n  static const std::vector<const Table*> all = {{{}}};\n  return "
      "all;\n}}\n"
      "std::vector<const Table*> tables() {{ return all_tables(); }}\n"
      "std::vector<const Table*> tables_of_products() {{ return all_tables(); }}\n}}\n",
      declarations, references);
}

TEST_F(OnAarch64, PrimitivesAndProductsFollowTheRules) {
  const std::string googletest = "/usr/src/googletest/googletest", target_tests = IMBREX_SOURCE_DIR "/tests/correct/target";
  if (!std::filesystem::exists(googletest + "/src/gtest-all.cc")) GTEST_SKIP() << "no sources of GoogleTest in " << googletest;
  const TemporaryFolder folder;
  const std::vector<const target::Target*> targets = target::targets_of(IMBREX_AARCH64);
  // What only says what was found is compiled quickly, what is run much well.
  std::map<std::string, std::string> flags_of_sources = {{googletest + "/src/gtest-all.cc", "-O0"},
                                                         {googletest + "/src/gtest_main.cc", "-O0"},
                                                         {IMBREX_SOURCE_DIR "/imbrex/target/targets.cpp", "-O0"},
                                                         {folder.file("tables.cpp"), "-O0"},
                                                         {target_tests + "/every_isa_follows_the_rules.cpp", "-O1"},
                                                         {target_tests + "/matrix_products_are_exact.cpp", "-O1"},
                                                         {target_tests + "/nothing_outside_is_touched.cpp", "-O1"}};
  tests::write_text(folder.file("tables.cpp"), tables_source(targets));
  for (const target::Target* target : targets) {
    const std::string source = folder.file(target->name + ".cpp");
    tests::write_text(source, table_source(*target));
    flags_of_sources[source] = fmt::format("-O1 {}", fmt::join(target::compiler_flags(*target), " "));
  }
  int objects = 0;
  for (const auto& [source, flags] : flags_of_sources)
    expect_success(fmt::format("{0} -std=c++20 {1} -w -I'{2}' -I'{2}/tests' -I{3}/include -I{3} -c '{4}' -o '{5}/{6}.o'",
                               kCompiler, flags, IMBREX_SOURCE_DIR, googletest, source, folder.path(), objects++));
  // A linker's warning of functions that GoogleTest never calls here is no failure.
  const tests::CommandResult linked =
      run_command(fmt::format("{0} -static -o '{1}/tests' '{1}'/*.o -pthread", kCompiler, folder.path()));
  EXPECT_EQ(linked.status, 0) << linked.err;
  if (HasFailure()) return;
  // Times that an emulator takes say nothing. A number that divides no other number of values in a row, or of rows.
  const tests::CommandResult result =
      run_command(fmt::format("IMBREX_FEWER=17 {} '{}' --gtest_filter='-*TakesNoLonger'", kEmulator, folder.file("tests")));
  EXPECT_EQ(result.status, 0) << result.out.substr(0, 8000) << result.err;
  EXPECT_NE(result.out.find("[  PASSED  ]"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace imbrex::test

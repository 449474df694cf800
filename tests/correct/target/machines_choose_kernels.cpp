// Which product kernel generated code calls follows from a machine's figures, and which figures those are from the machine.
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "imbrex/base/error.h"
#include "imbrex/codegen/generate.h"
#include "imbrex/ir/parse.h"
#include "imbrex/plan/make_plan.h"
#include "imbrex/target/rates.h"

namespace imbrex::target {
namespace {

Machine avx512_of(const char* name) { return {*target_named("avx512"), rates_named(name)}; }

TEST(Machines, ChooseTheFastestKernel) {
  const Machine zen4 = avx512_of("zen4"), intel = avx512_of("sapphire_rapids");
  EXPECT_EQ(fastest_kernel(zen4, Product::i8).name, "i8");
  EXPECT_EQ(fastest_kernel(zen4, Product::bf16).name, "bf16");
  EXPECT_EQ(fastest_kernel(intel, Product::i8).name, "i8_flipped");
  EXPECT_EQ(fastest_kernel(intel, Product::bf16).name, "bf16_fma");
  EXPECT_EQ(product_rate(intel, Product::bf16), intel.rates.products.at("avx512.bf16_fma"));
}

// Intel's processors before AMX, and those for desktops, compute as the machines do whose class stands for them.
TEST(Machines, WithoutAClassComputeAsThoseThatStandForThem) {
  const Machine vnni = *target_named("avx512_vnni");
  const Machine base = *target_named("avx512_base");
  EXPECT_EQ(vnni.rates.name, "sapphire_rapids");
  EXPECT_EQ(fastest_kernel(vnni, Product::i8).name, "i8_flipped");
  EXPECT_EQ(product_rate(vnni, Product::bf16), vnni.rates.products.at("avx512.bf16_fma"));
  EXPECT_EQ(product_rate(base, Product::i8), base.rates.products.at("avx512_base.i8"));
  EXPECT_LT(product_rate(base, Product::i8), product_rate(vnni, Product::i8));
  EXPECT_EQ(class_of(*target_named("avx2")).rates.name, class_of(*target_named("scalar")).rates.name);
}

// An Intel server whose tiles nobody may use computes as one, not as what came first in the table.
TEST(Machines, AreKnownByTheirFeaturesThenByTheirVendor) {
  const auto everything = [](const imbrex_cpu_feature&) { return true; };
  const auto nothing = [](const imbrex_cpu_feature&) { return false; };
  EXPECT_EQ(class_of_processor("GenuineIntel", everything)->rates.name, "sapphire_rapids");
  EXPECT_EQ(class_of_processor("GenuineIntel", nothing)->rates.name, "sapphire_rapids");
  EXPECT_EQ(class_of_processor("AuthenticAMD", nothing)->rates.name, "zen4");
  EXPECT_EQ(class_of_processor("CentaurHauls", everything), nullptr);
}

// A processor has what those before it had.
TEST(Machines, AreOfTheClassThatAsksForMost) {
  const auto all_but = [](const imbrex_cpu_feature& absent) {
    return [=](const imbrex_cpu_feature& feature) {
      return std::tie(feature.leaf, feature.subleaf, feature.reg, feature.bit) !=
             std::tie(absent.leaf, absent.subleaf, absent.reg, absent.bit);
    };
  };
  const imbrex_cpu_feature vp2intersect = {7, 0, 'd', 8}, none = {};
  EXPECT_EQ(class_of_processor("AuthenticAMD", all_but(none))->rates.name, "zen5");
  EXPECT_EQ(class_of_processor("AuthenticAMD", all_but(vp2intersect))->rates.name, "zen4");
}

// What was measured of one says nothing of another that runs other code.
TEST(Machines, WithoutTheTargetOfTheirClassHaveANameOfTheirOwn) {
  const MachineClass& intel = class_of(*target_named("amx"));
  EXPECT_EQ(class_name(intel, *target_named("amx")), "sapphire_rapids");
  EXPECT_EQ(class_name(intel, *target_named("avx512")), "sapphire_rapids-avx512");
  EXPECT_EQ(class_name_of_this_machine(class_of_this_machine().rates), class_name(class_of_this_machine(), best_target()));
  Rates file = intel.rates;
  file.name = "my_machine";
  EXPECT_EQ(class_name_of_this_machine(file), "my_machine");
}

TEST(Machines, AreEstimatedByWhatTheyHaveWhereAFigureIsMissing) {
  Rates rates = rates_named("zen4");
  rates.products = {{"scalar.bf16", 1e9}, {"avx2.bf16", 2e9}, {"avx2.i8", 3e9}};
  const Machine machine(*target_named("avx512"), rates);
  EXPECT_EQ(fastest_kernel(machine, Product::bf16).name, "bf16");  // the table's first
  EXPECT_EQ(product_rate(machine, Product::bf16), 2e9);
  EXPECT_EQ(product_rate(Machine(*target_named("scalar"), rates), Product::bf16), 1e9);
}

TEST(Machines, AreClassesWithFiguresForAllThatTheirTargetHas) {
  std::set<std::string> names;
  for (const MachineClass& each : machine_classes()) {
    EXPECT_TRUE(names.insert(each.rates.name).second) << each.rates.name;
    std::vector<std::string> those = each.stands_for;
    those.emplace_back(each.target);
    for (const std::string& target : those) {
      ASSERT_NE(target_named(target), nullptr) << target;
      const MachineClass& of_target = class_of(*target_named(target));  // itself, or an earlier one with the same best target
      EXPECT_TRUE(&of_target == &each || (&of_target < &each && of_target.target == target)) << target;
      for (const ProductKernel& kernel : target_named(target)->products)
        EXPECT_TRUE(each.rates.products.contains(kernel.rate)) << each.rates.name << " " << kernel.rate;
    }
    std::set<std::string> known;
    for (const Target* any : targets_with_code())
      for (const ProductKernel& kernel : any->products) known.insert(kernel.rate);
    for (const auto& [name, rate] : each.rates.products) EXPECT_TRUE(known.contains(name)) << each.rates.name << " " << name;
  }
  for (const Target* target : targets_with_code()) EXPECT_NO_THROW(product_rate(Machine(*target), Product::f32)) << target->name;
  EXPECT_EQ(class_of(*target_named("avx512")).rates.name, "zen4");
  EXPECT_EQ(class_of(*target_named("scalar")).rates.name, class_of(targets().front()).rates.name);
}

TEST(Machines, OfNoClassOrFileAreAnErrorThatNamesTheClasses) {
  try {
    rates_named("no_such_machine");
    ADD_FAILURE() << "no error";
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().at(0).id, "machine-file");
    for (const MachineClass& each : machine_classes())
      EXPECT_NE(error.diagnostics().at(0).hint.find(each.rates.name), std::string::npos) << error.diagnostics().at(0).hint;
  }
}

TEST(Machines, DecideWhichKernelIsCalled) {
  const ir::Program program = ir::parse(R"(imbrex 1
kernel "product" {
  input x: bf16[64, 128]
  weight w: bf16[128, 64]
  output y: f32[64, 64]
  y[:, :] = matmul(x[:, :], w[:, :])
}
)",
                                        "product.tile");
  const auto calls = [&](const Machine& machine, const std::string& function) {
    return codegen::generate(plan::make_plan(program, machine, false), machine).find(function + "(") != std::string::npos;
  };
  EXPECT_TRUE(calls(avx512_of("zen4"), "matmul_bf16<FetchingByRows>"));
  EXPECT_TRUE(calls(avx512_of("zen5"), "matmul_bf16<FetchingAhead<16384>>"));
  EXPECT_TRUE(calls(avx512_of("sapphire_rapids"), "matmul_bf16_fma"));
  EXPECT_TRUE(calls(*target_named("avx2"), "matmul_bf16<FetchingByRows>"));
}

}  // namespace
}  // namespace imbrex::target

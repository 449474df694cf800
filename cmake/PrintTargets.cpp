// Prints the table of targets as CMake: a global property IMBREX_TARGETS with the names of those that code for this architecture
// is generated for, IMBREX_TARGETS_<processor> with those of each that CMake may name, and for all of them what they are compiled
// with.
#include <algorithm>
#include <iostream>

#include "imbrex/target/target.h"

int main() {
  using namespace imbrex::target;
  for (const Target* target : targets_with_code()) {
    const auto print = [&](const char* what, const std::string& value) {
      std::cout << "set_property(GLOBAL PROPERTY IMBREX_TARGET_" << what << "_" << target->name << value << ")\n";
    };
    std::string flags, products, own_products, tiled_products, untiled_products, units;
    for (const std::string& flag : compiler_flags(*target)) flags += " " + flag;
    for (const ProductKernel& kernel : target->products) {
      const std::string product = std::string(" ") + name_of(kernel.product) + ":" + kernel.name;
      products += product;
      if (kernel.rate.starts_with(target->name + ".")) own_products += product;
      (kernel.takes_tiles ? tiled_products : untiled_products) += product;
    }
    for (const Unit& unit : target->units) units += std::string(" ") + name_of(unit.product) + ":" + unit.name;
    print("HEADER", " " + target->header);
    print("FLAGS", flags);
    print("PRODUCTS", products);          // <kind of product>:<name of the kernel>
    print("OWN_PRODUCTS", own_products);  // without those whose code is another target's
    print("TILED_PRODUCTS", tiled_products);
    print("UNTILED_PRODUCTS", untiled_products);
    print("UNITS", units);  // likewise
    print("VECTOR_BITS", " " + std::to_string(target->vector_bits));
  }
  const auto print_all = [](const std::string& property, imbrex_architecture architecture) {
    std::cout << "set_property(GLOBAL PROPERTY " << property;
    for (const Target* target : targets_of(architecture)) std::cout << " " << target->name;
    std::cout << ")\n";
  };
  print_all("IMBREX_TARGETS", IMBREX_THIS_ARCHITECTURE);
  for (const imbrex_architecture architecture : kArchitectures) {
    std::string processor = name_of(architecture);
    std::replace(processor.begin(), processor.end(), '-', '_');
    print_all("IMBREX_TARGETS_" + processor, architecture);
  }
}

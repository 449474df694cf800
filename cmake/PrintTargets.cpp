// Prints the table of targets as CMake: a global property IMBREX_TARGETS with the names of those that code is generated for, and
// for each of them what it is compiled with.
#include <iostream>

#include "imbrex/target/target.h"

int main() {
  using namespace imbrex::target;
  std::string names;
  for (const Target* target : targets_with_code()) {
    names += " " + target->name;
    const auto print = [&](const char* what, const std::string& value) {
      std::cout << "set_property(GLOBAL PROPERTY IMBREX_TARGET_" << what << "_" << target->name << value << ")\n";
    };
    std::string flags, products, tiled_products, untiled_products, units;
    for (const std::string& flag : compiler_flags(*target)) flags += " " + flag;
    for (const ProductKernel& kernel : target->products) {
      const std::string product = std::string(" ") + name_of(kernel.product) + ":" + kernel.name;
      products += product;
      (kernel.takes_tiles ? tiled_products : untiled_products) += product;
    }
    for (const Unit& unit : target->units) units += std::string(" ") + name_of(unit.product) + ":" + unit.name;
    print("HEADER", " " + target->header);
    print("FLAGS", flags);
    print("PRODUCTS", products);  // <kind of product>:<name of the kernel>
    print("TILED_PRODUCTS", tiled_products);
    print("UNTILED_PRODUCTS", untiled_products);
    print("UNITS", units);  // likewise
    print("VECTOR_BITS", " " + std::to_string(target->vector_bits));
  }
  std::cout << "set_property(GLOBAL PROPERTY IMBREX_TARGETS" << names << ")\n";
}

// How fast machines are: what the optimizer's estimates are made of. Classes of machines are a table; programs are made for a
// target on one of them. Other rates may give another program, never other bits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/dtype.h"
#include "imbrex/target/target.h"

namespace imbrex::target {

constexpr int64_t kUsuallyFetchedAhead = 8192;

// Rates are of one core, per second, unless they say otherwise.
struct Rates {
  std::string name;                        // of the class, or of the file that `imbrex calibrate` wrote
  int cores = 2;                           // that estimates are made for
  std::map<std::string, double> products;  // multiply-adds, by ProductKernel::rate; those of other machines may be left out
  double vector = 0;                       // f32 operations, element by element
  double l2 = 0, l3 = 0;                   // bytes read
  double memory = 0, memory_of_all = 0;    // bytes read, by one core and by all together
  int64_t l2_bytes = 0;                    // of a core
  int64_t l3_bytes = 0;                    // of all
  double barrier = 0, task = 0;            // seconds that a barrier, and handing out a task, take
  // How many bytes ahead products of few rows prefetch weights that they read once; 0: as FetchingByRows does (isa/products.h).
  int64_t fetched_ahead = kUsuallyFetchedAhead;
};

struct MachineClass {
  const char* description;
  const char* vendor;                        // as CPUID names it
  std::vector<imbrex_cpu_feature> features;  // by which its machines are known
  const char* target;                        // the best that they run
  std::vector<std::string> stands_for;       // the best of machines that are like these, and that no class is of
  Rates rates;
};

const std::vector<MachineClass>& machine_classes();
// That a processor of this vendor with such features is one of, the one with most features where there are several; else the
// first of its vendor; null where there is none.
const MachineClass* class_of_processor(const std::string& vendor, const std::function<bool(const imbrex_cpu_feature&)>& has);
// That this machine is one of; the nearest by the best target that it runs where its vendor has none.
const MachineClass& class_of_this_machine();
// "sapphire_rapids", or "sapphire_rapids-avx512" of one whose best target is not that of its class: what runs there is other code.
std::string class_name(const MachineClass& machine_class, const Target& best);
// That measurements of this machine stand under; the name of other rates than its class's, where it is measured with such.
std::string class_name_of_this_machine(const Rates& rates);
// That stands for machines whose best target it is; else of those whose best target it is, or whose comes next, the first: the
// same on every machine.
const MachineClass& class_of(const Target& target);

// The rates of a class, by its name, or of a file. UserError "machine-file".
Rates rates_named(const std::string& class_or_path);
// Those that $IMBREX_MACHINE names, else of this machine's class.
Rates rates_of_this_machine();
// One `name value` on each line; `#` starts a comment. UserError "machine-file" where a rate is missing, unknown or not positive.
Rates read_rates(const std::string& path);
std::string text_of(const Rates& rates);

// What programs are made for.
struct Machine {
  Machine(const Target& target, Rates rates) : target(&target), rates(std::move(rates)) {}
  // A target alone stands for its class, so that what is made for it is the same everywhere.
  Machine(const Target& target) : Machine(target, class_of(target).rates) {}

  const Target* target;
  Rates rates;
};
// The best target of this machine.
Machine this_machine();

// By the type of the left operand; the right one is int8 for bytes.
Product product_of(DType left);
// The fastest of the target's kernels for a product.
const ProductKernel& fastest_kernel(const Machine& machine, Product product);
// Multiply-adds per second of a core, of that kernel. Where the rates have none of it, those of the fastest that they have.
double product_rate(const Machine& machine, Product product);

// The target's memories, or a core's second-level cache where only caches are there.
std::vector<OnChipMemory> memories_of(const Target& target);

}  // namespace imbrex::target

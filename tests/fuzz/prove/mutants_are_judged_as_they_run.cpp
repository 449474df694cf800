// The prover against the interpreter's checked mode. Good kernels: the library, the repaired hand-made ones, random ones; none
// may be refused. Each is then broken in one place. A mutant is harmful if it faults for one of several sizes, or for those that
// the prover names; each harmful one must be refused with the fault's id and line, and no harmless one.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/prove/prove.h"
#include "random/mutate.h"
#include "random/random_kernel.h"
#include "support/defect_cases.h"
#include "support/faults.h"

namespace imbrex::prove {
namespace {

using namespace test;
using Dims = std::map<std::string, int64_t>;

constexpr uint64_t kRandomKernels = 150;
// IMBREX_MUTANTS makes more of each kernel.
const size_t kMutantsOfEach = std::getenv("IMBREX_MUTANTS") ? std::stoul(std::getenv("IMBREX_MUTANTS")) : 5;
constexpr size_t kMutantsOfFront = 30;

struct GoodKernel {
  std::string name;
  ir::Program program;
  std::vector<int64_t> sizes;  // of each dimension, to run mutants with
  size_t mutants = 0;
};

void add_library(std::vector<GoodKernel>& kernels) {
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants) {
      const bool is_front = entry.variants.size() > 1;
      kernels::Options options;
      if (is_front) options = {{"hidden", 64}, {"heads", 1}, {"q_lora", 64}};
      std::erase_if(options, [&](const auto& option) { return !entry.presets.front().options.contains(option.first); });
      kernels.push_back({entry.name + " " + variant,
                         kernels::build(entry.name, variant, "", options).program,
                         {1, 17},
                         is_front ? kMutantsOfFront : kMutantsOfEach});
    }
}

void add_repaired(std::vector<GoodKernel>& kernels) {
  for (const auto& entry : std::filesystem::directory_iterator(tests::folder_of_cases()))
    for (const tests::DefectCase& c : tests::cases_of(entry.path())) {
      if (c.id == "over-capacity") continue;  // large, and good on the host
      kernels.push_back({c.name, ir::parse(tests::edited(c), "kernel.tile"), {1, 2, 3, 5, 8, 17, 33}, kMutantsOfEach});
    }
}

std::vector<GoodKernel> good_kernels() {
  std::vector<GoodKernel> kernels;
  add_library(kernels);
  add_repaired(kernels);
  Limits limits;
  limits.extent = 14;
  for (uint64_t seed = 0; seed < kRandomKernels; ++seed)
    kernels.push_back(
        {"random " + std::to_string(seed), random_case(seed, limits).program, {1, 2, 3, 5, 8, 13, 17}, kMutantsOfEach});
  return kernels;
}

std::optional<Diagnostic> fault_of(const ir::Program& program, const Dims& dims) {
  Random random(7);
  std::map<std::string, Array> tensors = random_inputs(program, dims, random);
  return test::fault_of(program, dims, tensors);
}

// All dimensions alike, then each size beside the next.
std::vector<Dims> sizes_to_run(const GoodKernel& kernel) {
  std::vector<Dims> all;
  for (size_t shift = 0; shift < std::min<size_t>(kernel.program.dims.size(), 2) || shift == 0; ++shift)
    for (size_t k = 0; k < kernel.sizes.size(); ++k) {
      Dims dims;
      for (size_t d = 0; d < kernel.program.dims.size(); ++d)
        dims[kernel.program.dims[d].name] = kernel.sizes[(k + d * shift * 2) % kernel.sizes.size()];
      all.push_back(dims);
    }
  return all;
}

// What an index read from data may do is not known without an `assume` before its use, nor where one divided by a dimension lies.
bool is_said_to_be_unknown(const Diagnostic& error) {
  const auto says = [&](const char* reason) { return error.message.find(reason) != std::string::npos; };
  return error.id == "undecidable" && (says("depends on data") || says("by a number that is no constant"));
}

// A counterexample of such a program has values of indices in it, and holds for those.
bool is_decided_by_data(const ir::Program& program) {
  const std::string text = ir::print(program);
  return text.find("[by ") != std::string::npos || text.find("read ") != std::string::npos;
}

// Names the fault's line; where data decides which of several stores it is, another line of the fault.
bool is_named(const std::vector<Diagnostic>& errors, const Diagnostic& fault, bool is_by_data) {
  std::vector<SourceLine> lines{fault.where};
  for (const Diagnostic::Note& note : fault.notes)
    if (is_by_data) lines.push_back(note.where);
  const auto is_one = [&](const SourceLine& where) { return std::find(lines.begin(), lines.end(), where) != lines.end(); };
  return std::any_of(errors.begin(), errors.end(), [&](const Diagnostic& error) {
    if (error.id != fault.id && !(fault.id == "out-of-bounds" && is_said_to_be_unknown(error))) return false;
    return is_one(error.where) ||
           std::any_of(error.notes.begin(), error.notes.end(), [&](const Diagnostic::Note& note) { return is_one(note.where); });
  });
}

struct Counts {
  int good = 0, harmful = 0, harmless = 0, undecided = 0, by_data = 0, warned = 0;
  int long_runs = 0;                 // more work than the interpreter is given
  std::map<std::string, int> other;  // faults that are not the prover's to foresee, by id
};

// Every counterexample that is printed does fault.
std::optional<Diagnostic> fault_of_counterexamples(const ir::Program& program, const std::vector<Diagnostic>& errors) {
  std::optional<Diagnostic> first;
  for (const Diagnostic& error : errors) {
    if (!is_about_memory(error.id)) continue;
    const std::optional<Diagnostic> fault = fault_of(program, sizes_in(program, error.message, 3));
    EXPECT_TRUE(fault || is_decided_by_data(program)) << "no fault at the sizes of: " << render(error);
    if (fault && !first) first = fault;
  }
  return first;
}

void judge(const GoodKernel& kernel, const Mutant& mutant, Counts& counts) {
  SCOPED_TRACE(kernel.name + ", " + mutant.what + "\n" + mutant.text);
  const Report report = prove(mutant.program);
  const std::vector<Diagnostic> errors = errors_of(report);
  counts.warned += errors.empty() && !report.diagnostics.empty();
  std::optional<Diagnostic> fault;
  try {
    for (const Dims& dims : sizes_to_run(kernel)) {
      fault = fault_of(mutant.program, dims);
      if (fault) break;
    }
  } catch (const interpret::OutOfWork&) {
    ++counts.long_runs;
    return;
  }
  if (fault && !is_about_memory(fault->id)) {
    ++counts.other[fault->id];
    return;
  }
  std::optional<Diagnostic> shown;
  try {
    shown = fault_of_counterexamples(mutant.program, errors);
  } catch (const interpret::OutOfWork&) {
    ++counts.long_runs;
    return;
  }
  if (!fault) fault = shown;
  std::string said;
  for (const Diagnostic& error : errors) said += render(error) + "\n";
  if (!fault && !errors.empty() && is_decided_by_data(mutant.program)) {
    ++counts.by_data;
    return;
  }
  if (!fault) {
    const bool is_undecided =
        std::any_of(errors.begin(), errors.end(), [](const Diagnostic& e) { return e.id == "undecidable"; });
    ++(is_undecided ? counts.undecided : counts.harmless);
    if (is_undecided) std::cout << "undecided: " << kernel.name << ", " << mutant.what << "\n" << said << mutant.text;
    if (!is_undecided) {
      EXPECT_TRUE(errors.empty()) << "harmless, but refused:\n" << said;
    }
    return;
  }
  ++counts.harmful;
  EXPECT_TRUE(is_named(errors, *fault, is_decided_by_data(mutant.program))) << "harmful:\n"
                                                                            << render(*fault) << "\nbut said is only:\n"
                                                                            << said;
}

TEST(Mutants, HarmfulOnesAreRefusedAndHarmlessOnesPass) {
  Counts counts;
  for (const GoodKernel& kernel : good_kernels()) {
    const Report report = prove(kernel.program);
    EXPECT_TRUE(report.proven) << kernel.name << "\n" << ir::print(kernel.program) << report.text();
    ++counts.good;
    for (const Dims& dims : sizes_to_run(kernel)) {
      std::optional<Diagnostic> fault;
      try {
        fault = fault_of(kernel.program, dims);
      } catch (const interpret::OutOfWork&) {
        ++counts.long_runs;  // as those at the edge of 64 bits
      }
      EXPECT_FALSE(fault && is_about_memory(fault->id)) << kernel.name << "\n" << ir::print(kernel.program) << render(*fault);
    }
    for (const Mutant& mutant : mutants_of(kernel.program, kernel.mutants, static_cast<uint64_t>(counts.good)))
      judge(kernel, mutant, counts);
  }
  std::cout << counts.good << " good kernels, none refused\n"
            << counts.harmful << " harmful mutants, each refused with the fault's id and line; " << counts.harmless
            << " harmless ones, none refused; " << counts.undecided << " outside the affine subset, each said to be; "
            << counts.by_data << " refused for indices that this run does not have; " << counts.warned << " warned of\n";
  std::cout << counts.long_runs << " runs ended by their work\n";
  for (const auto& [id, count] : counts.other) std::cout << count << " that fault with " << id << " when they run\n";
  EXPECT_GE(counts.good, 200);
  EXPECT_GE(counts.harmful, 300);
  EXPECT_LE(counts.undecided * 50, counts.harmful);
}

}  // namespace
}  // namespace imbrex::prove

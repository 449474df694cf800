#include "attack.h"

namespace imbrex::attack {

const std::vector<Generator>& generators() {
  static const std::vector<Generator> all = {
      {"access", write_access, 4, true},      {"data_flow", write_data_flow, 4},
      {"integers", write_integers, 4},        {"assumptions", write_assumptions, 4},
      {"corners", write_corners, 4},          {"budgets", write_budgets, 1},  // each takes long
      {"mutated_text", write_mutated_text, 3}};
  return all;
}

// Two of three programs are hurt.
Case make_case(const Generator& generator, uint64_t seed) {
  Writer right(seed, -1);
  generator.write(right);
  if (seed % 3 == 0 || right.places() == 0) return {seed, right.edit(), right.text(), generator.is_right};
  test::Random random(~seed);
  Writer hurt(seed, random.below(right.places()));
  generator.write(hurt);
  return {seed, hurt.edit(), hurt.text()};
}

void Counts::add(const Counts& other) {
  programs += other.programs, invalid += other.invalid, refused += other.refused, undecided += other.undecided;
  proven += other.proven, runs += other.runs, kernels += other.kernels, counterexamples += other.counterexamples;
  untried += other.untried, slow += other.slow;
}

}  // namespace imbrex::attack

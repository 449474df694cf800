#include "judge_pair.h"

#include <cmath>
#include <regex>

#include "imbrex/base/numbers.h"
#include "imbrex/equal/witness.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/print.h"
#include "imbrex/prove/prove.h"
#include "programs/data.h"

namespace imbrex::attack {
namespace {

constexpr int64_t kMostWork = 20'000'000;

struct Ending {
  bool is_done = false;
  std::string fault;  // of a run that was no run
};

Ending run(const ir::Program& program, const Dims& dims, Tensors& tensors) {
  interpret::Options options;
  options.most_bytes = int64_t{1} << 28;
  options.most_work = kMostWork;
  try {
    interpret::run(program, dims, tensors, options);
    return {true, ""};
  } catch (const interpret::Fault& fault) {
    return {false, fault.diagnostics().at(0).id};
  } catch (const interpret::OutOfWork&) {
    return {false, "out of work"};
  }
}

bool same_element(const Array& a, const Array& b, int64_t i) {
  const auto bytes = static_cast<ptrdiff_t>(bytes_of(a.dtype));
  const auto at = static_cast<ptrdiff_t>(i) * bytes;
  if (std::equal(a.bytes.begin() + at, a.bytes.begin() + at + bytes, b.bytes.begin() + at)) return true;
  return is_float(a.dtype) && std::isnan(value_at(a, i)) && std::isnan(value_at(b, i));
}

std::optional<std::string> difference(const ir::Program& program, const Tensors& a, const Tensors& b) {
  for (const ir::Tensor& tensor : program.tensors) {
    if (tensor.role == ir::Role::input) continue;
    const Array &left = a.at(tensor.name), &right = b.at(tensor.name);
    for (int64_t i = 0; i < left.size(); ++i)
      if (!same_element(left, right, i))
        return fmt::format("element {} of {} is {} and {}", i, tensor.name, value_at(left, i), value_at(right, i));
  }
  return std::nullopt;
}

// Some elements become what arithmetic likes least.
void make_hostile(Tensors& tensors, test::Random& random) {
  constexpr double kHostile[] = {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN, 1e-40, -1e-30, 1e30, 1.0, -1.0};
  const int64_t chance = random.chance(50) ? 0 : random.between(1, 30);
  for (auto& [name, array] : tensors) {
    if (!is_float(array.dtype)) continue;
    for (int64_t i = 0; i < array.size(); ++i)
      if (random.chance(chance)) set_value_at(array, i, kHostile[random.below(std::size(kHostile))]);
  }
}

std::string dims_text(const Dims& dims) {
  std::string text;
  for (const auto& [name, size] : dims) text += fmt::format(" {}={}", name, size);
  return text;
}

std::string check_witness(const Pair& pair, const equal::Witness& witness) {
  Tensors a = equal::inputs_of_run(pair.a, witness.dims, witness.seed), b = a;
  if (!run(pair.a, witness.dims, a).is_done || !run(pair.b, witness.dims, b).is_done) return "the witness is no run";
  const Array &left = a.at(witness.output), &right = b.at(witness.output);
  int64_t place = 0;
  for (size_t d = 0; d < witness.place.size(); ++d) place = place * left.shape[d] + witness.place[d];
  const auto text = [&](const Array& array) {
    const double value = value_at(array, place);
    if (std::isnan(value)) return std::string("nan");
    return is_float(array.dtype) ? fmt::format("{}", static_cast<float>(value)) : fmt::format("{}", static_cast<int64_t>(value));
  };
  if (same_element(left, right, place)) return "nothing differs where the witness says";
  if (text(left) != witness.a || text(right) != witness.b) return "the witness tells other values";
  return "";
}

// What words a reason is made of, without what belongs to the program.
std::string kind_of(const std::string& reason) {
  std::string kind = std::regex_replace(reason, std::regex("`[^`]*`|'[^']*'|\"[^\"]*\""), "_");
  kind = std::regex_replace(kind, std::regex("\\b[A-Za-z]+_?[0-9][A-Za-z0-9_]*\\b|\\b[0-9]+\\b"), "_");
  return std::regex_replace(kind, std::regex("\\[[^\\]]*\\]"), "[]").substr(0, 160);
}

std::string reason_of(const equal::Result& result) {
  if (!result.reasons.empty()) return kind_of(result.reasons[0]);
  if (!result.kept.empty()) return "kept: " + kind_of(result.kept[0].reason);
  if (result.difference) return "the terms differ";
  return "no reason is given";
}

}  // namespace

bool is_proven(const ir::Program& program) { return prove::prove(program).proven; }

std::optional<std::string> seen_difference(const Pair& pair, size_t runs) {
  const std::vector<int64_t> numbers = numbers_in(ir::print(pair.a));
  test::Random random(pair.seed ^ 0xda7a);
  const std::vector<Dims> sizes = sizes_to_try(pair.a, 5, pair.seed);
  for (size_t k = 0; k < runs && !sizes.empty(); ++k) {
    const Dims& dims = sizes[k % sizes.size()];
    Tensors inputs;
    try {
      inputs = k % 2 == 0 ? draw_data(pair.a, dims, numbers, random) : equal::inputs_of_run(pair.a, dims, pair.seed + k);
    } catch (const UserError&) {  // no data for which the assumptions hold
      continue;
    }
    if (k % 2 == 0) make_hostile(inputs, random);
    Tensors a = inputs, b = inputs;
    const Ending of_a = run(pair.a, dims, a);
    if (!of_a.is_done) continue;
    const Ending of_b = run(pair.b, dims, b);
    if (!of_b.is_done && of_b.fault == "out of work") continue;
    if (!of_b.is_done) return fmt::format("at{}: a run ends with {}", dims_text(dims), of_b.fault);
    if (const auto found = difference(pair.a, a, b)) return fmt::format("at{}: {}", dims_text(dims), *found);
  }
  return std::nullopt;
}

Said said_of(const Pair& pair) {
  equal::Options options;
  options.are_proven = true;
  options.most_work = kMostWork;
  try {
    const equal::Result result = equal::compare(pair.a, pair.b, options);
    Said said{result.verdict, reason_of(result), result.text(), ""};
    if (result.verdict == equal::Verdict::different)
      said.wrong = result.witness ? check_witness(pair, *result.witness) : "no witness";
    if (result.verdict != equal::Verdict::different && result.witness) said.wrong = "a witness, and not different";
    return said;
  } catch (const std::exception& error) {
    return {equal::Verdict::not_decided, "", "", std::string("exception: ") + error.what()};
  }
}

}  // namespace imbrex::attack

#include "imbrex/inputs/made_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/inputs/random.h"
#include "imbrex/inputs/synthetic.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/place.h"
#include "imbrex/ir/ranges.h"
#include "imbrex/ir/visit.h"

namespace imbrex::inputs {
namespace {

using Dims = std::map<std::string, int64_t>;
using Tensors = std::map<std::string, Array>;
constexpr const char* no_inputs_hint = "--replay DIR, with inputs of your own; or other dimensions";
constexpr int64_t none_below = std::numeric_limits<int32_t>::min(), none_above = std::numeric_limits<int32_t>::max();

// What is assumed of the elements of an input.
struct Allowed {
  int64_t least = none_below, most = none_above;
  bool is_distinct = false, is_sorted = false;
};

bool is_assumption(const ir::Statement& statement) {
  return std::holds_alternative<ir::Assume>(statement.node) || std::holds_alternative<ir::AssumeElements>(statement.node);
}

// Which elements of which inputs the names in assumptions stand for.
class Assumptions {
 public:
  Assumptions(const ir::Program& program, const Dims& dims) : program_(program), dims_(dims) {
    for (const ir::Tensor& tensor : program.tensors)
      if (tensor.role != ir::Role::output && tensor.dtype == DType::int32) memory_[tensor.name] = tensor.name;
    ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
      if (const auto* view = std::get_if<ir::View>(&statement.node))
        if (const auto base = memory_.find(view->base); base != memory_.end()) memory_[view->name] = base->second;
      if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) add_source(read->name, read->tensor);
      const auto* assign = std::get_if<ir::Assign>(&statement.node);
      if (assign && assign->value->op == ir::Op::load) add_source(assign->name, assign->value->name);
      return true;
    });
    ir::for_each_place(program, [&](const ir::Statement& statement, const ir::Place& place) {
      if (const auto* assume = std::get_if<ir::Assume>(&statement.node)) add(*assume, place);
      if (const auto* elements = std::get_if<ir::AssumeElements>(&statement.node)) add(*elements);
    });
  }
  const std::map<std::string, Allowed>& by_tensor() const { return allowed_; }

 private:
  void add_source(const std::string& name, const std::string& tensor) {
    if (const auto memory = memory_.find(tensor); memory != memory_.end()) sources_[name].insert(memory->second);
  }

  void add(const ir::Assume& assume, ir::Place place) {
    place.guards.push_back({std::span(assume.condition), true, true, place.binders.size()});
    const ir::Ranges ranges(program_, place);
    for (const ir::Comparison& comparison : assume.condition)
      for (const std::string& name : names_in(comparison))
        for (const std::string& tensor : sources_[name]) {
          Allowed& allowed = allowed_[tensor];
          allowed.least = std::max(allowed.least, value_of(ranges.lower(ir::named(name)), none_below));
          allowed.most = std::min(allowed.most, value_of(ranges.upper(ir::named(name)), none_above));
        }
  }
  void add(const ir::AssumeElements& elements) {
    for (const std::string& tensor : sources_[elements.tile])
      (elements.property == ir::AssumeElements::Property::distinct ? allowed_[tensor].is_distinct : allowed_[tensor].is_sorted) =
          true;
  }

  int64_t value_of(const std::optional<ir::IndexExpr>& bound, int64_t otherwise) const {
    if (!bound) return otherwise;
    return ir::checked_evaluate(*bound, [&](const ir::Index& leaf) { return dims_.at(leaf.name); }).value_or(otherwise);
  }

  const ir::Program& program_;
  const Dims& dims_;
  std::map<std::string, std::string> memory_;             // of inputs and their views: the input
  std::map<std::string, std::set<std::string>> sources_;  // by name of a tile or an index
  std::map<std::string, Allowed> allowed_;
};

// How elements are chosen from those that are allowed. `one_after_the_other`: those of the first input are below those of the
// second, as the begin of a range is below its end.
enum class Pattern : uint8_t { random, sorted, positions, least, most, one_after_the_other };
constexpr std::array patterns = {Pattern::random, Pattern::sorted, Pattern::positions,
                                 Pattern::least,  Pattern::most,   Pattern::one_after_the_other};

// n different numbers below `count`, in a random order; those from 0 on where there are not as many.
std::vector<int64_t> different_numbers(int64_t n, int64_t count, const RandomStream& random) {
  if (count < n) count = n;
  std::map<int64_t, int64_t> moved;  // a shuffle of all of them, of which only n steps are done
  const auto at = [&](int64_t k) { return moved.contains(k) ? moved[k] : k; };
  std::vector<int64_t> numbers;
  for (int64_t k = 0; k < n; ++k) {
    const auto other = k + static_cast<int64_t>(random.bits(k) % static_cast<uint64_t>(count - k));
    numbers.push_back(at(other));
    moved[other] = at(k);
  }
  return numbers;
}

// `position` is that of the tensor among those of which something is assumed.
void fill(Array& array, const Allowed& allowed, Pattern pattern, const RandomStream& random, int64_t position, int64_t tensors) {
  const int64_t n = array.size(), count = std::max<int64_t>(allowed.most - allowed.least + 1, 1);
  std::vector<int64_t> steps(static_cast<size_t>(n), 0);  // above the least
  const auto draw = [&](int64_t from, int64_t to) {
    for (int64_t i = 0; i < n; ++i)
      steps[static_cast<size_t>(i)] =
          from + static_cast<int64_t>(random.bits(i) % static_cast<uint64_t>(std::max<int64_t>(to - from, 1)));
  };
  switch (pattern) {
    case Pattern::random:
    case Pattern::sorted: draw(0, count); break;
    case Pattern::positions:
      for (int64_t i = 0; i < n; ++i) steps[static_cast<size_t>(i)] = std::min(i, count - 1);
      break;
    case Pattern::least: break;
    case Pattern::most: std::fill(steps.begin(), steps.end(), count - 1); break;
    case Pattern::one_after_the_other: draw(count / tensors * position, count / tensors * (position + 1)); break;
  }
  if (allowed.is_distinct) steps = different_numbers(n, count, random);
  if (allowed.is_sorted || pattern == Pattern::sorted) std::sort(steps.begin(), steps.end());
  for (int64_t i = 0; i < n; ++i)
    array.as<int32_t>()[i] =
        static_cast<int32_t>(std::clamp(allowed.least + steps[static_cast<size_t>(i)], none_below, none_above));
}

// The statements on which assumptions depend, where they are of dimensions and of loads of inputs alone.
ir::Block assumptions_of(const ir::Block& block, std::set<std::string>& inputs, bool& is_all) {
  ir::Block kept;
  for (const ir::Statement& statement : block) {
    ir::Statement copy = statement;
    if (const auto* view = std::get_if<ir::View>(&statement.node)) {
      if (!inputs.contains(view->base)) continue;
      inputs.insert(view->name);
    } else if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) {
      is_all = is_all && inputs.contains(read->tensor);
    } else if (auto* loop = std::get_if<ir::Loop>(&copy.node)) {
      loop->body = assumptions_of(loop->body, inputs, is_all);
      if (loop->body.empty()) continue;
    } else if (auto* at = std::get_if<ir::At>(&copy.node)) {
      at->body = assumptions_of(at->body, inputs, is_all);
      if (at->body.empty()) continue;
    } else if (auto* branch = std::get_if<ir::If>(&copy.node)) {
      branch->then_block = assumptions_of(branch->then_block, inputs, is_all);
      branch->else_block = assumptions_of(branch->else_block, inputs, is_all);
      if (branch->then_block.empty() && branch->else_block.empty()) continue;
    } else if (const auto* assign = std::get_if<ir::Assign>(&statement.node)) {
      if (assign->value->dtype != DType::int32) continue;
      is_all = is_all && assign->value->op == ir::Op::load && inputs.contains(assign->value->name);
    } else if (!is_assumption(statement)) {
      continue;
    }
    kept.push_back(std::move(copy));
  }
  return kept;
}

// As little of the program as tells whether its assumptions hold.
ir::Program only_assumptions(const ir::Program& program) {
  const auto is_kept = [](const ir::Tensor& tensor) { return tensor.dtype == DType::int32 && tensor.role == ir::Role::input; };
  std::set<std::string> inputs;
  for (const ir::Tensor& tensor : program.tensors)
    if (is_kept(tensor)) inputs.insert(tensor.name);
  ir::Program kept = program;
  bool is_all = true;
  kept.body = assumptions_of(program.body, inputs, is_all);
  if (!is_all) return program;
  std::erase_if(kept.tensors, [&](const ir::Tensor& tensor) { return !is_kept(tensor); });
  return kept;
}

// The assumption that does not hold of these inputs. None either where telling it takes too long: the run will tell.
std::optional<Diagnostic> broken_assumption(const ir::Program& program, const Dims& dims, const Tensors& inputs,
                                            int64_t most_bytes) {
  Tensors copies;
  for (const ir::Tensor& tensor : program.tensors)
    if (const auto input = inputs.find(tensor.name); input != inputs.end()) copies.insert(*input);
  interpret::Options options;
  options.most_work = 50'000'000;
  options.most_bytes = most_bytes;
  try {
    interpret::run(program, dims, copies, options);
  } catch (const interpret::Fault& fault) {
    if (fault.diagnostics().at(0).id == "assumption-failed") return fault.diagnostics().at(0);
  } catch (const interpret::OutOfWork&) {
  }
  return std::nullopt;
}

}  // namespace

bool assumes_anything(const ir::Program& program) {
  bool assumes = false;
  ir::for_each_statement(program.body,
                         [&](const ir::Statement& statement) { return assumes = assumes || is_assumption(statement), true; });
  return assumes;
}

Tensors made_inputs(const ir::Program& program, const std::vector<TensorShape>& wanted, const Dims& dims, uint64_t seed,
                    int64_t most_bytes) {
  Tensors inputs = synthetic_inputs(wanted, seed);
  const bool is_empty = std::any_of(dims.begin(), dims.end(), [](const auto& dim) { return dim.second == 0; });
  if (!assumes_anything(program) || is_empty) return inputs;

  const ir::Program check = only_assumptions(program);
  std::map<std::string, Allowed> allowed = Assumptions(program, dims).by_tensor();
  for (auto& [name, of] :
       allowed) {  // an end that is not assumed is near the other one, or what is made where nothing is assumed
    const auto* values = inputs.at(name).as<int32_t>();
    const int64_t usual = inputs.at(name).size() > 0 ? *std::max_element(values, values + inputs.at(name).size()) : 0;
    if (of.least == none_below) of.least = of.most == none_above ? 0 : std::min<int64_t>(0, of.most);
    if (of.most == none_above) of.most = of.least + std::max(usual, of.is_distinct ? inputs.at(name).size() - 1 : 0);
  }
  for (const auto& [name, of] : allowed)
    if (of.is_distinct && inputs.at(name).size() > of.most - of.least + 1)
      throw UserError("no-inputs",
                      fmt::format("no inputs were found for which '{}' may be run: the {} elements of {} are all different, and "
                                  "assumed to lie between {} and {}",
                                  program.name, inputs.at(name).size(), name, of.least, of.most),
                      no_inputs_hint);
  std::optional<Diagnostic> first;
  for (const Pattern pattern : patterns) {
    int64_t position = 0;
    for (const auto& tensor : program.tensors)
      if (const auto of = allowed.find(tensor.name); of != allowed.end())
        fill(inputs.at(tensor.name), of->second, pattern, RandomStream(seed, tensor.name), position++,
             static_cast<int64_t>(allowed.size()));
    const std::optional<Diagnostic> broken = broken_assumption(check, dims, inputs, most_bytes);
    if (!broken) return inputs;
    if (!first) first = broken;
  }
  Diagnostic error = *first;
  error.id = "no-inputs";
  error.message = fmt::format("no inputs were found for which '{}' may be run: {}", program.name, first->message);
  error.hint = allowed.empty() ? "dimensions for which it holds" : no_inputs_hint;
  throw UserError({error});
}

}  // namespace imbrex::inputs

#include "imbrex/inputs/made_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "imbrex/base/checked.h"
#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
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
constexpr int64_t none_below = std::numeric_limits<int32_t>::min(), none_above = std::numeric_limits<int32_t>::max();

struct Interval {
  int64_t least = none_below, most = none_above;
  void narrow(int64_t to_least, int64_t to_most) { least = std::max(least, to_least), most = std::min(most, to_most); }
};

// Which elements of an input belong together: those whose numbers along each axis, divided by the step, agree. A step that is the
// whole axis divides nothing; 1 divides it into its elements.
struct Parts {
  std::vector<int64_t> shape, steps;
  bool is_exact = true;  // else the parts may be smaller
  int64_t part_of(int64_t element) const {
    int64_t part = 0, parts = 1;
    for (size_t k = shape.size(); k-- > 0; element /= shape[k]) {
      part += element % shape[k] / steps[k] * parts;
      parts *= (shape[k] + steps[k] - 1) / steps[k];
    }
    return part;
  }
  int64_t elements() const { return std::accumulate(steps.begin(), steps.end(), int64_t{1}, std::multiplies<>()); }
};

// What is assumed of the elements of an input.
struct Allowed {
  std::optional<Interval> all;
  std::map<int64_t, Interval> at;  // of elements that are read one by one, by position
  std::optional<Parts> distinct, sorted;
  std::optional<int64_t> except;                  // what several of the distinct ones may be
  int64_t least = none_below, most = none_above;  // of all of them together
};

// The larger parts: what holds in them holds in smaller ones.
void assume_in(std::optional<Parts>& known, const Parts& parts) {
  if (!known || known->elements() < parts.elements()) known = parts;
}

bool is_assumption(const ir::Statement& statement) {
  return std::holds_alternative<ir::Assume>(statement.node) || std::holds_alternative<ir::AssumeElements>(statement.node);
}

// Which elements of which inputs the names in assumptions stand for.
class Assumptions {
 public:
  Assumptions(const ir::Program& program, const Dims& dims) : program_(program), dims_(dims) {
    for (const ir::Tensor& tensor : program.tensors)
      if (tensor.role != ir::Role::output && holds_indices(tensor.dtype)) views_[tensor.name] = {tensor.name, tensor.shape};
    ir::for_each_place(program, [&](const ir::Statement& statement, const ir::Place& place) {
      if (const auto* view = std::get_if<ir::View>(&statement.node))
        if (const auto base = views_.find(view->base); base != views_.end())
          views_[view->name] = {base->second.tensor, view->shape};
      if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) add_source(*read);
      const auto* assign = std::get_if<ir::Assign>(&statement.node);
      const ir::Expr* load = assign ? ir::load_of_indices(*assign->value) : nullptr;
      if (load) add_source(assign->name, *load, place);
    });
    ir::for_each_place(program, [&](const ir::Statement& statement, const ir::Place& place) {
      if (const auto* assume = std::get_if<ir::Assume>(&statement.node)) add(*assume, place);
      if (const auto* elements = std::get_if<ir::AssumeElements>(&statement.node)) add(*elements);
    });
    for (auto& [name, allowed] : allowed_) {
      if (allowed.all) allowed.least = allowed.all->least, allowed.most = allowed.all->most;
      if (allowed.all || allowed.at.empty()) continue;
      // Ends that are assumed of some element.
      int64_t least = none_above, most = none_below;
      for (const auto& [position, of] : allowed.at) {
        if (of.least != none_below) least = std::min(least, of.least);
        if (of.most != none_above) most = std::max(most, of.most);
      }
      if (least != none_above) allowed.least = least;
      if (most != none_below) allowed.most = most;
    }
  }
  const std::map<std::string, Allowed>& by_tensor() const { return allowed_; }

 private:
  struct InputView {
    std::string tensor;  // the input
    std::vector<ir::IndexExpr> shape;
  };
  struct Source {
    std::string tensor;
    std::optional<int64_t> position;  // of a single element, where dimensions decide it
    Parts parts;                      // of which a tile holds one
  };

  void add_source(const ir::ReadIndex& read) {
    const auto view = views_.find(read.tensor);
    if (view == views_.end()) return;
    int64_t position = 0;
    bool is_known = true;
    for (size_t k = 0; k < read.position.size(); ++k) {
      const auto index = number(read.position[k]), extent = number(view->second.shape[k]);
      is_known = is_known && index && extent && *index >= 0 && *index < *extent;
      if (is_known) position = position * *extent + *index;
    }
    sources_[read.name].push_back({view->second.tensor, is_known ? std::optional(position) : std::nullopt, {}});
  }

  void add_source(const std::string& tile, const ir::Expr& load, const ir::Place& place) {
    const auto view = views_.find(load.name);
    if (view == views_.end()) return;
    const ir::Ranges ranges(program_, place);
    Parts parts;
    for (size_t k = 0; k < load.slice.size(); ++k) {
      const ir::Axis& axis = load.slice[k];
      const int64_t extent = std::max<int64_t>(1, number(view->second.shape[k]).value_or(1));
      const bool is_whole =
          axis.kind == ir::Axis::Kind::range && ir::constant_value(axis.begin) == 0 && ir::same(axis.size, view->second.shape[k]);
      int64_t step = axis.kind == ir::Axis::Kind::point ? 1 : extent;
      if (axis.kind == ir::Axis::Kind::range && !is_whole) {
        step = std::clamp<int64_t>(ranges.of(axis.size).greatest, 1, extent);
        parts.is_exact = false;
      }
      parts.is_exact = parts.is_exact && axis.kind != ir::Axis::Kind::by;
      parts.shape.push_back(extent), parts.steps.push_back(step);
    }
    sources_[tile].push_back({view->second.tensor, std::nullopt, parts});
  }

  void add(const ir::Assume& assume, ir::Place place) {
    // Values for which the tests around it do not hold are as good.
    std::erase_if(place.guards, [](const ir::Guard& guard) { return !guard.assumed; });
    place.guards.push_back({std::span(assume.condition), true, true, place.binders.size()});
    const ir::Ranges ranges(program_, place);
    for (const ir::Comparison& comparison : assume.condition)
      for (const std::string& name : names_in(comparison))
        for (const Source& source : sources_[name]) {
          Allowed& allowed = allowed_[source.tensor];
          if (!source.position && !allowed.all) allowed.all.emplace();
          Interval& of = source.position ? allowed.at[*source.position] : *allowed.all;
          of.narrow(value_of(ranges.lower(ir::named(name)), none_below), value_of(ranges.upper(ir::named(name)), none_above));
        }
  }
  void add(const ir::AssumeElements& elements) {
    for (const Source& source : sources_[elements.tile]) {
      Allowed& allowed = allowed_[source.tensor];
      if (elements.property == ir::AssumeElements::Property::sorted) {
        assume_in(allowed.sorted, source.parts);
        continue;
      }
      // What each of two assumptions excepts is excepted.
      if (!allowed.distinct || allowed.except != elements.except)
        allowed.except = allowed.distinct ? std::nullopt : elements.except;
      assume_in(allowed.distinct, source.parts);
    }
  }

  std::optional<int64_t> number(const ir::IndexExpr& e) const {
    for (const std::string& name : ir::names_in(e))
      if (!dims_.contains(name)) return std::nullopt;
    return ir::checked_evaluate(e, [&](const ir::Index& leaf) { return dims_.at(leaf.name); });
  }
  int64_t value_of(const std::optional<ir::IndexExpr>& bound, int64_t otherwise) const {
    if (!bound) return otherwise;
    return ir::checked_evaluate(*bound, [&](const ir::Index& leaf) { return dims_.at(leaf.name); }).value_or(otherwise);
  }

  const ir::Program& program_;
  const Dims& dims_;
  std::map<std::string, InputView> views_;              // inputs and their views
  std::map<std::string, std::vector<Source>> sources_;  // by name of a tile or an index
  std::map<std::string, Allowed> allowed_;
};

// How elements are chosen from those that are allowed. `one_after_the_other`: those of the first input are below those of the
// second, as the begin of a range is below its end. `of_dims`: numbers that are often the sum or the difference of what is asked.
enum class Pattern : uint8_t { random, sorted, positions, least, most, one_after_the_other, of_dims };
constexpr std::array patterns = {Pattern::random, Pattern::sorted, Pattern::positions,
                                 Pattern::least,  Pattern::most,   Pattern::one_after_the_other};
// How often `of_dims` is tried, if nothing else does, of how few elements: it may need luck.
constexpr int kTriesOfDims = 64;
constexpr int64_t kElementsOfDims = 4096;

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

// What goes by parts of the array: calls `function` with the numbers of the elements of each, in ascending order.
template <class Function>
void for_each_part(int64_t n, const Parts& parts, const Function& function) {
  std::map<int64_t, std::vector<size_t>> members;
  for (int64_t i = 0; i < n; ++i) members[parts.part_of(i)].push_back(static_cast<size_t>(i));
  for (const auto& [part, of_part] : members) function(part, of_part);
}

// Which of n elements are the excepted number: about one in four, and as many more as leave no more others than there are numbers.
std::vector<bool> excepted_of(size_t n, int64_t numbers, const RandomStream& random) {
  std::vector<bool> excepted;
  for (size_t k = 0; k < n; ++k) excepted.push_back(random.bits(static_cast<int64_t>(k)) % 4 == 0);
  auto others = static_cast<int64_t>(std::count(excepted.begin(), excepted.end(), false));
  for (size_t k = n; k-- > 0 && others > numbers;)
    if (!excepted[k]) excepted[k] = true, --others;
  return excepted;
}

// The elements that are read one by one are what is assumed of them, and the others follow where they are sorted.
void pin(Array& array, const Allowed& allowed) {
  for (const auto& [position, of] : allowed.at) {
    if (position >= array.size()) continue;
    const int64_t value = std::clamp<int64_t>(index_at(array, position), of.least, std::max(of.least, of.most));
    set_index_at(array, position, value);
    if (!allowed.sorted) continue;
    for (int64_t i = 0; i < array.size(); ++i)
      if (i != position && allowed.sorted->part_of(i) == allowed.sorted->part_of(position))
        set_index_at(array, i, i < position ? std::min(index_at(array, i), value) : std::max(index_at(array, i), value));
  }
}

// `position` is that of the tensor among those of which something is assumed.
void fill(Array& array, const Allowed& allowed, Pattern pattern, const RandomStream& random, int64_t position, int64_t tensors,
          const Dims& dims, bool with_excepted) {
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
    case Pattern::of_dims: {
      std::vector<int64_t> numbers = {0, 1, allowed.least, allowed.most};
      for (const auto& [name, value] : dims) numbers.insert(numbers.end(), {value, value - 1});
      for (int64_t i = 0; i < n; ++i)
        steps[static_cast<size_t>(i)] =
            std::clamp(numbers[random.bits(i) % numbers.size()], allowed.least, std::max(allowed.least, allowed.most)) -
            allowed.least;
      break;
    }
  }
  const auto in_order = [&](const std::vector<size_t>& part) {
    std::vector<int64_t> values;
    for (const size_t i : part) values.push_back(steps[i]);
    std::sort(values.begin(), values.end());
    for (size_t k = 0; k < part.size(); ++k) steps[part[k]] = values[k];
  };
  if (allowed.distinct)
    for_each_part(n, *allowed.distinct, [&](int64_t number, const std::vector<size_t>& part) {
      const RandomStream of_part = number == 0 ? random : RandomStream(random.bits(~number), "part");
      const bool has_excepted = with_excepted && allowed.except;
      const std::vector<bool> excepted = has_excepted ? excepted_of(part.size(), count, RandomStream(of_part.bits(0), "excepted"))
                                                      : std::vector<bool>(part.size(), false);
      const auto others = std::count(excepted.begin(), excepted.end(), false);
      const std::vector<int64_t> different = different_numbers(others, count, of_part);
      auto next = different.begin();
      for (size_t k = 0; k < part.size(); ++k) steps[part[k]] = excepted[k] ? *allowed.except - allowed.least : *next++;
    });
  if (pattern == Pattern::sorted && !allowed.sorted) std::sort(steps.begin(), steps.end());
  if (allowed.sorted) for_each_part(n, *allowed.sorted, [&](int64_t, const std::vector<size_t>& part) { in_order(part); });
  for (int64_t i = 0; i < n; ++i)
    set_index_at(array, i, std::clamp(allowed.least + steps[static_cast<size_t>(i)], none_below, none_above));
  pin(array, allowed);
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
      if (!holds_indices(assign->value->dtype)) continue;
      const ir::Expr* load = ir::load_of_indices(*assign->value);
      is_all = is_all && load && inputs.contains(load->name);
    } else if (!is_assumption(statement)) {
      continue;
    }
    kept.push_back(std::move(copy));
  }
  return kept;
}

// As little of the program as tells whether its assumptions hold.
ir::Program only_assumptions(const ir::Program& program) {
  const auto is_kept = [](const ir::Tensor& tensor) { return holds_indices(tensor.dtype) && tensor.role == ir::Role::input; };
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
                    const std::string& otherwise, int64_t most_bytes) {
  Tensors inputs = synthetic_inputs(wanted, seed);
  const bool is_empty = std::any_of(dims.begin(), dims.end(), [](const auto& dim) { return dim.second == 0; });
  if (!assumes_anything(program) || is_empty) return inputs;

  const ir::Program check = only_assumptions(program);
  std::map<std::string, Allowed> allowed = Assumptions(program, dims).by_tensor();
  for (auto& [name, of] :
       allowed) {  // an end that is not assumed is near the other one, or what is made where nothing is assumed
    const Array& made = inputs.at(name);
    int64_t usual = made.size() > 0 ? index_at(made, 0) : 0;
    for (int64_t i = 1; i < made.size(); ++i) usual = std::max(usual, index_at(made, i));
    if (of.least == none_below) of.least = of.most == none_above ? 0 : std::min<int64_t>(0, of.most);
    if (of.most == none_above)
      of.most = std::max<int64_t>(0, of.least) + std::max(usual, of.distinct ? of.distinct->elements() - 1 : 0);
  }
  for (const auto& [name, of] : allowed)
    if (of.distinct && !of.except && of.distinct->is_exact && inputs.at(name).size() > 0 &&
        of.distinct->elements() > of.most - of.least + 1)
      throw UserError("no-inputs",
                      fmt::format("no inputs were found for which '{}' may be run: {} elements of {} are all different, and "
                                  "assumed to lie between {} and {}",
                                  program.name, of.distinct->elements(), name, of.least, of.most),
                      otherwise);
  std::optional<Diagnostic> first;
  bool with_excepted = true;
  const auto will_do = [&](Pattern pattern, uint64_t seed_of_try) {
    int64_t position = 0;
    for (const auto& tensor : program.tensors)
      if (const auto of = allowed.find(tensor.name); of != allowed.end())
        fill(inputs.at(tensor.name), of->second, pattern, RandomStream(seed_of_try, tensor.name), position++,
             static_cast<int64_t>(allowed.size()), dims, with_excepted);
    const std::optional<Diagnostic> broken = broken_assumption(check, dims, inputs, most_bytes);
    if (broken && !first) first = broken;
    return !broken;
  };
  // First with several of the numbers that are excepted from being different, which something else may not allow.
  const bool is_excepted =
      std::any_of(allowed.begin(), allowed.end(), [](const auto& of) { return of.second.except.has_value(); });
  for (const bool excepted : {true, false}) {
    with_excepted = excepted;
    if (!excepted && !is_excepted) break;
    for (const Pattern pattern : patterns)
      if (will_do(pattern, seed)) return inputs;
  }
  int64_t elements = 0;
  for (const auto& [name, of] : allowed) elements += inputs.at(name).size();
  for (int k = 0; k < kTriesOfDims && elements > 0 && elements <= kElementsOfDims; ++k)
    if (will_do(Pattern::of_dims, seed + static_cast<uint64_t>(k))) return inputs;
  Diagnostic error = *first;
  error.id = "no-inputs";
  error.message = fmt::format("no inputs were found for which '{}' may be run: {}", program.name, first->message);
  error.hint = allowed.empty() ? "dimensions for which it holds" : otherwise;
  throw UserError({error});
}

std::vector<TensorShape> shapes_of(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                   const std::vector<ir::Role>& roles, int64_t most_bytes) {
  std::vector<TensorShape> shapes;
  int64_t bytes = 0;
  for (const ir::Tensor& tensor : program.tensors) {
    TensorShape shape{tensor.name, tensor.dtype, {}};
    std::optional<int64_t> tensor_bytes = bytes_of(tensor.dtype);
    for (const ir::IndexExpr& extent : tensor.shape) {
      const auto value = ir::checked_evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); });
      if (!value)
        throw UserError("out-of-memory",
                        fmt::format("tensor '{}' of '{}' has {} elements along an axis, more than 64 bits count", tensor.name,
                                    program.name, ir::to_text(extent)),
                        "smaller dimensions");
      shape.shape.push_back(std::max<int64_t>(*value, 0));
      if (tensor_bytes) tensor_bytes = checked_mul(*tensor_bytes, shape.shape.back());
    }
    const auto sum = tensor_bytes ? checked_add(bytes, *tensor_bytes) : std::nullopt;
    if (!sum || *sum >= most_bytes)
      throw UserError(
          "out-of-memory",
          fmt::format("the tensors of '{}' do not fit into the {} MiB of memory that this process may use: '{}' is [{}]",
                      program.name, most_bytes >> 20, tensor.name, fmt::join(shape.shape, ", ")),
          "smaller dimensions");
    bytes = *sum;
    if (std::find(roles.begin(), roles.end(), tensor.role) != roles.end()) shapes.push_back(std::move(shape));
  }
  return shapes;
}

}  // namespace imbrex::inputs

#include "imbrex/interpret/interpreter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>

#include "imbrex/base/checked.h"
#include "imbrex/base/numbers.h"
#include "imbrex/interpret/access_watch.h"
#include "imbrex/interpret/arguments.h"
#include "imbrex/interpret/expressions.h"
#include "imbrex/interpret/slice.h"
#include "imbrex/interpret/state.h"
#include "imbrex/ir/place.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify_accumulators.h"

namespace imbrex::interpret {
namespace {

// Executes statements, from the first to the last.
class Interpreter {
 public:
  explicit Interpreter(State& state) : state_(state), watch_(state), accumulators_(ir::row_sum_accumulators(state.program)) {}
  void run();

 private:
  void execute(const ir::Block& block);
  void execute(const ir::CreateTensor& create);
  void execute(const ir::View& view);
  void execute(const ir::Assign& assign);
  void execute(const ir::Store& store);
  void execute(const ir::ReadIndex& read);
  void execute(const ir::Loop& loop);
  void execute(const ir::At& at) { execute(at.body); }
  void execute(const ir::If& branch) { execute(state_.holds(branch.condition) ? branch.then_block : branch.else_block); }
  void execute(const ir::Tap& tap);
  void execute(const ir::Assume& assume);
  void execute(const ir::AssumeElements& assume);

  TilePtr evaluate(const ir::ExprPtr& e) { return interpret::evaluate(state_, watch_, e); }
  void require_distinct(const ir::AssumeElements& assume) const;
  void require_sorted(const ir::AssumeElements& assume) const;
  std::shared_ptr<Storage> take_memory(const ir::Tensor& tensor, const std::vector<int64_t>& extents);

  State& state_;
  AccessWatch watch_;
  const std::set<std::string> accumulators_;
  std::vector<int64_t> loop_numbers_;                                           // of the enclosing loops' iterations
  const std::shared_ptr<int64_t> tensor_bytes_ = std::make_shared<int64_t>(0);  // of all that was created and lives
};

void Interpreter::run() {
  execute(state_.program.body);
  if (!state_.options.checked) return;
  for (const ir::Tensor& tensor : state_.program.tensors)
    if (tensor.role == ir::Role::output) watch_.require_complete(*state_.view(tensor.name).storage);
}

void Interpreter::execute(const ir::Block& block) {
  for (const ir::Statement& statement : block) {
    state_.origin = statement.origin;
    std::visit([this](const auto& node) { execute(node); }, statement.node);
  }
}

void Interpreter::execute(const ir::CreateTensor& create) {
  const std::vector<int64_t> extents = state_.shape(create.tensor.shape);
  int64_t elements = 1;
  for (const int64_t extent : extents) elements *= extent;
  state_.count_work(elements);
  const std::shared_ptr<Storage> storage = take_memory(create.tensor, extents);
  storage->declared = &create.tensor;
  storage->own = Array::zeros(create.tensor.dtype, extents);
  storage->array = &storage->own;
  storage->watch(state_.options.checked);
  state_.views[create.tensor.name] = {storage, extents};
}

// Counts the bytes of a tensor as long as it lives.
std::shared_ptr<Storage> Interpreter::take_memory(const ir::Tensor& tensor, const std::vector<int64_t>& extents) {
  state_.views.erase(tensor.name);  // what an earlier iteration had under this name
  int64_t bytes = bytes_of(tensor.dtype);
  if (state_.options.checked) bytes += static_cast<int64_t>(2 * sizeof(AccessRecord));
  for (const int64_t extent : extents) bytes *= extent;
  if (bytes > state_.options.most_bytes - *tensor_bytes_)
    state_.fault("out-of-memory",
                 fmt::format("tensor `{}` [{}] takes {} MiB, and the interpreter has {} MiB left", tensor.name,
                             fmt::join(extents, ", "), bytes >> 20, (state_.options.most_bytes - *tensor_bytes_) >> 20),
                 "smaller dimensions");
  *tensor_bytes_ += bytes;
  return {new Storage, [bytes, counter = tensor_bytes_](Storage* storage) {
            *counter -= bytes;
            delete storage;
          }};
}

void Interpreter::execute(const ir::View& reshaped) {
  const View& base = state_.view(reshaped.base);
  state_.require_no_negative(reshaped.shape, "the view " + reshaped.name);
  state_.require_no_negative(base.storage->declared->shape, reshaped.base + ", of which " + reshaped.name + " is a view");
  View result{base.storage, state_.shape(reshaped.shape)};
  int64_t elements = 1;
  for (int64_t extent : result.shape) elements *= extent;
  if (elements != base.storage->array->size())
    state_.fault("out-of-bounds",
                 fmt::format("view `{}` [{}] of `{}` [{}] has another number of elements", reshaped.name,
                             fmt::join(result.shape, ", "), reshaped.base, fmt::join(base.shape, ", ")),
                 "give a view the same number of elements for every value of the dimensions");
  state_.views[reshaped.name] = std::move(result);
}

void Interpreter::execute(const ir::Assign& assign) {
  TilePtr value = evaluate(assign.value);
  // Zeros that start a sum are the sum of nothing, +0.
  if (assign.value->op == ir::Op::constant && accumulators_.contains(assign.name))
    value = std::make_shared<const Tile>(make_tile(value->dtype, value->rows, value->columns));
  state_.variables[assign.name] = std::move(value);
}

void Interpreter::execute(const ir::Store& store) {
  const int origin = state_.origin;
  const TilePtr value = evaluate(store.value);
  state_.origin = origin;
  const Elements elements = elements_of(state_, store.tensor, store.slice);
  require(elements.row_count == value->rows && elements.column_count == value->columns, "a store's value has its slice's shape");
  require(value->dtype == state_.view(store.tensor).storage->declared->dtype, "a store's value has its tensor's type");
  watch_.write(store.tensor, elements);
  put(*value, *state_.view(store.tensor).storage->array, elements);
}

void Interpreter::execute(const ir::ReadIndex& read) {
  std::vector<ir::Axis> slice;
  for (const ir::IndexExpr& position : read.position) slice.push_back({ir::Axis::Kind::point, position, ir::constant(1), {}});
  const Elements element = elements_of(state_, read.tensor, slice);
  watch_.read(read.tensor, element);
  const Array& array = *state_.view(read.tensor).storage->array;
  const int64_t value = index_at(array, static_cast<int64_t>(element.at(0)));
  if (value != static_cast<int32_t>(value))
    state_.fault(
        "assumption-failed",
        fmt::format("{} is {}, and an index read from data is an int32", element_text(state_, read.tensor, element.at(0)), value),
        "read elements from -2147483648 to 2147483647");
  state_.indices[read.name].begin = value;
}

void Interpreter::execute(const ir::Loop& loop) {
  const int origin = state_.origin;
  const bool tiled = loop.tile > 0;
  const int64_t begin = state_.index(loop.begin), extent = std::max<int64_t>(state_.index(loop.extent), 0),
                step = tiled ? loop.tile : 1;
  if (!checked_add(begin, extent))
    state_.overflow(fmt::format("the loop over `{}` ends at {} + {}", loop.variable, begin, extent));
  const int64_t execution = watch_.begin_loop();
  loop_numbers_.push_back(0);
  int64_t number = 0;
  for (int64_t done = 0; done < extent; ++number) {
    const int64_t size = std::min(step, extent - done);
    loop_numbers_.back() = number;
    state_.count_work(1);
    state_.indices[loop.variable] = {begin + done, size, number};
    done += size;
    const bool parallel = loop.kind == ir::Loop::Kind::parallel;
    if (parallel) watch_.enter(loop, origin, execution, tiled ? number : begin + number);
    execute(loop.body);
    if (parallel) watch_.leave();
  }
  loop_numbers_.pop_back();
}

void Interpreter::execute(const ir::Tap& tap) {
  const TilePtr value = evaluate(tap.value);
  if (state_.options.tap) state_.options.tap(tap.name, loop_numbers_, array_of(*value));
}

void Interpreter::execute(const ir::Assume& assume) {
  const auto check = [&](const ir::Comparison& comparison) {
    if (!state_.holds(comparison))
      state_.fault("assumption-failed",
                   fmt::format("assume({}) does not hold: {} {} {} is false", ir::print(assume.condition),
                               state_.index(comparison.left), ir::text_of(comparison.compare), state_.index(comparison.right)),
                   "give inputs for which it holds, or a kernel that handles the other case");
  };
  for (const ir::Comparison& comparison : assume.condition) {
    const std::set<std::string> names = ir::names_in(comparison);
    const auto tile =
        std::find_if(names.begin(), names.end(), [&](const std::string& name) { return state_.variables.count(name); });
    if (tile == names.end()) {
      check(comparison);
      continue;
    }
    for (const int32_t element : state_.variables.at(*tile)->i) {
      state_.indices[*tile].begin = element;
      check(comparison);
    }
    state_.indices.erase(*tile);
  }
}

void Interpreter::execute(const ir::AssumeElements& assume) {
  switch (assume.property) {
    case ir::AssumeElements::Property::sorted: return require_sorted(assume);
    case ir::AssumeElements::Property::distinct: return require_distinct(assume);
  }
}

void Interpreter::require_sorted(const ir::AssumeElements& assume) const {
  const Tile& tile = *state_.variables.at(assume.tile);
  for (size_t k = 1; k < tile.i.size(); ++k)
    if (tile.i[k] < tile.i[k - 1])
      state_.fault("assumption-failed",
                   fmt::format("assume_sorted({}) does not hold: element {} is {}, and the one before it is {}", assume.tile, k,
                               tile.i[k], tile.i[k - 1]),
                   "give inputs that never descend");
}

void Interpreter::require_distinct(const ir::AssumeElements& assume) const {
  const Tile& tile = *state_.variables.at(assume.tile);
  std::map<int32_t, size_t> seen;
  for (size_t k = 0; k < tile.i.size(); ++k) {
    if (tile.i[k] == assume.except) continue;
    const auto [first, fresh] = seen.emplace(tile.i[k], k);
    if (!fresh)
      state_.fault("assumption-failed",
                   fmt::format("assume_distinct({}{}) does not hold: elements {} and {} are both {}", assume.tile,
                               assume.except ? fmt::format(" except {}", *assume.except) : "", first->second, k, tile.i[k]),
                   "give inputs in which they differ");
  }
}

}  // namespace

void run(const ir::Program& program, const std::map<std::string, int64_t>& dims, std::map<std::string, Array>& tensors,
         const Options& options) {
  State state{program, options};
  if (bind_arguments(state, dims, tensors)) Interpreter(state).run();  // else there is nothing to write
}

}  // namespace imbrex::interpret

#include "imbrex/interpret/interpreter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <set>

#include "imbrex/base/checked.h"
#include "imbrex/base/numbers.h"
#include "imbrex/interpret/operations.h"
#include "imbrex/interpret/scalar.h"
#include "imbrex/interpret/storage.h"
#include "imbrex/interpret/sum_watch.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/verify_accumulators.h"

namespace imbrex::interpret {
namespace {

using ir::Op;
using TilePtr = std::shared_ptr<const Tile>;

constexpr int64_t kMaxElements = int64_t{1} << 31;  // of one tile or tensor: more is a mistake, not a test

// Elements of an array into a tile and back: `tile[k] = array[offset(k)]`, for k in row-major order of the tile.
template <class Stored, class Value, class Offset, class Convert>
void copy_in(std::vector<Value>& out, const Array& array, Offset offset, Convert convert) {
  const Stored* in = array.as<Stored>();
  for (size_t k = 0; k < out.size(); ++k) out[k] = convert(in[offset(k)]);
}
template <class Stored, class Value, class Offset, class Convert>
void copy_out(Array& array, const std::vector<Value>& in, Offset offset, Convert convert) {
  Stored* out = array.as<Stored>();
  for (size_t k = 0; k < in.size(); ++k) out[offset(k)] = static_cast<Stored>(convert(in[k]));
}
int32_t saturated_int32(int64_t x) {
  return static_cast<int32_t>(std::clamp<int64_t>(x, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
}
constexpr auto kSame = [](auto value) { return value; };

template <class Offset>
void copy_in(Tile& tile, const Array& array, Offset offset) {
  switch (tile.dtype) {
    case DType::f32: return copy_in<float>(tile.f, array, offset, kSame);
    case DType::bf16: return copy_in<uint16_t>(tile.f, array, offset, bf16_value);
    case DType::f16: return copy_in<uint16_t>(tile.f, array, offset, f16_value);
    case DType::e4m3:
    case DType::e8m0:
      return copy_in<uint8_t>(tile.f, array, offset,
                              [&](uint8_t code) { return static_cast<float>(value_of_code(array.dtype, code)); });
    case DType::int8: return copy_in<int8_t>(tile.i, array, offset, kSame);
    case DType::uint8: return copy_in<uint8_t>(tile.i, array, offset, kSame);
    case DType::int32: return copy_in<int32_t>(tile.i, array, offset, kSame);
    case DType::int64: return copy_in<int64_t>(tile.i, array, offset, saturated_int32);
    case DType::boolean: return copy_in<uint8_t>(tile.i, array, offset, [](uint8_t byte) { return byte != 0; });
  }
}
template <class Offset>
void copy_out(Array& array, const Tile& tile, Offset offset) {
  switch (tile.dtype) {
    case DType::f32: return copy_out<float>(array, tile.f, offset, kSame);
    case DType::bf16: return copy_out<uint16_t>(array, tile.f, offset, bf16_bits);
    case DType::f16: return copy_out<uint16_t>(array, tile.f, offset, f16_bits);
    case DType::e4m3:
    case DType::e8m0:
      return copy_out<uint8_t>(array, tile.f, offset, [&](float value) { return code_of_value(array.dtype, value); });
    case DType::int8: return copy_out<int8_t>(array, tile.i, offset, kSame);
    case DType::uint8:
    case DType::boolean: return copy_out<uint8_t>(array, tile.i, offset, kSame);
    case DType::int32: return copy_out<int32_t>(array, tile.i, offset, kSame);
    case DType::int64: return copy_out<int64_t>(array, tile.i, offset, kSame);
  }
}

// The elements of a tensor that a slice names: the tile's element [r, c] is the tensor's element rows[r] + columns[c].
struct Elements {
  int64_t row_count = 1, column_count = 1;
  std::vector<int64_t> rows, columns;  // empty if the slice is
  size_t at(size_t k) const { return static_cast<size_t>(rows[k / columns.size()] + columns[k % columns.size()]); }
  size_t size() const { return rows.size() * columns.size(); }
};

bool holds(int64_t a, ir::Compare compare, int64_t b) {
  switch (compare) {
    case ir::Compare::lt: return a < b;
    case ir::Compare::le: return a <= b;
    case ir::Compare::eq: return a == b;
    case ir::Compare::ne: return a != b;
    case ir::Compare::ge: return a >= b;
    case ir::Compare::gt: return a > b;
  }
  throw InternalError("unknown comparison");
}

class Interpreter {
 public:
  Interpreter(const ir::Program& program, const std::map<std::string, int64_t>& dims, std::map<std::string, Array>& tensors,
              const Options& options);
  void run();

 private:
  // A named integer, or a span. An integer is its own begin.
  struct IndexValue {
    int64_t begin = 0, size = 0, index = 0;
  };

  void bind(const ir::Tensor& tensor, std::map<std::string, Array>& tensors);
  void execute(const ir::Block& block);
  void execute(const ir::CreateTensor& create);
  void execute(const ir::View& view);
  void execute(const ir::Assign& assign);
  void execute(const ir::Store& store);
  void execute(const ir::ReadIndex& read);
  void execute(const ir::Loop& loop);
  void execute(const ir::At& at) { execute(at.body); }
  void execute(const ir::If& branch) { execute(holds_now(branch.condition) ? branch.then_block : branch.else_block); }
  void execute(const ir::Tap& tap);
  void execute(const ir::Assume& assume);
  void execute(const ir::AssumeElements& assume);

  void count_work(int64_t amount);
  int64_t index(const ir::IndexExpr& e) const;
  bool holds_now(const ir::Condition& condition) const;
  int64_t checked_size(int64_t rows, int64_t columns) const;  // of a tile
  int64_t checked_size(int64_t rows, int64_t columns, int64_t most) const;
  std::vector<int64_t> shape(const std::vector<ir::IndexExpr>& extents) const;
  void require_no_negative(const std::vector<ir::IndexExpr>& extents, const std::string& of) const;

  TilePtr evaluate(const ir::ExprPtr& e);
  Tile compute(const ir::Expr& e);
  Tile computed(const ir::Expr& e, const std::vector<TilePtr>& args);
  Tile load(const ir::Expr& e);
  Tile product(const ir::Expr& e, const Tile* acc, const Tile& a, const Tile& b);
  Tile scaled_product(const ir::Expr& e, const Tile& a_scales, const Tile& b_scales, const Tile& a, const Tile& b);
  Tile expanded_product(const ir::Expr& e, const Tile& scales, const Tile& a, const Tile& b);
  Tile gather_checked(const Tile& x, const Tile& positions);

  Elements resolve(const std::string& name, const std::vector<ir::Axis>& slice) const;
  const View& view(const std::string& name) const;
  void note_read(const std::string& name, size_t element);
  void note_write(const std::string& name, size_t element);
  void refuse_conflict(const std::string& name, size_t element, const AccessRecord& earlier, const char* did,
                       const char* does) const;
  void require_complete(const Storage& storage) const;
  std::string element_text(const std::string& name, size_t element) const;
  std::shared_ptr<Storage> take_memory(const ir::Tensor& tensor, const std::vector<int64_t>& extents);
  [[noreturn]] void overflow(const std::string& what) const;
  [[noreturn]] void fault(const char* id, std::string message, std::string hint, std::vector<Diagnostic::Note> notes = {}) const;

  const ir::Program& program_;
  const Options& options_;
  std::string zero_;  // a dimension that is 0, if there is one
  std::map<std::string, IndexValue> indices_;
  std::map<std::string, TilePtr> variables_;
  const std::set<std::string> accumulators_;
  std::map<std::string, View> views_;
  std::vector<int64_t> loop_numbers_;  // of the enclosing loops' iterations
  Iterations iterations_;
  int64_t work_ = 0;
  int origin_ = -1;                                                             // of what is being executed
  const std::shared_ptr<int64_t> tensor_bytes_ = std::make_shared<int64_t>(0);  // of all that was created and lives
};

// ---- arguments ---------------------------------------------------------------------------------------------------------------

Interpreter::Interpreter(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                         std::map<std::string, Array>& tensors, const Options& options)
    : program_(program), options_(options), accumulators_(ir::row_sum_accumulators(program)) {
  for (const ir::Dim& dim : program.dims) {
    const auto given = dims.find(dim.name);
    if (given == dims.end())
      throw UserError("dim-missing", fmt::format("dimension `{}` of kernel `{}` has no value", dim.name, program.name),
                      "give one, at least 1");
    if (given->second < 0 || given->second > dim.most())
      throw UserError("dim-range", fmt::format("dimension `{}` of kernel `{}` is {}", dim.name, program.name, given->second),
                      fmt::format("a value from 1 to {}", dim.most()));
    indices_[dim.name].begin = given->second;
    if (given->second == 0) zero_ = dim.name;
  }
  for (const ir::Tensor& tensor : program.tensors) bind(tensor, tensors);
}

void Interpreter::bind(const ir::Tensor& tensor, std::map<std::string, Array>& tensors) {
  const std::vector<int64_t> extents = shape(tensor.shape);
  const std::string wanted = to_text(tensor.dtype, extents);
  if (tensor.role == ir::Role::output) {
    tensors[tensor.name] = Array::zeros(tensor.dtype, extents);
  } else {
    const auto given = tensors.find(tensor.name);
    if (given == tensors.end())
      throw UserError("tensor-missing",
                      fmt::format("{} `{}` of kernel `{}` is not given", name_of(tensor.role), tensor.name, program_.name),
                      fmt::format("give an array {}", wanted));
    const Array& array = given->second;
    if (array.dtype != tensor.dtype || array.shape != extents ||
        array.bytes.size() != static_cast<size_t>(array.size() * bytes_of(array.dtype)))
      throw UserError("tensor-shape",
                      fmt::format("{} `{}` of kernel `{}` is {}", name_of(tensor.role), tensor.name, program_.name,
                                  to_text(array.dtype, array.shape)),
                      fmt::format("give an array {}", wanted));
  }
  if (!zero_.empty() && tensor.role != ir::Role::input && std::find(extents.begin(), extents.end(), 0) == extents.end())
    throw UserError("dim-range",
                    fmt::format("dimension `{}` of kernel `{}` is 0, but {} `{}` has elements then", zero_, program_.name,
                                name_of(tensor.role), tensor.name),
                    "a value of at least 1");
  auto storage = std::make_shared<Storage>();
  storage->declared = &tensor;
  storage->array = &tensors[tensor.name];
  storage->has_values = tensor.role != ir::Role::output;
  storage->watch(options_.checked);
  views_[tensor.name] = {std::move(storage), extents};
}

void Interpreter::run() {
  if (!zero_.empty()) return;  // there is nothing to write
  execute(program_.body);
  if (!options_.checked) return;
  for (const ir::Tensor& tensor : program_.tensors)
    if (tensor.role == ir::Role::output) require_complete(*view(tensor.name).storage);
}

// ---- statements ---------------------------------------------------------------------------------------------------------------

void Interpreter::execute(const ir::Block& block) {
  for (const ir::Statement& statement : block) {
    origin_ = statement.origin;
    std::visit([this](const auto& node) { execute(node); }, statement.node);
  }
}

void Interpreter::execute(const ir::CreateTensor& create) {
  const std::vector<int64_t> extents = shape(create.tensor.shape);
  int64_t elements = 1;
  for (const int64_t extent : extents) elements *= extent;
  count_work(elements);
  const std::shared_ptr<Storage> storage = take_memory(create.tensor, extents);
  storage->declared = &create.tensor;
  storage->own = Array::zeros(create.tensor.dtype, extents);
  storage->array = &storage->own;
  storage->watch(options_.checked);
  views_[create.tensor.name] = {storage, extents};
}

// Counts the bytes of a tensor as long as it lives.
std::shared_ptr<Storage> Interpreter::take_memory(const ir::Tensor& tensor, const std::vector<int64_t>& extents) {
  views_.erase(tensor.name);  // what an earlier iteration had under this name
  int64_t bytes = bytes_of(tensor.dtype);
  if (options_.checked) bytes += static_cast<int64_t>(2 * sizeof(AccessRecord));
  for (const int64_t extent : extents) bytes *= extent;
  if (bytes > options_.most_bytes - *tensor_bytes_)
    fault("out-of-memory",
          fmt::format("tensor `{}` [{}] takes {} MiB, and the interpreter has {} MiB left", tensor.name, fmt::join(extents, ", "),
                      bytes >> 20, (options_.most_bytes - *tensor_bytes_) >> 20),
          "smaller dimensions");
  *tensor_bytes_ += bytes;
  return {new Storage, [bytes, counter = tensor_bytes_](Storage* storage) {
            *counter -= bytes;
            delete storage;
          }};
}

void Interpreter::execute(const ir::View& reshaped) {
  const View& base = view(reshaped.base);
  require_no_negative(reshaped.shape, "the view " + reshaped.name);
  require_no_negative(base.storage->declared->shape, reshaped.base + ", of which " + reshaped.name + " is a view");
  View result{base.storage, shape(reshaped.shape)};
  int64_t elements = 1;
  for (int64_t extent : result.shape) elements *= extent;
  if (elements != base.storage->array->size())
    fault("out-of-bounds",
          fmt::format("view `{}` [{}] of `{}` [{}] has another number of elements", reshaped.name, fmt::join(result.shape, ", "),
                      reshaped.base, fmt::join(base.shape, ", ")),
          "give a view the same number of elements for every value of the dimensions");
  views_[reshaped.name] = std::move(result);
}

void Interpreter::execute(const ir::Assign& assign) {
  TilePtr value = evaluate(assign.value);
  // Zeros that start a sum are the sum of nothing, +0.
  if (assign.value->op == Op::constant && accumulators_.contains(assign.name))
    value = std::make_shared<const Tile>(make_tile(value->dtype, value->rows, value->columns));
  variables_[assign.name] = std::move(value);
}

void Interpreter::execute(const ir::Store& store) {
  const int origin = origin_;
  const TilePtr value = evaluate(store.value);
  origin_ = origin;
  const Elements elements = resolve(store.tensor, store.slice);
  require(elements.row_count == value->rows && elements.column_count == value->columns, "a store's value has its slice's shape");
  require(value->dtype == view(store.tensor).storage->declared->dtype, "a store's value has its tensor's type");
  if (options_.checked)
    for (size_t k = 0; k < elements.size(); ++k) note_write(store.tensor, elements.at(k));
  copy_out(*view(store.tensor).storage->array, *value, [&](size_t k) { return elements.at(k); });
}

void Interpreter::execute(const ir::ReadIndex& read) {
  std::vector<ir::Axis> slice;
  for (const ir::IndexExpr& position : read.position) slice.push_back({ir::Axis::Kind::point, position, ir::constant(1), {}});
  const Elements element = resolve(read.tensor, slice);
  if (options_.checked) note_read(read.tensor, element.at(0));
  const Array& array = *view(read.tensor).storage->array;
  const int64_t value = index_at(array, static_cast<int64_t>(element.at(0)));
  if (value != saturated_int32(value))
    fault("assumption-failed",
          fmt::format("{} is {}, and an index read from data is an int32", element_text(read.tensor, element.at(0)), value),
          "read elements from -2147483648 to 2147483647");
  indices_[read.name].begin = value;
}

void Interpreter::execute(const ir::Loop& loop) {
  const int origin = origin_;
  const bool tiled = loop.tile > 0;
  const int64_t begin = index(loop.begin), extent = std::max<int64_t>(index(loop.extent), 0), step = tiled ? loop.tile : 1;
  if (!checked_add(begin, extent)) overflow(fmt::format("the loop over `{}` ends at {} + {}", loop.variable, begin, extent));
  const int64_t execution = iterations_.begin_loop();
  loop_numbers_.push_back(0);
  int64_t number = 0;
  for (int64_t done = 0; done < extent; ++number) {
    const int64_t size = std::min(step, extent - done);
    loop_numbers_.back() = number;
    count_work(1);
    indices_[loop.variable] = {begin + done, size, number};
    done += size;
    const bool parallel = loop.kind == ir::Loop::Kind::parallel;
    if (parallel) iterations_.enter(loop, origin, execution, tiled ? number : begin + number);
    execute(loop.body);
    if (parallel) iterations_.leave();
  }
  loop_numbers_.pop_back();
}

void Interpreter::execute(const ir::Tap& tap) {
  const TilePtr value = evaluate(tap.value);
  if (!options_.tap) return;
  Array shown = Array::zeros(value->dtype, {value->rows, value->columns});
  copy_out(shown, *value, [](size_t k) { return k; });
  options_.tap(tap.name, loop_numbers_, shown);
}

void Interpreter::execute(const ir::Assume& assume) {
  const auto check = [&](const ir::Comparison& comparison) {
    const int64_t left = index(comparison.left), right = index(comparison.right);
    if (!holds(left, comparison.compare, right))
      fault("assumption-failed",
            fmt::format("assume({}) does not hold: {} {} {} is false", ir::print(assume.condition), left,
                        ir::text_of(comparison.compare), right),
            "give inputs for which it holds, or a kernel that handles the other case");
  };
  for (const ir::Comparison& comparison : assume.condition) {
    std::set<std::string> names = ir::names_in(comparison.left);
    names.merge(ir::names_in(comparison.right));
    const auto tile = std::find_if(names.begin(), names.end(), [&](const std::string& name) { return variables_.count(name); });
    if (tile == names.end()) {
      check(comparison);
      continue;
    }
    for (const int32_t element : variables_.at(*tile)->i) {
      indices_[*tile].begin = element;
      check(comparison);
    }
    indices_.erase(*tile);
  }
}

void Interpreter::execute(const ir::AssumeElements& assume) {
  const Tile& tile = *variables_.at(assume.tile);
  if (assume.property == ir::AssumeElements::Property::sorted) {
    for (size_t k = 1; k < tile.i.size(); ++k)
      if (tile.i[k] < tile.i[k - 1])
        fault("assumption-failed",
              fmt::format("assume_sorted({}) does not hold: element {} is {}, and the one before it is {}", assume.tile, k,
                          tile.i[k], tile.i[k - 1]),
              "give inputs that never descend");
    return;
  }
  std::map<int32_t, size_t> seen;
  for (size_t k = 0; k < tile.i.size(); ++k) {
    if (tile.i[k] == assume.except) continue;
    const auto [first, fresh] = seen.emplace(tile.i[k], k);
    if (!fresh)
      fault("assumption-failed",
            fmt::format("assume_distinct({}{}) does not hold: elements {} and {} are both {}", assume.tile,
                        assume.except ? fmt::format(" except {}", *assume.except) : "", first->second, k, tile.i[k]),
            "give inputs in which they differ");
  }
}

// ---- index expressions --------------------------------------------------------------------------------------------------------

int64_t Interpreter::index(const ir::IndexExpr& e) const {
  using Kind = ir::Index::Kind;
  const std::optional<int64_t> result = ir::checked_evaluate(e, [this](const ir::Index& leaf) {
    const auto value = indices_.find(leaf.name);
    require(value != indices_.end(), "an index name has a value");
    switch (leaf.kind) {
      case Kind::span_size: return value->second.size;
      case Kind::span_index: return value->second.index;
      default: return value->second.begin;
    }
  });
  if (!result) overflow(fmt::format("{} has no value that fits", ir::to_text(e)));
  return *result;
}

void Interpreter::overflow(const std::string& what) const {
  fault("index-overflow", fmt::format("{}: index arithmetic leaves 64 bits", what),
        "smaller factors, or a `max` for the dimensions in it");
}

bool Interpreter::holds_now(const ir::Condition& condition) const {
  return std::all_of(condition.begin(), condition.end(),
                     [this](const ir::Comparison& c) { return holds(index(c.left), c.compare, index(c.right)); });
}

std::vector<int64_t> Interpreter::shape(const std::vector<ir::IndexExpr>& extents) const {
  std::vector<int64_t> values;
  int64_t elements = 1;
  for (const ir::IndexExpr& extent : extents) {
    values.push_back(std::max<int64_t>(index(extent), 0));
    elements = checked_size(elements, values.back(), kMaxElements);
  }
  return values;
}

// Numbers of elements are computed from these.
void Interpreter::require_no_negative(const std::vector<ir::IndexExpr>& extents, const std::string& of) const {
  for (const ir::IndexExpr& extent : extents)
    if (const int64_t value = index(extent); value < 0)
      fault("negative-extent", fmt::format("`{}`, an extent of {}, is {}", ir::to_text(extent), of, value),
            fmt::format("run the statement where it is at least 0, or clamp it: `{}`",
                        ir::Spelling(program_).call("max", "..., 0")));
}

// rows * columns, if that is a number of elements that anyone could mean.
int64_t Interpreter::checked_size(int64_t rows, int64_t columns, int64_t most) const {
  if (rows > 0 && columns > most / rows)
    fault("tile-too-large", fmt::format("{} x {} elements", rows, columns),
          fmt::format("smaller dimensions: the interpreter holds {} elements here", most));
  return rows * columns;
}

int64_t Interpreter::checked_size(int64_t rows, int64_t columns) const {
  return checked_size(rows, columns, std::min<int64_t>(kMaxElements, options_.most_bytes / 4));
}

// ---- expressions --------------------------------------------------------------------------------------------------------------

TilePtr Interpreter::evaluate(const ir::ExprPtr& e) {
  if (e->op == Op::variable) return variables_.at(e->name);
  auto tile = std::make_shared<const Tile>(compute(*e));
  count_work(1 + tile->rows * tile->columns);
  return tile;
}

void Interpreter::count_work(int64_t amount) {
  work_ += amount;
  if (options_.work) *options_.work = work_;
  if (options_.most_work > 0 && work_ > options_.most_work) throw OutOfWork("the interpreter's limit of work is reached");
}

Tile Interpreter::compute(const ir::Expr& e) {
  std::vector<TilePtr> args;
  for (const ir::ExprPtr& arg : e.args) args.push_back(evaluate(arg));
  if (e.origin >= 0) origin_ = e.origin;
  const SumWatch watch(options_.rounds_sums, e.op, args);
  Tile result = computed(e, args);
  watch.note(result);
  return result;
}

Tile Interpreter::computed(const ir::Expr& e, const std::vector<TilePtr>& args) {
  // Which operand gives the result its rows, and its columns: one that is not broadcast by its type.
  const auto broadcast = [&] {
    Broadcast shape{1, 1};
    for (size_t k = 0; k < args.size(); ++k) {
      if (!ir::is_one(e.args[k]->rows)) shape.rows = args[k]->rows;
      if (!ir::is_one(e.args[k]->columns)) shape.columns = args[k]->columns;
    }
    return shape;
  };
  const auto tiles = [&] {
    std::vector<Tile> parts;
    parts.reserve(args.size());
    for (const TilePtr& arg : args) parts.push_back(*arg);
    return parts;
  };
  switch (e.op) {
    IMBREX_ELEMENTWISE_CASES
    if (e.op == Op::cast) return cast(*args[0], e.dtype, e.mode);
    if (e.op == Op::select) return select(*args[0], *args[1], *args[2], broadcast());
    return arithmetic(e.op, args, broadcast());
    case Op::load: return load(e);
    case Op::constant: {
      const int64_t rows = std::max<int64_t>(index(e.rows), 0), columns = std::max<int64_t>(index(e.columns), 0);
      checked_size(rows, columns);
      Tile out = make_tile(e.dtype, rows, columns);
      std::fill(out.f.begin(), out.f.end(), static_cast<float>(e.value));
      std::fill(out.i.begin(), out.i.end(), is_float(e.dtype) ? 0 : static_cast<int32_t>(e.value));
      return out;
    }
    case Op::index: {
      Tile out = make_tile(DType::int32, 1, 1);
      out.i[0] = static_cast<int32_t>(index(e.index));
      return out;
    }
    case Op::iota: {
      Tile out = make_tile(DType::int32, 1, checked_size(1, std::max<int64_t>(index(e.columns), 0)));
      const int32_t begin = static_cast<int32_t>(index(e.index));
      for (size_t k = 0; k < out.i.size(); ++k) out.i[k] = wrapping_add(begin, static_cast<int32_t>(k));
      return out;
    }
    case Op::row_sum: return row_sum(nullptr, *args[0]);
    case Op::row_sum_acc: return row_sum(args[0].get(), *args[1]);
    case Op::col_sum: return col_sum(nullptr, *args[0]);
    case Op::col_sum_acc: return col_sum(args[0].get(), *args[1]);
    case Op::row_max:
    case Op::row_min: return row_extreme(e.op == Op::row_max, *args[0]);
    case Op::col_max:
    case Op::col_min: return col_extreme(e.op == Op::col_max, *args[0]);
    case Op::matmul: return product(e, nullptr, *args[0], *args[1]);
    case Op::matmul_acc: return product(e, args[0].get(), *args[1], *args[2]);
    case Op::matmul_scaled: return scaled_product(e, *args[0], *args[1], *args[2], *args[3]);
    case Op::matmul_expanded: return expanded_product(e, *args[0], *args[1], *args[2]);
    case Op::reshape:
      require_no_negative({e.args[0]->rows, e.args[0]->columns, e.rows, e.columns}, "reshape");
      return reshape(*args[0], std::max<int64_t>(index(e.rows), 0), std::max<int64_t>(index(e.columns), 0));
    case Op::transpose: return transpose(*args[0]);
    case Op::concat_rows:
    case Op::concat_columns:
      for (const ir::ExprPtr& part : e.args)
        require_no_negative({e.op == Op::concat_rows ? part->rows : part->columns},
                            std::string("a part of ") + ir::name_of(e.op));
      return e.op == Op::concat_rows ? concat_rows(tiles()) : concat_columns(tiles());
    case Op::even: return every_second_column(*args[0], 0);
    case Op::odd: return every_second_column(*args[0], 1);
    case Op::columns: return columns(*args[0], index(e.index), index(e.columns));
    case Op::repeat_rows: {
      const int64_t times = index(e.index);
      checked_size(checked_size(args[0]->rows, times), args[0]->columns);
      return repeat_rows(*args[0], times);
    }
    case Op::interleave: return interleave(*args[0], *args[1]);
    case Op::gather: return gather_checked(*args[0], *args[1]);
    case Op::variable: break;
  }
  throw InternalError("a tile variable is not computed");
}

Tile Interpreter::load(const ir::Expr& e) {
  const Elements elements = resolve(e.name, e.slice);
  const Array& array = *view(e.name).storage->array;
  Tile out = make_tile(array.dtype, elements.row_count, elements.column_count);
  if (options_.checked)
    for (size_t k = 0; k < elements.size(); ++k) note_read(e.name, elements.at(k));
  copy_in(out, array, [&](size_t k) { return elements.at(k); });
  return out;
}

Tile Interpreter::product(const ir::Expr& e, const Tile* acc, const Tile& a, const Tile& b) {
  if (acc && a.dtype == DType::bf16 && acc->count % 32 != 0)
    fault("partial-block",
          fmt::format("matmul_acc continues a bf16 product after {} elements of k, no multiple of 32", acc->count),
          "bf16 products are summed in blocks of 32: let every chunk of k but the last be a multiple of 32");
  const Tile left = e.transpose_a ? transpose(a) : a, right = e.transpose_b ? transpose(b) : b;
  checked_size(left.rows, right.columns);
  count_work(left.rows * right.rows * right.columns);
  return matmul(acc, left, right);
}

Tile Interpreter::scaled_product(const ir::Expr& e, const Tile& a_scales, const Tile& b_scales, const Tile& a, const Tile& b) {
  const Tile right = e.transpose_b ? transpose(b) : b, scales = e.transpose_b ? transpose(b_scales) : b_scales;
  checked_size(a.rows, right.columns);
  count_work(a.rows * right.rows * right.columns);
  return matmul_scaled(a_scales, scales, a, right, e.block);
}

Tile Interpreter::expanded_product(const ir::Expr& e, const Tile& scales, const Tile& a, const Tile& b) {
  const Tile right = e.transpose_b ? transpose(b) : b, of_blocks = e.transpose_b ? transpose(scales) : scales;
  checked_size(a.rows, right.columns);
  count_work(a.rows * right.rows * right.columns);
  return matmul(nullptr, a, expanded(of_blocks, right, e.block));
}

Tile Interpreter::gather_checked(const Tile& x, const Tile& positions) {
  for (int32_t position : positions.i)
    if (position < 0 || position >= x.columns)
      fault("out-of-bounds", fmt::format("gather of column {} from a tile of {} columns", position, x.columns),
            "take the indices from 0 to the number of columns less one");
  return gather(x, positions);
}

// ---- memory -------------------------------------------------------------------------------------------------------------------

const View& Interpreter::view(const std::string& name) const {
  const auto found = views_.find(name);
  require(found != views_.end(), "a tensor is created before its use");
  return found->second;
}

Elements Interpreter::resolve(const std::string& name, const std::vector<ir::Axis>& slice) const {
  const View& tensor = view(name);
  require(slice.size() == tensor.shape.size(), "a slice has an axis for each of its tensor's");
  // The indices along each axis, before any is checked: nothing is touched if one axis is empty.
  Elements result;
  std::vector<int64_t> begins, counts;
  std::vector<const Tile*> lists;
  bool empty = false;
  size_t extents = 0;
  for (const ir::Axis& axis : slice) {
    const bool listed = axis.kind == ir::Axis::Kind::by;
    lists.push_back(listed ? variables_.at(axis.tile).get() : nullptr);
    begins.push_back(listed ? 0 : index(axis.begin));
    counts.push_back(listed                               ? static_cast<int64_t>(lists.back()->i.size())
                     : axis.kind == ir::Axis::Kind::point ? 1
                                                          : std::max<int64_t>(index(axis.size), 0));
    empty = empty || counts.back() == 0;
    if (axis.kind == ir::Axis::Kind::point) continue;
    if (extents++ == 0) {
      result.column_count = counts.back();
    } else {
      result.row_count = result.column_count;
      result.column_count = counts.back();
    }
  }
  if (empty) return result;

  std::vector<std::vector<int64_t>> offsets;  // of the axes that are not points, the last axis first
  int64_t base = 0, stride = 1;
  for (size_t d = slice.size(); d-- > 0; stride *= tensor.shape[d]) {
    const int64_t extent = tensor.shape[d];
    const auto refuse = [&](int64_t position) {
      fault("out-of-bounds",
            fmt::format("index {} of axis {} is outside `{}` [{}]", position, d, name, fmt::join(tensor.shape, ", ")),
            fmt::format("bound the loop by the tensor's extent, or slice with spans of `{}`",
                        ir::Spelling(program_).call("tiles", "...")));
    };
    if (!lists[d] && (begins[d] < 0 || begins[d] >= extent)) refuse(begins[d]);
    if (!lists[d] && counts[d] > extent - begins[d]) refuse(extent);
    std::vector<int64_t> along;
    for (int64_t k = 0; k < counts[d]; ++k) {
      const int64_t position = lists[d] ? lists[d]->i[static_cast<size_t>(k)] : begins[d] + k;
      if (position < 0 || position >= extent) refuse(position);
      along.push_back(position * stride);
    }
    if (slice[d].kind == ir::Axis::Kind::point)
      base += along[0];
    else
      offsets.push_back(std::move(along));
  }
  require(offsets.size() <= 2, "a slice has at most two extents");
  result.columns = offsets.empty() ? std::vector<int64_t>{0} : offsets[0];
  result.rows = offsets.size() < 2 ? std::vector<int64_t>{0} : offsets[1];
  for (int64_t& row : result.rows) row += base;
  return result;
}

std::string Interpreter::element_text(const std::string& name, size_t element) const {
  std::vector<int64_t> position;
  int64_t rest = static_cast<int64_t>(element);
  const std::vector<int64_t>& extents = view(name).shape;
  for (size_t d = extents.size(); d-- > 0; rest /= extents[d]) position.insert(position.begin(), rest % extents[d]);
  const std::string& base = view(name).storage->declared->name;
  return fmt::format("`{}[{}]`{}", name, fmt::join(position, ", "), base == name ? "" : fmt::format(" (a view of `{}`)", base));
}

void Interpreter::note_read(const std::string& name, size_t element) {
  Storage& storage = *view(name).storage;
  const AccessRecord& write = storage.writes[element];
  if (write.iteration == AccessRecord::kNever && !storage.has_values)
    fault("uninitialised-read", fmt::format("{} is read, and nothing was written there", element_text(name, element)),
          "write the element before it is read, or start the tensor with zeros",
          {{program_.where(storage.declared->origin), fmt::format("`{}` is declared here", storage.declared->name)}});
  refuse_conflict(name, element, write, "writes", "reads");
  AccessRecord& read = storage.reads[element];
  if (read.iteration == AccessRecord::kNever || !iterations_.concurrent(read.iteration).loop)
    read = {iterations_.current(), origin_};
}

void Interpreter::note_write(const std::string& name, size_t element) {
  Storage& storage = *view(name).storage;
  refuse_conflict(name, element, storage.writes[element], "writes", "writes");
  refuse_conflict(name, element, storage.reads[element], "reads", "writes");
  storage.writes[element] = {iterations_.current(), origin_};
}

void Interpreter::refuse_conflict(const std::string& name, size_t element, const AccessRecord& earlier, const char* did,
                                  const char* does) const {
  if (earlier.iteration == AccessRecord::kNever || earlier.iteration == iterations_.current()) return;
  const Iterations::Pair pair = iterations_.concurrent(earlier.iteration);
  if (!pair.loop) return;
  const std::string variable = pair.loop->variable + (pair.loop->tile > 0 ? ".index" : "");
  fault("parallel-conflict",
        fmt::format("two iterations of the parallel loop over `{}` touch {}: {} = {} {} it, {} = {} {} it", pair.loop->variable,
                    element_text(name, element), variable, pair.earlier, did, variable, pair.current, does),
        fmt::format("create the tensor inside the loop, so that each iteration has its own, or write disjoint slices; or make "
                    "the loop a `{}`",
                    ir::Spelling(program_).word("range")),
        {{program_.where(earlier.origin), fmt::format("{} = {} {} it here", variable, pair.earlier, did)},
         {program_.where(pair.origin), "the loop"}});
}

void Interpreter::require_complete(const Storage& storage) const {
  const auto missing = std::find_if(storage.writes.begin(), storage.writes.end(),
                                    [](const AccessRecord& write) { return write.iteration == AccessRecord::kNever; });
  if (missing == storage.writes.end()) return;
  const ir::Tensor& tensor = *storage.declared;
  const size_t element = static_cast<size_t>(missing - storage.writes.begin());
  throw Fault(Diagnostic{"output-not-written",
                         program_.where(tensor.origin),
                         fmt::format("nothing wrote {} of output `{}`", element_text(tensor.name, element), tensor.name),
                         fmt::format("cover the whole output; `{}` loses no tail", ir::Spelling(program_).call("tiles", "...")),
                         {},
                         false});
}

void Interpreter::fault(const char* id, std::string message, std::string hint, std::vector<Diagnostic::Note> notes) const {
  throw Fault(Diagnostic{id, program_.where(origin_), std::move(message), std::move(hint), std::move(notes), false});
}

}  // namespace

void run(const ir::Program& program, const std::map<std::string, int64_t>& dims, std::map<std::string, Array>& tensors,
         const Options& options) {
  Interpreter(program, dims, tensors, options).run();
}

}  // namespace imbrex::interpret

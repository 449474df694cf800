#include "imbrex/interpret/state.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/spelling.h"

namespace imbrex::interpret {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 31;  // of one tile or tensor: more is a mistake, not a test

}  // namespace

int64_t State::index(const ir::IndexExpr& e) const {
  using Kind = ir::Index::Kind;
  const std::optional<int64_t> result = ir::checked_evaluate(e, [this](const ir::Index& leaf) {
    const auto value = indices.find(leaf.name);
    require(value != indices.end(), "an index name has a value");
    switch (leaf.kind) {
      case Kind::span_size: return value->second.size;
      case Kind::span_index: return value->second.index;
      default: return value->second.begin;
    }
  });
  if (!result) overflow(fmt::format("{} has no value that fits", ir::to_text(e)));
  return *result;
}

bool State::holds(const ir::Comparison& comparison) const {
  const int64_t a = index(comparison.left), b = index(comparison.right);
  switch (comparison.compare) {
    case ir::Compare::lt: return a < b;
    case ir::Compare::le: return a <= b;
    case ir::Compare::eq: return a == b;
    case ir::Compare::ne: return a != b;
    case ir::Compare::ge: return a >= b;
    case ir::Compare::gt: return a > b;
  }
  throw InternalError("unknown comparison");
}

bool State::holds(const ir::Condition& condition) const {
  return std::all_of(condition.begin(), condition.end(), [this](const ir::Comparison& each) { return holds(each); });
}

std::vector<int64_t> State::shape(const std::vector<ir::IndexExpr>& extents) const {
  std::vector<int64_t> values;
  int64_t elements = 1;
  for (const ir::IndexExpr& extent : extents) {
    values.push_back(std::max<int64_t>(index(extent), 0));
    elements = checked_size(elements, values.back(), kMaxElements);
  }
  return values;
}

void State::require_no_negative(const std::vector<ir::IndexExpr>& extents, const std::string& of) const {
  for (const ir::IndexExpr& extent : extents)
    if (const int64_t value = index(extent); value < 0)
      fault("negative-extent", fmt::format("`{}`, an extent of {}, is {}", ir::to_text(extent), of, value),
            fmt::format("run the statement where it is at least 0, or clamp it: `{}`",
                        ir::Spelling(program).call("max", "..., 0")));
}

const View& State::view(const std::string& name) const {
  const auto found = views.find(name);
  require(found != views.end(), "a tensor is created before its use");
  return found->second;
}

int64_t State::checked_size(int64_t rows, int64_t columns, int64_t most) const {
  if (rows > 0 && columns > most / rows)
    fault("tile-too-large", fmt::format("{} x {} elements", rows, columns),
          fmt::format("smaller dimensions: the interpreter holds {} elements here", most));
  return rows * columns;
}

int64_t State::checked_size(int64_t rows, int64_t columns) const {
  return checked_size(rows, columns, std::min<int64_t>(kMaxElements, options.most_bytes / 4));
}

void State::count_work(int64_t amount) {
  work += amount;
  if (options.work) *options.work = work;
  if (options.most_work > 0 && work > options.most_work) throw OutOfWork("the interpreter's limit of work is reached");
}

void State::overflow(const std::string& what) const {
  fault("index-overflow", fmt::format("{}: index arithmetic leaves 64 bits", what),
        "smaller factors, or a `max` for the dimensions in it");
}

void State::fault(const char* id, std::string message, std::string hint, std::vector<Diagnostic::Note> notes) const {
  throw Fault(Diagnostic{id, program.where(origin), std::move(message), std::move(hint), std::move(notes), false});
}

}  // namespace imbrex::interpret

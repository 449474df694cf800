#include "parts.h"

#include <array>
#include <functional>
#include <optional>

namespace imbrex::attack {
namespace {

struct Region {
  int64_t row, rows, column, columns;
};

class Parts {
 public:
  explicit Parts(Writer& w) : w_(w) {}

  void write() {
    w_.declare("dim T typical 16{}", w_.random.chance(20) ? " max 40" : "");
    for (int64_t outputs = w_.random.between(1, 2); outputs > 0; --outputs) {
      constexpr void (Parts::*kForms[])() = {&Parts::put_together, &Parts::staged, &Parts::repeated, &Parts::rows_of_some_sizes};
      (this->*w_.pick(kForms))();
    }
  }

 private:
  // Two inputs of this shape, for each of T rows if `has_rows`.
  void declare_sources(int64_t rows, int64_t columns, bool has_rows) {
    p_ = w_.fresh("p"), q_ = w_.fresh("q");
    for (const std::string& name : {p_, q_}) w_.declare("input {}: f32[{}{}, {}]", name, has_rows ? "T, " : "", rows, columns);
  }

  struct Halves {
    bool one_below_the_other;
    Region first, second;
  };
  // None of a single element.
  std::optional<Halves> halves_of(const Region& of) {
    const bool by_rows = of.columns < 2 || (of.rows > 1 && w_.random.chance(50));
    if (by_rows && of.rows < 2) return std::nullopt;
    Halves halves{by_rows, of, of};
    if (by_rows) {
      halves.first.rows = w_.random.between(1, of.rows - 1);
      halves.second.row += halves.first.rows, halves.second.rows -= halves.first.rows;
    } else {
      halves.first.columns = w_.random.between(1, of.columns - 1);
      halves.second.column += halves.first.columns, halves.second.columns -= halves.first.columns;
    }
    return halves;
  }

  std::string value_of(const Region& of, int depth) {
    if (depth == 0 || w_.random.chance(20)) return leaf(of);
    const auto halves = halves_of(of);
    if (!halves) return leaf(of);
    // One after the other: the order in which arguments are made is the compiler's.
    const std::string first = value_of(halves->first, depth - 1), second = value_of(halves->second, depth - 1);
    return fmt::format("{}({}, {})", halves->one_below_the_other ? "concat_rows" : "concat_columns", first, second);
  }

  std::string slice(const Region& of) const {
    return fmt::format("[{}{} +: {}, {} +: {}]", prefix_, of.row, of.rows, of.column, of.columns);
  }
  std::string leaf(const Region& of) {
    const std::string value = w_.pick(std::array{p_, q_}) + slice(of);
    if (w_.random.chance(15)) return fmt::format("{} * 0.3", value);
    return w_.random.chance(10) ? fmt::format("full(f32, [{}, {}], 0.5)", of.rows, of.columns) : value;
  }

  void put_together() {
    const Region all{0, w_.random.between(2, 9), 0, w_.random.between(2, 12)};
    const bool has_rows = w_.random.chance(60);
    declare_sources(all.rows, all.columns, has_rows);
    const std::string to = w_.fresh("y");
    w_.declare("output {}: f32[{}{}, {}]", to, has_rows ? "T, " : "", all.rows, all.columns);
    in_rows(has_rows, [&] { w_.line("{}{} = {}", to, slice(all), value_of(all, 3)); });
  }

  // Stored by parts, read as a whole.
  void staged() {
    const Region all{0, w_.random.between(2, 9), 0, w_.random.between(2, 12)};
    declare_sources(all.rows, all.columns, false);
    const std::string through = w_.fresh("s"), to = w_.fresh("y");
    w_.declare("output {}: f32[{}, {}]", to, all.rows, all.columns);
    w_.line("create {}: f32[{}, {}]", through, all.rows, all.columns);
    store_by_parts(through, all, 3);
    w_.line("{0}[:, :] = {1}[:, :] * {1}[:, :] + 1.0", to, through);
  }
  void store_by_parts(const std::string& to, const Region& of, int depth) {
    const auto halves = depth == 0 ? std::nullopt : halves_of(of);
    if (!halves) return w_.line("{}{} = {}", to, slice(of), value_of(of, 1));
    store_by_parts(to, halves->first, depth - 1);
    store_by_parts(to, halves->second, depth - 1);
  }

  void repeated() {
    const Region all{0, w_.random.between(1, 6), 0, w_.random.between(2, 8)};
    const int64_t times = w_.random.between(2, 6);
    const bool has_rows = w_.random.chance(60);
    declare_sources(all.rows, all.columns, has_rows);
    const std::string to = w_.fresh("y");
    w_.declare("output {}: f32[{}{}, {}]", to, has_rows ? "T, " : "", all.rows * times, all.columns);
    in_rows(has_rows, [&] {
      w_.line("{}[{}:, :] = repeat_rows({}, {}){}", to, prefix_, value_of(all, 2), times, w_.random.chance(30) ? " * 2.0" : "");
    });
  }

  // The first rows are divided at another column than the rest.
  void rows_of_some_sizes() {
    const int64_t columns = w_.random.between(3, 12), few = w_.random.between(1, 9);
    p_ = w_.fresh("p"), q_ = w_.fresh("q");
    for (const std::string& name : {p_, q_}) w_.declare("input {}: f32[T, {}]", name, columns);
    const std::string to = w_.fresh("y"), through = w_.random.chance(50) ? w_.fresh("s") : to;
    w_.declare("output {}: f32[T, {}]", to, columns);
    if (through != to) w_.line("create {}: f32[T, {}]", through, columns);
    const std::string first = fmt::format("min(T, {})", few);
    for (const auto& [begin, size] : {std::pair(std::string("0"), first), std::pair(first, "T - " + first)}) {
      const int64_t limit = w_.random.between(1, columns - 1);
      const std::string rows = fmt::format("{} +: {}", begin, size);
      const std::string left = w_.pick(std::array{p_, q_}), right = w_.pick(std::array{p_, q_});
      w_.line("{0}[{1}, 0 +: {2}] = {3}[{1}, 0 +: {2}]", through, rows, limit, left);
      w_.line("{0}[{1}, {2} +: {3}] = {4}[{1}, {2} +: {3}] * 2.0", through, rows, limit, columns - limit, right);
    }
    if (through != to) w_.line("{}[:, :] = {}[:, :] - 0.5", to, through);
  }

  void in_rows(bool has_rows, const std::function<void()>& write_body) {
    if (!has_rows) return write_body();
    const std::string t = w_.fresh("t");
    prefix_ = t + ", ";
    w_.open("{} {} in 0 .. T", w_.pick(std::array{"parallel", "range"}), t);
    write_body();
    w_.close();
    prefix_.clear();
  }

  Writer& w_;
  std::string p_, q_, prefix_;
};

}  // namespace

void write_parts(Writer& w) { Parts(w).write(); }

}  // namespace imbrex::attack

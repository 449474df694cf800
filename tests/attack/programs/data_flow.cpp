// Data flow: stages over temporaries, some rewritten in place, some read before or between writes, with carries and conditions.
// Most are right; what a stage reads may be hurt.
#include <algorithm>
#include <array>

#include "attack.h"

namespace imbrex::attack {
namespace {

constexpr int64_t kTiles[] = {1, 2, 3, 4, 8, 16};
constexpr const char* kLoops[] = {"parallel", "parallel", "range"};

class Stages {
 public:
  explicit Stages(Writer& w) : w_(w), c_(w.pick(std::array{4, 6, 8, 16})) {
    w_.declare("dim T typical 16");
    w_.declare("input x: f32[T, {}]", c_);
    w_.declare("{1} w: f32[{0}, {0}]", c_, w_.pick(std::array{"input", "weight"}));
    readable_ = {"x"};
    if (w_.random.chance(50)) {
      w_.declare("inout z: f32[T, {}]", c_);
      readable_.push_back("z");
      writable_.push_back("z");
    }
    for (int64_t k = w_.random.between(0, 3); k > 0; --k) {
      writable_.push_back(w_.fresh("s"));
      w_.line("create {}: f32[T, {}]", writable_.back(), c_);
    }
  }
  void write() {
    for (int64_t k = w_.random.between(1, 5); k > 0; --k) stage(pick_target());
    for (int64_t k = w_.random.between(1, 3); k > 0; --k) {
      const std::string y = w_.fresh("y");
      w_.declare("output {}: f32[T, {}]", y, c_);
      stage(y);
    }
  }

 private:
  std::string pick_target() { return writable_.empty() ? "" : w_.pick(writable_); }
  std::string source() { return w_.pick(readable_); }
  void store(const std::string& to, const std::string& rows, const std::string& value) {
    if (w_.keeps()) w_.line("{}[{}, :] = {}", to, rows, value);
  }

  // Rows `t` of something readable.
  std::string load(const std::string& rows) { return fmt::format("{}[{}, :]", source(), rows); }
  std::string value(const std::string& t) {
    switch (w_.random.below(9)) {
      case 0: return load(t) + " + " + load(t);
      case 1: return load(t) + " * rsqrt(row_sum(" + load(t) + " * " + load(t) + ") + 1.0)";
      case 2: return "select(gt(" + load(t) + ", 0.0), " + load(t) + ", -0.0)";
      case 3: return "matmul(" + load(t) + ", w[:, :])";
      case 4: return fmt::format("exp({0} - row_max({0}))", load(t));
      case 5: return fmt::format("interleave(odd({0}), even({0}))", load(t));
      case 6: return fmt::format("concat_columns(columns({0}, {1}, {1}), columns({0}, 0, {1}))", load(t), c_ / 2);
      case 7: return "-" + load(t);
      default: return load(t) + " * 2.0";
    }
  }

  void stage(const std::string& to) {
    if (to.empty()) return;
    constexpr void (Stages::*kForms[])(const std::string&) = {&Stages::over_rows,        &Stages::whole,
                                                              &Stages::chained,          &Stages::column_parts,
                                                              &Stages::conditional,      &Stages::summed,
                                                              &Stages::product,          &Stages::online,
                                                              &Stages::neighbours,       &Stages::private_scratch,
                                                              &Stages::carried_rows,     &Stages::heads,
                                                              &Stages::viewed,           &Stages::repeated_sum,
                                                              &Stages::narrow_product,   &Stages::blocks_of_rows,
                                                              &Stages::windows_of_parts, &Stages::overlapping_parts,
                                                              &Stages::own_operand};
    (this->*w_.pick(kForms))(to);
    if (!is_readable(to) && w_.keeps()) readable_.push_back(to);
  }
  bool is_readable(const std::string& tensor) const {
    return std::find(readable_.begin(), readable_.end(), tensor) != readable_.end();
  }
  std::string open_rows(bool scope = true) {
    const std::string t = w_.fresh("t");
    w_.open("{} {} in tiles(T, {})", w_.pick(kLoops), t, w_.tile(w_.pick(kTiles)));
    if (scope) {
      has_scope_ = w_.random.chance(60);
      if (has_scope_) w_.open("at \"{}\"", w_.fresh("scope"));
    }
    return t;
  }
  void close_rows() {
    if (has_scope_) w_.close();
    has_scope_ = false;
    w_.close();
  }

  void over_rows(const std::string& to) {
    const std::string t = open_rows();
    store(to, t, value(t));
    close_rows();
  }
  void whole(const std::string& to) { store(to, ":", value(":")); }
  // A chain of stores and loads of the same rows.
  void chained(const std::string& to) {
    const std::string t = open_rows();
    store(to, t, value(t));
    for (int64_t k = w_.random.between(1, 3); k > 0; --k)
      store(to, t, fmt::format("{}[{}, :] * 0.5 + {}", to, w_.either(t, t + ".begin +: " + t + ".size"), load(t)));
    close_rows();
  }
  void column_parts(const std::string& to) {
    const std::string t = open_rows();
    const int64_t half = c_ / 2;
    const std::string from = source();
    for (const auto& [a, b] : {std::pair{int64_t{0}, half}, {half, int64_t{0}}})
      if (w_.keeps())
        w_.line("{}[{}, {} +: {}] = {}[{}, {} +: {}] + 1.0", to, t, w_.off(std::to_string(a)), half, from, t, b, half);
    close_rows();
  }
  void conditional(const std::string& to) {
    const std::string t = open_rows();
    const std::string when = w_.pick(std::array<std::string, 4>{t + ".index == 0", "T > 5", t + ".begin + 2 < T", "T % 2 == 0"});
    w_.open("if {}", when);
    store(to, t, value(t));
    if (w_.random.chance(80)) {
      w_.otherwise();
      store(to, t, value(t));
    }
    w_.close();
    close_rows();
  }
  // A sum over chunks of columns.
  void summed(const std::string& to) {
    const std::string from = source(), t = open_rows(), k = w_.fresh("k"), sum = w_.fresh("a");
    w_.line("let {} = full(f32, [{}.size, 1], {})", sum, t, w_.either("0.0", "-0.0"));
    w_.open("range {} in tiles({}, {})", k, w_.off(std::to_string(c_)), w_.pick(std::array{1, 2, 3, 4}));
    w_.line("{0} = row_sum_acc({0}, {1}[{2}, {3}])", sum, from, t, w_.either(k, "0 +: " + k + ".size"));
    w_.close();
    store(to, t, fmt::format("{}[{}, :] / ({} + 1.0)", from, t, w_.either(sum, "row_sum(" + from + "[" + t + ", :])")));
    close_rows();
  }
  // A product over chunks of k.
  void product(const std::string& to) {
    const std::string from = source(), t = open_rows(), k = w_.fresh("k"), sum = w_.fresh("a");
    w_.line("let {} = full(f32, [{}.size, {}], 0.0)", sum, t, c_);
    w_.open("{} {} in tiles({}, {})", w_.pick(std::array{"range", "pipeline(2)"}), k, c_, w_.tile(w_.pick(std::array{2, 4, 3})));
    w_.line("{0} = matmul_acc({0}, {1}[{2}, {3}], w[{4}, :])", sum, from, t, k,
            w_.either(k, w_.off(k + ".begin") + " +: " + k + ".size"));
    w_.close();
    store(to, t, sum);
    close_rows();
  }
  // A running maximum and sum, as in an online softmax.
  void online(const std::string& to) {
    const std::string from = source(), t = open_rows(), c = w_.fresh("c"), d = w_.fresh("d");
    const std::string most = w_.fresh("m"), sum = w_.fresh("a"), now = w_.fresh("n");
    const int tile = w_.pick(std::array{1, 2, 4});
    w_.line("let {} = full(f32, [{}.size, 1], -inf)", most, t);
    w_.line("let {} = full(f32, [{}.size, 1], 0.0)", sum, t);
    w_.open("range {} in tiles({}, {})", c, c_, tile);
    w_.line("let {} = max({}, row_max({}[{}, {}]))", now, most, from, t, c);
    const std::string add =
        fmt::format("{0} = {0} * exp({1} - {2}) + row_sum(exp({3}[{4}, {5}] - {2}))", sum, most, now, from, t, c);
    const std::string step = fmt::format("{} = {}", most, now);
    w_.line("{}", w_.either(add, step));
    w_.line("{}", w_.either(step, add));
    w_.close();
    w_.open("range {} in tiles({}, {})", d, c_, w_.tile(tile));
    w_.line("{}[{}, {}] = exp({}[{}, {}] - {}) / {}", to, t, d, from, t, d, most, sum);
    w_.close();
    close_rows();
  }
  // Reads rows that other iterations of a stage wrote.
  void neighbours(const std::string& to) {
    const std::string from = is_readable(to) && w_.random.chance(25) ? to : source(), i = w_.fresh("i");
    w_.open("{} {} in 0 .. T", w_.pick(kLoops), i);
    constexpr const char* kRows[] = {"max({} - 1, 0)", "min({} + 1, T - 1)", "T - 1 - {}", "{} // 2", "({} + 1) % T"};
    store(to, i, fmt::format("{}[{}, :] + 1.0", from, w_.off(fmt::format(fmt::runtime(w_.pick(kRows)), i))));
    w_.close();
  }
  void private_scratch(const std::string& to) {
    const std::string s = w_.fresh("p");
    const bool outside = w_.random.chance(15);
    const std::string t = [&] {
      if (outside) w_.line("create {}: f32[16, {}]", s, c_);
      return open_rows(false);
    }();
    if (!outside) w_.line("create {}: f32[{}.size, {}]", s, t, c_);
    const std::string part = outside ? fmt::format("0 +: {}.size", t) : ":";
    if (w_.keeps()) w_.line("{}[{}, :] = {}", s, part, value(t));
    w_.line("{0}[{1}, {2} +: 2] = {0}[{1}, {3} +: 2] * 3.0", s, part, w_.off("0"), w_.off("2"));
    store(to, t, fmt::format("{}[{}, :]", s, part));
    w_.close();
  }
  // A row that each iteration hands to the next.
  void carried_rows(const std::string& to) {
    const std::string from = source(), i = w_.fresh("i"), carry = w_.fresh("a");
    w_.line("let {} = {}", carry, w_.either(fmt::format("full(f32, [1, {}], 0.0)", c_), from + "[T - 1, :]"));
    w_.open("{} {} in 0 .. T", w_.either("range", "parallel"), i);
    store(to, i, carry);
    w_.line("{0} = {0} * 0.5 + {1}[{2}, :]", carry, from, w_.off(i));
    w_.close();
  }

  // Columns in parts, each with scratch of its own or shared.
  void heads(const std::string& to) {
    const std::string from = source(), s = w_.fresh("p"), h = w_.fresh("h");
    const int64_t part = c_ / 2;
    const bool is_shared = w_.random.chance(30);
    if (is_shared) w_.line("create {}: f32[T, {}]", s, part);
    w_.open("{} {} in 0 .. {}", is_shared ? "range" : w_.pick(kLoops), h, w_.off("2"));
    if (!is_shared) w_.line("create {}: f32[T, {}]", s, part);
    if (w_.keeps()) w_.line("{}[:, :] = {}[:, {} * {} +: {}] * -1.0", s, from, h, w_.tile(part), part);
    w_.line("{}[:, {} * {} +: {}] = {}[:, :] + row_sum({}[:, :])", to, h, part, part, s, s);
    w_.close();
  }
  // Through a view, flat or of pairs of columns.
  void viewed(const std::string& to) {
    const std::string from = source(), v = w_.fresh("v"), i = w_.fresh("i");
    if (w_.random.chance(50)) {
      w_.line("view {} = {}: [T * {}]", v, to, c_);
      w_.open("{} {} in 0 .. T", w_.pick(kLoops), i);
      w_.line("{}[{} * {} +: {}] = {}[{}, :]", v, i, w_.tile(c_), c_, from, i);
      w_.close();
    } else {
      w_.line("view {} = {}: [T, {}, 2]", v, to, c_ / 2);
      for (const char* lane : {"0", "1"})
        if (w_.keeps()) w_.line("{}[:, :, {}] = {}({}[:, :])", v, w_.off(lane), *lane == '0' ? "odd" : "even", from);
    }
  }
  // A sum, product or maximum of the same columns, or of some that move, continued as often as a loop runs: perhaps never.
  void repeated_sum(const std::string& to) {
    const std::string from = source(), t = open_rows(), j = w_.fresh("j"), sum = w_.fresh("a");
    const std::string domain =
        w_.pick(std::array{"0 .. T - 4", "0 .. T", "0 .. 3", "tiles(T, 3)", "tiles(8, 2)", "tiles(T - 4, 2)"});
    const std::string at =
        domain[0] == '0' ? w_.pick(std::array<std::string, 3>{"0", "1", j + " % 3"}) : w_.pick(std::array{"0", "2"});
    const std::string part = fmt::format("{}[{}, {} +: 2]", from, t, at);
    const int form = static_cast<int>(w_.random.below(3));
    const std::string zero = form == 2 ? "-inf" : w_.pick(std::array{"0.0", "-0.0"});
    w_.line("let {} = full(f32, [{}.size, {}], {})", sum, t, form == 1 ? c_ : 1, zero);
    w_.open("range {} in {}", j, domain);
    constexpr const char* kSteps[] = {"{0} = row_sum_acc({0}, {1})", "{0} = matmul_acc({0}, {1}, w[0 +: 2, :])",
                                      "{0} = max({0}, row_max({1}))"};
    w_.line("{}", fmt::format(fmt::runtime(kSteps[form]), sum, part));
    w_.close();
    store(to, t, fmt::format("{} * {}", load(t), sum));
    close_rows();
  }
  // Columns stored in three parts, then loaded across them.
  void windows_of_parts(const std::string& to) {
    const std::string from = source(), s = w_.fresh("p"), t = open_rows(), sum = w_.fresh("a");
    const int64_t a = w_.random.between(1, c_ - 2), b = w_.random.between(a + 1, c_ - 1);
    w_.line("create {}: f32[{}.size, {}]", s, t, c_);
    w_.line("{}[:, 0 +: {}] = {}[{}, 0 +: {}]", s, a, from, t, a);
    w_.line("{0}[:, {1} +: {2}] = {3}[{4}, {1} +: {2}] * 2.0", s, a, b - a, from, t);
    if (w_.keeps()) w_.line("{0}[:, {1} +: {2}] = {3}[{4}, 0 +: {2}] + 1.0", s, w_.off(std::to_string(b)), c_ - b, from, t);
    w_.line("let {} = {}[:, 0 +: 1]", sum, s);
    for (int64_t k = w_.random.between(1, 3); k > 0; --k) {
      const int64_t begin = w_.random.below(c_), size = w_.random.between(1, c_ - begin);
      w_.line("{0} = {0} + row_max({1}[:, {2} +: {3}])", sum, s, begin, size);
    }
    store(to, t, fmt::format("{}[:, :] + {}", s, sum));
    close_rows();
  }
  // Tiles that are overwritten by what reads all of them.
  void own_operand(const std::string& to) {
    const std::string from = source(), t = open_rows(), a = w_.fresh("a");
    constexpr const char* kForms[] = {"{0} = matmul_acc({0}, {0}, w[:, :])", "{0} = interleave(odd({0}), even({0}))",
                                      "{0} = {0} + row_max({0})",
                                      "{0} = concat_columns(columns({0}, 2, {1}), columns({0}, 0, 2))"};
    w_.line("let {} = {}[{}, :]", a, from, t);
    for (int64_t k = w_.random.between(1, 3); k > 0; --k) w_.line("{}", fmt::format(fmt::runtime(w_.pick(kForms)), a, c_ - 2));
    store(to, t, a);
    close_rows();
  }
  // Stores of columns that overlap those of other stores, under the tensor's name and a view's.
  void overlapping_parts(const std::string& to) {
    const std::string view = w_.fresh("v"), other = w_.fresh("p");
    w_.line("view {} = {}: [T, {}, 2]", view, to, c_ / 2);
    const std::string from = source(), t = open_rows();
    w_.line("create {}: f32[{}.size, {}]", other, t, c_);
    w_.line("{}[:, :] = {}[{}, :]", other, from, t);
    store(to, t, value(t));
    for (int64_t k = w_.random.between(2, 6); k > 0; --k) {
      const int64_t size = w_.pick(std::array<int64_t, 3>{1, c_ / 2, c_ / 2 + 1}), begin = w_.random.between(0, c_ - size);
      const std::string columns = fmt::format("{} +: {}", begin, size), read = fmt::format("{} +: {}", c_ - size - begin, size);
      switch (w_.random.below(4)) {
        case 0: w_.line("{}[:, {}] = {}[{}, {}] + {}.0", other, columns, from, t, read, k); break;
        case 1:
          w_.line("{}[{}, {}, 0] = {}[:, 0 +: {}] * {}.0", view, t, w_.random.chance(50) ? ":" : fmt::format("0 +: {}", c_ / 2),
                  other, c_ / 2, k);
          break;
        default: w_.line("{}[{}, {}] = {}[:, {}] + {}.0", to, t, columns, other, read, k);
      }
    }
    close_rows();
  }
  // A product of bf16 or of integers, k in chunks.
  void narrow_product(const std::string& to) {
    const std::string from = source(), t = open_rows(), k = w_.fresh("k"), sum = w_.fresh("a"), narrow = w_.fresh("n");
    const bool is_bf16 = w_.random.chance(50);
    const std::string type = is_bf16 ? "bf16" : "int8", weights = w_.fresh("w"), other = w_.fresh("b");
    w_.declare("input {}: {}[{}, {}]", weights, type, c_, c_);
    w_.line("let {} = cast({}[{}, :], {}, rint)", narrow, from, t, type);
    w_.line("let {} = full({}, [{}.size, {}], {})", sum, is_bf16 ? "f32" : "int32", t, c_, is_bf16 ? "0.0" : "0");
    const int64_t chunk = w_.tile(is_bf16 ? 32 : 2);
    for (int64_t at = 0; at < c_; at += chunk)
      w_.line("{0} = matmul_acc({0}, columns({1}, {2}, {3}), {4}[{2} +: {3}, :])", sum, narrow, at, std::min(chunk, c_ - at),
              weights);
    store(to, t, is_bf16 ? sum : fmt::format("cast({}, f32, rint)", sum));
    close_rows();
  }
  // Several rows at a time, by hand.
  void blocks_of_rows(const std::string& to) {
    const std::string from = source(), i = w_.fresh("i");
    const int64_t n = w_.pick(kTiles);
    w_.open("{} {} in 0 .. (T + {}) // {}", w_.pick(kLoops), i, n - 1, n);
    const std::string rows = fmt::format("{0} * {1} +: min({1}, T - {0} * {1})", i, n);
    store(to, rows, fmt::format("{}[{}, :] * 3.0", from, w_.either(rows, fmt::format("{} * {} +: {}", i, n, n))));
    w_.close();
  }

  Writer& w_;
  int64_t c_;
  bool has_scope_ = false;
  std::vector<std::string> readable_, writable_;
};

}  // namespace

void write_data_flow(Writer& w) { Stages(w).write(); }

}  // namespace imbrex::attack

#include "bases.h"

#include <array>

#include "imbrex/ir/print.h"
#include "imbrex/kernels/registry.h"
#include "parts.h"
#include "programs/attack.h"
#include "random/random_kernel.h"

namespace imbrex::attack {
namespace {

class Kernel {
 public:
  explicit Kernel(Writer& w) : w_(w), c_(w.pick(std::array<int64_t, 4>{8, 12, 16, 72})) {}

  void write() {
    w_.declare("dim T typical 128{}", w_.random.chance(20) ? " max 40" : "");
    w_.declare("input x: f32[T, {}]", c_);
    w_.declare("input n: bf16[T, {}]", c_);
    w_.declare("input gamma: f32[{}]", c_);
    w_.declare("input beta: f32[{}]", c_);
    rows_ = {"x"};
    for (int64_t parts = w_.random.between(1, 3); parts > 0; --parts) {
      constexpr void (Kernel::*kParts[])() = {
          &Kernel::chain,         &Kernel::norm,     &Kernel::narrow_norm, &Kernel::softmax,   &Kernel::product,
          &Kernel::product,       &Kernel::integers, &Kernel::quantized,   &Kernel::rotated,   &Kernel::heads,
          &Kernel::staged,        &Kernel::columns,  &Kernel::two_dims,    &Kernel::in_place,  &Kernel::masked,
          &Kernel::conditional,   &Kernel::zeros,    &Kernel::layer,       &Kernel::looked_up, &Kernel::extremes,
          &Kernel::whole_numbers, &Kernel::kept,     &Kernel::one};
      (this->*w_.pick(kParts))();
    }
  }

 private:
  std::string rows() { return w_.pick(rows_); }
  // Where a part's f32 rows go: an output, or a tensor that later parts read.
  std::string destination() {
    const std::string name = w_.fresh("y");
    if (w_.random.chance(35)) {
      w_.line("create {}: f32[T, {}]", name, c_);
      later_ = name;
      const std::string out = w_.fresh("o");
      pending_ = out;
      w_.declare("output {}: f32[T, {}]", out, c_);
    } else {
      w_.declare("output {}: f32[T, {}]", name, c_);
    }
    return name;
  }
  // What was staged is used at last.
  void use_staged() {
    if (later_.empty()) return;
    const std::string from = later_, out = pending_;
    later_.clear();
    rows_.push_back(from);
    const std::string t = open_rows();
    w_.line("{0}[{1}, :] = {2}[{1}, :] * {2}[{1}, :] + 1.0", out, t, from);
    close_rows();
  }
  std::string open_rows() {
    const std::string t = w_.fresh("t");
    w_.open("{} {} in tiles(T, {})", w_.pick(std::array{"parallel", "parallel", "range"}), t, w_.pick(std::array{4, 8, 16}));
    has_scope_ = w_.random.chance(50);
    if (has_scope_) w_.open("at \"{}\"", w_.fresh("scope"));
    return t;
  }
  void close_rows() {
    if (has_scope_) w_.close();
    has_scope_ = false;
    w_.close();
  }
  std::string number() { return w_.pick(std::array{"0.5", "1.5", "-2.0", "0.0625", "1e-06", "3.25", "100.0"}); }

  // ---- parts

  void chain() {
    const std::string from = rows(), to = destination(), t = open_rows(), v = w_.fresh("v");
    w_.line("let {} = ({}[{}, :] * gamma[:] + {}) * cast(n[{}, :], f32)", v, from, t, number(), t);
    constexpr const char* kForms[] = {"abs({0}) - {0} * {1}",
                                      "max({0}, {1}) / (abs({0}) + 1.5)",
                                      "min(-{0}, beta[:]) + {1}",
                                      "cast(cast({0}, bf16, rint), f32) - {0}",
                                      "recip({0} * {0} + {1} * {1}) * {0}",
                                      "exp(-abs({0})) * {1}",
                                      "{0} / (1.0 + exp(-{0}))",
                                      "sqrt(abs({0})) * {1} * beta[:]"};
    const std::string form = w_.random.chance(15) ? function() + "({0}) * {1}" : w_.pick(kForms);
    w_.line("{}[{}, :] = {}", to, t, fmt::format(fmt::runtime(form), v, number()));
    close_rows();
    use_staged();
  }
  // A function of one f32, from the table of operations.
  std::string function() {
    std::vector<std::string> names;
    for (const ir::Operation& row : ir::kOperations)
      if (ir::is_arithmetic(row.op) && row.in_cpp == ir::InCpp::unary) names.emplace_back(row.name);
    return names[static_cast<size_t>(w_.random.below(static_cast<int64_t>(names.size())))];
  }
  void norm() {
    const std::string from = rows(), to = destination(), t = open_rows(), s = w_.fresh("s"), k = w_.fresh("k"), v = w_.fresh("v");
    if (w_.random.chance(50)) {
      w_.line("let {} = full(f32, [{}.size, 1], 0.0)", s, t);
      w_.open("range {} in tiles({}, {})", k, c_, w_.pick(std::array{4, 8}));
      w_.line("{0} = row_sum_acc({0}, {1}[{2}, {3}] * {1}[{2}, {3}])", s, from, t, k);
      w_.close();
    } else {
      w_.line("let {0} = row_sum({1}[{2}, :] * {1}[{2}, :])", s, from, t);
    }
    w_.line("let {} = {} / sqrt({} * {} + 1e-06)", v, w_.pick(std::array{"1.0", "0.5"}), s, 1.0 / static_cast<double>(c_));
    w_.line("{}[{}, :] = {}[{}, :] * {} * gamma[:]", to, t, from, t, v);
    close_rows();
    use_staged();
  }
  // Its value depends on the span that it is in, so that its loop is compared as it stands.
  void kept() {
    const std::string from = rows(), to = destination(), t = w_.fresh("t");
    w_.open("parallel {} in tiles(T, {})", t, w_.pick(std::array{4, 8, 16}));
    w_.line("{0}[{1}, :] = {2}[{1}, :] - {2}[T - {1}.begin - {1}.size +: {1}.size, :] * {3}", to, t, from, number());
    w_.close();
    use_staged();
  }
  void one() {
    const std::string from = rows(), to = w_.fresh("y");
    w_.declare("output {}: f32[1]", to);
    w_.line("{}[:] = {}[0, 0 +: 1] * {}", to, from, number());
  }
  void narrow_norm() {
    const std::string to = w_.fresh("y"), t = open_rows(), v = w_.fresh("v");
    w_.declare("output {}: bf16[T, {}]", to, c_);
    w_.line("let {} = cast(n[{}, :], f32)", v, t);
    w_.line("{0}[{1}, :] = cast({2} * rsqrt(row_sum({2} * {2}) * 0.125 + 1e-05) * gamma[:], bf16, rint)", to, t, v);
    close_rows();
  }
  void layer() {
    const std::string from = rows(), to = destination(), t = open_rows(), m = w_.fresh("m"), d = w_.fresh("d");
    w_.line("let {} = row_sum({}[{}, :]) * 0.0625", m, from, t);
    w_.line("let {} = {}[{}, :] - {}", d, from, t, m);
    w_.line("{0}[{1}, :] = {2} * rsqrt(row_sum({2} * {2}) * 0.0625 + 1e-05) * gamma[:] + beta[:]", to, t, d);
    close_rows();
    use_staged();
  }
  void softmax() {
    const std::string from = rows(), to = destination(), t = open_rows(), e = w_.fresh("e");
    w_.line("let {0} = exp({1}[{2}, :] - row_max({1}[{2}, :]))", e, from, t);
    w_.line("{}[{}, :] = {} / row_sum({})", to, t, e, e);
    close_rows();
    use_staged();
  }
  // bf16 or f32, in chunks of k.
  void product() {
    const bool is_bf16 = w_.random.chance(60);
    const std::string a = w_.fresh("a"), b = w_.fresh("b"), to = w_.fresh("y"), type = is_bf16 ? "bf16" : "f32";
    const int64_t k_size = is_bf16 ? w_.pick(std::array<int64_t, 3>{64, 96, 80}) : w_.pick(std::array<int64_t, 3>{12, 16, 20}),
                  columns = w_.pick(std::array<int64_t, 2>{8, 12});
    w_.declare("input {}: {}[T, {}]", a, type, k_size);
    w_.declare("input {}: {}[{}, {}]", b, type, k_size, columns);
    w_.declare("output {}: f32[T, {}]", to, columns);
    const std::string t = open_rows(), s = w_.fresh("s"), k = w_.fresh("k");
    const int64_t chunk = is_bf16 ? w_.pick(std::array<int64_t, 2>{32, 64}) : w_.pick(std::array<int64_t, 2>{4, 8});
    switch (w_.random.below(3)) {
      case 0: w_.line("let {} = matmul({}[{}, :], {}[:, :])", s, a, t, b); break;
      case 1:
        w_.line("let {} = matmul({}[{}, 0 +: {}], {}[0 +: {}, :])", s, a, t, chunk, b, chunk);
        w_.open("pipeline(2) {} in 1 .. {}", k, (k_size + chunk - 1) / chunk);
        w_.line(
            "{0} = matmul_acc({0}, {1}[{2}, {3} * {4} +: min({4}, {5} - {3} * {4})], {6}[{3} * {4} +: min({4}, {5} - {3} * {4}), "
            ":])",
            s, a, t, k, chunk, k_size, b);
        w_.close();
        break;
      default:
        w_.line("let {} = full(f32, [{}.size, {}], 0.0)", s, t, columns);
        w_.open("{} {} in tiles({}, {})", w_.pick(std::array{"range", "pipeline(2)"}), k, k_size, chunk);
        w_.line("{0} = matmul_acc({0}, {1}[{2}, {3}], {4}[{3}, :])", s, a, t, k, b);
        w_.close();
    }
    w_.line("{}[{}, :] = {} * {}", to, t, s, number());
    close_rows();
  }
  // int8 with scales of rows and columns.
  void integers() {
    const std::string a = w_.fresh("a"), b = w_.fresh("b"), to = w_.fresh("y"), rs = w_.fresh("rs"), cs = w_.fresh("cs");
    const int64_t k_size = w_.pick(std::array<int64_t, 2>{12, 32}), columns = 8;
    w_.declare("input {}: int8[T, {}]", a, k_size);
    w_.declare("input {}: int8[{}, {}]", b, k_size, columns);
    w_.declare("input {}: f32[T, 1]", rs);
    w_.declare("input {}: f32[{}]", cs, columns);
    w_.declare("input {}: f32[{}]", cs + "b", columns);
    w_.declare("output {}: {}[T, {}]", to, "bf16", columns);
    const std::string t = open_rows(), v = w_.fresh("v");
    w_.line("let {} = cast(matmul({}[{}, :], {}[:, :]), f32, rint) * {}[{}, :] * {}[:]", v, a, t, b, rs, t, cs);
    w_.line("{}[{}, :] = cast({} + {}[:], bf16, rint)", to, t, v, cs + "b");
    close_rows();
  }
  void quantized() {
    const std::string from = rows(), to = w_.fresh("q"), scale = w_.fresh("qs"), t = open_rows(), m = w_.fresh("m"),
                      v = w_.fresh("v");
    w_.declare("output {}: int8[T, {}]", to, c_);
    w_.declare("output {}: f32[T, 1]", scale);
    w_.line("let {} = max(row_max(abs({}[{}, :])), 0.0001)", m, from, t);
    w_.line("let {} = 127.0 / {}", v, m);
    w_.line("{}[{}, :] = 1.0 / {}", scale, t, v);
    w_.line("{}[{}, :] = cast(cast({}[{}, :] * {}, int32, rint), int8, rint)", to, t, from, t, v);
    close_rows();
  }
  void rotated() {
    const std::string from = rows(), to = destination(), cos = w_.fresh("cos"), sin = w_.fresh("sin");
    const int64_t half = c_ / 2;
    w_.declare("input {}: f32[T, {}]", cos, half);
    w_.declare("input {}: f32[T, {}]", sin, half);
    const std::string t = open_rows(), e = w_.fresh("e"), o = w_.fresh("o");
    if (w_.random.chance(60)) {
      w_.line("let {} = even({}[{}, :])", e, from, t);
      w_.line("let {} = odd({}[{}, :])", o, from, t);
      w_.line("{0}[{1}, :] = interleave({2} * {4}[{1}, :] - {3} * {5}[{1}, :], {2} * {5}[{1}, :] + {3} * {4}[{1}, :])", to, t, e,
              o, cos, sin);
    } else {
      w_.line("let {} = {}[{}, 0 +: {}]", e, from, t, half);
      w_.line("let {} = {}[{}, {} +: {}]", o, from, t, half, half);
      w_.line("{0}[{1}, 0 +: {6}] = {2} * {4}[{1}, :] - {3} * {5}[{1}, :]", to, t, e, o, cos, sin, half);
      w_.line("{0}[{1}, {6} +: {6}] = {2} * {5}[{1}, :] + {3} * {4}[{1}, :]", to, t, e, o, cos, sin, half);
    }
    close_rows();
    use_staged();
  }
  void heads() {
    const std::string from = rows(), to = w_.fresh("h"), h = w_.fresh("head"), v = w_.fresh("v");
    const int64_t count = c_ % 3 == 0 ? 3 : 4, part = c_ / count;
    w_.declare("output {}: f32[T, {}, {}]", to, count, part);
    const bool rows_outside = w_.random.chance(50);
    std::string t;
    if (rows_outside) t = open_rows();
    w_.open("{} {} in 0 .. {}", w_.pick(std::array{"parallel", "range"}), h, count);
    const bool had_scope = has_scope_;
    if (!rows_outside) t = open_rows();
    const std::string s = w_.fresh("p");
    if (w_.random.chance(50)) {
      w_.line("create {}: f32[{}.size, {}]", s, t, part);
      w_.line("{}[:, :] = {}[{}, {} * {} +: {}] * 2.0", s, from, t, h, part, part);
      w_.line("let {} = {}[:, :]", v, s);
    } else {
      w_.line("let {} = {}[{}, {} * {} +: {}]", v, from, t, h, part, part);
    }
    w_.line("{}[{}, {}, :] = {} * rsqrt(row_sum({} * {}) + 1e-06)", to, t, h, v, v, v);
    if (!rows_outside) close_rows();
    w_.close();
    if (rows_outside) has_scope_ = had_scope, close_rows();
  }
  // Through tensors, in loops of their own.
  void staged() {
    const std::string from = rows(), a = w_.fresh("s"), b = w_.fresh("s"), to = destination();
    w_.line("create {}: f32[T, {}]", a, c_);
    w_.line("create {}: bf16[T, {}]", b, c_);
    std::string t = open_rows();
    w_.line("{}[{}, :] = {}[{}, :] * {}", a, t, from, t, number());
    close_rows();
    t = open_rows();
    w_.line("{0}[{1}, :] = cast({2}[{1}, :] + row_max({2}[{1}, :]), bf16, rint)", b, t, a);
    close_rows();
    t = open_rows();
    w_.line("{0}[{1}, :] = cast({2}[{1}, :], f32) - {3}[{1}, :]", to, t, b, a);
    close_rows();
    use_staged();
    rows_.push_back(a);
  }
  // In tiles of columns too.
  void columns() {
    const std::string from = rows(), to = destination(), c = w_.fresh("c"), t = open_rows();
    w_.open("range {} in tiles({}, {})", c, c_, w_.pick(std::array{3, 4, 8}));
    w_.line("{}[{}, {}] = {}[{}, {}] * gamma[{}] - beta[{}] * {}", to, t, c, from, t, c, c, c, number());
    w_.close();
    close_rows();
    use_staged();
  }
  void two_dims() {
    if (has_u_) return chain();
    has_u_ = true;
    w_.declare("dim U typical 64");
    w_.declare("input z: f32[T, U]");
    w_.declare("input zz: f32[U, {}]", c_);
    w_.declare("output zs: f32[T, 1]");
    w_.declare("output zo: f32[T, U]");
    w_.declare("output zp: f32[T, {}]", c_);
    const std::string t = open_rows(), s = w_.fresh("s"), u = w_.fresh("u"), p = w_.fresh("p");
    if (w_.random.chance(50)) {
      w_.line("let {} = full(f32, [{}.size, 1], 0.0)", s, t);
      w_.open("range {} in tiles(U, 8)", u);
      w_.line("{0} = row_sum_acc({0}, z[{1}, {2}])", s, t, u);
      w_.close();
    } else {
      w_.line("let {} = row_sum(z[{}, :])", s, t);
    }
    w_.line("zs[{}, :] = {}", t, s);
    w_.line("zo[{0}, :] = z[{0}, :] - {1}", t, s);
    w_.line("zp[{0}, :] = matmul(z[{0}, :], zz[:, :]) + x[{0}, :]", t);
    close_rows();
  }
  void in_place() {
    const std::string state = w_.fresh("state"), from = rows();
    w_.declare("inout {}: f32[T, {}]", state, c_);
    const std::string t = open_rows();
    w_.line("{0}[{1}, :] = {0}[{1}, :] * 0.875 + {2}[{1}, :]", state, t, from);
    close_rows();
    rows_.push_back(state);
  }
  void masked() {
    const std::string from = rows(), to = destination(), limit = w_.fresh("limit");
    w_.declare("input {}: int32[T, 1]", limit);
    const std::string t = open_rows();
    w_.line("{0}[{1}, :] = select({2}(iota({3}), {4}[{1}, :]), {5}[{1}, :], {6})", to, t, w_.pick(std::array{"lt", "le", "ne"}),
            c_, limit, from, w_.pick(std::array{"0.0", "-inf", "-0.0"}));
    close_rows();
    use_staged();
  }
  void conditional() {
    const std::string from = rows(), to = destination(), t = open_rows();
    w_.open("if {}", w_.pick(std::array<std::string, 3>{"T > 5", t + ".begin > 0", "T % 2 == 0"}));
    w_.line("{0}[{1}, :] = {2}[{1}, :] * 2.0", to, t, from);
    w_.otherwise();
    w_.line("{0}[{1}, :] = {2}[{1}, :] - {3}", to, t, from, number());
    w_.close();
    close_rows();
    use_staged();
  }
  void zeros() {
    const std::string from = rows(), to = destination(), t = open_rows(), v = w_.fresh("v");
    w_.line("let {0} = max({1}[{2}, :], {3}) * min({1}[{2}, :], {4})", v, from, t, w_.pick(std::array{"0.0", "-0.0"}),
            w_.pick(std::array{"0.0", "-0.0"}));
    w_.line("{}[{}, :] = recip({}) + {}", to, t, v, w_.pick(std::array{"0.0", "-0.0"}));
    close_rows();
    use_staged();
  }
  void looked_up() {
    const std::string table = w_.fresh("table"), ids = w_.fresh("ids"), to = destination(), i = w_.fresh("i"), r = w_.fresh("r");
    w_.declare("input {}: f32[16, {}]", table, c_);
    w_.declare("input {}: int32[T] @below(16)", ids);
    w_.open("{} {} in 0 .. T", w_.pick(std::array{"parallel", "range"}), i);
    w_.line("read {} = {}[{}]", r, ids, i);
    w_.line("assume {} >= 0 and {} < 16", r, r);
    w_.line("{}[{}, :] = {}[{}, :] * gamma[:]", to, i, table, r);
    w_.close();
    use_staged();
  }
  void whole_numbers() {
    const std::string a = w_.fresh("i"), b = w_.fresh("i"), to = w_.fresh("y"), most = w_.fresh("y");
    for (const std::string& name : {a, b}) w_.declare("input {}: int32[T, {}]", name, c_);
    w_.declare("output {}: int32[T, {}]", to, c_);
    w_.declare("output {}: int32[T, 1]", most);
    const std::string t = open_rows(), u = w_.fresh("u"), v = w_.fresh("v");
    w_.line("let {} = {}[{}, :]", u, a, t);
    w_.line("let {} = {}[{}, :]", v, b, t);
    constexpr const char* kForms[] = {"abs({0}) * {1} - 3",
                                      "max({0}, -{1}) + 7",
                                      "-{0} - {1} * 5",
                                      "min({0} + {1}, abs({0} - {1}))",
                                      "select(lt({0}, {1}), {0} * 2, {1})",
                                      "-(-{0} * {1}) + max({0}, -2147483648)"};
    constexpr const char* kOfRows[] = {"row_max(abs({0}))", "max(row_max({0}), -row_min({0}))", "row_sum({0} * {1})",
                                       "row_min(-{0})"};
    w_.line("{}[{}, :] = {}", to, t, fmt::format(fmt::runtime(w_.pick(kForms)), u, v));
    w_.line("{}[{}, :] = {}", most, t, fmt::format(fmt::runtime(w_.pick(kOfRows)), u, v));
    close_rows();
  }
  void extremes() {
    const std::string from = rows(), to = w_.fresh("y"), t = open_rows(), m = w_.fresh("m"), k = w_.fresh("k");
    w_.declare("output {}: f32[T, 1]", to);
    w_.line("let {} = full(f32, [{}.size, 1], {})", m, t, w_.pick(std::array{"-inf", "0.0", "0.5"}));
    w_.open("range {} in tiles({}, 4)", k, c_);
    w_.line("{0} = max({0}, row_max({1}({2}[{3}, {4}])))", m, w_.pick(std::array{"abs", ""}), from, t, k);
    w_.close();
    w_.line("{}[{}, :] = {}", to, t, m);
    close_rows();
  }

  Writer& w_;
  int64_t c_;
  bool has_scope_ = false, has_u_ = false;
  std::string later_, pending_;
  std::vector<std::string> rows_;
};

std::string registered_kernel(test::Random& random) {
  const auto& all = kernels::registry();
  const auto& entry = all[static_cast<size_t>(random.below(static_cast<int64_t>(all.size())))];
  const auto& variant = entry.variants[static_cast<size_t>(random.below(static_cast<int64_t>(entry.variants.size())))];
  for (const auto& preset : entry.presets)
    if (preset.name == "demo") return ir::print(kernels::build(entry.name, variant, "demo", {}).program);
  return "";
}

}  // namespace

void write_kernel(Writer& w) { Kernel(w).write(); }

std::string base_program(uint64_t seed) {
  test::Random random(seed ^ 0xba5e);
  const int64_t kind = random.below(100);
  if (kind < 3) return registered_kernel(random);
  if (kind < 10) return ir::print(test::random_case(seed, {12, 2, 3}).program);
  Writer w(seed, -1);
  if (kind < 20)
    write_data_flow(w);
  else if (kind < 35)
    write_parts(w);
  else
    write_kernel(w);
  return w.text();
}

}  // namespace imbrex::attack

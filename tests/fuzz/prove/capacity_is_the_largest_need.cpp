// Random scopes in random loops, branches and assumptions, with sizes that use all index operators: the reported high water is
// the largest sum of live tiles that executing the loops finds, for every value of the dimensions and the data; the widest tiles
// that fit are accepted, and one column more is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>

#include "imbrex/ir/parse.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

using Values = std::map<std::string, int64_t>;

// An index expression that the test evaluates by itself.
struct Size {
  std::string text;
  std::function<int64_t(const Values&)> value;
};

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

struct Generator {
  std::mt19937 random;
  std::vector<std::string> names;  // in sight: text of leaves

  int64_t pick(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(random); }

  Size leaf() {
    if (pick(0, 4) == 0 || names.empty()) {
      const int64_t number = pick(0, 6);
      return {std::to_string(number), [=](const Values&) { return number; }};
    }
    const std::string name = names[static_cast<size_t>(pick(0, static_cast<int64_t>(names.size()) - 1))];
    return {name, [=](const Values& at) { return at.at(name); }};
  }

  Size size(int depth) {
    if (depth == 0) return leaf();
    const Size a = size(depth - 1), b = size(pick(0, depth - 1) == 0 ? 0 : depth - 1);
    const int64_t n = pick(2, 7);
    const std::string constant = std::to_string(n);
    switch (pick(0, 7)) {
      case 0: return {"(" + a.text + " + " + b.text + ")", [=](const Values& v) { return a.value(v) + b.value(v); }};
      case 1: return {"(" + a.text + " - " + b.text + ")", [=](const Values& v) { return a.value(v) - b.value(v); }};
      case 2: return {"(" + a.text + " * " + b.text + ")", [=](const Values& v) { return a.value(v) * b.value(v); }};
      case 3: return {"((" + a.text + ") // " + constant + ")", [=](const Values& v) { return floor_div(a.value(v), n); }};
      case 4:
        return {"((" + a.text + ") % " + constant + ")",
                [=](const Values& v) { return a.value(v) - n * floor_div(a.value(v), n); }};
      case 5: return {"min(" + a.text + ", " + b.text + ")", [=](const Values& v) { return std::min(a.value(v), b.value(v)); }};
      case 6: return {"max(" + a.text + ", " + b.text + ")", [=](const Values& v) { return std::max(a.value(v), b.value(v)); }};
      default: return a;
    }
  }
};

// What stands around the scope, outermost first.
struct Level {
  std::string open, close;
  // Calls `inside` for each iteration, or for none.
  std::function<void(Values&, const std::function<void()>&)> run;
  bool is_loop = false;
  int64_t copies = 1;
};

struct Scope {
  std::string text;
  std::function<int64_t(int64_t columns)> need;  // by execution
  bool has_data = false;
};

Scope random_scope(unsigned seed) {
  Generator g{std::mt19937(seed), {"T", "U"}};
  const int64_t most_of_T = g.pick(1, 11), most_of_U = g.pick(1, 7);
  std::vector<Level> levels;
  std::optional<Size> before;  // a tile made at some level, and alive in the scope
  size_t made_at = 0;
  bool has_data = false;
  const size_t depth = static_cast<size_t>(g.pick(0, 4));
  const size_t chosen = static_cast<size_t>(g.pick(0, 5));
  for (size_t d = 0; d <= depth; ++d) {
    if (d == chosen) before = g.size(2), made_at = d;
    if (d == depth) break;
    const std::string name = "i" + std::to_string(d);
    switch (g.pick(0, 5)) {
      case 0: {
        const Size begin = g.leaf(), extent = g.size(1);
        const int64_t stages = g.pick(0, 3) == 0 ? 2 : 1;
        levels.push_back({(stages > 1 ? "pipeline(2) " : "range ") + name + " in " + begin.text + " .. " + begin.text + " + " +
                              extent.text + " {",
                          "}",
                          [=](Values& v, const auto& inside) {
                            const int64_t first = begin.value(v), count = extent.value(v);
                            for (int64_t i = first; i < first + count; ++i) v[name] = i, inside();
                          },
                          true, stages});
        g.names.push_back(name);
        break;
      }
      case 1: {
        const Size extent = g.size(1);
        const int64_t tile = g.pick(1, 5);
        levels.push_back({"range " + name + " in tiles(" + extent.text + ", " + std::to_string(tile) + ") {", "}",
                          [=](Values& v, const auto& inside) {
                            const int64_t all = extent.value(v);
                            for (int64_t i = 0; i * tile < all; ++i) {
                              v[name + ".index"] = i, v[name + ".begin"] = i * tile;
                              v[name + ".size"] = std::min(tile, all - i * tile);
                              inside();
                            }
                          },
                          true});
        for (const char* part : {".index", ".begin", ".size"}) g.names.push_back(name + part);
        break;
      }
      case 2:
      case 3: {
        const Size a = g.size(1), b = g.size(1);
        const bool then = g.pick(0, 1) == 0, two = g.pick(0, 1) == 0;
        const Size c = g.leaf(), e = g.leaf();
        const std::string condition = a.text + " < " + b.text + (two ? " and " + c.text + " != " + e.text : "");
        levels.push_back({"if " + condition + (then ? " {" : " { } else {"), "}", [=](Values& v, const auto& inside) {
                            const bool holds = a.value(v) < b.value(v) && (!two || c.value(v) != e.value(v));
                            if (holds == then) inside();
                          }});
        break;
      }
      case 4: {
        const Size a = g.size(1), b = g.leaf();
        const bool equal = g.pick(0, 3) == 0;
        levels.push_back({"assume " + a.text + (equal ? " == " : " <= ") + b.text, "", [=](Values& v, const auto& inside) {
                            if (equal ? a.value(v) == b.value(v) : a.value(v) <= b.value(v)) inside();
                          }});
        break;
      }
      default: {
        const int64_t most = g.pick(0, 9);
        has_data = true;
        levels.push_back({"read " + name + " = n[0] assume 0 <= " + name + " and " + name + " <= " + std::to_string(most), "",
                          [=](Values& v, const auto& inside) {
                            for (int64_t i = 0; i <= most; ++i) v[name] = i, inside();
                          }});
        g.names.push_back(name);
      }
    }
  }
  const Size a = g.size(2), b = g.size(2);
  const auto tile = [](const std::string& name, const Size& rows) {
    return "let " + name + " = full(f32, [max(" + rows.text + ", 0), COLUMNS], 1.0)\n";
  };
  const auto store = [](const std::string& name, int column) {
    return "y[0, " + std::to_string(column) + "] = col_sum(row_sum(" + name + "))\n";
  };
  std::string text = "imbrex 1\nkernel \"k\" {\ndim T typical 2 max " + std::to_string(most_of_T) + "\ndim U typical 2 max " +
                     std::to_string(most_of_U) + "\ninput n: int32[1]\noutput y: f32[1, 3]\n";
  for (size_t d = 0; d <= levels.size(); ++d) {
    if (before && d == made_at) text += tile("p", *before);
    if (d < levels.size()) text += levels[d].open + "\n";
  }
  text += "at \"s\" {\n" + tile("a", a) + tile("b", b) + store("a", 0) + store("b", 1) + (before ? store("p", 2) : "") + "}\n";
  for (const Level& level : levels) text += level.close + "\n";
  text += "}\n";
  bool is_looped = false;  // between the tile and the scope: then it lives on
  for (size_t d = made_at; d < levels.size(); ++d) is_looped |= levels[d].is_loop;
  const auto need = [=](int64_t columns) {
    int64_t most = 0;
    Values at;
    const std::function<void(size_t, int64_t, int64_t)> run = [&](size_t level, int64_t stages, int64_t p_rows) {
      if (before && level == made_at) p_rows = std::max<int64_t>(0, before->value(at)) * stages;
      if (level < levels.size()) {
        Values outside = at;
        levels[level].run(at, [&] { run(level + 1, stages * levels[level].copies, p_rows); });
        at = outside;
        return;
      }
      const int64_t bytes = 4 * stages, p = p_rows * columns * 4;
      const int64_t rows_of_a = std::max<int64_t>(0, a.value(at)), rows_of_b = std::max<int64_t>(0, b.value(at));
      most = std::max(most, p + bytes * (rows_of_a * columns + rows_of_b * columns + rows_of_a));  // row_sum(a)
      most = std::max(most, p + bytes * (rows_of_b * columns + rows_of_a + 1));                    // its col_sum
      most = std::max(most, p + bytes * (rows_of_b * columns + rows_of_b));
      most = std::max(most, p + bytes * (rows_of_b + 1));
      if (before) {
        const int64_t rows = std::max<int64_t>(0, before->value(at));
        most = std::max(most, p + bytes * rows);
        most = std::max(most, (is_looped ? p : 0) + bytes * (rows + 1));
      }
    };
    for (int64_t T = 1; T <= most_of_T; ++T)
      for (int64_t U = 1; U <= most_of_U; ++U) {
        at = {{"T", T}, {"U", U}};
        run(0, 1, 0);
      }
    return most;
  };
  return {text, need, has_data};
}

std::string with_columns(std::string text, int64_t columns) {
  const std::string word = "COLUMNS";
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at))
    text.replace(at, word.size(), std::to_string(columns));
  return text;
}

TEST(Capacity, IsTheLargestNeed) {
  const char* seeds = std::getenv("IMBREX_FUZZ_CAPACITY");
  const unsigned count = seeds ? static_cast<unsigned>(std::stoul(seeds)) : 300;
  int judged = 0, exact = 0, twins = 0, unreached = 0;
  for (unsigned seed = 0; seed < count; ++seed) {
    const Scope scope = random_scope(seed);
    Options options;
    options.target = "a2a3";
    const auto row_of = [&](int64_t columns, bool& is_over) {
      const Report report = prove(ir::parse(with_columns(scope.text, columns), "k.tile"), options);
      is_over = std::any_of(report.diagnostics.begin(), report.diagnostics.end(),
                            [](const Diagnostic& diagnostic) { return diagnostic.id == "over-capacity"; });
      for (const ScopeRow& row : report.scopes)
        for (const MemoryUse& use : row.memories)
          if (row.name == "s" && use.memory == "Vec") return use;
      return MemoryUse{};
    };
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + with_columns(scope.text, 8));
    const int64_t need = scope.need(8);
    bool is_over = false;
    const MemoryUse use = row_of(8, is_over);
    ++judged;
    unreached += need == 0;
    EXPECT_GE(use.most_bytes, need);
    EXPECT_TRUE(use.high_water_is_exact || scope.has_data);
    if (use.high_water_is_exact) {
      EXPECT_EQ(use.most_bytes, need);
      ++exact;
    }
    EXPECT_EQ(is_over, use.most_bytes > 184 * 1024);
    if (scope.has_data || need < 64) continue;
    // The most columns that fit, by a search in which the need only grows.
    int64_t fits = 0, over = 100000;
    while (over - fits > 1) {
      const int64_t middle = (fits + over) / 2;
      (scope.need(middle) <= 184 * 1024 ? fits : over) = middle;
    }
    if (fits == 0 || over == 100000) continue;
    bool first = false, second = false;
    row_of(fits, first), row_of(over, second);
    EXPECT_FALSE(first) << fits << " columns";
    EXPECT_TRUE(second) << over << " columns";
    ++twins;
  }
  std::cout << judged << " scopes, " << exact << " of an exact need, " << unreached << " never reached, " << twins
            << " twins on both sides of the capacity\n";
  EXPECT_GE(twins, static_cast<int>(count) / 3);
}

}  // namespace
}  // namespace imbrex::prove

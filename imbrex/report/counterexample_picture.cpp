#include "imbrex/report/counterexample_picture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "imbrex/report/html.h"

namespace imbrex::report {
namespace {

using prove::Counterexample;
using prove::ElementBox;
using Touch = Counterexample::Touch;

constexpr int64_t kMostUnits = 12;    // of an axis whose positions are drawn one by one
constexpr size_t kMostSegments = 40;  // of an axis
constexpr double kCell = 26, kLeft = 74, kTop = 26;
constexpr int kColors = 6;

// Positions of an axis that are alike in everything that is shown.
struct Segment {
  int64_t first, last;
  double begin = 0, size = 0;  // in the picture
  int64_t length() const { return last - first + 1; }
  std::string text() const { return first == last ? std::to_string(first) : fmt::format("{}..{}", first, last); }
};

// Along one axis; -1 for the one row of a tensor of one axis.
std::vector<Segment> segments_of(const Counterexample& c, int axis, double least, double longest) {
  if (axis < 0) return {{0, 0, 0, least}};
  const auto k = static_cast<size_t>(axis);
  std::set<int64_t> begins{0, std::max<int64_t>(1, c.shape[k])};
  const auto add = [&](const std::vector<ElementBox>& boxes) {
    for (const ElementBox& box : boxes) begins.insert({box.first[k], box.last[k] + 1});
  };
  add(c.elements);
  for (const Touch& touch : c.touches) add(touch.elements);
  const int64_t first = *begins.begin(), end = *begins.rbegin();
  if (end - first <= kMostUnits)
    for (int64_t position = first; position < end; ++position) begins.insert(position);
  std::vector<Segment> segments;
  double at = 0;
  for (auto begin = begins.begin(); std::next(begin) != begins.end() && segments.size() < kMostSegments; ++begin) {
    Segment segment{*begin, *std::next(begin) - 1, at, 0};
    segment.size = std::min(longest, least + 12 * std::log2(static_cast<double>(segment.length())));
    at += segment.size;
    segments.push_back(segment);
  }
  return segments;
}

bool holds(const ElementBox& box, int axis, int64_t position) {
  return axis < 0 || (box.first[static_cast<size_t>(axis)] <= position && position <= box.last[static_cast<size_t>(axis)]);
}

std::string iteration_text(const Touch& touch) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : touch.iteration) texts.push_back(fmt::format("{}={}", name, value));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string dims_text(const Counterexample& c) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : c.dims) texts.push_back(fmt::format("{} = {}", name, value));
  return fmt::format("{}", fmt::join(texts, ", "));
}

// What the elements are that the diagnostic is about.
std::string word_for(const std::string& id) {
  if (id == "output-not-written") return "never written";
  if (id == "uninitialised-read") return "read before it is written";
  if (id == "parallel-conflict") return "touched by both";
  return "outside";
}

class Picture {
 public:
  Picture(const Counterexample& c, const std::string& id) : c_(c), word_(word_for(id)) {
    choose_axes();
    rows_ = segments_of(c, row_axis_, kCell, 70);
    columns_ = segments_of(c, column_axis_, kCell, 170);
  }

  std::string figure() {
    const double width = kLeft + columns_.back().begin + columns_.back().size + 8,
                 height = kTop + rows_.back().begin + rows_.back().size + 8;
    std::string svg = fmt::format(
        "<svg class=\"grid\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\" "
        "aria-label=\"{2}\">\n",
        width, height, escaped(caption()));
    for (const Segment& column : columns_)
      svg += label(kLeft + column.begin + column.size / 2, kTop - 9, "middle", column.text());
    for (const Segment& row : rows_) {
      svg += label(kLeft - 8, kTop + row.begin + row.size / 2 + 4, "end", row_axis_ < 0 ? c_.tensor : "row " + row.text());
      for (const Segment& column : columns_) svg += cell(row, column);
      svg += text_in(row);
    }
    return fmt::format("<figure>\n{}</svg>\n<figcaption>{}</figcaption>\n{}</figure>\n", svg, escaped(caption()), legend());
  }

 private:
  // The last axis across and, of the others, down the first on which the elements are not all.
  void choose_axes() {
    const int axes = static_cast<int>(c_.shape.size());
    column_axis_ = axes - 1;
    row_axis_ = axes > 1 ? 0 : -1;
    for (int k = 0; k + 1 < axes; ++k) {
      const auto axis = static_cast<size_t>(k);
      const bool is_all = std::all_of(c_.elements.begin(), c_.elements.end(), [&](const ElementBox& box) {
        return box.first[axis] == 0 && box.last[axis] == c_.shape[axis] - 1;
      });
      if (is_all && c_.shape[axis] > 0) continue;
      row_axis_ = k;
      break;
    }
  }

  bool is_in(const std::vector<ElementBox>& boxes, const Segment& row, const Segment& column) const {
    return std::any_of(boxes.begin(), boxes.end(), [&](const ElementBox& box) {
      return holds(box, row_axis_, row.first) && holds(box, column_axis_, column.first);
    });
  }

  bool is_inside(const Segment& row, const Segment& column) const {
    const auto inside = [&](int axis, const Segment& at) {
      return axis < 0 || (at.first >= 0 && at.first < c_.shape[static_cast<size_t>(axis)]);
    };
    return inside(row_axis_, row) && inside(column_axis_, column);
  }

  std::vector<size_t> touching(const Segment& row, const Segment& column) const {
    std::vector<size_t> found;
    for (size_t i = 0; i < c_.touches.size(); ++i)
      if (is_in(c_.touches[i].elements, row, column)) found.push_back(i);
    return found;
  }

  std::string cell(const Segment& row, const Segment& column) const {
    const double x = kLeft + column.begin, y = kTop + row.begin, w = column.size, h = row.size;
    const auto rect = [&](const std::string& name) {
      return fmt::format("<rect class=\"{}\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\"/>", name, x, y, w, h);
    };
    std::string svg;
    if (is_inside(row, column)) svg += rect("element");
    const std::vector<size_t> touches = touching(row, column);
    if (!touches.empty()) svg += rect(fmt::format("touch t{}", touches[0] % kColors));
    if (touches.size() > 1)
      svg += fmt::format("<path class=\"touch t{}\" d=\"M{:.0f} {:.0f}v{:.0f}h{:.0f}z\"/>", touches[1] % kColors, x, y, h, w);
    if (is_in(c_.elements, row, column)) svg += rect("fault");
    return svg + "\n";
  }

  // In the cells that say something else than those before them, and are wide enough.
  std::string text_in(const Segment& row) const {
    std::string svg, before;
    for (const Segment& column : columns_) {
      std::string text;
      for (const size_t i : touching(row, column))
        if (!c_.touches[i].iteration.empty()) text += (text.empty() ? "" : " and ") + iteration_text(c_.touches[i]);
      if (text.empty() && is_in(c_.elements, row, column)) text = word_;
      if (text != before && 7.2 * static_cast<double>(text.size()) <= column.size)
        svg += label(kLeft + column.begin + column.size / 2, kTop + row.begin + row.size / 2 + 4, "middle", text, "inside");
      before = text;
    }
    return svg;
  }

  static std::string label(double x, double y, const char* anchor, const std::string& text, const char* name = "axis") {
    return fmt::format("<text class=\"{}\" x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"{}\">{}</text>\n", name, x, y, anchor,
                       escaped(text));
  }

  std::string caption() const {
    const std::string at = dims_text(c_);
    std::string text = fmt::format("{}[{}]{}", c_.tensor, fmt::join(c_.shape, ", "), at.empty() ? "" : " at " + at);
    if (c_.shape.size() > 2) text += fmt::format(", axes {} and {}", row_axis_, column_axis_);
    return text;
  }

  std::string legend() const {
    std::string items;
    for (size_t i = 0; i < c_.touches.size(); ++i) {
      const Touch& touch = c_.touches[i];
      const std::string iteration = iteration_text(touch);
      items +=
          fmt::format("<li><span class=\"swatch t{}\"></span>{}<code>{}</code> {}{}</li>\n", i % kColors,
                      iteration.empty() ? "" : "<b>" + escaped(iteration) + "</b> ", escaped(touch.slice),
                      touch.writes ? "writes" : "reads", touch.where.line > 0 ? fmt::format(", line {}", touch.where.line) : "");
    }
    if (c_.touches.size() == Counterexample::kMostTouches) items += "<li>and more</li>\n";
    items +=
        fmt::format("<li><span class=\"swatch fault\"></span>{}{}</li>\n", word_, c_.is_exact ? "" : ", somewhere among these");
    return "<ul class=\"legend\">\n" + items + "</ul>\n";
  }

  const Counterexample& c_;
  std::string word_;
  int row_axis_ = -1, column_axis_ = 0;
  std::vector<Segment> rows_, columns_;
};

}  // namespace

std::string picture_of(const Counterexample& counterexample, const std::string& id) {
  if (counterexample.shape.empty()) return "";
  return Picture(counterexample, id).figure();
}

}  // namespace imbrex::report

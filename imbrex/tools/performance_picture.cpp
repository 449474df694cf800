#include "imbrex/tools/performance_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "imbrex/tools/performance_results.h"

namespace imbrex::tools {
namespace {

using nlohmann::json;

constexpr double panel_width = 460, panel_height = 360, left = 64, right = 20, top = 44, bottom = 84;

struct Point {
  double tokens, milliseconds;
};
struct Line {
  const char *name, *color, *dashes;
  std::vector<Point> points;
};

std::vector<Line> lines_of(const json& result) {
  std::vector<Line> lines = {{"as written", "#b8a038", "", {}},
                             {"oneDNN", "#c0504d", "", {}},
                             {"Imbrex", "#1f5fa8", "", {}},
                             {"roofline", "#555555", "5 4", {}}};
  for (const json& size : result.at("sizes")) {
    const double tokens = size.at("dims").at("T").get<double>();
    const double values[] = {median_of(size, "as written", "hot"), median_of(size, peer_contestant, "hot"),
                             median_of(size, "kernel", "hot"), limit_of(size, "hot")};
    for (size_t i = 0; i < lines.size(); ++i)
      if (values[i] > 0) lines[i].points.push_back({tokens, values[i]});
  }
  lines.erase(std::remove_if(lines.begin(), lines.end(), [](const Line& line) { return line.points.empty(); }), lines.end());
  return lines;
}

struct Range {
  double low = std::numeric_limits<double>::max(), high = 0;
  void include(double value) { low = std::min(low, value), high = std::max(high, value); }
  double share(double value) const {
    return high > low ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low)) : 0.5;
  }
};

class Panel {
 public:
  Panel(const json& result, double x) : x_(x), lines_(lines_of(result)) {
    for (const Line& line : lines_)
      for (const Point& point : line.points) tokens_.include(point.tokens), times_.include(point.milliseconds);
    times_.low = std::pow(10, std::floor(std::log10(times_.low))), times_.high = std::pow(10, std::ceil(std::log10(times_.high)));
    text(x_ + left, 26, 15, "start",
         fmt::format("{}, {} threads, {}", result.at("preset").get<std::string>(), result.at("threads").get<int>(),
                     result.at("isa").get<std::string>()));
    axes(result);
    for (const Line& line : lines_) draw(line);
    legend();
  }
  const std::string& svg() const { return svg_; }

 private:
  double across(double tokens) const { return x_ + left + (panel_width - left - right) * tokens_.share(tokens); }
  double up(double milliseconds) const {
    return panel_height - bottom - (panel_height - top - bottom) * times_.share(milliseconds);
  }

  void text(double x, double y, int size, const char* anchor, const std::string& what, const char* color = "#222222") {
    svg_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" font-size="{}" text-anchor="{}" fill="{}">{}</text>)"
                        "\n",
                        x, y, size, anchor, color, what);
  }
  void stroke(double x1, double y1, double x2, double y2, const char* color, const char* dashes, double width) {
    svg_ += fmt::format(
        R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-dasharray="{}" stroke-width="{}"/>)"
        "\n",
        x1, y1, x2, y2, color, dashes, width);
  }

  void axes(const json& result) {
    for (double time = times_.low; time <= times_.high * 1.001; time *= 10) {
      stroke(x_ + left, up(time), x_ + panel_width - right, up(time), "#dddddd", "", 1);
      text(x_ + left - 6, up(time) + 4, 11, "end", fmt::format("{:g} ms", time));
    }
    double last = -1e9;
    for (const json& size : result.at("sizes")) {
      const double tokens = size.at("dims").at("T").get<double>(), x = across(tokens);
      if (x - last < 24) continue;
      last = x;
      stroke(x, panel_height - bottom, x, panel_height - bottom + 4, "#888888", "", 1);
      text(x, panel_height - bottom + 17, 11, "middle", fmt::format("{:g}", tokens));
    }
    text(x_ + (left + panel_width - right) / 2, panel_height - bottom + 33, 11, "middle", "tokens T");
  }

  void draw(const Line& line) {
    std::string points;
    for (const Point& point : line.points) {
      points += fmt::format("{:.1f},{:.1f} ", across(point.tokens), up(point.milliseconds));
      svg_ += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="{}"/>)"
                          "\n",
                          across(point.tokens), up(point.milliseconds), line.color);
    }
    svg_ += fmt::format(R"(<polyline points="{}" fill="none" stroke="{}" stroke-dasharray="{}" stroke-width="2"/>)"
                        "\n",
                        points, line.color, line.dashes);
  }

  void legend() {
    for (size_t i = 0; i < lines_.size(); ++i) {
      const double x = x_ + left + (i % 2 == 0 ? 0 : 190), y = panel_height - 32 + (i < 2 ? 0 : 18);
      stroke(x, y - 4, x + 22, y - 4, lines_[i].color, lines_[i].dashes, 2);
      text(x + 28, y, 12, "start", lines_[i].name);
    }
  }

  double x_;
  std::vector<Line> lines_;
  Range tokens_, times_;
  std::string svg_;
};

}  // namespace

std::string performance_picture(const std::vector<json>& results) {
  const double width = panel_width * static_cast<double>(std::max<size_t>(1, results.size()));
  std::string svg = fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:g} {1:g}" width="{0:g}" height="{1:g}" font-family="sans-serif">)"
      "\n"
      R"(<rect width="100%" height="100%" fill="white"/>)"
      "\n",
      width, panel_height);
  for (size_t i = 0; i < results.size(); ++i) svg += Panel(results[i], panel_width * static_cast<double>(i)).svg();
  return svg + "</svg>\n";
}

}  // namespace imbrex::tools

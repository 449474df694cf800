#include "imbrex/report/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "imbrex/base/utf8.h"
#include "imbrex/report/html.h"

namespace imbrex::report {
namespace {

using Kind = prove::Dependence::Kind;

constexpr double kCharacter = 7.3, kNodeHeight = 44, kLine = 15, kBetweenNodes = 36, kBetweenLayers = 34, kMargin = 14;

struct Node {
  std::string name, caption;
  size_t layer = 0;
  bool is_first = false, is_last = false;  // of its layer
  double x = 0, y = 0, width = 0;          // x of its middle, y of its top
};

// All that goes from one scope to another.
struct Edge {
  size_t from, to;
  bool flows = false;  // something is read; else it is overwritten
  std::vector<std::string> labels;
};

std::string bytes_of(const prove::Amount& bytes) {
  return bytes.value ? bytes_text(static_cast<double>(*bytes.value)) : bytes.expression + " B";
}

double width_of(const std::string& text) { return kCharacter * static_cast<double>(text.size()); }

class Layout {
 public:
  Layout(const prove::DependenceGraph& graph, const std::map<std::string, std::string>& captions) {
    for (const std::string& scope : graph.scopes) {
      const auto caption = captions.find(scope);
      Node node{with_visible_characters(scope), caption == captions.end() ? "" : caption->second};
      node.width = std::max(width_of(node.name), width_of(node.caption) * 0.92) + 28;
      nodes_.push_back(std::move(node));
    }
    const auto number = [&](const std::string& scope) {
      return static_cast<size_t>(std::find(graph.scopes.begin(), graph.scopes.end(), scope) - graph.scopes.begin());
    };
    for (const prove::Dependence& d : graph.edges) {
      const size_t from = number(d.from), to = number(d.to);
      auto edge = std::find_if(edges_.begin(), edges_.end(), [&](const Edge& e) { return e.from == from && e.to == to; });
      if (edge == edges_.end()) edge = edges_.insert(edge, {from, to, false, {}});
      edge->flows = edge->flows || d.kind == Kind::read_after_write;
      const char* what = d.kind == Kind::read_after_write   ? ""
                         : d.kind == Kind::write_after_read ? "overwrites read "
                                                            : "overwrites ";
      edge->labels.push_back(fmt::format("{}{} {}", what, d.tensor, bytes_of(d.bytes)));
    }
    place();
  }

  std::string svg() const {
    std::string text = fmt::format(
        "<svg class=\"graph\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\" "
        "aria-label=\"What each scope hands to which\">\n",
        width_, height_);
    for (const Edge& edge : edges_) text += svg_of(edge);
    for (const Node& node : nodes_)
      text += fmt::format(
          "<g><rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"7\"/><text class=\"name\" x=\"{:.0f}\" "
          "y=\"{:.0f}\">{}</text><text class=\"caption\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text></g>\n",
          node.x - node.width / 2, node.y, node.width, kNodeHeight, node.x, node.y + (node.caption.empty() ? 27 : 19),
          escaped(node.name), node.x, node.y + 35, escaped(node.caption));
    return text + "</svg>\n";
  }

 private:
  // A scope below all that it reads from; what goes back to an earlier one, around a loop, moves nothing.
  void place() {
    for (size_t i = 0; i < nodes_.size(); ++i)
      for (const Edge& edge : edges_)
        if (edge.to == i && edge.from < i) nodes_[i].layer = std::max(nodes_[i].layer, nodes_[edge.from].layer + 1);
    size_t layers = 0;
    for (const Node& node : nodes_) layers = std::max(layers, node.layer + 1);
    std::vector<std::vector<size_t>> in_layer(layers);
    for (size_t i = 0; i < nodes_.size(); ++i) in_layer[nodes_[i].layer].push_back(i);
    // Fewer lines cross where each stands below the middle of what it reads from.
    for (size_t l = 1; l < layers; ++l) {
      const auto place_in = [&](size_t i) {
        const std::vector<size_t>& layer = in_layer[nodes_[i].layer];
        return (static_cast<double>(std::find(layer.begin(), layer.end(), i) - layer.begin()) + 0.5) /
               static_cast<double>(layer.size());
      };
      std::map<size_t, double> middle;
      for (const size_t i : in_layer[l]) {
        double sum = 0, count = 0;
        for (const Edge& edge : edges_)
          if (edge.to == i && nodes_[edge.from].layer < l) sum += place_in(edge.from), ++count;
        middle[i] = count > 0 ? sum / count : 0.5;
      }
      std::stable_sort(in_layer[l].begin(), in_layer[l].end(), [&](size_t a, size_t b) { return middle[a] < middle[b]; });
    }
    double top = kMargin;
    std::vector<double> widths;
    for (const std::vector<size_t>& layer : in_layer) {
      double width = 0;
      for (const size_t i : layer) width += slot_of(i) + kBetweenNodes;
      widths.push_back(width - kBetweenNodes);
      width_ = std::max(width_, widths.back());
    }
    double beside = 0;  // of the layers: room for what passes them on the left
    for (std::vector<size_t>& layer : in_layer) nodes_[layer.front()].is_first = nodes_[layer.back()].is_last = true;
    for (const Edge& edge : edges_)
      if (is_long(edge) && is_left(edge)) beside = std::max(beside, widest_label(edge) + 36);
    const double left = kMargin + beside;
    left_lane_ = left - 18;
    right_lane_ = left + width_ + 18;
    for (size_t l = 0; l < layers; ++l) {
      double at = left + (width_ - widths[l]) / 2;
      size_t lines = 0;
      for (const size_t i : in_layer[l]) {
        nodes_[i].x = at + slot_of(i) / 2;
        nodes_[i].y = top;
        at += slot_of(i) + kBetweenNodes;
        for (const Edge& edge : edges_)
          if (edge.from == i) lines = std::max(lines, edge.labels.size());
      }
      top += kNodeHeight + (l + 1 < layers ? kBetweenLayers + kLine * static_cast<double>(lines + 1) : kMargin);
    }
    height_ = top;
    double right = left + width_;
    for (const Edge& edge : edges_)
      if (is_long(edge) && !is_left(edge)) right = std::max(right, right_lane_ + widest_label(edge) + 14);
    width_ = right + kMargin;
  }

  static double widest_label(const Edge& edge) {
    double widest = 0;
    for (const std::string& label : edge.labels) widest = std::max(widest, 0.9 * width_of(label));
    return widest;
  }

  // What a node takes of its layer: room for the labels below it, too.
  double slot_of(size_t i) const {
    double slot = nodes_[i].width;
    for (const Edge& edge : edges_)
      if (edge.to == i && !is_long(edge)) slot = std::max(slot, 2 * widest_label(edge) + 24);
    return slot;
  }

  // It passes layers, or goes back.
  bool is_long(const Edge& edge) const { return nodes_[edge.to].layer != nodes_[edge.from].layer + 1; }

  // Where no other scope stands in its way; on the right where that is as well.
  bool is_left(const Edge& edge) const {
    const Node &from = nodes_[edge.from], &to = nodes_[edge.to];
    return from.is_first && to.is_first && !(from.is_last && to.is_last);
  }

  std::string svg_of(const Edge& edge) const {
    const Node &from = nodes_[edge.from], &to = nodes_[edge.to];
    const double bottom = from.y + kNodeHeight;
    std::string path, labels, anchor;
    double x = to.x + 10, y = to.y - 10 - kLine * static_cast<double>(edge.labels.size() - 1);
    if (is_long(edge)) {
      const double side = is_left(edge) ? -1 : 1, lane = is_left(edge) ? left_lane_ : right_lane_;
      const double start = from.x + side * from.width / 2, end = to.x + side * to.width / 2, start_y = from.y + kNodeHeight / 2,
                   end_y = to.y + kNodeHeight / 2;
      path = fmt::format("M{0:.0f} {1:.0f}C{2:.0f} {1:.0f} {2:.0f} {1:.0f} {2:.0f} {3:.0f}S{2:.0f} {4:.0f} {5:.0f} {4:.0f}",
                         start, start_y, lane, (start_y + end_y) / 2, end_y, end + 2 * side);
      x = lane + side * 8;
      anchor = is_left(edge) ? " style=\"text-anchor:end\"" : "";
      y = (start_y + end_y) / 2 + 4;
    } else {
      const double middle = (bottom + to.y) / 2;
      path =
          fmt::format("M{0:.0f} {1:.0f}C{0:.0f} {2:.0f} {3:.0f} {2:.0f} {3:.0f} {4:.0f}", from.x, bottom, middle, to.x, to.y - 2);
    }
    for (const std::string& label : edge.labels) {
      labels += fmt::format("<text class=\"bytes\" x=\"{:.0f}\" y=\"{:.0f}\"{}>{}</text>\n", x, y, anchor, escaped(label));
      y += kLine;
    }
    return fmt::format("<path class=\"{}\" d=\"{}\" marker-end=\"url(#arrow)\"/>\n{}", edge.flows ? "flow" : "order", path,
                       labels);
  }

  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  double width_ = 0, height_ = 0, left_lane_ = 0, right_lane_ = 0;
};

}  // namespace

std::string picture_of(const prove::DependenceGraph& graph, const std::map<std::string, std::string>& captions) {
  return Layout(graph, captions).svg();
}

}  // namespace imbrex::report

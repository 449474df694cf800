// Indented lines of C++.
#pragma once

#include <string>
#include <vector>

namespace imbrex::codegen {

class Writer {
 public:
  explicit Writer(int depth = 0) : depth_(depth) {}
  void line(const std::string& text) {
    lines_.push_back(text.empty() ? text : std::string(static_cast<size_t>(2 * depth_), ' ') + text);
  }
  void open(const std::string& head) { line(head + (head.empty() ? "{" : " {")); ++depth_; }
  void close(const std::string& tail = "}") { --depth_; line(tail); }
  void reopen(const std::string& middle) { --depth_; line(middle); ++depth_; }  // "} else {"
  int depth() const { return depth_; }
  // Lines of another writer that was made at the same depth.
  void append(const Writer& other) { lines_.insert(lines_.end(), other.lines_.begin(), other.lines_.end()); }
  bool empty() const { return lines_.empty(); }
  std::string text() const {
    std::string all;
    for (const std::string& each : lines_) all += each + "\n";
    return all;
  }

 private:
  int depth_;
  std::vector<std::string> lines_;
};

}  // namespace imbrex::codegen

// Indented lines of C++.
#pragma once

#include <string>
#include <vector>

namespace imbrex::codegen {

class Writer {
 public:
  explicit Writer(int depth = 0) : depth_(depth) {}
  // What is too long goes on behind a comma, four columns further in.
  void line(const std::string& text) {
    const size_t indent = static_cast<size_t>(2 * depth_) + 4;
    std::string line = text.empty() ? text : std::string(indent - 4, ' ') + text;
    while (line.size() > kColumns && text.substr(0, 2) != "//") {
      size_t end = 0;
      bool in_string = false;
      for (size_t i = 0; i + 1 < kColumns; ++i) {
        in_string = in_string != (line[i] == '"');
        if (!in_string && i > indent && line[i] == ',' && line[i + 1] == ' ') end = i + 1;
      }
      if (end == 0) break;
      lines_.push_back(line.substr(0, end));
      line = std::string(indent, ' ') + line.substr(end + 1);
    }
    lines_.push_back(line);
  }
  void open(const std::string& head) {
    line(head + (head.empty() ? "{" : " {"));
    ++depth_;
  }
  void close(const std::string& tail = "}") {
    --depth_;
    line(tail);
  }
  void reopen(const std::string& middle) {
    --depth_;
    line(middle);
    ++depth_;
  }  // "} else {"
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
  static constexpr size_t kColumns = 130;
  int depth_;
  std::vector<std::string> lines_;
};

}  // namespace imbrex::codegen

// Indented lines of C++, each with the statements that it is written for.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace imbrex::codegen {

// Places in the author's source, as the program counts them (ir::Program::origins).
using Origins = std::vector<int>;

struct Line {
  std::string text;
  Origins origins;  // of what it is written for; empty: of no statement alone
};

class Writer {
 public:
  // `origins`: of what is written now, whoever writes it. It outlives the writer.
  explicit Writer(const Origins& origins, int depth = 0) : origins_(&origins), depth_(depth) {}
  // For lines that this writer, or what it opens, gets later.
  Writer beside(int deeper = 0) const { return Writer(*origins_, depth_ + deeper); }

  void line(const std::string& text) { line(text, *origins_); }
  void open(const std::string& head) {
    line(head + (head.empty() ? "{" : " {"));
    ++depth_;
    opened_.push_back(*origins_);
  }
  void close(const std::string& tail = "}") {
    --depth_;
    line(tail, opened_.back());
    opened_.pop_back();
  }
  void reopen(const std::string& middle) {
    --depth_;
    line(middle, opened_.back());
    ++depth_;
  }  // "} else {"
  int depth() const { return depth_; }
  // Lines of another writer that was made at the same depth.
  void append(const Writer& other) { lines_.insert(lines_.end(), other.lines_.begin(), other.lines_.end()); }
  bool empty() const { return lines_.empty(); }
  const std::vector<Line>& lines() const { return lines_; }

 private:
  // What is too long goes on behind a comma, four columns further in.
  void line(const std::string& text, const Origins& origins) {
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
      lines_.push_back({line.substr(0, end), origins});
      line = std::string(indent, ' ') + line.substr(end + 1);
    }
    lines_.push_back({line, text.empty() ? Origins() : origins});
  }

  static constexpr size_t kColumns = 130;
  const Origins* origins_;
  int depth_;
  std::vector<Line> lines_;
  std::vector<Origins> opened_;
};

// While it lives, lines are written for these.
class WrittenFor {
 public:
  WrittenFor(Origins& origins, Origins here) : origins_(origins), before_(std::exchange(origins, std::move(here))) {}
  WrittenFor(const WrittenFor&) = delete;
  WrittenFor& operator=(const WrittenFor&) = delete;
  ~WrittenFor() { origins_ = std::move(before_); }

 private:
  Origins& origins_;
  Origins before_;
};

}  // namespace imbrex::codegen

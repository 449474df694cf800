// Writes the text of a tile program line by line. Every offset, size, tile, guard and statement that a generator passes through
// it is a place, and one place of a program may be hurt, as an author's slip would hurt it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "random/random_kernel.h"

namespace imbrex::attack {

class Writer {
 public:
  // The place number `hurt` is hurt, none where that is -1.
  Writer(uint64_t seed, int64_t hurt) : random(seed), edits_(seed ^ 0x5eed), hurt_(hurt) {}

  test::Random random;

  // Declarations stand before all statements, whenever they are written.
  template <class... Args>
  void declare(fmt::format_string<Args...> form, Args&&... args) {
    declarations_ += "  " + fmt::format(form, std::forward<Args>(args)...) + "\n";
  }
  template <class... Args>
  void line(fmt::format_string<Args...> form, Args&&... args) {
    text_ += std::string(2 * depth_, ' ') + fmt::format(form, std::forward<Args>(args)...) + "\n";
  }
  template <class... Args>
  void open(fmt::format_string<Args...> form, Args&&... args) {
    line("{} {{", fmt::format(form, std::forward<Args>(args)...));
    ++depth_;
  }
  void close() {
    --depth_;
    line("}}");
  }
  void otherwise() {
    --depth_;
    line("}} else {{");
    ++depth_;
  }

  // An index that may be off by one.
  std::string off(const std::string& index) {
    if (!is_hurt("off by one")) return index;
    return fmt::format("{} {} 1", index, edits_.chance(50) ? "+" : "-");
  }
  // A tile that may be one larger or smaller.
  int64_t tile(int64_t n) {
    if (!is_hurt("another tile")) return n;
    return n > 1 && edits_.chance(50) ? n - 1 : n + 1;
  }
  // False where what follows is left out.
  bool keeps() { return !is_hurt("left out"); }
  void exchange(std::string& a, std::string& b) {
    if (is_hurt("exchanged")) std::swap(a, b);
  }
  // One of two texts: as it should be, or as it should not.
  std::string either(const std::string& right, const std::string& wrong) { return is_hurt("exchanged") ? wrong : right; }

  template <class Choices>
  auto pick(const Choices& choices) {
    return choices[static_cast<size_t>(random.below(static_cast<int64_t>(std::size(choices))))];
  }
  std::string fresh(const char* stem) { return stem + std::to_string(names_++); }

  int64_t places() const { return places_; }
  const std::string& edit() const { return edit_; }
  void set_edit(std::string edit) { edit_ = std::move(edit); }
  std::string text() const { return whole_.empty() ? "imbrex 1\nkernel \"attack\" {\n" + declarations_ + text_ + "}\n" : whole_; }
  void set_text(std::string whole) { whole_ = std::move(whole); }

 private:
  bool is_hurt(const char* how) {
    if (places_++ != hurt_) return false;
    edit_ = how;
    return true;
  }

  test::Random edits_;
  std::string declarations_, text_, whole_, edit_;
  size_t depth_ = 1;
  int names_ = 0;
  int64_t places_ = 0, hurt_;
};

}  // namespace imbrex::attack

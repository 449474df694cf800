#include "imbrex/report/html.h"

#include <fmt/format.h>

#include <iterator>

#include "imbrex/base/utf8.h"

namespace imbrex::report {

std::string escaped(std::string_view text) {
  std::string spaced;
  for (const char c : text) spaced += c == '\t' ? std::string("  ") : std::string(1, c);
  std::string result;
  for (const char c : with_visible_characters(spaced)) switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default: result += c;
    }
  return result;
}

std::string sentence(std::string_view text) {
  std::string result;
  for (bool is_code = false;; is_code = !is_code) {
    const size_t end = text.find('`');
    const std::string part = escaped(text.substr(0, end));
    const bool closes = end != std::string_view::npos;
    result += is_code ? (closes ? "<code>" + part + "</code>" : "`" + part) : part;
    if (!closes) return result;
    text.remove_prefix(end + 1);
  }
}

std::string bytes_text(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(units)) bytes /= 1024, ++unit;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.{}f} {}", bytes, bytes < 10 ? 1 : 0, units[unit]);
}

std::string bytes_cell(std::optional<int64_t> bytes) {
  if (!bytes) return "size depends on a loop";
  return fmt::format("<span data-bytes=\"{0}\" title=\"{0} bytes\">{1}</span>", *bytes, bytes_text(static_cast<double>(*bytes)));
}

std::string milliseconds_text(double seconds) { return fmt::format("{:.4f}", 1e3 * seconds); }

std::string count_text(double count) {
  const char* units[] = {"", "K", "M", "G", "T"};
  size_t unit = 0;
  while (count >= 1000 && unit + 1 < std::size(units)) count /= 1000, ++unit;
  return fmt::format("{:.3g}{}{}", count, unit ? " " : "", units[unit]);
}

std::string counted(int64_t count, const char* noun) { return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s"); }

}  // namespace imbrex::report

#include "imbrex/kernels/options.h"

#include <fmt/format.h>

#include <charconv>

namespace imbrex::kernels {
namespace {

template <class T>
std::optional<OptionValue> all_of(const std::string& text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

}  // namespace

bool OptionInfo::allows(const OptionValue& value) const {
  // Not a number lies in no range.
  if (value.index() != least.index() || !(value >= least && value <= most)) return false;
  return !is_integer() || std::get<int64_t>(value) % multiple_of == 0;
}

std::optional<OptionValue> OptionInfo::read(const std::string& text) const {
  const std::optional<OptionValue> value = is_integer() ? all_of<int64_t>(text) : all_of<double>(text);
  return value && allows(*value) ? value : std::nullopt;
}

std::string OptionInfo::rule() const {
  if (is_integer() && least == OptionValue(int64_t{0}) && most == OptionValue(int64_t{1})) return "0 or 1";
  if (least == most) return "always " + text_of(least);
  const std::string range =
      fmt::format("{} from {} to {}", is_integer() ? "an integer" : "a number", text_of(least), text_of(most));
  return multiple_of == 1 ? range : fmt::format("{}, a multiple of {}", range, multiple_of);
}

std::string text_of(const OptionValue& value) {
  return std::visit([](auto held) { return fmt::format("{}", held); }, value);
}

std::string text_of(const Options& options) {
  std::string text;
  for (const auto& [name, value] : options) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, text_of(value));
  return text;
}

int64_t integer(const Options& options, const std::string& name) { return std::get<int64_t>(options.at(name)); }
double number(const Options& options, const std::string& name) { return std::get<double>(options.at(name)); }

}  // namespace imbrex::kernels

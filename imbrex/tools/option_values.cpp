#include "imbrex/tools/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "imbrex/base/error.h"

namespace imbrex::tools {
namespace {

bool is_integer(const std::string& text) {
  const size_t first = text.starts_with('-') ? 1 : 0;
  return text.size() > first && text.find_first_not_of("0123456789", first) == std::string::npos;
}

template <class T>
void require_inside(const std::string& name, const std::string& text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return;
  throw UserError("option-value",
                  fmt::format("{} {}: expected an integer from {} to {}", name, text, std::numeric_limits<T>::min(),
                              std::numeric_limits<T>::max()),
                  name + " 1");
}

void require_value(const CLI::Option& option, const std::string& text) {
  const std::string name = option.get_name(), type = option.get_type_name();
  if (text.empty())
    throw UserError(
        "option-value", fmt::format("{} is given an empty text", name),
        option.get_required() ? fmt::format("a value for {}", name) : fmt::format("{} with a value, or without it", name));
  if (is_integer(text) && type.starts_with("UINT")) require_inside<uint64_t>(name, text);
  if (is_integer(text) && type.starts_with("INT")) require_inside<int64_t>(name, text);
}

}  // namespace

void refuse_odd_values(CLI::App& app) {
  for (CLI::Option* option : app.get_options())
    if (option->get_items_expected_max() > 0)
      option->check(
          [option](const std::string& text) {
            require_value(*option, text);
            return std::string();
          },
          "");
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) refuse_odd_values(*command);
}

}  // namespace imbrex::tools

// Options of kernels: with the variant, what decides which program a kernel is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

namespace imbrex::kernels {

using OptionValue = std::variant<int64_t, double>;
using Options = std::map<std::string, OptionValue>;  // by name

struct OptionInfo {
  std::string name, description;
  OptionValue least, most;  // allowed values; both are of the option's type
  int64_t multiple_of = 1;  // of an integer
  std::string flag = {};    // the short form of --set on the command line, "--heads"; empty: none

  bool is_integer() const { return std::holds_alternative<int64_t>(least); }
  bool allows(const OptionValue& value) const;
  // Nothing where the text is no such value.
  std::optional<OptionValue> read(const std::string& text) const;
  // "an integer from 2 to 4096, a multiple of 2"
  std::string rule() const;
};

// The shortest text that reads back as the value; of several options "eps=1e-20 heads=32".
std::string text_of(const OptionValue& value);
std::string text_of(const Options& options);

// An option that is there and of this type.
int64_t integer(const Options& options, const std::string& name);
double number(const Options& options, const std::string& name);

}  // namespace imbrex::kernels

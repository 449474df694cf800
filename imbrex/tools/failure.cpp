#include "imbrex/tools/failure.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <new>

#include "imbrex/base/nearest.h"
#include "imbrex/prove/prove.h"

namespace imbrex::tools {
namespace {

constexpr int kFailed = 1;     // what the user can change, and a check that failed
constexpr int kDefect = 2;     // of Imbrex
constexpr int kNoVerdict = 3;  // what the user can change, of a command whose 1 is a verdict

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
  return names;
}

}  // namespace

std::string Failure::text() const {
  std::string text;
  for (const Diagnostic& error : errors) text += render(error) + "\n";
  return text;
}

std::string Failure::json() const { return fmt::format("{{\"errors\":{}}}\n", prove::diagnostics_as_json(errors)); }

Failure command_line_failure(const CLI::App& app, const CLI::ParseError& error, const std::string& word) {
  std::vector<std::string> commands = names_of_commands(app);
  const bool is_unknown = !word.empty() && word[0] != '-' && std::find(commands.begin(), commands.end(), word) == commands.end();
  Diagnostic told{"command-line", {}, error.what(), app.get_name(), {}};
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  const std::vector<std::string> unread = command->remaining();
  // What is missing is told by CLI11 before what is unknown, though a word that is unknown is often why.
  const bool is_missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (is_unknown) {
    told.message = fmt::format("there is no command '{}'; expected one of: {}", word, fmt::join(commands, ", "));
    told.hint += " " + nearest(word, commands);
  } else if (is_missing && command != &app && command->get_require_subcommand_min() > 0) {
    commands = names_of_commands(*command);
    told.message = unread.empty() ? fmt::format("'{}' needs one of: {}", word, fmt::join(commands, ", "))
                                  : fmt::format("there is no command '{} {}'; expected one of: {}", word, unread.front(),
                                                fmt::join(commands, ", "));
    told.hint += fmt::format(" {} {}", word, unread.empty() ? commands.front() : nearest(unread.front(), commands));
  } else if (is_missing && command != &app && !unread.empty()) {
    told.message = fmt::format("'{}' does not take {}; and {}", word, fmt::join(unread, " "), error.what());
    told.hint += fmt::format(" {} --help", word);
  } else {
    for (const CLI::App* command : app.get_subcommands()) told.hint += " " + command->get_name();
    told.hint += " --help";
  }
  return {error.get_exit_code(), {told}};
}

Failure failure_of(const std::exception& error, const std::string& word) {
  const int failed = word == "equal" ? kNoVerdict : kFailed;
  if (const auto* of_user = dynamic_cast<const UserError*>(&error)) return {failed, of_user->diagnostics()};
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return {failed, {{"out-of-memory", {}, "there is not enough memory for these dimensions", "smaller ones", {}}}};
  const auto* of_invariant = dynamic_cast<const InternalError*>(&error);
  return {kDefect,
          {{"internal-error",
            {},
            fmt::format("a defect of Imbrex: {}", of_invariant ? of_invariant->invariant() : error.what()),
            "report it, with this message, the command and its files",
            {}}}};
}

}  // namespace imbrex::tools

// imbrex performance: results of `imbrex bench --json` as a document and a picture. scripts/update-performance runs both.
#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/runtime/file.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/performance_picture.h"
#include "imbrex/tools/performance_results.h"

namespace imbrex::tools {
namespace {

using nlohmann::json;

struct PerformanceOptions {
  std::vector<std::string> results;
  std::string document, picture;
};

std::string number(double value, const char* format) { return value > 0 ? fmt::format(fmt::runtime(format), value) : "-"; }

std::string ratio(double value, double of) { return number(of > 0 ? value / of : 0, "{:.2f}"); }

// "13.1 (12.9 - 14.2)"
std::string time_text(const json* times) {
  if (times == nullptr) return "-";
  return fmt::format("{:.3g} ({:.3g} - {:.3g})", times->at("median_ms").get<double>(), times->at("min_ms").get<double>(),
                     times->at("max_ms").get<double>());
}

// Rounds that the kernel won against a contestant.
std::string won_text(const json* times, int64_t rounds) {
  return times == nullptr || !times->contains("kernel_won") ? "-"
                                                            : fmt::format("{} of {}", times->at("kernel_won").get<int>(), rounds);
}

std::string row(const json& result, const json& size, const std::string& first, const std::string& state) {
  const json* const peer = times_of(size, peer_contestant, state);
  const double peer_time = median_of(size, peer_contestant, state);
  const double kernel = median_of(size, "kernel", state), limit = limit_of(size, state);
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", first, time_text(times_of(size, "kernel", state)),
                     ratio(kernel, limit), number(median_of(size, "peak", state), "{:.3g}"),
                     number(median_of(size, "stream", state), "{:.3g}"), number(median_of(size, "as written", state), "{:.3g}"),
                     time_text(peer), ratio(peer_time, limit), ratio(peer_time, kernel),
                     won_text(peer, result.at("rounds").get<int64_t>()));
}

std::string head(const char* first) {
  return fmt::format(
      "| {} | Imbrex ms | of limit | peak | stream | as written | oneDNN ms | of limit | of Imbrex | rounds won |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n",
      first);
}

bool has(const json& result, const std::string& state) { return times_of(result.at("sizes").at(0), "kernel", state) != nullptr; }

std::string sweep_text(const json& result) {
  std::string text = fmt::format("\n## {}\n", result.at("preset").get<std::string>());
  for (const auto& [state, title] : {std::pair{"hot", "Hot: weights and activations as the run before left them"},
                                     std::pair{"cold", "Cold: after 192 MiB were streamed through the caches"}}) {
    if (!has(result, state)) continue;
    text += fmt::format("\n{}.\n\n{}", title, head("T"));
    for (const json& size : result.at("sizes"))
      text += row(result, size, fmt::format("{}", size.at("dims").at("T").get<int64_t>()), state);
  }
  std::string accuracy;
  for (const json& size : result.at("sizes"))
    if (size.contains("peer_accuracy"))
      accuracy +=
          fmt::format("- T={}: {}\n", size.at("dims").at("T").get<int64_t>(), size.at("peer_accuracy").get<std::string>());
  if (!accuracy.empty()) text += "\nThe peer's outputs against the kernel's (outside 1e-4 + |e|/128):\n\n" + accuracy;
  return text;
}

// Results with one size and not with the others' instruction set stand in one table.
std::string document_of(const std::vector<json>& results, const std::string& picture) {
  std::string text =
      "# How fast\n\nWritten by `scripts/update-performance`; nothing here is typed by hand. Each row is one run of `imbrex "
      "bench`: "
      "all\ncontestants in the same rounds, medians in milliseconds with the fastest and the slowest round. *Peak* is the "
      "work's\n"
      "multiply-adds from registers, *stream* the weights read once, the *limit* the larger of both; *rounds won* counts paired\n"
      "rounds in which Imbrex took less time than oneDNN: a composition of its products with the norms, quantization and rope\n"
      "in vectorized OpenMP loops, whose tiles and kind of int8 product are the fastest of those tried for each T.\n\n";
  std::set<std::string> seen;
  for (const json& result : results)
    for (const auto& [what, how] : result.at("machine").items())
      if (seen.insert(what + how.get<std::string>()).second) text += fmt::format("- {}: {}\n", what, how.get<std::string>());
  if (!picture.empty()) text += fmt::format("\n![Time against T]({})\n", picture);
  std::string others;
  for (const json& result : results) {
    if (result.at("sizes").size() > 1) {
      text += sweep_text(result);
      continue;
    }
    const json& size = result.at("sizes").at(0);
    others += row(result, size,
                  fmt::format("{} {} T={}", result.at("isa").get<std::string>(), result.at("preset").get<std::string>(),
                              size.at("dims").at("T").get<int64_t>()),
                  "hot");
    if (size.contains("peer_accuracy"))
      seen.insert(fmt::format("~\nPeers against the kernel on {}: {}.\n", result.at("isa").get<std::string>(),
                              size.at("peer_accuracy").get<std::string>()));
  }
  if (!others.empty()) {
    text += "\n## Instruction sets\n\nHot. The probes use the best that the machine has.\n\n" + head("instruction set") + others;
    for (const std::string& note : seen)
      if (note[0] == '~') text += note.substr(1);
  }
  return text;
}

void write(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  try {
    runtime::write_file(path, text);
  } catch (const std::filesystem::filesystem_error& error) {
    throw UserError("file-unwritable", fmt::format("cannot write '{}': {}", path, error.what()),
                    "a file in a folder that you may write to");
  }
}

int performance(const PerformanceOptions& options) {
  std::vector<json> results, sweeps;
  for (const std::string& path : options.results) {
    const auto bytes = runtime::read_file(path);
    json result = json::parse(bytes.value_or(""), nullptr, false);
    if (!result.is_object() || !result.contains("sizes") || !result.contains("machine") || result["sizes"].empty())
      throw UserError("file-unreadable", fmt::format("'{}' is no result of imbrex bench --json", path),
                      "imbrex bench NAME --json > FILE");
    if (result["sizes"].size() > 1) sweeps.push_back(result);
    results.push_back(std::move(result));
  }
  const std::string name = std::filesystem::path(options.picture).filename();
  write(options.picture, performance_picture(sweeps));
  if (options.document.empty())
    fmt::print("{}", document_of(results, name));
  else
    write(options.document, document_of(results, name));
  return 0;
}

}  // namespace

void add_performance(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("performance", "Makes a document and a picture of results of bench --json");
  auto o = std::make_shared<PerformanceOptions>();
  command->add_option("results", o->results, "Files with what imbrex bench --json printed")->required();
  command->add_option("--document", o->document, "Markdown file to write (default: standard output)");
  command->add_option("--picture", o->picture, "SVG file to write: hot milliseconds against T");
  command->callback([o, &status] { status = performance(*o); });
}

}  // namespace imbrex::tools

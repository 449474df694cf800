// imbrex performance: results of `imbrex bench --json` as a document and pictures. scripts/update-performance runs both.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/runtime/abi.h"
#include "imbrex/runtime/file.h"
#include "imbrex/target/rates.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/contest.h"
#include "imbrex/tools/performance_picture.h"
#include "imbrex/tools/performance_results.h"

namespace imbrex::tools {
namespace {

using nlohmann::json;

struct PerformanceOptions {
  std::vector<std::string> results;
  std::string document, pictures;
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
                     share_of_limit(kernel, limit), number(median_of(size, "peak", state), "{:.3g}"),
                     number(median_of(size, "stream", state), "{:.3g}"), number(median_of(size, "as written", state), "{:.3g}"),
                     time_text(peer), share_of_limit(peer_time, limit), ratio(peer_time, kernel),
                     won_text(peer, result.at("rounds").get<int64_t>()));
}

std::string head(const char* first) {
  return fmt::format(
      "| {} | Imbrex ms | roofline | peak | stream | as written | oneDNN ms | roofline | of Imbrex | rounds won |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n",
      first);
}

bool has(const json& result, const std::string& state) { return times_of(result.at("sizes").at(0), "kernel", state) != nullptr; }

// What the probe of multiply-adds runs.
std::string units_of(const json& size) {
  const auto& all = size.at("contestants");
  return all.contains("peak") && all.at("peak").contains("what") ? all.at("peak").at("what").get<std::string>() : "";
}

std::string sweep_text(const json& result) {
  std::string text = fmt::format("\n### {}\n", result.at("preset").get<std::string>());
  if (result.contains("peer"))
    text = fmt::format("\n### {}: {}\n\noneDNN is here {}.\n", result.at("preset").get<std::string>(),
                       result.at("kernel").get<std::string>(), result.at("peer").get<std::string>());
  if (const std::string units = units_of(result.at("sizes").at(0)); !units.empty())
    text += fmt::format("\nThe peak is that of {}.\n", units);
  for (const std::string state : {"hot", "cold"}) {
    if (!has(result, state)) continue;
    text += state == "hot" ? "\nHot: weights and activations as the run before left them.\n\n"
                           : fmt::format("\nCold: after {} MiB were streamed through the caches.\n\n",
                                         result.at("evicted_mib").get<int64_t>());
    text += head("T");
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

// Results of one size, of several instruction sets.
std::string instruction_sets_text(const std::vector<json>& results) {
  std::string rows, notes;
  for (const json& result : results) {
    const json& size = result.at("sizes").at(0);
    const std::string isa = result.at("isa");
    rows += row(result, size,
                fmt::format("{} {} T={}", isa, result.at("preset").get<std::string>(), size.at("dims").at("T").get<int64_t>()),
                "hot");
    if (const std::string units = units_of(size); !units.empty())
      notes += fmt::format("- {}: the peak is that of {}\n", isa, units);
    if (size.contains("peer_accuracy"))
      notes +=
          fmt::format("- {}: the peer's outputs against the kernel's: {}\n", isa, size.at("peer_accuracy").get<std::string>());
  }
  if (rows.empty()) return "";
  return "\n### Instruction sets\n\nHot. Each is compared with what its own units can do here.\n\n" + head("instruction set") +
         rows + "\n" + notes;
}

// The results of one class of machines, and what changed since they were measured.
struct Section {
  std::string machine, picture, changed;
  std::vector<json> sweeps, single;  // of several sizes, and of one
  std::vector<json> all() const {
    std::vector<json> results = sweeps;
    results.insert(results.end(), single.begin(), single.end());
    return results;
  }
};

std::string title_of(const Section& section) {
  for (const target::MachineClass& each : target::machine_classes())
    for (const target::Target* best : target::targets_with_code())
      if (section.machine == target::class_name(each, *best))
        return best->name == each.target
                   ? fmt::format("{} ({})", each.description, section.machine)
                   : fmt::format("{}, with the figures of {} ({})", best->description, each.rates.name, section.machine);
  return section.machine;
}

std::string section_text(const Section& section) {
  std::set<std::string> dates, words;
  std::string machine;
  int64_t semantics = IMBREX_SEMANTICS;
  for (const json& result : section.all()) {
    semantics = std::min(semantics, result.value("semantics", int64_t{1}));
    dates.insert(result.at("date").get<std::string>());
    for (const auto& [what, how] : result.at("machine").items())
      if (words.insert(what + how.get<std::string>()).second) machine += fmt::format("- {}: {}\n", what, how.get<std::string>());
  }
  std::string text = fmt::format("\n## {}\n\nMeasured on {}.\n\n{}", title_of(section), fmt::join(dates, ", "), machine);
  if (semantics < IMBREX_SEMANTICS)
    text += fmt::format("\n**Measured before [semantics {}](semantics.md)**, with products that were defined otherwise.\n",
                        IMBREX_SEMANTICS);
  if (!section.changed.empty()) text += "\nIt was not measured again since; these changes came after:\n\n" + section.changed;
  if (!section.picture.empty()) text += fmt::format("\n![Time against T]({})\n", section.picture);
  for (const json& result : section.sweeps) text += sweep_text(result);
  return text + instruction_sets_text(section.single);
}

std::string document_of(const std::vector<Section>& sections) {
  std::string text =
      "# How fast\n\nWritten by `scripts/update-performance` from what stands in `bench/results`; no number is typed by hand. "
      "Each\n"
      "class of machines has a section, with the date when it was measured. Each row is one run of `imbrex bench`: all "
      "contestants in\n"
      "the same rounds, medians in milliseconds with the fastest and the slowest round. *Peak* is the work's multiply-adds from\n"
      "registers, on the fastest units that the target has for them; *stream* the weights read once; the *roofline* is the "
      "larger "
      "of\n"
      "both, and its column the share of a run's time that it takes, 100 % at best; `-` stands where a run took less than "
      "that: it is too small\n"
      "to be limited by these. *Rounds won* counts paired rounds in\n"
      "which Imbrex took less time than oneDNN: a composition of its products with the norms, quantization and rope in "
      "vectorized\n"
      "OpenMP loops, whose tiles and kind of int8 product are the fastest of those tried for each T.\n";
  for (const Section& section : sections) text += section_text(section);
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

json result_in(const std::string& path) {
  json result = json::parse(runtime::read_file(path).value_or(""), nullptr, false);
  for (const char* field : {"sizes", "machine", "class", "date"})
    if (!result.is_object() || !result.contains(field) || result[field].empty())
      throw UserError("file-unreadable", fmt::format("'{}' is no result of imbrex bench --json", path),
                      "imbrex bench NAME --json > FILE");
  return result;
}

// Classes in the order of the table, then others as they come.
std::vector<Section> sections_of(const std::vector<std::string>& paths) {
  std::vector<Section> sections;
  for (const target::MachineClass& each : target::machine_classes()) sections.push_back({each.rates.name, "", "", {}, {}});
  for (const std::string& path : paths) {
    const json result = result_in(path);
    const std::string machine = result.at("class");
    auto found = std::find_if(sections.begin(), sections.end(), [&](const Section& each) { return each.machine == machine; });
    if (found == sections.end()) found = sections.insert(sections.end(), {machine, "", "", {}, {}});
    (result.at("sizes").size() > 1 ? found->sweeps : found->single).push_back(result);
    found->changed = runtime::read_file(std::filesystem::path(path).replace_filename("changed.md")).value_or("");
  }
  for (Section& each : sections)
    std::stable_partition(each.sweeps.begin(), each.sweeps.end(), [](const json& sweep) { return !sweep.contains("peer"); });
  std::erase_if(sections, [](const Section& each) { return each.sweeps.empty() && each.single.empty(); });
  return sections;
}

int performance(const PerformanceOptions& options) {
  std::vector<Section> sections = sections_of(options.results);
  for (Section& section : sections) {
    std::vector<json> drawn;  // all but those with a peer of their own
    for (const json& sweep : section.sweeps)
      if (!sweep.contains("peer")) drawn.push_back(sweep);
    if (options.pictures.empty() || drawn.empty()) continue;
    const std::string name = std::filesystem::path(section.machine).filename();
    section.picture = fmt::format("performance-{}.svg", name);
    write((std::filesystem::path(options.pictures) / section.picture).string(), performance_picture(drawn));
  }
  if (options.document.empty())
    fmt::print("{}", document_of(sections));
  else
    write(options.document, document_of(sections));
  return 0;
}

}  // namespace

void add_performance(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("performance", "Makes a document and pictures of results of bench --json");
  auto o = std::make_shared<PerformanceOptions>();
  command
      ->add_option("results", o->results,
                   "Files with what imbrex bench --json printed; changed.md beside one says what came later")
      ->required();
  command->add_option("--document", o->document, "Markdown file to write (default: standard output)");
  command->add_option("--pictures", o->pictures,
                      "Folder for performance-CLASS.svg of each class of machines: hot milliseconds against T");
  command->callback([o, &status] { status = performance(*o); });
}

}  // namespace imbrex::tools

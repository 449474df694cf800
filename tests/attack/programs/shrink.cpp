#include "shrink.h"

#include <fstream>

#include "imbrex/base/error.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "support/temporary_folder.h"

namespace imbrex::attack {
namespace {

std::string as_comment(const std::string& text) {
  std::string lines = "# ";
  for (const char c : text) lines += c == '\n' ? std::string("\n# ") : std::string(1, c);
  return lines + "\n";
}

bool fails_alike(const std::string& text, const Outcome::Found& found) {
  const Outcome outcome = judge_all({{found.of.seed, "", text}}, found.failure.kind.find("compile") != std::string::npos ||
                                                                     found.failure.kind.find("running") != std::string::npos);
  return !outcome.found.empty() && outcome.found[0].failure.kind == found.failure.kind;
}

// Without lines, first many at once, then each.
std::string without_lines(std::string text, const Outcome::Found& found) {
  for (bool shrunk = true; shrunk;) {
    shrunk = false;
    std::vector<std::string> lines;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
      lines.push_back(text.substr(begin, end - begin));
      begin = end;
    }
    for (size_t k = lines.size(); k-- > 2;) {
      // A line alone, or a block: its head and its end, with or without what is inside.
      std::vector<std::vector<size_t>> removals{{k}};
      if (lines[k].find('{') != std::string::npos) {
        int depth = 0;
        size_t end = k;
        for (; end < lines.size(); ++end) {
          for (const char c : lines[end]) depth += c == '{' ? 1 : c == '}' ? -1 : 0;
          if (depth <= 0) break;
        }
        removals = {{}, {k, end}};
        for (size_t inside = k; inside <= end; ++inside) removals[0].push_back(inside);
      }
      for (const std::vector<size_t>& removal : removals) {
        std::string candidate;
        for (size_t i = 0; i < lines.size(); ++i)
          if (std::find(removal.begin(), removal.end(), i) == removal.end()) candidate += lines[i];
        if (!fails_alike(candidate, found)) continue;
        for (size_t i = removal.size(); i-- > 0;) lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(removal[i]));
        text = candidate;
        shrunk = true;
        break;
      }
      k = std::min(k, lines.size());
    }
  }
  return text;
}

}  // namespace

void write_smallest(const std::string& folder, const std::string& generator, const Outcome::Found& found) {
  std::string text = found.of.text;
  try {
    const std::string printed = ir::print(ir::parse(text, "attack.tile"));
    if (fails_alike(printed, found)) text = printed;
  } catch (const std::exception&) {
    // It stays as it was written.
  }
  if (fails_alike(text, found)) text = without_lines(text, found);
  tests::write_text(fmt::format("{}/{}-{}.tile", folder, generator, found.of.seed),
                    as_comment("now: " + found.failure.kind + "\n" + found.failure.text.substr(0, 1500)) + text);
}

}  // namespace imbrex::attack

#include "shrink.h"

#include <fstream>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "random/random_kernel.h"
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

}  // namespace

void write_smallest(const std::string& folder, const std::string& generator, const Outcome::Found& found) {
  std::string text = found.of.text;
  try {
    test::RandomCase failing{found.of.seed, ir::parse(text, "attack.tile"), {}, {}};
    const auto fails = [&](const test::RandomCase& smaller) { return fails_alike(ir::print(smaller.program), found); };
    if (fails(failing)) text = ir::print(test::shrink(std::move(failing), fails).program);
  } catch (const std::exception&) {
    // It stays as it was written.
  }
  tests::write_text(fmt::format("{}/{}-{}.tile", folder, generator, found.of.seed),
                    as_comment("now: " + found.failure.kind + "\n" + found.failure.text.substr(0, 1500)) + text);
}

}  // namespace imbrex::attack

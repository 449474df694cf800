// What `imbrex show --plan` says is what `imbrex emit` prints: the same barriers, phases, loops, memory, packings and products,
// in the same order.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>

#include "imbrex/codegen/generate.h"
#include "imbrex/ir/parse.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/plan/make_plan.h"
#include "imbrex/plan/print.h"

namespace imbrex::plan {
namespace {

struct Word {
  const char* pattern;  // of a line, with the word's own part in parentheses
  const char* word;
};

// The words of a text's lines that match, in order: "barrier", "take q_acc", ...
std::vector<std::string> words_of(const std::string& text, const std::vector<Word>& known) {
  std::vector<std::pair<std::regex, std::string>> patterns;
  for (const Word& each : known) patterns.emplace_back(each.pattern, each.word);
  std::vector<std::string> words;
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = text.substr(begin, end - begin);
    for (const auto& [pattern, word] : patterns) {
      std::smatch match;
      if (!std::regex_search(line, match, pattern)) continue;
      // Of two equal names the second is numbered in the code.
      words.push_back(word + (match.size() > 1 ? " " + std::regex_replace(match[1].str(), std::regex("(_[0-9]+)+$"), "") : ""));
      break;
    }
  }
  return words;
}

const std::vector<Word> kPage = {
    {"^ *barrier: ", "barrier"},
    {"^ *finish stores past the caches$", "finish streams"},
    {"^ *(phase [0-9]+: .*)$", "its line:"},
    {"^ *the first worker:$", "first worker"},
    {"^ *loop: (\\w+) ", "loop over"},
    {"^ *scope \"(\\w+)\"", "scope"},
    {"^ *take (\\w+): ", "take"},
    {"^ *prefetch ", "prefetch"},
    {"^ *pack .* by pack_(\\w+?)(?:, .*)?$", "pack"},
    {"^ *product: .*, by (\\w+)(?:<\\w+>)?$", "product by"},
    {"^ *columns: .*(16|32|64) at a time$", "columns by"},
};

// A loop over columns by 16 has a part behind it for the rest, which is no loop of its own; what a line is of is seen where it
// begins.
const std::vector<Word> kCode = {
    {"^ *wait_for_all\\(call\\);", "barrier"},
    {"^ *finish_streams\\(\\);", "finish streams"},
    {"^ *// (phase [0-9]+: .*)$", "its line:"},
    {"^ *if \\(call->ith == 0\\) \\{", "first worker"},
    {"^ *const uint64_t (\\w+)_started_ = trace_begin\\(call\\);", "scope"},
    {"(\\w+?)_ = (?:shared|scratch)\\.take<", "take"},
    {"^ *(?:if .*)?prefetch_(?:rows|line)", "prefetch"},
    {"^ *pack_(\\w+)\\(", "pack"},
    {"^ *(matmul_\\w+?)(?:_tiled)?[(<]", "product by"},
};

std::vector<std::string> without(std::vector<std::string> words, const std::string& begin) {
  std::erase_if(words, [&](const std::string& word) { return word.starts_with(begin); });
  return words;
}

int count(const std::string& text, const std::string& what) {
  int found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

// The kernel's work in order of time: `run`, from where it begins, with each phase's function, and the comment above it, where it
// is called.
std::string work_of(const std::string& source) {
  const std::string phase_begins = "[[gnu::noinline]] void ";
  std::map<std::string, std::string> phases;
  std::string work, heading, phase;
  bool is_run = false;
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line) && !line.starts_with("constexpr int32_t");) {
    is_run = is_run || line == "void run(const imbrex_call* call) {";
    const size_t call = line.find_first_not_of(' '), bracket = line.find('(');
    if (line.starts_with("// phase ")) heading = line + "\n";
    if (line.starts_with(phase_begins)) {
      phase = line.substr(phase_begins.size(), bracket - phase_begins.size());
      phases[phase] = heading;
    } else if (line == "}") {
      phase.clear();
    } else if (is_run) {
      const bool calls = bracket != std::string::npos && phases.contains(line.substr(call, bracket - call));
      work += calls ? phases.at(line.substr(call, bracket - call)) : line + "\n";
    } else if (!phase.empty()) {
      phases[phase] += line + "\n";
    }
  }
  return work;
}

// A phase whose tasks are stolen asks for the next one, another takes its part.
void expect_tasks_as_said(const std::string& line, const std::string& code) {
  const bool steals = line.ends_with("idle workers steal");
  const size_t begin = code.find("// " + line.substr(line.find("phase")) + "\n"), end = code.find("// phase ", begin + 1);
  ASSERT_NE(begin, std::string::npos) << line;
  const std::string phase = code.substr(begin, end == std::string::npos ? end : end - begin);
  EXPECT_EQ(steals, phase.find("Tasks tasks(&queues[") != std::string::npos) << line << "\n" << phase;
  EXPECT_EQ(!steals, phase.find("const Part part = part_of") != std::string::npos) << line << "\n" << phase;
}

void expect_agreement(const ir::Program& program, const target::Machine& machine, const std::string& what) {
  SCOPED_TRACE(what);
  const std::string page = print(make_plan(program, machine, false), machine);
  const std::string code = work_of(codegen::generate(make_plan(program, machine, false), machine));
  const std::vector<std::string> said = words_of(page, kPage);
  const std::vector<std::string> of_page = without(without(said, "columns by"), "loop over"), of_code = words_of(code, kCode);
  for (size_t i = 0; i < std::max(of_page.size(), of_code.size()); ++i)
    ASSERT_EQ(i < of_page.size() ? of_page[i] : "the end", i < of_code.size() ? of_code[i] : "the end") << i << "\n"
                                                                                                        << page << code;
  for (const std::string& word : said)
    if (word.starts_with("its line: ")) expect_tasks_as_said(word, code);
  // Each pass over columns by 64 has its loop of four blocks, and each by 32 of two halves.
  int by_64 = 0, by_32 = 0;
  for (const std::string& word : said) by_64 += word == "columns by 64", by_32 += word == "columns by 32";
  EXPECT_EQ(by_32, count(code, "for (int half = 0; half < 2; ++half)")) << page << code;
  EXPECT_GE(by_64, count(code, "for (int block = 0; block < 4; ++block)")) << page << code;
}

TEST(PageOfAPlan, SaysWhatTheCodeDoes) {
  for (const kernels::Entry& entry : kernels::registry()) {
    for (const std::string& variant : entry.variants) {
      const ir::Program program = kernels::build(entry.name, variant, "demo", {}).program;
      for (const target::Target& target : target::targets()) {
        if (!target.has_code()) continue;
        const target::Machine machine(target);
        const std::string name = target.name;
        expect_agreement(optimize::optimize(program, machine).program, machine, entry.name + " " + variant + " on " + name);
        expect_agreement(optimize::as_written(program), machine, entry.name + " " + variant + " as written on " + name);
      }
    }
  }
}

// No registered kernel packs a right side ahead of a loop. Here one does so before the phase, and one in it.
TEST(PageOfAPlan, SaysWhatIsPackedAheadOfALoop) {
  const auto attention = [](const char* loop) {
    return ir::parse(fmt::format(R"(imbrex 1
kernel "k" {{
  dim T
  dim S
  input q: bf16[T, 4, 64]
  input k: bf16[S, 4, 64]
  input v: bf16[S, 4, 64]
  output y: f32[T, 4, 64]
  parallel h in 0 .. 4 {{
    {} t in tiles(T, 16) {{
      let p = matmul(q[t, h, :], k[:, h, :], transpose_b)
      y[t, h, :] = matmul(cast(p / row_max(p), bf16, rint), v[:, h, :])
    }}
  }}
}}
)",
                                 loop),
                     "k.tile");
  };
  for (const target::Target& target : target::targets())
    for (const char* loop : {"parallel", "range"})
      if (target.has_code()) expect_agreement(attention(loop), target::Machine(target), std::string(loop) + " on " + target.name);
}

}  // namespace
}  // namespace imbrex::plan

// `imbrex report` writes one page that needs nothing else: well formed, of at most 1.5 MB, with the numbers of `check --json` and
// `run --json`. In headless Chromium, where there is one, it is as wide as its window at two widths, and its script has no errors.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

using Json = nlohmann::json;

std::string examples() { return std::string(IMBREX_SOURCE_DIR) + "/docs/examples/"; }

std::string page_of(const std::string& arguments) {
  const TemporaryFolder folder;
  const std::string path = folder.file("page.html");
  const CommandResult result = imbrex_command(fmt::format("report {} -o '{}'", arguments, path));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  return read_text(path);
}

bool holds(const std::string& page, const std::string& part) { return page.find(part) != std::string::npos; }

const std::vector<std::string> kPages = {"deepseek_v4/qkv_proj_rope --preset flash",
                                         "deepseek_v4/qkv_proj_rope --variant unfused", examples() + "attention.tile",
                                         examples() + "lost_row.tile", examples() + "shared_scratch.tile"};

// Each element that is opened is closed, in order; each id is there once, and each link leads to one.
void expect_well_formed(const std::string& page) {
  const size_t style = page.find("<style>"), style_end = page.find("</style>"), script = page.find("<script>");
  const std::string html =
      page.substr(0, style) + page.substr(style_end + 8, script - style_end - 8) + page.substr(page.find("</script>") + 9);
  const std::regex tag(R"(<(/?)([a-z0-9]+)((?:\s[a-zA-Z-]+="[^"<>]*")*)(/?)>)");
  const std::set<std::string> single{"meta", "link"};
  std::vector<std::string> open;
  std::set<std::string> ids;
  std::vector<std::string> links;
  size_t tags = 0;
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it, ++tags) {
    const std::string name = (*it)[2], attributes = (*it)[3];
    std::smatch found;
    if (std::regex_search(attributes, found, std::regex("\\sid=\"([^\"]*)\""))) {
      EXPECT_TRUE(ids.insert(found[1]).second) << found[1] << " is there twice";
    }
    if (std::regex_search(attributes, found, std::regex("\\shref=\"#([^\"]*)\""))) links.push_back(found[1]);
    if ((*it)[4].length() > 0 || single.contains(name)) continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << name;
    ASSERT_EQ(open.back(), name);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
  // All that looks like markup is.
  EXPECT_EQ(tags + 1, static_cast<size_t>(std::count(html.begin(), html.end(), '<')));  // <!DOCTYPE html>
  for (const std::string& link : links) EXPECT_TRUE(ids.contains(link)) << link;
  EXPECT_GT(links.size(), 10u);
}

TEST(Page, IsOneWellFormedFile) {
  for (const std::string& arguments : kPages) {
    SCOPED_TRACE(arguments);
    const std::string page = page_of(arguments);
    EXPECT_LE(page.size(), 1'500'000u);
    expect_well_formed(page);
    for (const char* outside : {"http:", "https:", "//cdn", "src=", "@import", "url(h"})
      EXPECT_FALSE(holds(page, outside)) << outside;
  }
}

TEST(Page, HasTheNumbersOfCheck) {
  for (const std::string& arguments : kPages) {
    SCOPED_TRACE(arguments);
    const bool has_tokens = !holds(arguments, "attention.tile");
    // The page is of typical sizes, `check` of those that it is given.
    const char* others = has_tokens ? "" : " --dim S=1024";
    const Json check = Json::parse(imbrex_command("check --json --tokens 128 " + arguments + others).out);
    const std::string page = page_of(arguments + " --tokens 128");
    EXPECT_TRUE(has_tokens || holds(page, "S = 1024"));
    for (const Json& each : check["checks"])
      EXPECT_TRUE(
          holds(page, fmt::format("data-check=\"{}\" data-examined=\"{}\" data-errors=\"{}\"", each["name"].get<std::string>(),
                                  each["examined"].get<int64_t>(), each["errors"].get<int64_t>())))
          << each;
    size_t scopes = 0;
    for (const Json& each : check["scopes"]) {
      const std::string name = std::regex_replace(each["name"].get<std::string>(), std::regex("&"), "&amp;");
      const size_t begin = page.find("data-scope=\"" + name + "\"");
      ASSERT_NE(begin, std::string::npos) << name;
      const std::string row = page.substr(begin, page.find("</tr>", begin) - begin);
      for (const char* amount : {"tasks", "bytes_read", "bytes_written", "operations"})
        EXPECT_TRUE(holds(row, fmt::format("data-value=\"{}\"", each[amount]["value"].get<int64_t>()))) << name << " " << amount;
      ++scopes;
    }
    EXPECT_GT(scopes, 0u);
    EXPECT_EQ(holds(page, "<b class=\"proven\">proven</b>"), check["proven"].get<bool>());
  }
}

TEST(Page, HasTheNumbersOfRun) {
  const std::string kernel = "deepseek_v4/qkv_proj_rope --preset demo --tokens 6";
  const Json fused = Json::parse(imbrex_command("run --json --repeat 1 " + kernel).out)["fused"];
  const std::string page = page_of(kernel);
  for (const char* what : {"gone", "kept"}) {
    const Json& tensors = fused[std::string("tensors_") + what];
    EXPECT_GT(tensors.size(), 2u);
    for (const auto& [name, bytes] : tensors.items())
      EXPECT_TRUE(holds(page, fmt::format("<tr data-{}=\"{}\"><td><code>{}</code></td><td class=\"r\"><span data-bytes=\"{}\"",
                                          what, name, name, bytes.get<int64_t>())))
          << name;
  }
  EXPECT_TRUE(
      holds(page, fmt::format("<b class=\"\">{} → {}</b>", fused["scopes_before"].get<int>(), fused["scopes_after"].get<int>())));
}

TEST(Page, ShowsTheCounterexample) {
  const std::string lost = page_of(examples() + "lost_row.tile");
  EXPECT_TRUE(holds(lost, "<figcaption>q[1, 512] at T = 1</figcaption>"));
  EXPECT_TRUE(holds(lost, "<figcaption>q[3, 512] at T = 3</figcaption>"));
  EXPECT_TRUE(holds(lost, "<b>i=1</b> <code>q[i * (T // 2) +: T // 2, :]</code> writes, line 8"));
  EXPECT_FALSE(holds(lost, "id=\"g1\""));
  const std::string shared = page_of(examples() + "shared_scratch.tile");
  EXPECT_TRUE(holds(shared, "<figcaption>rot[1, 32] at T = 1</figcaption>"));
  EXPECT_TRUE(holds(shared, "h=0 and h=1</text>"));
}

TEST(Page, PutsAChoiceOnItsLine) {
  const std::string page = page_of("deepseek_v4/qkv_proj_rope --preset demo");
  const std::regex on_line(
      R"(matmul_acc[^\n]*</code></div>\n<details class="note choice" id="choice-1"><summary>product with wq_a: )"
      R"([^\n]*<li>rejected: )");
  EXPECT_TRUE(std::regex_search(page, on_line));
  EXPECT_TRUE(holds(page, "<a href=\"#choice-1\">"));
}

TEST(Page, HasMeasuredTimesWhereTheyAreAskedFor) {
  const std::string page = page_of("nn/rms_norm --preset demo --measure --tokens 4");
  EXPECT_TRUE(std::regex_search(
      page, std::regex("<tr data-time=\"y\">.*</td><td class=\"r\">[0-9.]+</td><td class=\"r\">[0-9.]+</td><td>")));
  EXPECT_FALSE(holds(page_of("nn/rms_norm --preset demo --tokens 4"), "measured, ms"));
}

// Names and texts of an author's are text.
TEST(Page, IsNotMarkedUpByItsAuthor) {
  const TemporaryFolder folder;
  write_text(folder.file("k.tile"),
             "imbrex 1\nkernel \"<script>alert(1)</script>\" {\n  dim T\n  output y: f32[T, 8]\n  parallel t in tiles(T, 4) {\n"
             "    at \"<b>&\" { y[t, :] = full(f32, [t.size, 8], 1.0) }\n  }\n}\n");
  const std::string page = page_of("'" + folder.file("k.tile") + "'");
  expect_well_formed(page);
  EXPECT_FALSE(holds(page, "<script>alert"));
  EXPECT_FALSE(holds(page, "<b>&\""));
}

TEST(Page, IsNotLeftInPart) {
  const TemporaryFolder folder;
  const std::string page = folder.file("page.html");
  const CommandResult result = imbrex_command(fmt::format("report nn/rms_norm -o '{}'", page), "trap '' XFSZ; ulimit -f 8;");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("error [file-unwritable]: cannot write the page"), std::string::npos) << result.err;
  EXPECT_FALSE(std::filesystem::exists(page));
}

TEST(Page, IsAnErrorWhereItCannotBeWritten) {
  const CommandResult result = imbrex_command("report nn/rms_norm -o /nowhere/at/all/page.html");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("[file-unwritable]"), std::string::npos) << result.err;
}

// What a browser makes of it: its script has run and marked lines as ones that lead on, nothing was said on its console, and
// nothing makes the page wider than its window.
TEST(Page, WorksInABrowser) {
  if (run_command("command -v chromium").status != 0) GTEST_SKIP() << "there is no chromium here";
  for (const std::string& arguments : kPages) {
    SCOPED_TRACE(arguments);
    const TemporaryFolder folder;
    const std::string path = folder.file("page.html"), profile = folder.file("profile");
    // What is wider than the window, told by a script behind the page's own.
    write_text(path, page_of(arguments) +
                         "<script>document.title = 'wide ' + (document.documentElement.scrollWidth - innerWidth);"
                         "location.hash = '#o5';</script>\n");
    for (const int width : {1440, 560}) {
      const CommandResult result = run_command(
          fmt::format("timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir='{}' --window-size={},900 "
                      "--enable-logging=stderr --virtual-time-budget=2000 --dump-dom 'file://{}'",
                      profile, width, path));
      ASSERT_EQ(result.status, 0) << result.err;
      EXPECT_EQ(result.err.find("CONSOLE"), std::string::npos) << result.err;
      std::smatch wide;
      ASSERT_TRUE(std::regex_search(result.out, wide, std::regex("<title>wide (-?[0-9]+)</title>")));
      EXPECT_LE(std::stoi(wide[1]), 0) << "at " << width;
      const bool is_refused = holds(result.out, "<b class=\"refused\">");
      EXPECT_EQ(holds(result.out, "class=\"l to"), !is_refused);
      EXPECT_EQ(holds(result.out, "class=\"l to on\" id=\"o5\""), !is_refused);
    }
  }
}

}  // namespace
}  // namespace imbrex::tests

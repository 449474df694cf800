// Every id that the sources give a diagnostic has a page in docs/diagnostics, with the message, why, and a repair; and every page
// belongs to an id.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>

namespace imbrex {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Literals of the form of ids: words with dashes between them, which nothing else in the sources is but for one.
std::set<std::string> ids_in_sources(const std::string& folder, std::set<std::string>& words) {
  const std::set<std::string> others{"sans-serif"};
  std::set<std::string> ids;
  const std::regex literal("\"([a-z]+(-[a-z]+)*)\"");
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(IMBREX_SOURCE_DIR) / folder)) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
    const std::string text = text_of(entry.path());
    for (std::sregex_iterator found(text.begin(), text.end(), literal), end; found != end; ++found) {
      const std::string word = (*found)[1];
      words.insert(word);
      if (word.find('-') != std::string::npos && !others.count(word)) ids.insert(word);
    }
  }
  return ids;
}

std::set<std::string> pages() {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(IMBREX_SOURCE_DIR) / "docs/diagnostics"))
    if (entry.path().extension() == ".md") names.insert(entry.path().stem().string());
  return names;
}

TEST(Diagnostics, EachHasAPageAndEachPageADiagnostic) {
  std::set<std::string> words;
  const std::set<std::string> ids = ids_in_sources("imbrex", words), names = pages();
  EXPECT_GE(ids.size(), 60u);
  for (const std::string& id : ids) EXPECT_TRUE(names.count(id)) << id << " has no page";
  for (const std::string& name : names) EXPECT_TRUE(words.count(name)) << name << " is no id in the sources";
  std::cout << names.size() << " diagnostics, each with its page\n";
}

TEST(Diagnostics, PagesSayWhyAndARepair) {
  std::set<std::string> words;
  const std::set<std::string> proven = ids_in_sources("imbrex/prove", words);
  EXPECT_GE(proven.size(), 8u);
  for (const std::string& name : pages()) {
    const std::string text = text_of(fs::path(IMBREX_SOURCE_DIR) / "docs/diagnostics" / (name + ".md"));
    for (const std::string& part : {"# " + name + "\n", std::string("**Why"), std::string("**Repair")})
      EXPECT_NE(text.find(part), std::string::npos) << name << ": " << part;
    if (proven.count(name)) {
      EXPECT_NE(text.find("[" + name + "]: "), std::string::npos) << name << ": the message";
    }
  }
}

}  // namespace
}  // namespace imbrex

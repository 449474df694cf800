// Diagnostics in the sources, their pages in docs/diagnostics/, and the tests that provoke them are the same list.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// What looks like the id of a diagnostic in the sources, and is none.
const std::set<std::string> kOtherWords = {"sans-serif", "make-checkpoint", "imbrex-mpi"};

fs::path root() { return IMBREX_SOURCE_DIR; }

std::string text_of_tree(const char* folder) {
  std::string text;
  for (const auto& entry : fs::recursive_directory_iterator(root() / folder))
    if (const fs::path extension = entry.path().extension();
        extension == ".cpp" || extension == ".h" || extension == ".cases" || extension == ".py")
      if (entry.path().filename() != "every_diagnostic_has_a_page.cpp") text += read_text(entry.path().string());
  return text;
}

std::set<std::string> all_pages() {
  std::set<std::string> pages;
  for (const auto& entry : fs::directory_iterator(root() / "docs/diagnostics"))
    if (entry.path().stem() != "README") pages.insert(entry.path().stem().string());
  return pages;
}

// Words in quotes: those with dashes, and those that stand where an id stands.
std::set<std::string> ids_in(const std::string& sources) {
  std::set<std::string> ids;
  for (const char* form : {R"re("([a-z]+(?:-[a-z]+)+)")re",
                           R"re((?:UserError\(|Diagnostic\{|report\(|fault\(|fail\((?:where|written), )\s*"([a-z]+)")re"}) {
    const std::regex pattern(form);
    for (std::sregex_iterator found(sources.begin(), sources.end(), pattern), end; found != end; ++found)
      if (!kOtherWords.contains((*found)[1])) ids.insert((*found)[1]);
  }
  return ids;
}

TEST(Diagnostics, each_id_has_a_page) {
  const std::set<std::string> pages = all_pages();
  const std::set<std::string> ids = ids_in(text_of_tree("imbrex"));
  EXPECT_GE(ids.size(), 75u);
  for (const std::string& id : ids) EXPECT_TRUE(pages.contains(id)) << "docs/diagnostics/" << id << ".md is missing";
}

TEST(Diagnostics, each_page_has_an_id_and_the_form_of_the_others) {
  const std::string sources = text_of_tree("imbrex");
  for (const std::string& page : all_pages()) {
    EXPECT_NE(sources.find('"' + page + '"'), std::string::npos) << "nothing in imbrex/ says [" << page << "]";
    const std::string text = read_text((root() / "docs/diagnostics" / (page + ".md")).string());
    EXPECT_EQ(text.rfind("# " + page + "\n", 0), 0u) << page;
    const bool shows_it =
        text.find("error [" + page + "]: ") != std::string::npos || text.find("warning [" + page + "]: ") != std::string::npos;
    EXPECT_TRUE(shows_it) << page << " shows no message";
    EXPECT_NE(text.find("**Why.** "), std::string::npos) << page;
    EXPECT_NE(text.find("**Repair.** "), std::string::npos) << page;
  }
}

TEST(Diagnostics, each_id_is_provoked_by_a_test) {
  const std::string tests = text_of_tree("tests");
  for (const std::string& page : all_pages()) {
    const bool is_tested = tests.find('"' + page + '"') != std::string::npos ||
                           tests.find("[" + page + "]") != std::string::npos ||
                           tests.find(": " + page + "\n") != std::string::npos;
    EXPECT_TRUE(is_tested) << "no test expects [" << page << "]";
  }
}

}  // namespace
}  // namespace imbrex::tests

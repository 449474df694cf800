#include <gtest/gtest.h>

#include <random>

#include "correct/ir/corpus.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"

namespace imbrex::ir {
namespace {

const std::string kTexts[] = {corpus::kRmsNorm, corpus::kMatmul, corpus::kEverything};

struct Counts {
  int refused = 0, accepted = 0;
};

// A UserError with an id and a message, or a program that round trips; anything else fails the test.
void check(const std::string& text, Counts& counts) {
  try {
    const Program program = parse(text, "mutated.tile");
    verify_or_throw(program);
    const std::string printed = print(program);
    const Program again = parse(printed, "printed.tile");
    ASSERT_TRUE(equal(program, again)) << text;
    ASSERT_EQ(printed, print(again)) << text;
    ++counts.accepted;
  } catch (const UserError& error) {
    ASSERT_FALSE(error.diagnostics().empty()) << text;
    ASSERT_FALSE(error.diagnostics()[0].id.empty() || error.diagnostics()[0].message.empty()) << text;
    ++counts.refused;
  } catch (const std::exception& error) {
    FAIL() << error.what() << "\n" << text;
  }
}

TEST(MutatedText, AtEveryByte) {
  Counts counts;
  std::mt19937 random(1);
  constexpr char kCharacters[] = "(){}[]+-*/%<>=!.,:@#\"\\0 9aTtx_\n\0\xff";
  for (const std::string& text : kTexts)
    for (size_t at = 0; at < text.size() && !HasFatalFailure(); ++at) {
      std::string replaced = text, removed = text, inserted = text;
      replaced[at] = kCharacters[random() % (sizeof kCharacters - 1)];
      removed.erase(at, 1);
      inserted.insert(at, 1, kCharacters[random() % (sizeof kCharacters - 1)]);
      for (const std::string& mutant : {replaced, removed, inserted, text.substr(0, at)}) check(mutant, counts);
    }
  EXPECT_GT(counts.refused, 1000);
  EXPECT_GT(counts.accepted, 100);
}

// Words of one place put into another: most of these are well-formed text with a wrong meaning.
TEST(MutatedText, ByMovingWords) {
  Counts counts;
  std::mt19937 random(2);
  for (int round = 0; round < 4000 && !HasFatalFailure(); ++round) {
    std::string text = kTexts[random() % 3];
    for (int edit = 0; edit < 1 + static_cast<int>(random() % 4); ++edit) {
      const size_t from = random() % text.size(), length = random() % 12, to = random() % text.size();
      const std::string piece = text.substr(from, length);
      if (random() % 2)
        text.insert(to, piece);
      else
        text.replace(to, piece.size(), piece);
    }
    check(text, counts);
  }
  EXPECT_GT(counts.refused, 1000);
}

}  // namespace
}  // namespace imbrex::ir

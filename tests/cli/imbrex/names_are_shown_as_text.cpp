// Whatever a kernel and its parts are called, no command prints a control character but line breaks.
#include <gtest/gtest.h>

#include <algorithm>

#include "imbrex/base/utf8.h"
#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

TEST(Names, are_shown_as_text) {
  const TemporaryFolder folder;
  const std::string file = folder.file("k.tile");
  const std::string hostile = "\x1b[31m\x7f\x01\u202e";
  write_text(file, "imbrex 1\nkernel \"k" + hostile + "\" {\n  dim größe typical 8\n  input 入力: f32[größe, 8]\n" +
                       "  output 出力: f32[größe, 8]\n  parallel t in tiles(größe, 4) {\n    at \"s" + hostile +
                       "\" { 出力[t, :] = exp(入力[t, :]) }\n  }\n}\n");
  for (const std::string command : {"show", "check", "explain", "graph", "emit", "run --repeat 1", "run --checked"}) {
    const CommandResult result = imbrex_command(command + " '" + file + "'");
    EXPECT_EQ(result.status, 0) << command << "\n" << result.err;
    const std::string text = result.out + result.err;
    EXPECT_TRUE(
        std::all_of(text.begin(), text.end(), [](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t'; }))
        << command << "\n"
        << text;
    EXPECT_EQ(text.find("\u202e"), std::string::npos) << command;
  }
}

// Of a path and a kernel that are no UTF-8 either, also in what is saved.
TEST(Names, are_shown_as_utf8) {
  const TemporaryFolder folder;
  const std::string file = folder.file("\xff.tile");
  write_text(file,
             "imbrex 1\nkernel \"k\xfe\" {\n  dim T typical 8\n  input x: f32[T, 8]\n  output y: f32[T, 8]\n"
             "  range i in 0 .. T { at \"s\xfd\" @as_written { y[i, :] = x[i, :] } }\n}\n");
  const std::string saved = " '" + folder.file("saved") + "'";
  for (const std::string command : {"show", "check", "explain", "graph", "emit", "emit --why", "run --repeat 1", "run --checked",
                                    "bench --rounds 3 --no-cold"}) {
    const CommandResult result = imbrex_command(command + " '" + file + "'");
    EXPECT_EQ(result.status, 0) << command << "\n" << result.err;
    const std::string text = result.out + result.err;
    for (size_t i = 0, length = 0; i < text.size(); i += length) {
      length = utf8_character(std::string_view(text).substr(i)).length;
      ASSERT_GT(length, 0u) << command << "\n" << text;
    }
  }
  EXPECT_EQ(imbrex_command("run --repeat 1 '" + file + "' --save" + saved).status, 0);
  EXPECT_EQ(imbrex_command("run --repeat 1 '" + file + "' --replay" + saved).status, 0);
}

}  // namespace
}  // namespace imbrex::tests

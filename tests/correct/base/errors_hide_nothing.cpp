// What a message holds of an author's names reaches a terminal as text: nothing that moves the cursor, ends a string or turns the
// direction of writing.
#include <gtest/gtest.h>

#include "imbrex/base/error.h"

namespace imbrex {
namespace {

TEST(Errors, HideNothing) {
  Diagnostic error{"an-id", {}, "größe\x1b[31m\n  of `\u202e`", "drop \x7f\xff\tor \"q\"", {}, false};
  error.notes.push_back({{},
                         "a\u2028"
                         "b"});
  EXPECT_EQ(render(error),
            "error [an-id]: größe\\x1b[31m\n  of `\\xe2\\x80\\xae`\n  note: a\\xe2\\x80\\xa8b\n"
            "  try: drop \\x7f\\xff\tor \"q\"");
}

}  // namespace
}  // namespace imbrex

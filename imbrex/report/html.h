// Pieces of HTML.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imbrex::report {

// Text as HTML: nothing in it is markup, and each character is seen.
std::string escaped(std::string_view text);
// The same of a sentence: what stands between ` and ` is code.
std::string sentence(std::string_view text);
// "128 KiB"; the exact number of bytes stands in an attribute. "size depends on a loop" where there is none.
std::string bytes_cell(std::optional<int64_t> bytes);
std::string bytes_text(double bytes);
// "0.0052"
std::string milliseconds_text(double seconds);
// "1.2 G"
std::string count_text(double count);
// "1 scope", "3 scopes"
std::string counted(int64_t count, const char* noun);

}  // namespace imbrex::report

// Where in its author's source something is written, as std::source_location, which clang has from version 16 on. One type for
// all compilers, so that what one of them compiled links with the library of another.
#pragma once

#include <version>
#if defined(__cpp_lib_source_location)
#include <source_location>
#endif

namespace imbrex {

class SourceLocation {
 public:
  // As a default argument: of the call.
#if defined(__cpp_lib_source_location)
  static constexpr SourceLocation current(std::source_location at = std::source_location::current()) {
    return SourceLocation(at.file_name(), at.function_name(), at.line(), at.column());
  }
#else
  static constexpr SourceLocation current(const char* file = __builtin_FILE(), const char* function = __builtin_FUNCTION(),
                                          unsigned line = __builtin_LINE(), unsigned column = __builtin_COLUMN()) {
    return SourceLocation(file, function, line, column);
  }
#endif
  constexpr SourceLocation() = default;
  constexpr const char* file_name() const { return file_; }
  constexpr const char* function_name() const { return function_; }
  constexpr unsigned line() const { return line_; }
  constexpr unsigned column() const { return column_; }

 private:
  constexpr SourceLocation(const char* file, const char* function, unsigned line, unsigned column)
      : file_(file), function_(function), line_(line), column_(column) {}
  const char* file_ = "";
  const char* function_ = "";
  unsigned line_ = 0, column_ = 0;
};

}  // namespace imbrex

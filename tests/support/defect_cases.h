// Kernels with one defect each and its repair. A case is
//
//   == NAME: ID [on TARGET T=N]
//   the kernel
//   -- try
//   - a line of it                (one or more; together they are the hinted edit)
//   + the line in its place       ("+" alone drops it)
//   -- says
//   the whole message, word for word
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace imbrex::tests {

struct DefectCase {
  std::string name, id, target = "host", kernel, edit, says;
  std::map<std::string, int64_t> dims;
};

inline std::filesystem::path folder_of_cases() { return std::filesystem::path(IMBREX_SOURCE_DIR) / "tests/error/prove/cases"; }

inline DefectCase heading(const std::string& line) {
  DefectCase result;
  std::istringstream words(line.substr(3));
  std::string word;
  words >> result.name >> result.id;
  result.name.pop_back();  // the colon
  while (words >> word) {
    if (word == "on")
      words >> result.target;
    else
      result.dims[word.substr(0, word.find('='))] = std::stoll(word.substr(word.find('=') + 1));
  }
  return result;
}

inline std::vector<DefectCase> cases_of(const std::filesystem::path& path) {
  std::vector<DefectCase> cases;
  std::ifstream file(path);
  std::string* part = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("== ", 0) == 0) {
      cases.push_back(heading(line));
      part = &cases.back().kernel;
    } else if (line == "-- try") {
      part = &cases.back().edit;
    } else if (line == "-- says") {
      part = &cases.back().says;
    } else if (part) {
      *part += line + "\n";
    }
  }
  return cases;
}

// The kernel with each "- line" replaced by the "+ line" after it. Indentation does not count.
inline std::string edited(const DefectCase& c) {
  std::istringstream edits(c.edit);
  std::string kernel = c.kernel, old_line, line;
  while (std::getline(edits, line)) {
    if (line.rfind("- ", 0) == 0) {
      old_line = line.substr(2) + "\n";
    } else if (line.rfind("+", 0) == 0) {
      const size_t at = kernel.find(old_line);
      EXPECT_NE(at, std::string::npos) << c.name << ": no such line: " << old_line;
      if (at == std::string::npos) continue;
      const std::string replacement = line.size() > 2 ? line.substr(2) + "\n" : "\n";
      kernel.replace(at, old_line.size(), replacement);
    }
  }
  return kernel;
}

}  // namespace imbrex::tests

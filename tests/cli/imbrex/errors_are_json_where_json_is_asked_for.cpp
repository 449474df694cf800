#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "imbrex/tools/failure.h"
#include "support/command.h"
#include "support/temporary_folder.h"

namespace imbrex::tests {
namespace {

// Each error has the same fields, and stands in the words too.
nlohmann::json errors_in(const std::string& json, const std::string& words) {
  const nlohmann::json out = nlohmann::json::parse(json, nullptr, false);
  EXPECT_TRUE(out.is_object() && out.size() == 1 && out.contains("errors")) << json;
  const nlohmann::json errors = out.is_object() ? out.value("errors", nlohmann::json::array()) : nlohmann::json::array();
  for (const nlohmann::json& error : errors) {
    for (const char* field : {"id", "file", "line", "message", "hint", "warning", "notes"})
      EXPECT_TRUE(error.contains(field)) << field << ": " << json;
    EXPECT_NE(words.find(fmt::format("error [{}]: {}", error.value("id", ""), error.value("message", ""))), std::string::npos)
        << words << json;
    EXPECT_NE(words.find("\n  try: " + error.value("hint", "") + "\n"), std::string::npos) << words << json;
  }
  EXPECT_FALSE(errors.empty());
  return errors;
}

nlohmann::json errors_of(const std::string& arguments, int status) {
  const CommandResult result = run_command(fmt::format("'{}' {} --json", IMBREX_COMMAND, arguments));
  EXPECT_EQ(result.status, status) << arguments;
  return errors_in(result.out, result.err);
}

TEST(Json, TellsErrorsOfFiles) {
  const TemporaryFolder folder;
  const std::string file = folder.file("na\xffme.tile");  // no UTF-8
  write_text(file, "imbrex 1\nkernel \"k\" {\n  dim T\n  output y: f32[T, 4]\n  oops\n}\n");
  for (const char* command : {"check", "run", "bench"}) {
    const nlohmann::json errors = errors_of(fmt::format("{} '{}'", command, file), 1);
    ASSERT_EQ(errors.size(), 1u) << command;
    EXPECT_EQ(errors[0]["id"], "tile-syntax");
    EXPECT_EQ(errors[0]["line"], 5);
    EXPECT_FALSE(errors[0]["warning"]);
    EXPECT_NE(errors[0]["message"].get<std::string>().find("oops"), std::string::npos);
    EXPECT_NE(errors[0]["hint"], "");
  }
}

TEST(Json, TellsErrorsOfOptions) {
  EXPECT_EQ(errors_of("run no/kernel", 1).at(0)["id"], "unknown-kernel");
  EXPECT_EQ(errors_of("run nn/softmax --isa sse9", 1).at(0)["id"], "unknown-isa");
}

TEST(Json, TellsErrorsOfTheCommandLine) {
  EXPECT_EQ(errors_of("run nn/softmax --no-such-option", 109).at(0)["hint"], "imbrex run --help");
  EXPECT_EQ(errors_of("rnu", 106).at(0)["hint"], "imbrex run");
  EXPECT_EQ(errors_of("", 106).at(0)["hint"], "imbrex --help");
}

// Which no command line is known to provoke: what its exceptions would become.
TEST(Json, TellsDefects) {
  for (const tools::Failure& failure :
       {tools::failure_of(InternalError("loops have \"steps\"")), tools::failure_of(std::logic_error("loops have \"steps\""))}) {
    EXPECT_EQ(failure.status, 2);
    const nlohmann::json error = errors_in(failure.json(), failure.text()).at(0);
    EXPECT_EQ(error["id"], "internal-error");
    EXPECT_EQ(error["message"], "a defect of Imbrex: loops have \"steps\"");
  }
  const tools::Failure memory = tools::failure_of(std::bad_alloc());
  EXPECT_EQ(memory.status, 1);
  EXPECT_EQ(errors_in(memory.json(), memory.text()).at(0)["id"], "out-of-memory");
}

}  // namespace
}  // namespace imbrex::tests

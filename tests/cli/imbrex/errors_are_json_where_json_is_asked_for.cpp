#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/command.h"
#include "support/temporary_folder.h"

namespace imbrex::tests {
namespace {

nlohmann::json errors_of(const std::string& arguments, int status) {
  const CommandResult result = run_command(fmt::format("'{}' {} --json", IMBREX_COMMAND, arguments));
  EXPECT_EQ(result.status, status) << arguments;
  const nlohmann::json out = nlohmann::json::parse(result.out, nullptr, false);
  EXPECT_TRUE(out.is_object() && out.size() == 1 && out.contains("errors")) << arguments << ": " << result.out;
  return out.is_object() ? out.value("errors", nlohmann::json::array()) : nlohmann::json::array();
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
  EXPECT_EQ(errors_of("run nn/softmax --no-such-option", 109).at(0)["id"], "command-line");
}

}  // namespace
}  // namespace imbrex::tests

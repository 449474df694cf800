// What --json prints parses, and each of its fields stands in docs/command.md.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

using nlohmann::json;

// Objects whose keys are names of the user's or of the machine.
const std::set<std::string> kByName = {"dims", "options", "tensors_gone", "tensors_kept", "machine", "contestants", "iteration"};

void expect_documented(const json& value, const std::string& path, const std::string& document) {
  if (value.is_array())
    for (const json& element : value) expect_documented(element, path, document);
  if (!value.is_object()) return;
  for (const auto& [key, inner] : value.items()) {
    const bool is_name = kByName.contains(path.substr(path.rfind('.') + 1));
    EXPECT_TRUE(is_name || document.find("`" + key + "`") != std::string::npos)
        << "docs/command.md does not say what " << path << "." << key << " is";
    expect_documented(inner, path + "." + key, document);
  }
}

json json_of(const std::string& arguments, int status) {
  const CommandResult result = imbrex_command(arguments);
  EXPECT_EQ(result.status, status) << arguments << "\n" << result.err;
  const json parsed = json::parse(result.out, nullptr, false);
  EXPECT_FALSE(parsed.is_discarded()) << arguments << "\n" << result.out;
  return parsed;
}

TEST(Json, parses_and_each_field_is_documented) {
  const std::string document = read_text(std::string(IMBREX_SOURCE_DIR) + "/docs/command.md");
  const TemporaryFolder folder;
  write_text(folder.file("lost.tile"),
             "imbrex 1\nkernel \"lost\" {\n  dim T\n  input x: f32[T, 4]\n  output y: f32[T, 4]\n  parallel i in 0 .. 2 {\n"
             "    y[i * (T // 2) +: T // 2, :] = x[i * (T // 2) +: T // 2, :]\n  }\n}\n");
  const std::string front = "deepseek_v4/qkv_proj_rope --preset demo ";
  const json run = json_of("run " + front + "--tokens 3 --repeat 1 --json", 0);
  EXPECT_TRUE(run.at("pass"));
  EXPECT_EQ(run.at("outputs").size(), 4u);
  for (const json& result :
       {run, json_of("run nn/softmax --repeat 1 --json", 0), json_of("run nn/softmax --tokens 3 --backend interpreter --json", 0),
        json_of("check " + front + "--target a2a3 --tokens 16 --json", 0),
        json_of("check '" + folder.file("lost.tile") + "' --json", 1),
        json_of("bench " + front + "--tokens 2 --rounds 1 --no-plain --json", 0)})
    expect_documented(result, "", document);
}

}  // namespace
}  // namespace imbrex::tests

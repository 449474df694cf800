// The operator's libraries as files: what they export and need, in programs of other compilers' command lines, and the examples.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "support/command.h"

namespace imbrex::tests {
namespace {

std::string output_of(const std::string& command) {
  const CommandResult result = run_command(command);
  EXPECT_EQ(result.status, 0) << command << "\n" << result.out << result.err;
  return result.out;
}

// What nm lists with these flags.
std::set<std::string> symbols(const std::string& flags, const std::string& file) {
  std::istringstream lines(output_of(fmt::format("nm --portability {} '{}'", flags, file)));
  std::set<std::string> names;
  for (std::string line; std::getline(lines, line);)
    if (line.find(' ') != std::string::npos) names.insert(line.substr(0, line.find(' ')));
  return names;
}

std::set<std::string> declared() {
  const std::string header = read_text(IMBREX_SOURCE_DIR "/imbrex/deepseek_v4.h");
  std::set<std::string> names;
  for (size_t at = header.find("\nIMBREX_V4_API"); at != std::string::npos; at = header.find("\nIMBREX_V4_API", at + 1)) {
    const size_t end = header.find('(', at);
    const size_t begin = header.find_last_of(" *", end - 1) + 1;
    names.insert(header.substr(begin, end - begin));
  }
  return names;
}

TEST(Operator, ExportsItsHeaderAlone) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers export functions of theirs";
  const std::set<std::string> expected = declared();
  EXPECT_GE(expected.size(), 15u);
  EXPECT_EQ(symbols("--extern-only --defined-only", IMBREX_V4_STATIC), expected);
  std::set<std::string> versioned = {"IMBREX_V4_1"};
  for (const std::string& name : expected) versioned.insert(name + "@@IMBREX_V4_1");
  EXPECT_EQ(symbols("--dynamic --extern-only --defined-only", IMBREX_V4_SHARED), versioned);
}

TEST(Operator, NeedsTheRuntimesAlone) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers are libraries";
  std::istringstream lines(output_of(fmt::format("objdump -p '{}' | grep NEEDED", IMBREX_V4_SHARED)));
  for (std::string word; lines >> word;) {
    if (word == "NEEDED") continue;
    const bool is_runtime = word.rfind("libstdc++.so", 0) == 0 || word.rfind("libm.so", 0) == 0 ||
                            word.rfind("libgcc_s.so", 0) == 0 || word.rfind("libc.so", 0) == 0 || word.rfind("ld-linux", 0) == 0;
    EXPECT_TRUE(is_runtime) << word;
  }
}

struct TinyCheckpoint {
  TinyCheckpoint() {
    output_of(fmt::format("'{}' make-checkpoint '{}' --preset tiny --layers 0-3 --seed 3", IMBREX_COMMAND, folder.path()));
  }
  TemporaryFolder folder;
};

TEST(Operator, ExamplesGiveTheSameBitsOnAnyThreads) {
  const TinyCheckpoint checkpoint;
  for (const char* example : {IMBREX_V4_THREADS, IMBREX_V4_GGML}) {
    std::set<std::string> outputs;
    for (const char* isa : {"", "IMBREX_ISA=scalar"})
      for (const int threads : {1, 2, 3})
        outputs.insert(output_of(fmt::format("{} '{}' '{}' 2 37 {}", isa, example, checkpoint.folder.path(), threads)));
    EXPECT_EQ(outputs.size(), 1u) << *outputs.begin();
    output_of(fmt::format("'{}' '{}' 2 0 2", example, checkpoint.folder.path()));
    const CommandResult other = run_command(fmt::format("'{}' '{}' 9 1 1", example, checkpoint.folder.path()));
    EXPECT_EQ(other.status, 1);
    EXPECT_NE(other.err.find("layer 9 was asked for"), std::string::npos) << other.err;
    EXPECT_EQ(run_command(fmt::format("'{}' '{}/none' 0 1 1", example, checkpoint.folder.path())).status, 1);
  }
}

// People copy them into projects with other flags: what they use of POSIX they ask for.
TEST(Operator, ExamplesCompileWithTheStandardsThatTheyName) {
  for (const auto& [example, oldest] : {std::pair{"threads", 99}, {"ggml", 11}}) {
    const std::string file = fmt::format(IMBREX_SOURCE_DIR "/examples/operator_{}.c", example);
    EXPECT_NE(read_text(file).find(fmt::format("with -std=c{} and later", oldest)), std::string::npos) << file;
    for (const int standard : {99, 11, 17})
      if (oldest == 99 || standard != 99)
        output_of(fmt::format("cc -Wall -Wextra -Werror -std=c{} -fsyntax-only -I '{}' '{}'", standard, IMBREX_SOURCE_DIR, file));
  }
}

// Without keys and values of its own, a layer has the same queries.
TEST(Operator, ExamplesTakeALayerThatUsesKeysAndValuesOfAnother) {
  const TinyCheckpoint checkpoint;
  const auto queries = [&] {
    std::vector<std::string> all;
    for (const char* example : {IMBREX_V4_THREADS, IMBREX_V4_GGML}) {
      const std::string out = output_of(fmt::format("'{}' '{}' 2 9 2", example, checkpoint.folder.path()));
      EXPECT_EQ(out.rfind("q ", 0), 0u) << out;
      all.push_back(out.substr(0, out.find(' ', 2)));
    }
    return all;
  };
  const std::vector<std::string> expected = queries();
  const auto edit = [&](const char* file, const std::function<void(nlohmann::json&)>& change) {
    nlohmann::json json = nlohmann::json::parse(read_text(checkpoint.folder.file(file)));
    change(json);
    write_text(checkpoint.folder.file(file), json.dump());
  };
  edit("config.json", [](nlohmann::json& json) { json["kv_source_layer_ids"] = {1, 3}; });
  edit("model.safetensors.index.json", [](nlohmann::json& json) {
    for (const char* name : {"wkv.weight", "wkv.scale", "kv_norm.weight"})
      EXPECT_EQ(json["weight_map"].erase(std::string("layers.2.attn.") + name), 1u);
  });
  EXPECT_EQ(queries(), expected);
}

// A C program and the static library, beside libraries of other software with the same parts in it, as the linker has it.
TEST(Operator, LinksIntoAProgramFromItsStaticLibrary) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "linked without the sanitizers' libraries";
  const TemporaryFolder folder;
  std::ofstream(folder.file("engine.c")) << R"(#include <stdio.h>
#include "imbrex/deepseek_v4.h"
int main(void) {
  puts(imbrex_v4_instance(0));
  return imbrex_v4_instance(1000) != NULL;
}
)";
  output_of(fmt::format("cc -Wall -Werror -std=c11 -I '{}' '{}' '{}' -lstdc++ -lm -pthread -o '{}'", IMBREX_SOURCE_DIR,
                        folder.file("engine.c"), IMBREX_V4_STATIC, folder.file("engine")));
  EXPECT_EQ(output_of("'" + folder.file("engine") + "'"),
            "W8A8, hidden 512, heads 4, q_lora 256, eps 1e-6, bf16-normalized/bf16, extra 0\n");
}

}  // namespace
}  // namespace imbrex::tests

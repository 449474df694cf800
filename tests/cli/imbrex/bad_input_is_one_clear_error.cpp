// Whatever is wrong with a command line or a file: a status that is not 0, one message that says what and what to try, nothing on
// standard output, nothing half-written, no crash.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "imbrex/base/nearest.h"
#include "imbrex/checkpoint/safetensors.h"
#include "imbrex/target/target.h"
#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

const std::string front = "deepseek_v4/qkv_proj_rope";
const std::string run_demo = "run " + front + " --preset demo --tokens 2 --repeat 1 ";

void expect_error(const CommandResult& result, const std::string& id, const std::string& text) {
  EXPECT_EQ(result.status, 1) << result.out << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("error [" + id + "]"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("try: "), std::string::npos) << result.err;
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(IMBREX_SOURCE_DIR) / "docs/diagnostics" / (id + ".md"))) << id;
}

TEST(BadInput, unknown_names) {
  expect_error(imbrex_command("run nn/rms_nrom"), "unknown-kernel", "nn/rms_nrom");
  expect_error(imbrex_command("show nothing"), "unknown-kernel", "nothing");
  expect_error(imbrex_command("run " + front + " --preset huge"), "unknown-preset", "huge");
  expect_error(imbrex_command("run " + front + " --variant plain2"), "unknown-variant", "plain2");
  expect_error(imbrex_command(run_demo + "--isa sse9"), "unknown-isa", "sse9");
  expect_error(imbrex_command("emit " + front + " --isa sse9"), "unknown-isa", "sse9");
  expect_error(imbrex_command("run nn/softmax --backend interpreter --isa avx2"), "unknown-isa", "interpreter");
  expect_error(imbrex_command("run nn/softmax --checked --isa avx2"), "unknown-isa", "--checked alone");
  expect_error(imbrex_command("run no/such.tile"), "file-unreadable", "no/such.tile");
  expect_error(imbrex_command("run " + front + " --set depth=3"), "unknown-option", "depth");
  expect_error(imbrex_command("check " + front + " --target a9"), "unknown-target", "a9");
  // What is a name of something else says so.
  expect_error(imbrex_command("emit nn/softmax --isa aarch64"), "unknown-isa", "try: one of scalar, neon, which are for aarch64");
  expect_error(imbrex_command("check nn/softmax --target neon"), "unknown-target", "try: --target host");
  expect_error(imbrex_command("check nn/softmax --target aarch64"), "unknown-target", "try: --target host");
  const TemporaryFolder folder;
  expect_error(imbrex_command("aot nn/rms_norm --symbol 2fast --output '" + folder.path() + "'"), "bad-symbol", "2fast");
  expect_error(imbrex_command("aot nn/rms_norm --symbol int --output '" + folder.path() + "'"), "bad-symbol", "int");
  expect_error(imbrex_command("aot nn/rms_norm --symbol imbrex_kernel --output '" + folder.path() + "'"), "bad-symbol",
               "--symbol kernel_imbrex_kernel");
  for (const std::string& header : std::vector<std::string>{"../x.h", "a/../x.h", "/x.h", "imbrex/runtime/abi.h", "a/"})
    expect_error(imbrex_command("aot nn/rms_norm --header '" + header + "' --output '" + folder.path() + "'"), "bad-header",
                 header);
  std::string all;
  for (const target::Target* target : target::targets_with_code()) {
    all += (all.empty() ? "" : ",") + target->name;
    const imbrex_architecture architecture = target->needs.architecture;
    if (architecture == IMBREX_ANY_ARCHITECTURE || architecture == IMBREX_THIS_ARCHITECTURE) continue;
    expect_error(imbrex_command(run_demo + "--isa " + target->name), "unsupported-isa",
                 "does not run code for " + target->name + ", which is for " + target::name_of(architecture));
  }
  expect_error(imbrex_command("aot nn/rms_norm --isa " + all + " --output '" + folder.path() + "'"), "mixed-isas",
               "no library holds both");
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(BadInput, dimensions_that_cannot_be) {
  for (const char* value : {"0", "-1", "9223372036854775807"}) {
    if (value != std::string("0"))  // which is a batch of no tokens
      expect_error(imbrex_command("run " + front + " --preset demo --tokens " + value), "dimension-value", value);
    expect_error(imbrex_command("explain " + front + " --preset demo --tokens " + value), "dimension-value", value);
    expect_error(imbrex_command("run " + front + " --preset demo --heads " + value), "option-value", value);
    expect_error(imbrex_command("run " + front + " --preset demo --hidden " + value), "option-value", value);
    expect_error(imbrex_command("run " + front + " --preset demo --q-lora " + value), "option-value", value);
    expect_error(imbrex_command("run " + front + " --preset demo --row-splits " + value), "option-value", value);
  }
  expect_error(imbrex_command("run deepseek_v4/qkv_proj_rope_fp8_reference --set hidden=384 --set q_lora=128 --set fp8_block=96"),
               "option-value", "fp8_block = 96 does not divide q_lora = 128");
  // What is proposed divides both.
  const std::string small =
      "run deepseek_v4/attention_front --set mode=2 latent_int8=0 latent_bf16=1 heads=1 fp8_block=128 q_lora=64 ";
  expect_error(imbrex_command(small + "hidden=96"), "option-value", "try: fp8_block of 32\n");
  expect_error(imbrex_command(small + "hidden=192"), "option-value", "try: fp8_block of 32 or 64\n");
  expect_error(imbrex_command(small + "hidden=40"), "option-value", "try: hidden and q_lora that are multiples of 32");
  expect_error(imbrex_command("run " + front + " --preset demo --batch 9223372036854775807 --seq 3"), "dimension-value",
               "--batch");
  expect_error(imbrex_command("run " + front + " --preset demo --batch 0"), "dimension-value", "--batch");
  // Each command says from where on it takes them: a run of no tokens does nothing, a size to be timed or explained has some.
  expect_error(imbrex_command("run " + front + " --preset demo --tokens -1"), "dimension-value", "expected 0 to 2147483647");
  for (const std::string command : {"explain ", "bench ", "check "})
    expect_error(imbrex_command(command + front + " --preset demo --tokens 0"), "dimension-value", "expected 1 to 2147483647");
  expect_error(imbrex_command("run " + front + " --preset demo --batch 1 --tokens 1"), "dimension-value",
               "more than one was given");
  expect_error(imbrex_command("run " + front + " --preset demo --dim T=1 --tokens 1"), "dimension-value",
               "more than one was given");
  EXPECT_NE(imbrex_command("run " + front + " --preset demo --repeat 1 --dim T=3").out.find("T=3"), std::string::npos);
  expect_error(imbrex_command("run " + front + " --preset flash --tokens 2000000000"), "out-of-memory", "memory");
  expect_error(imbrex_command("run " + front + " --preset demo --dim U=3"), "dimension-value", "no dimension U");
  expect_error(imbrex_command("run " + front + " --preset demo --dim T"), "dimension-value", "NAME=INTEGER");
  expect_error(imbrex_command(run_demo + "--threads -1"), "thread-count", "-1");
  expect_error(imbrex_command(run_demo + "--threads 100000"), "thread-count", "100000");
}

TEST(BadInput, memory_that_no_machine_has) {
  const TemporaryFolder folder;
  write_text(folder.file("k.tile"),
             "imbrex 1\nkernel \"k\" {\ndim T\ndim U\ninput x: f32[T, 8]\noutput y: f32[T, 8]\ncreate s: f32[T, U, 8]\n"
             "parallel t in tiles(T, 8) @as_written {\nat \"a\" @as_written {\ns[t, 0, :] = x[t, :]\n}\n}\n"
             "parallel v in tiles(T, 8) @as_written {\nat \"b\" @as_written {\ny[v, :] = s[v, 0, :] + 1.0\n}\n}\n}\n");
  const std::string run = "run '" + folder.file("k.tile") + "' --repeat 1 ";
  EXPECT_EQ(imbrex_command(run + "--dim T=3 --dim U=4").status, 0);
  for (const char* backend : {"--backend host", "--backend interpreter", "--checked"})
    expect_error(imbrex_command(run + "--dim T=4096 --dim U=33554432 " + backend),
                 backend == std::string("--backend host") ? "out-of-memory" : "tile-too-large", "smaller dimensions");
}

TEST(BadInput, no_home_for_a_cache) {
  expect_error(run_command(fmt::format("env -u HOME -u XDG_CACHE_HOME -u IMBREX_CACHE '{}' cache path", IMBREX_COMMAND)),
               "cache-unwritable", "none of IMBREX_CACHE, XDG_CACHE_HOME and HOME is set");
}

TEST(BadInput, command_lines_that_mean_nothing) {
  for (const char* arguments : {"", "fly", "run", "run a b", "--batch 3", "cache", "cache burn", "run x --tokens many",
                                "run x --backend gpu", "run x --repeat 0", "aot deepseek_v4/qkv_proj_rope"}) {
    const CommandResult result = imbrex_command(arguments);
    EXPECT_GT(result.status, 100) << arguments;
    EXPECT_LT(result.status, 128) << arguments;
    EXPECT_EQ(result.out, "") << arguments;
    EXPECT_EQ(result.err.rfind("error [command-line]: ", 0), 0u) << arguments << ": " << result.err;
    EXPECT_NE(result.err.find("\n  try: imbrex"), std::string::npos) << arguments << ": " << result.err;
  }
  EXPECT_NE(imbrex_command("chekc nn/softmax").err.find("there is no command 'chekc'"), std::string::npos);
  EXPECT_NE(imbrex_command("chekc nn/softmax").err.find("try: imbrex check"), std::string::npos);
  EXPECT_NE(imbrex_command("run nn/softmax --repat 3").err.find("try: imbrex run --help\n"), std::string::npos);
  const auto says = [](const std::string& arguments, const std::string& text) {
    const std::string err = imbrex_command(arguments).err;
    EXPECT_NE(err.find(text), std::string::npos) << arguments << ": " << err;
  };
  says("cache", "'cache' needs one of: ls, clear, verify, path");
  says("cache pth", "there is no command 'cache pth'; expected one of: ls, clear, verify, path\n  try: imbrex cache path\n");
  says("run --jsn --bogus", "'run' does not take --jsn --bogus; and name is required");
}

// CLI11 reads the nearest number of the type, or counts from its end.
TEST(BadInput, integers_beyond_their_type) {
  for (const char* seed : {"-1", "-5", "18446744073709551616"})
    expect_error(imbrex_command(run_demo + "--seed " + seed), "option-value",
                 fmt::format("--seed {}: expected an integer from 0 to 18446744073709551615", seed));
  for (const char* layer : {"99999999999999999999", "-99999999999999999999"})
    expect_error(imbrex_command(std::string("inspect /nowhere --layer ") + layer), "option-value",
                 fmt::format("--layer {}: expected an integer from -9223372036854775808 to 9223372036854775807", layer));
  expect_error(imbrex_command("run " + front + " --preset demo --tokens 9223372036854775808"), "option-value",
               "--tokens 9223372036854775808");
  expect_error(imbrex_command("bench " + front + " --preset demo --tokens 1,9223372036854775808"), "option-value",
               "--tokens 9223372036854775808");
  EXPECT_EQ(imbrex_command(run_demo + "--seed 18446744073709551615").status, 0);
}

TEST(BadInput, options_without_a_text) {
  for (const char* option : {"--save", "--isa", "--preset", "--heads", "--set"})
    expect_error(imbrex_command(fmt::format("run {} {} \"\"", front, option)), "option-value",
                 fmt::format("{} is given an empty text", option));
  expect_error(imbrex_command("aot nn/softmax --output \"\""), "option-value", "--output is given an empty text");
  expect_error(imbrex_command("run \"\""), "option-value", "name is given an empty text");
}

TEST(BadInput, instruction_sets_are_proposed_that_run_here) {
  const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const target::Target* target : target::supported_targets()) all.push_back(target->name);
    return all;
  }();
  const std::string tried = imbrex_command("run nn/softmax --isa foo").err;
  EXPECT_NE(tried.find(fmt::format("try: --isa {}, or", nearest("foo", names))), std::string::npos) << tried;
  const std::string of_environment = imbrex_command("run nn/softmax", "IMBREX_ISA=foo").err;
  EXPECT_NE(of_environment.find(fmt::format("try: one of {}\n", fmt::join(names, ", "))), std::string::npos) << of_environment;
}

// What is tried first is what was meant: the name with the fewest letters to change.
TEST(BadInput, mistyped_names_offer_the_nearest) {
  const auto tries = [](const std::string& arguments) {
    const std::string err = imbrex_command(arguments).err;
    return err.substr(err.find("try: "));
  };
  EXPECT_NE(tries("run deepseek_v4/qkv_proj_rop").find("deepseek_v4/qkv_proj_rope"), std::string::npos);
  EXPECT_NE(tries("run nn/sotfmax").find("nn/softmax"), std::string::npos);
  EXPECT_NE(tries("run " + front + " --variant unfusd").find("--variant unfused"), std::string::npos);
  EXPECT_NE(tries("run " + front + " --preset por").find("--preset pro"), std::string::npos);
  EXPECT_NE(tries("emit nn/softmax --isa avx512f").find("--isa avx512"), std::string::npos);
}

// ---- replay folders -----------------------------------------------------------------------------------------------------------

// A folder that `run --save` made, which each test spoils in one way.
class BadReplay : public testing::Test {
 protected:
  void SetUp() override {
    const CommandResult saved = imbrex_command(run_demo + "--save '" + layer() + "'");
    ASSERT_EQ(saved.status, 0) << saved.out << saved.err;
    inputs_ = checkpoint::read_safetensors(file("inputs"));
  }
  std::string layer() const { return folder_.file("layer"); }
  std::string file(const std::string& what) const { return layer() + "/" + what + ".safetensors"; }
  CommandResult replay() const { return imbrex_command("run " + front + " --repeat 1 --replay '" + layer() + "'"); }
  void write_inputs() const { checkpoint::write_safetensors(file("inputs"), inputs_); }

  TemporaryFolder folder_;
  std::map<std::string, Array> inputs_;
};

TEST_F(BadReplay, good_twin_passes) {
  EXPECT_EQ(replay().status, 0) << replay().out << replay().err;
  std::filesystem::remove(file("expected"));
  EXPECT_EQ(replay().status, 0) << replay().out << replay().err;
}

TEST_F(BadReplay, missing_folder_and_file) {
  expect_error(imbrex_command("run " + front + " --replay '" + folder_.file("none") + "'"), "file-unreadable", "none");
  std::filesystem::remove(file("inputs"));
  expect_error(replay(), "file-unreadable", "inputs.safetensors");
}

TEST_F(BadReplay, each_tensor_missing) {
  for (const auto& [name, array] : std::map(inputs_)) {
    inputs_.erase(name);
    write_inputs();
    expect_error(replay(), "tensor-missing", "'" + name + "'");
    inputs_.emplace(name, array);
  }
}

TEST_F(BadReplay, each_tensor_of_another_shape) {
  for (const auto& [name, array] : std::map(inputs_)) {
    inputs_[name].shape.push_back(1);
    inputs_[name].shape.push_back(1);
    write_inputs();
    expect_error(replay(), "tensor-mismatch", "'" + name + "'");
    inputs_[name] = array;
  }
}

TEST_F(BadReplay, each_tensor_of_another_type) {
  for (const auto& [name, array] : std::map(inputs_)) {
    inputs_[name] = Array::zeros(DType::int32, array.shape);
    write_inputs();
    expect_error(replay(), "tensor-mismatch", "'" + name + "'");
    inputs_[name] = array;
  }
}

TEST_F(BadReplay, sizes_that_contradict_each_other) {
  inputs_["wkv"] = Array::zeros(DType::bf16, {inputs_["x"].shape[1] + 1, 512});
  write_inputs();
  expect_error(replay(), "tensor-mismatch", "'wkv'");
}

TEST_F(BadReplay, no_tokens) {
  inputs_["x"] = Array::zeros(DType::bf16, {0, inputs_["x"].shape[1]});
  write_inputs();
  expect_error(replay(), "tensor-mismatch", "'x'");
}

TEST_F(BadReplay, truncated_files) {
  const std::string whole = read_text(file("inputs"));
  for (const size_t size : {size_t{0}, size_t{7}, size_t{100}, whole.size() / 2, whole.size() - 1}) {
    write_text(file("inputs"), whole.substr(0, size));
    expect_error(replay(), "safetensors-malformed", "inputs.safetensors");
  }
  write_text(file("inputs"), whole);
  write_text(file("expected"), "short");
  expect_error(replay(), "safetensors-malformed", "expected.safetensors");
}

TEST_F(BadReplay, wrong_expected_values_fail_but_are_no_error) {
  auto expected = checkpoint::read_safetensors(file("expected"));
  for (int64_t i = 0; i < expected["qr"].size(); i += 100) expected["qr"].as<int8_t>()[i] ^= 0x40;
  checkpoint::write_safetensors(file("expected"), expected);
  const CommandResult result = replay();
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.out.find("qr        FAIL"), std::string::npos) << result.out << result.err;
  EXPECT_NE(result.out.find("kv        PASS"), std::string::npos) << result.out;
}

// ---- files, caches, compilers -------------------------------------------------------------------------------------------------

TEST(BadInput, save_where_nothing_can_be_written) {
  const TemporaryFolder folder;
  write_text(folder.file("taken"), "");
  expect_error(imbrex_command(run_demo + "--save '" + folder.file("taken") + "'"), "file-unwritable", "taken");
  EXPECT_EQ(read_text(folder.file("taken")), "");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(BadInput, tile_files) {
  const TemporaryFolder folder;
  const CommandResult good = imbrex_command("show nn/rms_norm");
  ASSERT_EQ(good.status, 0) << good.err;
  write_text(folder.file("good.tile"), good.out);
  EXPECT_EQ(imbrex_command("show '" + folder.file("good.tile") + "'").out, good.out);
  std::filesystem::create_directory(folder.file("folder.tile"));
  expect_error(imbrex_command("show '" + folder.file("folder.tile") + "'"), "file-unreadable", "it is not a file");
  write_text(folder.file("empty.tile"), "");
  expect_error(imbrex_command("show '" + folder.file("empty.tile") + "'"), "tile-syntax",
               "expected 'imbrex 1' in the first line");
  write_text(folder.file("bad.tile"), good.out.substr(0, good.out.size() / 2));
  const CommandResult bad = imbrex_command("run '" + folder.file("bad.tile") + "'");
  EXPECT_EQ(bad.status, 1);
  EXPECT_NE(bad.err.find("bad.tile:"), std::string::npos) << bad.err;
  EXPECT_NE(bad.err.find("error ["), std::string::npos) << bad.err;
}

TEST(BadInput, work_for_nothing_is_a_warning_and_no_error) {
  const TemporaryFolder folder;
  const std::string twice = "imbrex 1\nkernel \"k\" {\n  dim T\n  input x: f32[T, 4]\n  output y: f32[T, 4]\n";
  const std::string store = "  y[:, :] = x[:, :]\n";
  write_text(folder.file("twice.tile"), twice + store + store + "}\n");
  const CommandResult result = imbrex_command("check '" + folder.file("twice.tile") + "'");
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("warning [overwritten-unread]"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("try: drop the first store"), std::string::npos) << result.out;
  write_text(folder.file("once.tile"), twice + store + "}\n");
  EXPECT_EQ(imbrex_command("check '" + folder.file("once.tile") + "'").out.find("warning"), std::string::npos);
}

TEST(BadInput, a_cache_that_cannot_be_written_still_runs) {
  const TemporaryFolder folder;
  write_text(folder.file("file"), "");
  const CommandResult result =
      imbrex_command("run nn/rms_norm --repeat 1", fmt::format("IMBREX_CACHE='{}'", folder.file("file/below")));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.err.find("warning ["), std::string::npos) << result.err;
}

TEST(BadInput, a_damaged_cache_entry_is_made_again) {
  const TemporaryFolder folder;
  const std::string environment = fmt::format("IMBREX_CACHE='{}'", folder.path());
  ASSERT_EQ(imbrex_command("run nn/rms_norm --repeat 1", environment).status, 0);
  int damaged = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
    if (entry.path().extension() == ".so") {
      std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
      write_text(entry.path().string(), "not a library");
      ++damaged;
    }
  ASSERT_GE(damaged, 1);
  const CommandResult again = imbrex_command("run nn/rms_norm --repeat 1", environment);
  EXPECT_EQ(again.status, 0) << again.out << again.err;
  EXPECT_EQ(imbrex_command("cache verify", environment).status, 0);
}

// The interpreter runs what asks for nothing that code alone has, and says what to install.
TEST(BadInput, no_compiler) {
  const TemporaryFolder folder;
  const std::string cache = fmt::format("IMBREX_CACHE='{}' ", folder.path());
  for (const char* none : {"IMBREX_CXX=/no/such/compiler", "PATH=/no/such/folder IMBREX_CXX= CXX="}) {
    SCOPED_TRACE(none);
    const CommandResult run = imbrex_command("run nn/rms_norm --preset demo --tokens 5 --json", cache + none);
    EXPECT_EQ(run.status, 0) << run.err;
    const auto json = nlohmann::json::parse(run.out, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << run.out;
    EXPECT_EQ(json["backend"], "interpreter");
    EXPECT_EQ(json["pass"], true);
    EXPECT_NE(run.err.find("warning [no-compiler]: "), std::string::npos) << run.err;
    EXPECT_NE(run.err.find("; the interpreter runs the kernel instead"), std::string::npos) << run.err;
    EXPECT_NE(run.err.find("try: install one"), std::string::npos) << run.err;
    for (const char* asked : {"run nn/rms_norm --as-written", "run nn/rms_norm --isa scalar", "run nn/rms_norm --trace t.json",
                              "bench nn/rms_norm --tokens 5"}) {
      const CommandResult refused = imbrex_command(asked, cache + none);
      EXPECT_EQ(refused.status, 1) << asked;
      EXPECT_NE(refused.err.find("error [no-compiler]: "), std::string::npos) << asked << "\n" << refused.err;
    }
  }
  // The interpreter that was asked for needs none.
  const CommandResult asked =
      imbrex_command("run nn/rms_norm --preset demo --tokens 5 --backend interpreter", cache + "IMBREX_CXX=/no");
  EXPECT_EQ(asked.status, 0);
  EXPECT_EQ(asked.err.find("no-compiler"), std::string::npos) << asked.err;
}

TEST(BadInput, standard_output_that_is_full) {
  const CommandResult result = run_command(fmt::format("'{}' list > /dev/full", IMBREX_COMMAND));
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("standard output"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace imbrex::tests

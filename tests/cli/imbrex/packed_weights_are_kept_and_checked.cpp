// imbrex run --checkpoint keeps what it packed in a file, maps it in the next run, and trusts no file that is not what it should be.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/imbrex/imbrex_command.h"
#include "imbrex/checkpoint/make_checkpoint.h"
#include "imbrex/checkpoint/safetensors.h"
#include "imbrex/ir/hash.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class PackedWeights : public testing::Test {
 protected:
  PackedWeights() {
    checkpoint::make_checkpoint(made_, {"tiny", 1, 1, 5}, [](int64_t) {});
  }

  // What the run says of its file. Its outputs are those of the run that packed first.
  json run() { return run(packed_); }
  json run(const std::string& packed) {
    const CommandResult result = imbrex_command(fmt::format(
        "run deepseek_v4/qkv_proj_rope --repeat 1 --json --tokens 7 --layer 1 --checkpoint '{}' --packed '{}' --save '{}'", made_,
        packed, folder_.file("saved")));
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    const json parsed = json::parse(result.out, nullptr, false);
    EXPECT_TRUE(parsed.value("pass", false)) << result.out;
    const std::string outputs = read_text(folder_.file("saved") + "/outputs.safetensors");
    if (outputs_.empty()) outputs_ = outputs;
    EXPECT_EQ(outputs, outputs_);
    const json& from = parsed.at("checkpoint");
    const bool is_mapped = from.contains("packed_file") && from.at("packed_file").at("mapped").get<bool>();
    EXPECT_NE(from.contains("pack_ms"), is_mapped) << from.dump();
    return from.value("packed_file", json());
  }

  // The file is not used, because of this; it is made anew.
  void expect_made_anew(const std::string& problem) {
    const json refused = run();
    EXPECT_FALSE(refused.at("mapped")) << refused.dump();
    EXPECT_TRUE(has(refused.at("problem"), problem)) << refused.at("problem") << "\n" << problem;
    EXPECT_EQ(refused.at("why_not_kept"), "");
  }
  void expect_mapped() {
    const json mapped = run();
    EXPECT_TRUE(mapped.at("mapped")) << mapped.dump();
    EXPECT_EQ(mapped.at("problem"), "");
  }

  static void change_byte(const std::string& path, int64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 4));
  }

  const TemporaryFolder folder_;
  const std::string made_ = folder_.file("tiny"), packed_ = folder_.file("packed-here");
  std::string outputs_;
};

TEST_F(PackedWeights, AreMappedByTheNextRun) {
  const json first = run();
  EXPECT_FALSE(first.at("mapped"));
  EXPECT_EQ(first.at("problem"), "");
  const std::string path = first.at("path");
  EXPECT_TRUE(has(path, packed_ + "/packed/")) << path;
  EXPECT_GT(first.at("ms"), 0);
  const json second = run();
  EXPECT_TRUE(second.at("mapped"));
  EXPECT_EQ(second.at("path"), path);
  EXPECT_GT(second.at("ms"), 0);
  // Another seed and size are other calls of the same weights.
  EXPECT_EQ(imbrex_command("run deepseek_v4/qkv_proj_rope --repeat 1 --tokens 3 --seed 9 --layer 1 --checkpoint '" + made_ +
                           "' --packed '" + packed_ + "' | grep -q 'packed *mapped from " + path + " in .* ms'")
                .status,
            0);
  EXPECT_EQ(run("off"), json());
}

TEST_F(PackedWeights, ThatAreNotWhatTheyShouldBeAreMadeAnew) {
  const std::string path = run().at("path");
  const auto bytes = static_cast<int64_t>(fs::file_size(path));
  const std::string whole = read_text(path);
  fs::resize_file(path, static_cast<uintmax_t>(bytes - 4096));
  expect_made_anew(fmt::format("it has {} bytes, not {}", bytes - 4096, bytes));
  fs::resize_file(path, 0);
  expect_made_anew(fmt::format("it has 0 bytes, not {}", bytes));
  EXPECT_EQ(read_text(path), whole);
  // In the last tensor, in one in the middle, and in the digests.
  for (const int64_t at : {bytes - 4096, bytes / 2, static_cast<int64_t>(whole.find('\0')) + 9}) {
    change_byte(path, at);
    expect_made_anew("its bytes are not those that were written");
  }
  const size_t semantics = whole.find("semantics ");
  change_byte(path, static_cast<int64_t>(semantics + std::string("semantics ").size()));
  expect_made_anew("it is for 'semantics ");
  std::string other = whole;
  other.replace(other.find("target "), 8, "target z");
  write_text(path, other);
  expect_made_anew("it is for 'target z");
  expect_mapped();
  EXPECT_EQ(read_text(path), whole);
}

TEST_F(PackedWeights, OfAnotherLayerOrTargetAreOthers) {
  const std::string path = run().at("path");
  // In the middle of a matrix, and the file keeps its size.
  const std::string shard = made_ + "/model-00001-of-00001.safetensors";
  const checkpoint::SafetensorsFile header(shard);
  const checkpoint::StoredTensor& wq_b = header.tensors().at("layers.1.attn.wq_b.weight");
  change_byte(shard, (wq_b.begin + wq_b.end) / 2);
  outputs_.clear();
  const json changed = run();
  EXPECT_FALSE(changed.at("mapped"));
  EXPECT_NE(changed.at("path"), path);
  expect_mapped();
  // Its file under the other's name.
  fs::copy_file(path, changed.at("path").get<std::string>(), fs::copy_options::overwrite_existing);
  expect_made_anew("it is for 'layers.1.attn");
}

// In place, in the middle of a matrix, and the file's times are as before: a map that was written through changes none.
TEST_F(PackedWeights, OfAnyOtherBytesAreOthers) {
  const std::string path = run().at("path"), shard = made_ + "/model-00001-of-00001.safetensors";
  const checkpoint::SafetensorsFile header(shard);
  const checkpoint::StoredTensor& wq_b = header.tensors().at("layers.1.attn.wq_b.weight");
  const int file = open(shard.c_str(), O_RDWR);
  const size_t size = fs::file_size(shard);
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ASSERT_NE(memory, MAP_FAILED);
  static_cast<unsigned char*>(memory)[(wq_b.begin + wq_b.end) / 2] ^= 0x80;
  munmap(memory, size);
  close(file);
  outputs_.clear();
  EXPECT_NE(run().at("path"), path);
  // And a copy is the same.
  fs::rename(made_, made_ + "-moved");
  fs::copy(made_ + "-moved", made_, fs::copy_options::recursive);
  expect_mapped();
}

// A file of somebody else's, and what a run that was ended left.
TEST_F(PackedWeights, AreNoOtherFiles) {
  const std::string path = run().at("path");
  const fs::path of_others = fs::path(path).parent_path() / "of-others.packed";
  write_text(of_others, "");
  fs::resize_file(of_others, uintmax_t{5} << 30);  // without blocks on the disk
  fs::last_write_time(of_others, fs::file_time_type::clock::now() - std::chrono::hours(99));
  const fs::path left = fs::path(packed_) / "imbrex-new-000000";
  fs::create_directory(left);
  write_text(left / "packed", "left");
  fs::last_write_time(left, fs::file_time_type::clock::now() - std::chrono::hours(99));
  change_byte(path, static_cast<int64_t>(fs::file_size(path)) / 2);
  expect_made_anew("its bytes are not those that were written");
  EXPECT_TRUE(fs::exists(of_others));
  EXPECT_FALSE(fs::exists(left));
  // Links and pipes are not followed nor waited for.
  fs::rename(path, path + ".moved");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(run().at("mapped"));
  expect_mapped();
}

TEST_F(PackedWeights, AreListedAndChecked) {
  const std::string path = run().at("path"), name = fs::path(path).filename(),
                    environment = fmt::format("IMBREX_CACHE='{}'", packed_);
  const std::string line =
      fmt::format("{}  {:>8} KiB     0 min  packed weights of layers.1.attn_norm.weight and others, for qkv_proj_rope on ",
                  name.substr(0, 16), fs::file_size(path) / 1024);
  const CommandResult listed = imbrex_command("cache ls", environment);
  EXPECT_EQ(listed.status, 0) << listed.err;
  EXPECT_TRUE(has(listed.out, line)) << listed.out << line;
  EXPECT_TRUE(has(listed.out, fmt::format("files of packed weights: 1, {} KiB\n", fs::file_size(path) / 1024))) << listed.out;
  EXPECT_EQ(imbrex_command("cache verify", environment).status, 0);
  EXPECT_TRUE(fs::exists(path));
  // A bit of a tensor, of the key, the end, everything: each is seen from the file alone.
  const std::string whole = read_text(path);
  const auto expect_removed = [&] {
    const CommandResult verified = imbrex_command("cache verify", environment);
    EXPECT_EQ(verified.status, 1) << verified.out;
    EXPECT_TRUE(has(verified.out, "  DAMAGED, removed\n")) << verified.out;
    EXPECT_FALSE(fs::exists(path));
    write_text(path, whole);
  };
  for (const size_t at : {whole.size() - 4096, whole.find("semantics"), whole.find("bytes of the tensors") + 21}) {
    change_byte(path, static_cast<int64_t>(at));
    expect_removed();
  }
  for (const size_t size : {whole.size() - 1, size_t{4096}, size_t{100}, size_t{0}}) {
    fs::resize_file(path, size);
    EXPECT_EQ(imbrex_command("cache ls", environment).status, 0);
    expect_removed();
  }
  // Keys whose names are right, with sizes that are not.
  for (const char* sizes : {"-4096 4096", "9223372036854775807 9223372036854775807", "99999999999999999999", "1 2 3", "x", ""}) {
    const std::string key = fmt::format("a packed weight of Imbrex\nbytes of the tensors {}\nof the layer\nx y\n", sizes);
    write_text((fs::path(path).parent_path() / (ir::sha256_hex(key) + ".packed")).string(), key + std::string(9000, '\0'));
  }
  EXPECT_EQ(imbrex_command("cache ls", environment).status, 0);
  EXPECT_TRUE(has(imbrex_command("cache verify", environment).out, "7 entries, 6 damaged"))
      << imbrex_command("cache ls", environment).out;
  expect_mapped();
}

TEST_F(PackedWeights, AreOfACheckpointAndOfCode) {
  const auto expect_error = [](const std::string& command, const std::string& message) {
    const CommandResult result = imbrex_command(command);
    EXPECT_EQ(result.status, 1) << result.out;
    EXPECT_TRUE(has(result.err, "error [option-value]: " + message)) << result.err;
  };
  expect_error("run nn/rms_norm --packed here", "--packed here without --checkpoint");
  const std::string from = "run deepseek_v4/qkv_proj_rope --layer 1 --tokens 2 --checkpoint '" + made_ + "' --packed here";
  expect_error(from + " --backend interpreter", "--packed here with the interpreter");
  expect_error(from + " --checked", "--packed here with the interpreter");
}

TEST_F(PackedWeights, AreNotKeptWhereOthersMayWrite) {
  fs::create_directory(packed_);
  fs::permissions(packed_, fs::perms::all);
  for (int i = 0; i < 2; ++i) {
    const json report = run();
    EXPECT_FALSE(report.at("mapped"));
    EXPECT_TRUE(has(report.at("why_not_kept"), "everybody may write")) << report.dump();
  }
}

}  // namespace
}  // namespace imbrex::tests

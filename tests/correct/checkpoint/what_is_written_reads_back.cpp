#include <gtest/gtest.h>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/safetensors.h"
#include "support/temporary_folder.h"

namespace imbrex::checkpoint {
namespace {

using tests::read_text;
using tests::TemporaryFolder;
using tests::write_text;

Array filled(DType dtype, std::vector<int64_t> shape) {
  Array array = Array::zeros(dtype, std::move(shape));
  for (size_t i = 0; i < array.bytes.size(); ++i) array.bytes[i] = static_cast<std::byte>(i * 37 + 11);
  return array;
}

Array truths(std::vector<int64_t> shape) {
  Array array = Array::zeros(DType::boolean, std::move(shape));
  for (size_t i = 0; i < array.bytes.size(); i += 2) array.bytes[i] = std::byte{1};
  return array;
}

TEST(Safetensors, every_type_and_shape_reads_back_bit_for_bit) {
  const TemporaryFolder folder;
  const std::map<std::string, Array> written = {
      {"bf16", filled(DType::bf16, {3, 5})},   {"f32", filled(DType::f32, {7})},        {"f16", filled(DType::f16, {1, 2, 3})},
      {"e4m3", filled(DType::e4m3, {5, 2})},   {"e8m0", filled(DType::e8m0, {2})},      {"int8", filled(DType::int8, {4, 3})},
      {"uint8", filled(DType::uint8, {5})},    {"int32", filled(DType::int32, {2, 2})}, {"int64", filled(DType::int64, {3, 2})},
      {"empty", filled(DType::f32, {0, 128})}, {"scalar", filled(DType::f32, {})},      {"bool", truths({2, 3})},
  };
  write_safetensors(folder.file("a.safetensors"), written, {{"kernel", "nn/rms_norm"}});
  const auto read = read_safetensors(folder.file("a.safetensors"));
  ASSERT_EQ(read.size(), written.size());
  for (const auto& [name, array] : written) {
    EXPECT_EQ(read.at(name).dtype, array.dtype) << name;
    EXPECT_EQ(read.at(name).shape, array.shape) << name;
    EXPECT_EQ(read.at(name).bytes, array.bytes) << name;
  }
  EXPECT_EQ(SafetensorsFile(folder.file("a.safetensors")).metadata().at("kernel"), "nn/rms_norm");
}

// The bytes of the format, written down by hand from its definition rather than by our writer.
TEST(Safetensors, reads_a_file_made_by_hand) {
  const TemporaryFolder folder;
  const std::string header =
      R"({"b":{"dtype":"I8","shape":[3],"data_offsets":[4,7]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  write_text(folder.file("a"), bytes + header + std::string("\x00\x00\x80\x3f\x80\x00\x7f", 7));
  const auto read = read_safetensors(folder.file("a"));
  EXPECT_EQ(read.at("a").as<float>()[0], 1.0f);
  EXPECT_EQ(read.at("b").as<int8_t>()[0], -128);
  EXPECT_EQ(read.at("b").as<int8_t>()[2], 127);
}

TEST(Safetensors, data_is_aligned_to_eight_bytes_and_each_tensor_to_its_element) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"),
                    {{"a", filled(DType::int8, {3})}, {"b", filled(DType::bf16, {1})}, {"c", filled(DType::f32, {1})}});
  const SafetensorsFile file(folder.file("a"));
  EXPECT_EQ(file.tensors().at("c").begin % 8, 0);
  EXPECT_EQ(file.tensors().at("b").begin % 2, 0);
}

TEST(Safetensors, eight_bit_floats_are_read_raw) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), {{"w", filled(DType::uint8, {4})}});
  std::string text = read_text(folder.file("a"));
  const size_t at = text.find("\"U8\"");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 4, "\"F8_E5M2\"");
  text[0] = static_cast<char>(text[0] + 5);
  write_text(folder.file("a"), text);
  EXPECT_EQ(SafetensorsFile(folder.file("a")).tensors().at("w").dtype, "F8_E5M2");
  EXPECT_EQ(read_safetensors(folder.file("a")).at("w").bytes, filled(DType::uint8, {4}).bytes);
}

TEST(Safetensors, writing_again_replaces_the_file_and_leaves_nothing_else) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), {{"x", filled(DType::f32, {100})}});
  write_safetensors(folder.file("a"), {{"y", filled(DType::int8, {1})}});
  EXPECT_EQ(read_safetensors(folder.file("a")).count("y"), 1u);
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Safetensors, a_failed_write_leaves_nothing) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("taken"));  // a folder: the rename onto it fails after everything was written
  write_text(folder.file("taken/inside"), "");
  EXPECT_THROW(write_safetensors(folder.file("taken"), {{"x", filled(DType::f32, {100})}}), UserError);
  EXPECT_EQ(folder.entries(), 1u);
}

}  // namespace
}  // namespace imbrex::checkpoint

#include <gtest/gtest.h>

#include <cstring>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/safetensors.h"
#include "support/temporary_folder.h"

namespace imbrex::checkpoint {
namespace {

using tests::TemporaryFolder;
using tests::write_text;

std::string with_header(const std::string& header, size_t data_bytes) {
  const uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + std::string(data_bytes, 'x');
}

// Reads a file of these bytes and expects an error of this id whose message contains this text.
void expect_error(const std::string& bytes, const std::string& id, const std::string& text) {
  const TemporaryFolder folder;
  write_text(folder.file("bad.safetensors"), bytes);
  try {
    read_safetensors(folder.file("bad.safetensors"));
    FAIL() << "was read although: " << text;
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().at(0).id, id);
    EXPECT_NE(error.diagnostics().at(0).message.find(text), std::string::npos) << error.what();
    EXPECT_NE(error.diagnostics().at(0).message.find("bad.safetensors"), std::string::npos) << error.what();
    EXPECT_FALSE(error.diagnostics().at(0).hint.empty());
  }
}

void expect_malformed(const std::string& header, size_t data_bytes, const std::string& text) {
  expect_error(with_header(header, data_bytes), "safetensors-malformed", text);
}

TEST(SafetensorsErrors, good_twin_is_read) {
  const TemporaryFolder folder;
  write_text(folder.file("good"), with_header(R"({"a":{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]}})", 4));
  EXPECT_EQ(read_safetensors(folder.file("good")).at("a").size(), 4);
}

TEST(SafetensorsErrors, header_length) {
  expect_error("", "safetensors-malformed", "it has 0 bytes");
  expect_error("1234567", "safetensors-malformed", "it has 7 bytes");
  expect_error(std::string(8, '\xff'), "safetensors-malformed", "claims a header of 18446744073709551615 bytes");
  expect_error(std::string("\x03\0\0\0\0\0\0\0{}", 10), "safetensors-malformed", "claims a header of 3 bytes, more than the 2");
}

TEST(SafetensorsErrors, header_text) {
  expect_malformed("", 0, "not JSON");
  expect_malformed("{", 0, "not JSON");
  expect_malformed("[]", 0, "not a JSON object");
  expect_malformed("{\"\xc3\x28\":1}", 0, "not JSON");  // an ill-formed UTF-8 sequence
  expect_malformed(std::string(100000, '['), 0, "nested deeper");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}})",
                   2, "'a' twice");
  expect_malformed(R"({"a":{"dtype":"I8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "'dtype' twice");
  expect_malformed(R"({"__metadata__":{"a":1}})", 0, "__metadata__ 'a' is not a string");
}

TEST(SafetensorsErrors, tensor_entries) {
  expect_malformed(R"({"a":1})", 0, "tensor 'a' has no 'dtype'");
  expect_malformed(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1, "dtype must be a string");
  expect_malformed(R"({"a":{"dtype":"I8","data_offsets":[0,1]}})", 1, "has no 'shape'");
  expect_malformed(R"({"a":{"dtype":"I8","shape":1,"data_offsets":[0,1]}})", 1, "shape must be a list");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[-1],"data_offsets":[0,1]}})", 1, "found -1");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[1.5],"data_offsets":[0,1]}})", 1, "found 1.5");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[18446744073709551615],"data_offsets":[0,1]}})", 1,
                   "found 18446744073709551615");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0]}})", 1, "must be [begin, end]");
}

TEST(SafetensorsErrors, places) {
  expect_malformed(R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})", 1, "claims bytes 0 to 2 of 1");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[1,0]}})", 1, "claims bytes 1 to 0");
  expect_malformed(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}})", 2, "needs 4 bytes but has 2");
  expect_malformed(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "more than 2^63");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}})",
                   3, "'a' and 'b' overlap");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}})", 2, "1 bytes before tensor 'a'");
  expect_malformed(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 3, "last 2 bytes");
}

TEST(SafetensorsErrors, types_that_are_not_read) {
  expect_error(with_header(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8), "tensor-dtype", "is F64");
  expect_error(with_header(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,8]}})", 8), "tensor-dtype", "is F4");
}

TEST(SafetensorsErrors, truths_that_are_neither) {
  std::string bytes = with_header(R"({"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})", 3);
  bytes[bytes.size() - 3] = 0;
  bytes[bytes.size() - 2] = 1;
  bytes.back() = 2;
  expect_error(bytes, "safetensors-malformed", "element 2 of its tensor 'a' of BOOL is 2, neither 0 nor 1");
}

TEST(SafetensorsErrors, a_missing_tensor_lists_those_that_are_there) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), {{"x", Array::zeros(DType::f32, {1})}, {"y", Array::zeros(DType::f32, {1})}});
  try {
    SafetensorsFile(folder.file("a")).read("z");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().at(0).id, "tensor-missing");
    EXPECT_NE(std::string(error.what()).find("it has: x, y"), std::string::npos) << error.what();
  }
}

TEST(SafetensorsErrors, paths) {
  const TemporaryFolder folder;
  EXPECT_THROW(SafetensorsFile(folder.file("none")), UserError);
  EXPECT_THROW(SafetensorsFile(folder.path()), UserError);
  EXPECT_THROW(write_safetensors(folder.file("none/a"), {{"x", Array::zeros(DType::f32, {1})}}), UserError);
  EXPECT_EQ(folder.entries(), 0u);
}

}  // namespace
}  // namespace imbrex::checkpoint

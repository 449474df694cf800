// The label of a file of packed weights: taken where everything agrees, else refused with what differs.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "imbrex/runtime/packed_label.h"

namespace {

constexpr imbrex_tensor_info kTensors[] = {{"x", IMBREX_BF16, IMBREX_INPUT, 2, nullptr, 0, nullptr},
                                           {"w", IMBREX_INT8, IMBREX_INPUT, 2, nullptr, 4096, "int8 [64, 32] in panels"},
                                           {"v", IMBREX_INT8, IMBREX_INPUT, 2, nullptr, 4096, "int8 [64, 32] in panels"}};

imbrex_kernel kernel_of(const imbrex_tensor_info* tensors) {
  imbrex_kernel kernel = {};
  kernel.abi_version = IMBREX_ABI_VERSION;
  kernel.semantics = IMBREX_SEMANTICS;
  kernel.version = IMBREX_VERSION;
  kernel.name = "front";
  kernel.isa = "avx512";
  kernel.tensor_count = 3;
  kernel.tensors = tensors;
  return kernel;
}

struct Label {
  char bytes[IMBREX_PACKED_LABEL_BYTES];
  Label(const imbrex_kernel& kernel, int32_t index) { EXPECT_EQ(imbrex_label_packed(&kernel, index, bytes), IMBREX_OK); }
};

struct Answer {
  imbrex_status status;
  std::string text;
};
Answer check(const imbrex_kernel* kernel, int32_t index, const char* label) {
  char text[300] = "";
  const imbrex_status status = imbrex_check_packed(kernel, index, label, text, sizeof text);
  EXPECT_EQ(imbrex_check_packed(kernel, index, label, nullptr, 0), status);
  return {status, text};
}

TEST(PackedLabel, IsTakenByTheKernelThatPacked) {
  const imbrex_kernel kernel = kernel_of(kTensors);
  const Label label(kernel, 1);
  EXPECT_EQ(check(&kernel, 1, label.bytes).status, IMBREX_OK);
  const std::string text = label.bytes, names = "names with digest ";
  EXPECT_EQ(text.substr(0, text.find(names)), "a packed weight of Imbrex\nversion " IMBREX_VERSION
                                              "\nsemantics 2\ntarget avx512\nlayout int8 [64, 32] in panels\nsize 4096 bytes\n"
                                              "tensor w\nkernel front\n");
  EXPECT_EQ(text.size() - text.find(names), names.size() + 17) << text;
  EXPECT_EQ(label.bytes[IMBREX_PACKED_LABEL_BYTES - 1], 0);
}

TEST(PackedLabel, OfAnotherIsRefusedByName) {
  const imbrex_kernel packed = kernel_of(kTensors);
  const Label label(packed, 1);
  const auto refusal = [&](const std::function<void(imbrex_kernel&, imbrex_tensor_info&)>& change) {
    imbrex_tensor_info tensors[] = {kTensors[0], kTensors[1], kTensors[2]};
    imbrex_kernel kernel = kernel_of(tensors);
    change(kernel, tensors[1]);
    const Answer answer = check(&kernel, 1, label.bytes);
    EXPECT_EQ(answer.status, IMBREX_OTHER_PACKING);
    return answer.text;
  };
  EXPECT_EQ(refusal([](auto& kernel, auto&) { kernel.version = "9.1"; }),
            "tensor w was packed for version " IMBREX_VERSION ", not for version 9.1");
  EXPECT_EQ(refusal([](auto& kernel, auto&) { kernel.semantics = 7; }),
            "tensor w was packed for semantics 2, not for semantics 7");
  EXPECT_EQ(refusal([](auto& kernel, auto&) { kernel.isa = "scalar"; }),
            "tensor w was packed for target avx512, not for target scalar");
  EXPECT_EQ(refusal([](auto& kernel, auto&) { kernel.name = "front_2"; }),
            "tensor w was packed for kernel front, not for kernel front_2");
  EXPECT_EQ(refusal([](auto&, auto& tensor) { tensor.layout = "int8 [32, 64] in panels"; }),
            "tensor w was packed for layout int8 [64, 32] in panels, not for layout int8 [32, 64] in panels");
  EXPECT_EQ(refusal([](auto&, auto& tensor) { tensor.packed_bytes = 8192; }),
            "tensor w was packed for size 4096 bytes, not for size 8192 bytes");
  EXPECT_EQ(check(&packed, 2, label.bytes).text, "tensor v was packed for tensor w, not for tensor v");
}

TEST(PackedLabel, ThatIsNoneIsRefused) {
  const imbrex_kernel kernel = kernel_of(kTensors);
  char junk[IMBREX_PACKED_LABEL_BYTES];
  memset(junk, 'x', sizeof junk);
  EXPECT_EQ(check(&kernel, 1, junk).status, IMBREX_OTHER_PACKING);
  EXPECT_EQ(check(&kernel, 1, junk).text, "tensor w: this is not a packed weight of Imbrex");
  memset(junk, 0, sizeof junk);
  EXPECT_EQ(check(&kernel, 1, junk).text, "tensor w: this is not a packed weight of Imbrex");
  Label label(kernel, 1);
  label.bytes[IMBREX_PACKED_LABEL_BYTES - 1] = 'x';  // a file cut or changed where no text is
  EXPECT_EQ(check(&kernel, 1, label.bytes).text, "the label of packed tensor w is damaged");
  label.bytes[25] = 0;  // for the end of the first line
  EXPECT_EQ(check(&kernel, 1, label.bytes).text, "tensor w: this is not a packed weight of Imbrex");
  EXPECT_EQ(check(&kernel, 1, nullptr).status, IMBREX_NULL_POINTER);
  EXPECT_EQ(check(&kernel, 0, label.bytes).status, IMBREX_NOT_PACKABLE);
  EXPECT_EQ(check(&kernel, 3, label.bytes).status, IMBREX_NOT_PACKABLE);
  EXPECT_EQ(check(nullptr, 1, label.bytes).status, IMBREX_NO_KERNEL);
  EXPECT_EQ(imbrex_label_packed(nullptr, 1, label.bytes), IMBREX_NO_KERNEL);
  EXPECT_EQ(imbrex_label_packed(&kernel, 0, label.bytes), IMBREX_NOT_PACKABLE);
  EXPECT_EQ(imbrex_label_packed(&kernel, 1, nullptr), IMBREX_NULL_POINTER);
}

// Names of any length: they never write outside of the label, and those that differ in what it has no place for are told apart.
TEST(PackedLabel, TellsLongNamesApart) {
  imbrex_tensor_info tensors[] = {kTensors[0], kTensors[1], kTensors[2]};
  imbrex_kernel kernel = kernel_of(tensors);
  const std::string name(1000, 'n'), other = name + "2", longer = name + "\n";
  kernel.name = tensors[1].name = name.c_str();
  const Label label(kernel, 1);
  EXPECT_EQ(label.bytes[IMBREX_PACKED_LABEL_BYTES - 1], 0);
  EXPECT_EQ(check(&kernel, 1, label.bytes).status, IMBREX_OK);
  EXPECT_NE(check(&kernel, 2, label.bytes).text.find("tensor v was packed for tensor nnn"), std::string::npos);
  for (const std::string& another : {other, longer}) {
    kernel.name = another.c_str();
    EXPECT_EQ(check(&kernel, 1, label.bytes).status, IMBREX_OTHER_PACKING);
    kernel.name = name.c_str();
    tensors[1].name = another.c_str();
    EXPECT_EQ(check(&kernel, 1, label.bytes).status, IMBREX_OTHER_PACKING);
    tensors[1].name = name.c_str();
  }
  tensors[1].name = "w";
  const Label of_w(kernel, 1);
  kernel.name = other.c_str();
  EXPECT_NE(check(&kernel, 1, of_w.bytes).text.find("tensor w was packed for names with digest "), std::string::npos);
}

// A name is any text, also one that looks like another line.
TEST(PackedLabel, TellsNamesWithLinesApart) {
  imbrex_tensor_info tensors[] = {kTensors[0], kTensors[1], kTensors[2]};
  imbrex_kernel kernel = kernel_of(tensors);
  kernel.name = "a\nkernel b";
  const Label label(kernel, 1);
  tensors[1].name = "w\nkernel a";
  kernel.name = "b";
  EXPECT_EQ(check(&kernel, 1, label.bytes).status, IMBREX_OTHER_PACKING);
}

}  // namespace

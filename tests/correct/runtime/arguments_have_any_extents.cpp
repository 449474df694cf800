// Arguments whose extents are not a dimension alone: the dimensions are solved from what is bound, and the rest is compared.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/runtime/check_call.h"
#include "imbrex/runtime/kernel.h"

namespace imbrex::runtime {
namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

ir::Program program_of(const std::string& body) { return ir::parse("imbrex 1\nkernel \"k\" {\n" + body + "\n}\n", "k.tile"); }

CompileOptions plain(bool prove = true) {
  CompileOptions options;
  options.optimize = prove;
  options.prove = prove;
  options.flags = {"-O0"};
  return options;
}

Array numbers(std::vector<int64_t> shape, DType dtype = DType::f32) {
  Array array = Array::zeros(dtype, std::move(shape));
  for (int64_t i = 0; i < array.size() && dtype == DType::f32; ++i) array.as<float>()[i] = 0.5f * static_cast<float>(i + 1);
  return array;
}

// Runs with these shapes and no dimension given; "" where the bits are the interpreter's for `dims`, else what is wrong.
std::string outcome(const std::string& body, const std::map<std::string, int64_t>& dims, const Shapes& inputs) {
  const ir::Program program = program_of(body);
  const CompiledKernel kernel = compile(program, plain());
  std::map<std::string, Array> tensors, expected;
  Call call(kernel);
  try {
    for (const ir::Tensor& tensor : program.tensors)
      if (inputs.count(tensor.name)) tensors.emplace(tensor.name, numbers(inputs.at(tensor.name), tensor.dtype));
    for (auto& [name, array] : tensors) call.bind(name, TensorView::of(array));
    call.check();
    std::vector<int64_t> wanted;
    for (const ir::Dim& dim : program.dims) wanted.push_back(dims.at(dim.name));
    if (call.infer_dims() != wanted) return "other dimensions";
    expected = tensors;
    interpret::run(program, dims, expected);
    call.run(Executor::shared(), 1);
  } catch (const UserError& error) {
    return error.diagnostics().at(0).id + ": " + error.diagnostics().at(0).message;
  }
  for (const auto& [name, array] : tensors)
    if (array.bytes != expected.at(name).bytes) return "other bits in " + name;
  return "";
}

TEST(Extents, shifted_by_a_constant) {
  const std::string body = "dim T\ninput x: f32[T + 3, 4]\noutput y: f32[T, 4]\ny[:, :] = x[3 +: T, :]";
  for (const int64_t T : {1, 2, 5, 64}) EXPECT_EQ(outcome(body, {{"T", T}}, {{"x", {T + 3, 4}}, {"y", {T, 4}}}), "");
  const std::string error = outcome(body, {{"T", 5}}, {{"x", {9, 4}}, {"y", {5, 4}}});
  EXPECT_NE(error.find("tensor-shape: tensor `x` of kernel `k` is f32 [T + 3, 4], which is [8, 4] with T = 5"), std::string::npos)
      << error;
  EXPECT_NE(outcome(body, {}, {{"x", {3, 4}}, {"y", {1, 4}}}).find("tensor-shape"), std::string::npos);  // T = 0
}

TEST(Extents, solved_where_no_dimension_stands_alone) {
  const std::string body = "dim B\ninput x: f32[B * 4 + 1, 2]\noutput y: f32[2 * B, 2]\ny[:, :] = x[1 +: 2 * B, :]";
  for (const int64_t B : {1, 3, 8}) EXPECT_EQ(outcome(body, {{"B", B}}, {{"x", {4 * B + 1, 2}}, {"y", {2 * B, 2}}}), "");
  EXPECT_NE(outcome(body, {}, {{"x", {12, 2}}, {"y", {6, 2}}}).find("tensor-shape"), std::string::npos);
  EXPECT_NE(outcome(body, {}, {{"x", {13, 2}}, {"y", {8, 2}}}).find("tensor-shape"), std::string::npos);
}

TEST(Extents, of_two_dimensions_one_of_which_another_tensor_gives) {
  const std::string body = "dim T\ndim U\ninput x: f32[T + U]\noutput y: f32[U]\ninout z: f32[U, 4]\ny[:] = x[T +: U]\n";
  EXPECT_EQ(outcome(body, {{"T", 3}, {"U", 5}}, {{"x", {8}}, {"y", {5}}, {"z", {5, 4}}}), "");
  EXPECT_NE(outcome(body, {}, {{"x", {5}}, {"y", {5}}, {"z", {5, 4}}}).find("dim-range: dimension T is 0"), std::string::npos);
}

TEST(Extents, rounded_up_and_down) {
  const std::string body =
      "dim T\ninput x: f32[(T + 15) // 16]\ninput h: f32[T // 2]\noutput y: f32[T]\n"
      "y[:] = full(f32, [1, T], 1.0)\nparallel t in tiles(T, 16) {\ny[t] = full(f32, [1, t.size], 2.0) * x[t.index]\n}\n"
      "y[0 +: T // 2] = h[:]";
  for (const int64_t T : {2, 3, 16, 17, 40})
    EXPECT_EQ(outcome(body, {{"T", T}}, {{"x", {(T + 15) / 16}}, {"h", {T / 2}}, {"y", {T}}}), "") << T;
  EXPECT_EQ(outcome(body, {{"T", 1}}, {{"x", {1}}, {"h", {0}}, {"y", {1}}}), "");  // nothing in h, and no memory
  EXPECT_NE(outcome(body, {}, {{"x", {2}}, {"h", {8}}, {"y", {16}}}).find("tensor `x`"), std::string::npos);
  EXPECT_NE(outcome(body, {}, {{"x", {1}}, {"h", {7}}, {"y", {16}}}).find("tensor `h`"), std::string::npos);
}

TEST(Extents, that_no_tensor_solves_are_given) {
  const std::string body = "dim T\ninput x: f32[T // 4 + 1]\noutput y: f32[1]\ny[:] = x[0 +: 1]";
  EXPECT_NE(outcome(body, {}, {{"x", {3}}, {"y", {1}}}).find("dim-missing"), std::string::npos);
  Array x = numbers({3}), y = numbers({1});
  const CompiledKernel kernel = compile(program_of(body), plain());
  const auto call = [&](int64_t T) {
    Call made(kernel);
    made.bind("x", TensorView::of(x)).bind("y", TensorView::of(y)).set_dim("T", T);
    return made;
  };
  call(11).check();
  EXPECT_THROW(call(12).check(), UserError);
}

// What a caller in C sees of the same: the text, the linear form and the function.
TEST(Extents, of_the_table_are_evaluated_with_checks) {
  const std::string body =
      "dim T\ndim U max 7\ninput x: f32[T * T * T, 3]\ninput h: f32[(T + 15) // 16 - 1]\ninput v: f32[2 * T - 3 * U + 4]\n"
      "output y: f32[1]\ny[:] = full(f32, [1, 1], 0.0)";
  const CompiledKernel kernel = compile(program_of(body), plain(false));
  const imbrex_kernel& table = kernel.table();
  EXPECT_EQ(table.dim_max[0], INT32_MAX);
  EXPECT_EQ(table.dim_max[1], 7);
  EXPECT_STREQ(table.tensors[1].shape[0].text, "(T + 15) // 16 - 1");
  EXPECT_EQ(table.tensors[1].shape[0].factors, nullptr);
  const imbrex_extent& linear = table.tensors[2].shape[0];
  EXPECT_EQ(linear.factors[0], 2);
  EXPECT_EQ(linear.factors[1], -3);
  EXPECT_EQ(linear.offset, 4);
  const auto extent = [&](int32_t tensor, int64_t T, int64_t U) {
    const int64_t dims[] = {T, U};
    return table.extent(tensor, 0, dims);
  };
  EXPECT_EQ(extent(0, 10, 1), 1000);
  EXPECT_EQ(extent(0, INT32_MAX, 1), -1);
  EXPECT_EQ(extent(1, 16, 1), 0);
  EXPECT_EQ(extent(1, 33, 1), 2);
  EXPECT_EQ(extent(2, 1, 7), 0);  // none, not -15
  EXPECT_EQ(extent(2, 5, 1), 11);
}

// Sizes at the edge, in memory that is not there: nothing is touched by a check.
TEST(Extents, of_2_to_the_62_bytes_are_refused_and_one_less_is_not) {
  const std::string body = "dim T\ndim U\ninput x: f32[T, U]\noutput y: f32[1]\ny[:] = full(f32, [1, 1], 0.0)";
  const CompiledKernel kernel = compile(program_of(body), plain(false));
  const auto status = [&](int64_t T, int64_t U) {
    const int64_t dims[] = {T, U}, x_strides[] = {U, 1}, y_strides[] = {1};
    void* const x = reinterpret_cast<void*>(uintptr_t{1} << 20);
    void* const y = reinterpret_cast<void*>(uintptr_t{1} << 16);
    const imbrex_tensor tensors[] = {{x, nullptr, x_strides}, {nullptr, y, y_strides}};
    imbrex_call call = {};
    call.dims = dims;
    call.tensors = tensors;
    call.nth = 1;
    alignas(64) static char workspace[64];
    call.workspace = workspace;
    call.workspace_bytes = sizeof workspace;
    std::string by_table;
    try {
      Call made(kernel);
      made.bind("x", {x, DType::f32, {T, U}, {}, true}).bind("y", {y, DType::f32, {1}, {}, true}).check();
    } catch (const UserError& error) {
      by_table = error.diagnostics().at(0).id;
    }
    return fmt::format("{} {}", static_cast<int>(imbrex_check_call(&kernel.table(), &call, nullptr, 0)), by_table);
  };
  const int64_t most = INT32_MAX;
  EXPECT_EQ(status(most, 1), "0 ");
  EXPECT_EQ(status(most + 1, 1), "3 dim-range");
  EXPECT_EQ(status(int64_t{1} << 30, (int64_t{1} << 30) - 1), "0 ");
  EXPECT_EQ(status(int64_t{1} << 30, int64_t{1} << 30), "3 tensor-shape");
  EXPECT_EQ(status(most, most), "3 tensor-shape");
}

TEST(Workspace, that_no_memory_has_is_refused_before_the_run) {
  const std::string small =
      "dim T\ndim U\ninput x: f32[T, 1]\ninput u: f32[U]\noutput y: f32[T, 1]\ncreate s: f32[T, 1, U]\n"
      "parallel t in tiles(T, 8) @as_written {\ns[t, 0, 0 +: 1] = x[t, :] + u[0 +: 1]\n}\n"
      "parallel v in tiles(T, 8) @as_written {\ny[v, :] = s[v, 0, 0 +: 1] * 2.0\n}";
  std::string cubed = small;
  cubed.replace(cubed.find("[T, 1, U]"), 9, "[T, U, U * U]");
  const CompiledKernel kernel = compile(program_of(cubed), plain(false));
  int64_t dims[] = {16, 4};
  EXPECT_GE(kernel.table().workspace_bytes(dims, 1), size_t{16 * 64 * 4});
  EXPECT_LT(kernel.table().workspace_bytes(dims, 1), size_t{1} << 20);
  dims[1] = int64_t{1} << 20;  // 2^66 bytes
  EXPECT_EQ(kernel.table().workspace_bytes(dims, 1), IMBREX_TOO_LARGE);
  EXPECT_EQ(kernel.table().workspace_bytes(dims, 1000), IMBREX_TOO_LARGE);
  dims[0] = 1, dims[1] = 1 << 19;  // 2^59
  EXPECT_LT(kernel.table().workspace_bytes(dims, 1), IMBREX_TOO_LARGE);
  Array x = numbers({16, 1}), y = numbers({16, 1}), u = numbers({1 << 20});
  Call call(kernel);
  call.bind("x", TensorView::of(x)).bind("u", TensorView::of(u)).bind("y", TensorView::of(y));
  try {
    call.run(Executor::shared(), 1);
    FAIL() << "ran";
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().at(0).id, "out-of-memory");
    EXPECT_NE(error.diagnostics().at(0).message.find("T = 16, U = 1048576"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace imbrex::runtime

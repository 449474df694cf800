// A batch of no tokens: a dimension is 0, and then no output has an element.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/runtime/check_call.h"
#include "imbrex/runtime/kernel.h"

namespace imbrex::runtime {
namespace {

using Arrays = std::map<std::string, Array>;

ir::Program program_of(const std::string& body) { return ir::parse("imbrex 1\nkernel \"k\" {\n" + body + "\n}\n", "k.tile"); }

CompiledKernel compiled(const ir::Program& program, bool optimize = true) {
  CompileOptions options;
  options.flags = {"-O0"};
  options.optimize = optimize;
  return compile(program, options);
}

// Each input and inout that a call with these dimensions wants, filled with ones.
Arrays arguments(const imbrex_kernel& table, const std::vector<int64_t>& dims, const ir::Program& program, bool outputs) {
  Arrays arrays;
  for (int32_t i = 0; i < table.tensor_count; ++i) {
    if (table.tensors[i].role == IMBREX_OUTPUT && !outputs) continue;
    std::vector<int64_t> shape;
    for (int32_t axis = 0; axis < table.tensors[i].rank; ++axis) shape.push_back(table.extent(i, axis, dims.data()));
    Array array = Array::zeros(program.tensors[static_cast<size_t>(i)].dtype, shape);
    std::fill(array.bytes.begin(), array.bytes.end(), std::byte{1});
    arrays.emplace(table.tensors[i].name, std::move(array));
  }
  return arrays;
}

void expect_nothing_from_cpp(const ir::Program& program, const CompiledKernel& kernel, const std::vector<int64_t>& dims) {
  Executor executor(3);
  for (int nth = 1; nth <= 3; ++nth) {
    Arrays arrays = arguments(kernel.table(), dims, program, true);
    Call call(kernel);
    for (auto& [name, array] : arrays) call.bind(name, TensorView::of(array));
    for (size_t i = 0; i < dims.size(); ++i) call.set_dim(program.dims[i].name, dims[i]);
    EXPECT_EQ(call.workspace_bytes(nth), 0u);
    EXPECT_NO_THROW(call.run(executor, nth));
  }
}

// With no workspace, and no memory for what is empty.
void expect_nothing_from_c(const ir::Program& program, const imbrex_kernel& table, const std::vector<int64_t>& dims) {
  Arrays arrays = arguments(table, dims, program, true);
  std::vector<imbrex_tensor> tensors;
  std::vector<std::vector<int64_t>> strides(static_cast<size_t>(table.tensor_count), std::vector<int64_t>(8));
  std::vector<Buffer> packed;
  for (int32_t i = 0; i < table.tensor_count; ++i) {
    Array& array = arrays.at(table.tensors[i].name);
    imbrex_dense_strides(&table, i, dims.data(), strides[static_cast<size_t>(i)].data());
    void* const data = array.size() == 0 ? nullptr : array.bytes.data();
    tensors.push_back({data, data, strides[static_cast<size_t>(i)].data()});
    if (table.tensors[i].packed_bytes > 0) tensors.back().input = packed.emplace_back(table.tensors[i].packed_bytes).data();
  }
  int32_t failed_assumption = 0;
  for (int32_t ith = 0; ith < 2; ++ith) {
    imbrex_call call = {};
    call.dims = dims.data();
    call.tensors = tensors.data();
    call.ith = ith;
    call.nth = 2;
    call.barrier = [](void*) { ADD_FAILURE() << "a thread waits for others"; };
    call.failed_assumption = &failed_assumption;
    char text[200] = "";
    EXPECT_EQ(imbrex_check_call(&table, &call, text, sizeof text), IMBREX_OK) << text;
    table.run(&call);
  }
  EXPECT_EQ(failed_assumption, 0);
}

void expect_nothing(const ir::Program& program, const std::vector<int64_t>& dims, bool optimize = true) {
  const CompiledKernel kernel = compiled(program, optimize);
  EXPECT_EQ(kernel.table().workspace_bytes(dims.data(), 4), 0u);
  expect_nothing_from_cpp(program, kernel, dims);
  expect_nothing_from_c(program, kernel.table(), dims);
  std::map<std::string, int64_t> named;
  for (size_t i = 0; i < dims.size(); ++i) named[program.dims[i].name] = dims[i];
  Arrays arrays = arguments(kernel.table(), dims, program, false);
  interpret::Options checked;
  checked.checked = true;
  EXPECT_NO_THROW(interpret::run(program, named, arrays, checked));
  for (const ir::Tensor& tensor : program.tensors) EXPECT_TRUE(arrays.contains(tensor.name)) << tensor.name;
}

TEST(NoRows, ALoopOverTiles) {
  const ir::Program program =
      program_of("dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\nparallel t in tiles(T, 4) {\ny[t, :] = x[t, :] * 2.0\n}");
  expect_nothing(program, {0});
  expect_nothing(program, {0}, false);
}

TEST(NoRows, NoStoreAndNoAssumptionIsExecuted) {
  expect_nothing(program_of("dim T\ndim S\ninput x: f32[S]\ninout y: f32[T, S]\noutput z: f32[T]\nassume S <= T\n"
                            "y[:, :] = full(f32, [T, S], 1.0)\nz[:] = full(f32, [1, T], 2.0)"),
                 {0, 5}, false);
}

TEST(NoRows, ExtentsBelowZero) {
  expect_nothing(program_of("dim T\ninput x: f32[T]\noutput y: f32[T - 1]\ny[:] = x[1 +: T - 1]"), {0});
}

TEST(NoRows, TheFront) {
  const kernels::Built front = kernels::build("deepseek_v4/qkv_proj_rope", "", "demo", {});
  expect_nothing(front.program, {0});
}

TEST(NoRows, AnOutputWithElementsIsRefused) {
  const ir::Program program = program_of(
      "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\noutput n: f32[8]\ny[:, :] = x[:, :]\nn[:] = full(f32, [1, 8], 1.0)");
  const CompiledKernel kernel = compiled(program);
  Arrays arrays = arguments(kernel.table(), {0}, program, true);
  Call call(kernel);
  for (auto& [name, array] : arrays) call.bind(name, TensorView::of(array));
  const auto message_of = [](const auto& body) {
    try {
      body();
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(message_of([&] { call.check(); }).find("dimension T is 0 (tensor `x` is [0, 8]), but tensor `n` of kernel `k`"),
            std::string::npos)
      << message_of([&] { call.check(); });
  Arrays inputs = arguments(kernel.table(), {0}, program, false);
  EXPECT_NE(message_of([&] { interpret::run(program, {{"T", 0}}, inputs); }).find("output `n` has elements"), std::string::npos);
}

}  // namespace
}  // namespace imbrex::runtime

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "imbrex/imbrex.h"
#include "imbrex/ir/print.h"
#include "imbrex/language/language.h"
#include "support/c_interface.h"

namespace imbrex::tests {
namespace {

// The same kernel in C++: a sum over chunks, a branch, a scope, rows by a tile, and numbers without a fraction.
ir::Program recorded() {
  return kernel("mixed",
                [](Builder& k) {
                  Dim T = k.dim("T", {.typical = 16, .max = 4096});
                  Tensor x = k.input("x", f32, {T, 64});
                  Tensor order = k.input("order", int32, {T});
                  Tensor y = k.output("y", f32, {T, 64});
                  parallel(tiles(T, 4).named("t"), [&](Span t) {
                    at("sum", [&] {
                      Tile rows = cast(order(t), int32).named("rows");
                      assume_each(0, rows, T);
                      Tile sum = zeros(f32, {t, 1}).named("sum");
                      range(tiles(64, 16).named("d"), [&](Span d) {
                        Tile v = Tile(x(by(rows), d)).named("v");
                        sum += row_sum(v * v);
                      });
                      Tile more = (sum * 1).named("more");
                      range(Range(2).named("i"), [&](Index i) { when(i > 0, [&] { more = more + 1; }); });
                      y(t, all) = x(t, all) * (1 / sqrt(more));
                    });
                  });
                })
      .program();
}

CProgram built() {
  CBuilder b("mixed");
  const imbrex_index_node* T = b.index([&](auto... out) { return imbrex_build_dim(b, "T", 16, 4096, out...); });
  const imbrex_index_node* sixty_four = b.constant(64);
  const imbrex_tensor_node* x = b.tensor("input", "x", IMBREX_F32, {T, sixty_four});
  const imbrex_tensor_node* order = b.tensor("input", "order", IMBREX_INT32, {T});
  const imbrex_tensor_node* y = b.tensor("output", "y", IMBREX_F32, {T, sixty_four});
  const imbrex_span_nodes t = b.open_tiles("parallel", "t", b.constant(0), T, 4);
  b.state([&](auto error) { return imbrex_build_open_scope(b, "sum", nullptr, 0, error); });
  const imbrex_axis over_t[] = {{IMBREX_AXIS_SPAN, t.begin, t.size, nullptr}, {IMBREX_AXIS_WHOLE, nullptr, nullptr, nullptr}};
  const imbrex_value_node* loaded = b.value([&](auto... out) { return imbrex_build_load(b, order, over_t, 1, out...); });
  const imbrex_tile_node* rows =
      b.let("rows", b.value([&](auto... out) { return imbrex_build_cast(b, loaded, IMBREX_INT32, nullptr, out...); }));
  b.state([&](auto error) { return imbrex_build_assume_each(b, b.constant(0), rows, T, error); });
  const imbrex_tile_node* sum =
      b.let("sum", b.value([&](auto... out) { return imbrex_build_full(b, IMBREX_F32, t.size, b.constant(1), 0, out...); }));
  const imbrex_span_nodes d = b.open_tiles("range", "d", b.constant(0), sixty_four, 16);
  const imbrex_axis by_rows[] = {{IMBREX_AXIS_BY, nullptr, nullptr, rows}, {IMBREX_AXIS_SPAN, d.begin, d.size, nullptr}};
  const imbrex_tile_node* v = b.let("v", b.value([&](auto... out) { return imbrex_build_load(b, x, by_rows, 2, out...); }));
  b.state(
      [&](auto error) { return imbrex_build_add_to(b, sum, b.unary("row_sum", b.binary("mul", b.use(v), b.use(v))), error); });
  b.close();
  const imbrex_tile_node* more = b.let("more", b.binary("mul", b.use(sum), b.number(1, true)));
  const imbrex_loop counted = {"range", 0, "i", nullptr, 0};
  const imbrex_index_node* i =
      b.index([&](auto... out) { return imbrex_build_open_range(b, &counted, b.constant(0), b.constant(2), out...); });
  const imbrex_condition_node* positive = nullptr;
  b.state([&](auto error) { return imbrex_build_condition(b, ">", i, b.constant(0), &positive, error); });
  b.state([&](auto error) { return imbrex_build_open_if(b, positive, error); });
  b.state([&](auto error) { return imbrex_build_rebind(b, more, b.binary("add", b.use(more), b.number(1, true)), error); });
  b.close();
  b.close();
  const imbrex_value_node* row = b.value([&](auto... out) { return imbrex_build_load(b, x, over_t, 2, out...); });
  const imbrex_value_node* scale = b.binary("div", b.number(1, true), b.unary("sqrt", b.use(more)));
  b.state([&](auto error) { return imbrex_build_store(b, y, over_t, 2, b.binary("mul", row, scale), error); });
  b.close();
  b.close();
  return b.finish();
}

std::string text_of(const imbrex_program* program) {
  char* text = imbrex_program_text(program);
  std::string copy = text;
  imbrex_string_free(text);
  return copy;
}

TEST(CBuilder, WritesWhatCppRecords) {
  const CProgram program = built();
  EXPECT_EQ(text_of(program.get()), ir::print(recorded()));
  ASSERT_EQ(imbrex_program_tensor_count(program.get()), 3u);
  const imbrex_tensor_description order = imbrex_program_tensor(program.get(), 1);
  EXPECT_STREQ(order.name, "order");
  EXPECT_STREQ(order.kind, "input");
  EXPECT_EQ(order.dtype, IMBREX_INT32);
  ASSERT_EQ(order.rank, 1u);
  EXPECT_STREQ(order.shape[0], "T");
  EXPECT_STREQ(imbrex_program_dim(program.get(), 0), "T");
}

// Spans between two indices have a constant size wherever their difference is one.
TEST(CBuilder, KnowsHowManyAreBetween) {
  CBuilder b("k");
  const imbrex_index_node* T = b.index([&](auto... out) { return imbrex_build_dim(b, "T", 0, 0, out...); });
  const auto made = [&](const char* operation, const imbrex_index_node* x, const imbrex_index_node* y) {
    return b.index([&](auto... out) { return imbrex_build_index(b, operation, x, y, out...); });
  };
  const imbrex_index_node* begin = made("*", T, b.constant(64));
  const imbrex_index_node* end = made("+", begin, b.constant(48));
  int64_t size = 0;
  EXPECT_TRUE(imbrex_index_constant(made("size_between", begin, end), &size));
  EXPECT_EQ(size, 48);
  EXPECT_TRUE(imbrex_index_constant(made("size_between", end, begin), &size));
  EXPECT_EQ(size, 0);
  EXPECT_FALSE(imbrex_index_constant(made("size_between", b.constant(3), T), &size));
  EXPECT_TRUE(imbrex_index_same(made("-", end, begin), b.constant(48)));
  EXPECT_FALSE(imbrex_index_same(end, begin));
}

TEST(CInterface, TextComesBack) {
  const CProgram program = built();
  imbrex_program* parsed = nullptr;
  ASSERT_EQ(imbrex_parse(text_of(program.get()).c_str(), "mixed.tile", &parsed, nullptr), IMBREX_DONE);
  const CProgram again(parsed);
  EXPECT_EQ(text_of(again.get()), text_of(program.get()));
  char *a = imbrex_program_hash(program.get()), *b = imbrex_program_hash(again.get());
  EXPECT_STREQ(a, b);
  imbrex_string_free(a);
  imbrex_string_free(b);
  imbrex_verdict verdict = IMBREX_NOT_DECIDED;
  EXPECT_EQ(imbrex_equal(program.get(), again.get(), &verdict, nullptr, nullptr), IMBREX_DONE);
  EXPECT_EQ(verdict, IMBREX_EQUAL);
}

// The interpreter and compiled code, on arrays whose rows are apart: same bits, and nothing beside them is touched.
TEST(CInterface, RunsAsTheInterpreterSays) {
  const CProgram program = built();
  constexpr int64_t kT = 7, kStride = 70;
  std::vector<float> x(kT * kStride), interpreted(kT * kStride, -1), computed(kT * kStride, -1);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 101) - 50;
  std::vector<int32_t> order = {3, 1, 4, 1, 5, 0, 6};
  const int64_t shape[] = {kT, 64}, strides[] = {kStride, 1};
  const auto arrays = [&](std::vector<float>& y) {
    return std::vector<imbrex_array>{{x.data(), IMBREX_F32, 1, 2, shape, strides},
                                     {order.data(), IMBREX_INT32, 1, 1, shape, nullptr},
                                     {y.data(), IMBREX_F32, 0, 2, shape, strides}};
  };
  const imbrex_dim_value dims[] = {{"T", kT}};
  CError error;
  ASSERT_EQ(imbrex_interpret(program.get(), arrays(interpreted).data(), 3, dims, 1, nullptr, nullptr, error), IMBREX_DONE)
      << error.text();
  imbrex_compiled* compiled = nullptr;
  ASSERT_EQ(imbrex_compile(program.get(), nullptr, &compiled, error), IMBREX_DONE) << error.text();
  imbrex_bound* bound = nullptr;
  ASSERT_EQ(imbrex_bind(compiled, arrays(computed).data(), 3, nullptr, 0, &bound, error), IMBREX_DONE) << error.text();
  ASSERT_EQ(imbrex_run(bound, 2, error), IMBREX_DONE) << error.text();
  EXPECT_EQ(std::memcmp(interpreted.data(), computed.data(), sizeof(float) * computed.size()), 0);
  EXPECT_NE(computed[0], -1);
  EXPECT_EQ(computed[64], -1);

  // Data for which the assumption does not hold, then data for which it does, with the same call.
  order[2] = 7;
  EXPECT_EQ(imbrex_run(bound, 1, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "assumption-failed");
  order[2] = 4;
  std::vector<float> again(kT * kStride, -1);
  ASSERT_EQ(imbrex_rebind(bound, arrays(again).data(), 3, nullptr, 0, error), IMBREX_DONE) << error.text();
  ASSERT_EQ(imbrex_run(bound, 0, error), IMBREX_DONE) << error.text();
  EXPECT_EQ(again, interpreted);
  imbrex_bound_free(bound);
  imbrex_compiled_free(compiled);
}

// A line in a sub-kernel says who called it, innermost first, wherever the finding is made: here by the prover.
TEST(CBuilder, DiagnosticsNameTheCallersOfASubKernel) {
  CBuilder b("lost");
  imbrex_builder_at(b, "model.py", 3);
  const imbrex_index_node* T = b.index([&](auto... out) { return imbrex_build_dim(b, "T", 0, 0, out...); });
  const imbrex_tensor_node* y = b.tensor("output", "y", IMBREX_F32, {T});
  imbrex_builder_at(b, "model.py", 4);
  imbrex_builder_enter_call(b);
  imbrex_builder_at(b, "blocks.py", 10);
  imbrex_builder_enter_call(b);
  imbrex_builder_at(b, "stores.py", 20);
  const imbrex_axis beyond[] = {{IMBREX_AXIS_POINT, T, nullptr, nullptr}};
  b.state([&](auto error) { return imbrex_build_store(b, y, beyond, 1, b.number(0, true), error); });
  imbrex_builder_leave_call(b);
  imbrex_builder_leave_call(b);
  const CProgram program = b.finish();
  CError error;
  ASSERT_EQ(imbrex_prove(program.get(), nullptr, nullptr, 0, 0, nullptr, error), IMBREX_REFUSED);
  const imbrex_diagnostic found = imbrex_error_at(error.get(), 0);
  EXPECT_STREQ(found.id, "out-of-bounds");
  EXPECT_STREQ(found.file, "stores.py");
  EXPECT_EQ(found.line, 20);
  ASSERT_GE(found.note_count, 2u);
  EXPECT_STREQ(found.notes[0].file, "blocks.py");
  EXPECT_EQ(found.notes[0].line, 10);
  EXPECT_STREQ(found.notes[1].file, "model.py");
  EXPECT_EQ(found.notes[1].line, 4);
  EXPECT_NE(error.text().find("model.py:4: called from here"), std::string::npos) << error.text();
}

// A call that is bound again: elsewhere, with other shapes, with other dimensions; and what is wrong with the new arrays is said.
TEST(CInterface, BindsAgain) {
  CError error;
  imbrex_program* parsed = nullptr;
  ASSERT_EQ(imbrex_parse(R"(imbrex 1
kernel "k" {
  dim T
  dim N
  input x: f32[T, 4]
  output y: f32[T, 4]

  let v = x[:, :]
  range i in 0 .. N {
    v = v + 1.0
  }
  y[:, :] = v
}
)",
                         "k.tile", &parsed, error),
            IMBREX_DONE)
      << error.text();
  const CProgram program(parsed);
  imbrex_compiled* compiled = nullptr;
  ASSERT_EQ(imbrex_compile(program.get(), nullptr, &compiled, error), IMBREX_DONE) << error.text();
  alignas(64) float x[3][4] = {}, y[3][4], other[3][4];
  const int64_t strides[] = {4, 1}, two[] = {2, 4}, three[] = {3, 4};
  const auto arrays = [&](const void* out, const int64_t* shape) {
    return std::vector<imbrex_array>{{x, IMBREX_F32, 1, 2, shape, strides},
                                     {const_cast<void*>(out), IMBREX_F32, 0, 2, shape, strides}};
  };
  const imbrex_dim_value five[] = {{"N", 5}}, six[] = {{"N", 6}};
  imbrex_bound* bound = nullptr;
  ASSERT_EQ(imbrex_bind(compiled, arrays(y, two).data(), 2, five, 1, &bound, error), IMBREX_DONE) << error.text();
  ASSERT_EQ(imbrex_run(bound, 1, error), IMBREX_DONE);
  EXPECT_EQ(y[1][3], 5);
  // A dimension that was given holds for its binding alone.
  EXPECT_EQ(imbrex_rebind(bound, arrays(y, two).data(), 2, nullptr, 0, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "dim-missing");
  ASSERT_EQ(imbrex_rebind(bound, arrays(other, three).data(), 2, six, 1, error), IMBREX_DONE) << error.text();
  ASSERT_EQ(imbrex_run(bound, 1, error), IMBREX_DONE);
  EXPECT_EQ(other[2][3], 6);
  EXPECT_EQ(y[1][3], 5);
  imbrex_bound_free(bound);
  imbrex_compiled_free(compiled);

  ASSERT_EQ(
      imbrex_parse("imbrex 1\nkernel \"c\" {\n  dim T\n  input x: f32[T, 4]\n  output y: f32[T, 4]\n\n  y[:, :] = x[:, :]\n}\n",
                   "c.tile", &parsed, error),
      IMBREX_DONE)
      << error.text();
  const CProgram copy(parsed);
  ASSERT_EQ(imbrex_compile(copy.get(), nullptr, &compiled, error), IMBREX_DONE) << error.text();
  ASSERT_EQ(imbrex_bind(compiled, arrays(y, two).data(), 2, nullptr, 0, &bound, error), IMBREX_DONE) << error.text();
  x[1][2] = 7;
  ASSERT_EQ(imbrex_rebind(bound, arrays(other, two).data(), 2, nullptr, 0, error), IMBREX_DONE) << error.text();
  ASSERT_EQ(imbrex_run(bound, 1, error), IMBREX_DONE);
  EXPECT_EQ(other[1][2], 7);
  EXPECT_EQ(y[1][3], 5);
  for (const auto& [out, id] : {std::pair<const void*, const char*>(x, "tensor-overlap"),
                                {reinterpret_cast<const char*>(y) + 1, "tensor-misaligned"},
                                {nullptr, "tensor-null"}}) {
    EXPECT_EQ(imbrex_rebind(bound, arrays(out, two).data(), 2, nullptr, 0, error), IMBREX_REFUSED);
    EXPECT_EQ(error.id(), id);
    ASSERT_EQ(imbrex_rebind(bound, arrays(y, two).data(), 2, nullptr, 0, error), IMBREX_DONE) << error.text();
  }
  std::vector<imbrex_array> frozen = arrays(y, two);
  frozen[1].is_read_only = 1;
  EXPECT_EQ(imbrex_rebind(bound, frozen.data(), 2, nullptr, 0, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "tensor-read-only");
  imbrex_bound_free(bound);
  imbrex_compiled_free(compiled);
}

TEST(CInterface, RegisteredKernelsAreThere) {
  CError error;
  imbrex_program* made = nullptr;
  const char *names[] = {"hidden"}, *values[] = {"256"};
  ASSERT_EQ(imbrex_registered("nn/rms_norm", nullptr, nullptr, names, values, 1, &made, error), IMBREX_DONE) << error.text();
  const CProgram program(made);
  EXPECT_STREQ(imbrex_program_tensor(program.get(), 0).shape[1], "256");
  imbrex_program* optimized = nullptr;
  ASSERT_EQ(imbrex_optimize(program.get(), nullptr, &optimized, error), IMBREX_DONE) << error.text();
  const CProgram better(optimized);
  imbrex_verdict verdict = IMBREX_NOT_DECIDED;
  ASSERT_EQ(imbrex_equal(program.get(), better.get(), &verdict, nullptr, error), IMBREX_DONE);
  EXPECT_EQ(verdict, IMBREX_EQUAL);
  char* list = imbrex_registered_list();
  EXPECT_NE(std::string(list).find("\"deepseek_v4/qkv_proj_rope\""), std::string::npos);
  imbrex_string_free(list);
}

}  // namespace
}  // namespace imbrex::tests

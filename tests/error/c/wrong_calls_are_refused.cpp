#include <gtest/gtest.h>

#include <string>

#include "imbrex/imbrex.h"
#include "support/c_interface.h"

namespace imbrex::tests {
namespace {

TEST(CInterface, NullArgumentsAreNamed) {
  CError error;
  imbrex_program* program = nullptr;
  EXPECT_EQ(imbrex_parse(nullptr, "a", &program, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "null-argument");
  EXPECT_NE(error.text().find("'text'"), std::string::npos);
  EXPECT_EQ(imbrex_parse("imbrex 1", "a", nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_prove(nullptr, nullptr, nullptr, 0, 0, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_compile(nullptr, nullptr, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_bind(nullptr, nullptr, 0, nullptr, 0, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_run(nullptr, 0, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_build_close(nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_builder_create(nullptr, IMBREX_TEXT, nullptr, error), IMBREX_REFUSED);
  // Without a place for the error, the outcome alone tells.
  EXPECT_EQ(imbrex_run(nullptr, 0, nullptr), IMBREX_REFUSED);
  imbrex_error_free(nullptr);
  imbrex_program_free(nullptr);
  imbrex_builder_free(nullptr);
  imbrex_bound_free(nullptr);
  imbrex_compiled_free(nullptr);
}

TEST(CInterface, WrongTextIsRefusedWithItsPlace) {
  CError error;
  imbrex_program* program = nullptr;
  EXPECT_EQ(imbrex_parse("imbrex 1\nkernel \"k\" {\n  dim T\n  bogus\n}\n", "k.tile", &program, error), IMBREX_REFUSED);
  EXPECT_EQ(program, nullptr);
  EXPECT_STREQ(imbrex_error_at(error.get(), 0).file, "k.tile");
  EXPECT_EQ(imbrex_error_at(error.get(), 0).line, 4);
  // An index beyond the last finding is empty, and no crash.
  EXPECT_STREQ(imbrex_error_at(error.get(), 99).id, "");
}

TEST(CBuilder, BlocksAreClosedAsOftenAsTheyAreOpened) {
  CError error;
  CBuilder b("k");
  EXPECT_EQ(imbrex_build_close(b, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "open-block");
  EXPECT_EQ(imbrex_build_open_else(b, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "open-block");
  b.state([&](auto e) { return imbrex_build_open_scope(b, "s", nullptr, 0, e); });
  EXPECT_EQ(imbrex_build_open_else(b, error), IMBREX_REFUSED);
  imbrex_program* program = nullptr;
  EXPECT_EQ(imbrex_builder_finish(b, &program, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "open-block");
}

TEST(CBuilder, IsOfNoUseAfterItsProgram) {
  CBuilder b("k");
  const imbrex_tensor_node* y = b.tensor("output", "y", IMBREX_F32, {b.constant(1)});
  const imbrex_axis first[] = {{IMBREX_AXIS_WHOLE, nullptr, nullptr, nullptr}};
  b.state([&](auto e) { return imbrex_build_store(b, y, first, 1, b.number(0.5, false), e); });
  b.finish();
  CError error;
  const imbrex_index_node* T = nullptr;
  EXPECT_EQ(imbrex_build_dim(b, "T", 0, 0, &T, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "builder-finished");
  EXPECT_EQ(T, nullptr);
}

// The program would lack what was refused. A node that was refused is in no program: it may be tried again.
TEST(CBuilder, GivesNoProgramAfterAStatementThatWasRefused) {
  CBuilder b("k");
  const imbrex_tensor_node* y = b.tensor("output", "y", IMBREX_F32, {b.constant(1)});
  const imbrex_axis first[] = {{IMBREX_AXIS_WHOLE, nullptr, nullptr, nullptr}};
  b.state([&](auto e) { return imbrex_build_store(b, y, first, 1, b.number(0.5, false), e); });
  CError error;
  const imbrex_tile_node* tile = nullptr;
  EXPECT_EQ(imbrex_build_let(b, "max", b.number(1, false), &tile, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_build_let(b, "largest", b.number(1, false), &tile, error), IMBREX_DONE) << error.text();
  CBuilder other("other");
  const imbrex_tensor_node* z = other.tensor("output", "z", IMBREX_F32, {other.constant(1)});
  EXPECT_EQ(imbrex_build_store(b, z, first, 1, b.number(0.5, false), error), IMBREX_REFUSED);
  imbrex_program* program = nullptr;
  EXPECT_EQ(imbrex_builder_finish(b, &program, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "builder-refused");
  EXPECT_EQ(program, nullptr);
}

// By the call that makes it so, long before a stack overflows.
TEST(CBuilder, WhatIsTooLargeIsRefused) {
  CError error;
  {
    CBuilder b("values");
    const imbrex_value_node* value = b.number(1, false);
    int made = 0;
    for (const imbrex_value_node* next = nullptr; imbrex_build_unary(b, "neg", value, &next, error) == IMBREX_DONE; ++made)
      value = next;
    EXPECT_EQ(error.id(), "expression-size");
    EXPECT_LT(made, 200);
  }
  {
    CBuilder b("indices");
    const imbrex_index_node *index = b.constant(1), *T = nullptr;
    ASSERT_EQ(imbrex_build_dim(b, "T", 0, 0, &T, error), IMBREX_DONE);
    int made = 0;
    for (const imbrex_index_node* next = nullptr;
         imbrex_build_index(b, made % 2 == 0 ? "min" : "max", index, T, &next, error) == IMBREX_DONE; ++made)
      index = next;
    EXPECT_EQ(error.id(), "expression-size");
    EXPECT_LT(made, 500);
  }
  CBuilder b("blocks");
  int made = 0;
  while (imbrex_build_open_scope(b, "s", nullptr, 0, error) == IMBREX_DONE) ++made;
  EXPECT_EQ(error.id(), "expression-size");
  EXPECT_LE(made, 201);
}

TEST(CBuilder, NamesItDoesNotKnowAreRefused) {
  CBuilder b("k");
  CError error;
  const imbrex_index_node *index = nullptr, *one = b.constant(1);
  const imbrex_value_node *value = nullptr, *x = b.number(1, false);
  const imbrex_tensor_node* tensor = nullptr;
  const imbrex_condition_node* condition = nullptr;
  EXPECT_EQ(imbrex_build_unary(b, "sigmoid", x, &value, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-operation");
  EXPECT_EQ(imbrex_build_unary(b, "add", x, &value, error), IMBREX_REFUSED);  // two operands
  for (const char* with_arguments : {"cast", "reshape", "columns", "repeat_rows"}) {
    EXPECT_EQ(imbrex_build_unary(b, with_arguments, x, &value, error), IMBREX_REFUSED) << with_arguments;
    EXPECT_EQ(error.id(), "unknown-operation") << with_arguments;
  }
  EXPECT_EQ(imbrex_build_binary(b, "matmul", x, x, &value, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-operation");
  EXPECT_EQ(imbrex_build_binary(b, "exp", x, x, &value, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_build_index(b, "**", one, one, &index, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_build_condition(b, "<>", one, one, &condition, error), IMBREX_REFUSED);
  EXPECT_EQ(imbrex_build_cast(b, x, IMBREX_BF16, "nearest", &value, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "cast-mode");
  EXPECT_EQ(imbrex_build_cast(b, x, static_cast<imbrex_dtype>(77), "rint", &value, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-type");
  EXPECT_EQ(imbrex_build_tensor(b, "global", "g", IMBREX_F32, &one, 1, &tensor, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-role");
  const imbrex_loop loop = {"vectorized", 0, nullptr, nullptr, 0};
  EXPECT_EQ(imbrex_build_open_range(b, &loop, one, one, &index, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-loop");
}

TEST(CBuilder, NodesOfAnotherBuilderAreRefused) {
  CBuilder a("a"), b("b");
  const imbrex_tile_node* tile = a.let("v", a.number(1, false));
  const imbrex_tensor_node* tensor = a.tensor("output", "y", IMBREX_F32, {a.constant(1)});
  const imbrex_value_node* value = nullptr;
  CError error;
  EXPECT_EQ(imbrex_build_use(b, tile, &value, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "other-kernel");
  const imbrex_axis whole[] = {{IMBREX_AXIS_WHOLE, nullptr, nullptr, nullptr}};
  EXPECT_EQ(imbrex_build_load(b, tensor, whole, 1, &value, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "other-kernel");
  EXPECT_EQ(imbrex_build_unary(b, "neg", a.number(1, false), &value, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "other-kernel");
  const imbrex_index_node* index = nullptr;
  EXPECT_EQ(imbrex_build_index(b, "+", b.constant(1), a.constant(1), &index, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "other-kernel");
}

TEST(CInterface, WrongArraysAreRefusedAndNothingIsWritten) {
  CError error;
  imbrex_program* made = nullptr;
  ASSERT_EQ(imbrex_registered("nn/rms_norm", nullptr, nullptr, nullptr, nullptr, 0, &made, error), IMBREX_DONE);
  const CProgram program(made);
  imbrex_bound* bound = nullptr;
  imbrex_compiled* compiled = nullptr;
  ASSERT_EQ(imbrex_compile(program.get(), nullptr, &compiled, error), IMBREX_DONE) << error.text();
  const int64_t shape[] = {2, 4};
  float data[8] = {};
  const imbrex_array wrong = {data, IMBREX_F32, 0, 2, shape, nullptr};
  EXPECT_EQ(imbrex_bind(compiled, &wrong, 1, nullptr, 0, &bound, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "tensor-missing");
  const imbrex_array three[] = {wrong, wrong, wrong};
  EXPECT_EQ(imbrex_bind(compiled, three, 3, nullptr, 0, &bound, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "tensor-dtype");
  const imbrex_dim_value dims[] = {{"U", 3}};
  EXPECT_EQ(imbrex_bind(compiled, three, 3, dims, 1, &bound, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-dim");
  EXPECT_EQ(imbrex_interpret(program.get(), three, 3, nullptr, 0, nullptr, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "tensor-dtype");
  EXPECT_EQ(bound, nullptr);
  const imbrex_compile_options options = {"avx1024", 0, 0, 0};
  imbrex_compiled* none = nullptr;
  EXPECT_EQ(imbrex_compile(program.get(), &options, &none, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-isa");
  EXPECT_EQ(imbrex_prove(program.get(), "a9", nullptr, 0, 0, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-target");
  imbrex_compiled_free(compiled);
  char* text = nullptr;
  const imbrex_dim_value zero[] = {{"T", 0}};
  EXPECT_EQ(imbrex_explain(program.get(), nullptr, zero, 1, &text, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "dimension-value");
  EXPECT_EQ(imbrex_report(program.get(), "avx1024", nullptr, 0, 0, &text, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "unknown-isa");
  EXPECT_EQ(text, nullptr);
}

}  // namespace
}  // namespace imbrex::tests

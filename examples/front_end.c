/* A front end in C: builds a kernel node by node, proves it, compiles it and runs it, and shows what a wrong one is told. Instead of
 * these calls a compiler of another language would walk its own tree. */
#include <stdio.h>
#include <stdlib.h>

#include "imbrex/imbrex.h"

enum { kTokens = 5, kWidth = 8 };

/* Each call of the interface says how it went. */
static void require(imbrex_outcome outcome, imbrex_error* error) {
  if (outcome == IMBREX_DONE) return;
  fprintf(stderr, "%s\n", imbrex_error_text(error));
  imbrex_error_free(error);
  exit(1);
}

/* y = x / root of the mean of squares, in loops over `rows` rows of a dimension T. */
static imbrex_builder* build(int64_t rows) {
  imbrex_builder* b;
  const imbrex_index_node *T, *width, *zero, *constant_rows;
  const imbrex_tensor_node *x, *y;
  const imbrex_value_node *v, *squares, *sum, *mean, *number, *root, *result;
  const imbrex_tile_node* row;
  imbrex_span_nodes t;
  imbrex_error* error = NULL;
  require(imbrex_builder_create("norm", IMBREX_TEXT, &b, &error), error);
  imbrex_builder_at(b, "norm.toy", 1); /* the author's line, for diagnostics */
  require(imbrex_build_dim(b, "T", 128, 0, &T, &error), error);
  require(imbrex_build_constant(b, kWidth, &width, &error), error);
  require(imbrex_build_constant(b, 0, &zero, &error), error);
  require(imbrex_build_constant(b, rows, &constant_rows, &error), error);
  {
    const imbrex_index_node* shape[] = {T, width};
    require(imbrex_build_tensor(b, "input", "x", IMBREX_F32, shape, 2, &x, &error), error);
    require(imbrex_build_tensor(b, "output", "y", IMBREX_F32, shape, 2, &y, &error), error);
  }
  imbrex_builder_at(b, "norm.toy", 2);
  {
    const imbrex_loop parallel = {"parallel", 0, "t", NULL, 0};
    require(imbrex_build_open_tiles(b, &parallel, zero, rows > 0 ? constant_rows : T, 2, &t, &error), error);
  }
  imbrex_builder_at(b, "norm.toy", 3);
  {
    const imbrex_axis axes[] = {{IMBREX_AXIS_SPAN, t.begin, t.size, NULL}, {IMBREX_AXIS_WHOLE, NULL, NULL, NULL}};
    require(imbrex_build_load(b, x, axes, 2, &v, &error), error);
    require(imbrex_build_let(b, "row", v, &row, &error), error);
    require(imbrex_build_use(b, row, &v, &error), error);
    require(imbrex_build_binary(b, "mul", v, v, &squares, &error), error);
    require(imbrex_build_unary(b, "row_sum", squares, &sum, &error), error);
    require(imbrex_build_number(b, 1.0 / kWidth, 0, &number, &error), error);
    require(imbrex_build_binary(b, "mul", sum, number, &mean, &error), error);
    require(imbrex_build_unary(b, "sqrt", mean, &root, &error), error);
    require(imbrex_build_binary(b, "div", v, root, &result, &error), error);
    require(imbrex_build_store(b, y, axes, 2, result, &error), error);
  }
  require(imbrex_build_close(b, &error), error);
  return b;
}

int main(void) {
  float in[kTokens][kWidth], out[kTokens][kWidth];
  const int64_t shape[] = {kTokens, kWidth};
  const imbrex_array arrays[] = {{in, IMBREX_F32, 1, 2, shape, NULL}, {out, IMBREX_F32, 0, 2, shape, NULL}};
  imbrex_error* error = NULL;
  imbrex_program* program;
  imbrex_compiled* compiled;
  imbrex_bound* bound;
  char* text;
  imbrex_builder* b = build(0);
  require(imbrex_builder_finish(b, &program, &error), error);
  imbrex_builder_free(b);
  text = imbrex_program_text(program);
  printf("%s", text);
  imbrex_string_free(text);

  require(imbrex_prove(program, NULL, NULL, 0, 0, NULL, &error), error);
  require(imbrex_compile(program, NULL, &compiled, &error), error);
  for (int t = 0; t < kTokens; ++t)
    for (int d = 0; d < kWidth; ++d) in[t][d] = (float)(t + 1);
  require(imbrex_bind(compiled, arrays, 2, NULL, 0, &bound, &error), error);
  require(imbrex_run(bound, 0, &error), error);
  printf("y[4][7] = %g\n", (double)out[4][7]);
  imbrex_bound_free(bound);
  imbrex_compiled_free(compiled);
  imbrex_program_free(program);

  /* Four rows, whatever T is: refused, with the line above and the sizes for which it is wrong. */
  b = build(4);
  require(imbrex_builder_finish(b, &program, &error), error);
  imbrex_builder_free(b);
  if (imbrex_prove(program, NULL, NULL, 0, 0, NULL, &error) != IMBREX_REFUSED) return 1;
  for (size_t i = 0; i < imbrex_error_count(error); ++i) {
    const imbrex_diagnostic found = imbrex_error_at(error, i);
    printf("%s:%d: %s: %s\n", found.file, (int)found.line, found.id, found.message);
  }
  imbrex_error_free(error);
  imbrex_program_free(program);
  return 0;
}

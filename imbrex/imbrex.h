/* The compiler as a C library: for front ends in other languages, and for engines that compile kernels while they run.
 *
 *   imbrex_parse, or a builder     a program: the text of a tile program, or its nodes one by one
 *   imbrex_prove                   what holds of it for every size
 *   imbrex_optimize, _equal        the program that one should have written; whether two are the same kernel
 *   imbrex_explain, _report        what became of it and why, as text or as a page
 *   imbrex_interpret               what it means, on arrays
 *   imbrex_compile, _bind, _run    code for this machine
 *   imbrex_export_library, _load   a library ahead of time; the kernel in it, without a compiler
 *
 * Every function that can fail returns an outcome. Unless it is IMBREX_DONE, nothing is made, and `*error`, where `error` is not null,
 * is what was found, as data; it is the caller's to free. docs/c-interface.md is a walk through with an example.
 *
 * Strings are UTF-8 and end with a zero. A `char*` that a function hands out is the caller's, for imbrex_string_free. Objects may be
 * used by any thread, by one at a time; programs and compiled kernels, which do not change, by several at once.
 */
#ifndef IMBREX_IMBREX_H
#define IMBREX_IMBREX_H

#include <stddef.h>
#include <stdint.h>

#include "imbrex/runtime/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define IMBREX_API __attribute__((visibility("default")))
#else
#define IMBREX_API
#endif

/* ---- what goes wrong ------------------------------------------------------------------------------------------------------ */

typedef enum imbrex_outcome {
  IMBREX_DONE = 0,
  IMBREX_REFUSED = 1,      /* the program, or the call, breaks a rule: the error says which and where */
  IMBREX_DEFECT = 2,       /* of Imbrex; please report it */
  IMBREX_OUT_OF_MEMORY = 3 /* the system has no more memory or threads; there is no error with it */
} imbrex_outcome;

typedef struct imbrex_error imbrex_error; /* one finding or more */

typedef struct imbrex_note {
  const char* file; /* "" and line 0 where the place is not known */
  int32_t line;
  const char* message;
} imbrex_note;

/* Its strings and notes live as long as the error. */
typedef struct imbrex_diagnostic {
  const char* id; /* "shape-mismatch": the name of its page in docs/diagnostics */
  const char* file;
  int32_t line;
  const char* message; /* the rule, with the author's names and the numbers */
  const char* hint;    /* what to try, or "" */
  int32_t is_warning;
  const imbrex_note* notes; /* first the lines that called the sub-kernel, innermost first */
  size_t note_count;
} imbrex_diagnostic;

IMBREX_API size_t imbrex_error_count(const imbrex_error* error);
IMBREX_API imbrex_diagnostic imbrex_error_at(const imbrex_error* error, size_t index);
IMBREX_API const char* imbrex_error_text(const imbrex_error* error); /* all of it, as the imbrex command prints it */
IMBREX_API void imbrex_error_free(imbrex_error* error);
IMBREX_API void imbrex_string_free(char* string);

/* The type of that name in programs ("bf16"): 1, or 0 where there is none. */
IMBREX_API int imbrex_dtype_named(const char* name, imbrex_dtype* dtype);
IMBREX_API const char* imbrex_dtype_name(imbrex_dtype dtype);

/* ---- programs ------------------------------------------------------------------------------------------------------------- */

typedef struct imbrex_program imbrex_program; /* verified: it means something */

/* `file` is what diagnostics call the text. */
IMBREX_API imbrex_outcome imbrex_parse(const char* text, const char* file, imbrex_program** program, imbrex_error** error);
/* A registered kernel, "nn/rms_norm": a variant and a preset, or null for the first; options as texts, of which there are
 * `option_count`. */
IMBREX_API imbrex_outcome imbrex_registered(const char* name, const char* variant, const char* preset,
                                            const char* const* option_names, const char* const* option_values,
                                            size_t option_count, imbrex_program** program, imbrex_error** error);
/* JSON: of each registered kernel its name, description, variants, presets and options. */
IMBREX_API char* imbrex_registered_list(void);
/* JSON: of each operation its name, kind and number of operands (-1: two or more). */
IMBREX_API char* imbrex_operation_list(void);
IMBREX_API void imbrex_program_free(imbrex_program* program);

IMBREX_API const char* imbrex_program_name(const imbrex_program* program);
IMBREX_API size_t imbrex_program_dim_count(const imbrex_program* program);
IMBREX_API const char* imbrex_program_dim(const imbrex_program* program, size_t index);
IMBREX_API size_t imbrex_program_tensor_count(const imbrex_program* program);

typedef struct imbrex_tensor_description {
  const char* name;
  const char* kind; /* "input", "weight", "output" or "inout" */
  imbrex_dtype dtype;
  size_t rank;
  const char* const* shape; /* each extent as it is printed: "T + 1", "4096" */
} imbrex_tensor_description;
/* Of a tensor that the kernel is called with, in the order of the call. It lives as long as the program. */
IMBREX_API imbrex_tensor_description imbrex_program_tensor(const imbrex_program* program, size_t index);

/* The text, which parses back to the same program. With lines: with a table of the author's behind it, as comments, so that what is
 * parsed from it has them. */
IMBREX_API char* imbrex_program_text(const imbrex_program* program);
IMBREX_API char* imbrex_program_text_with_lines(const imbrex_program* program);
/* Of that text; programs of different lines have the same. */
IMBREX_API char* imbrex_program_hash(const imbrex_program* program);

/* Values of dimensions, for what depends on them. */
typedef struct imbrex_dim_value {
  const char* name;
  int64_t value;
} imbrex_dim_value;

/* Proves the program for every size. `target`: null for all machines that code is generated for, else "a2a3", "a5". A program
 * that is not proven is refused with all that was found. `report` (may be null): the report, as JSON or as text. */
IMBREX_API imbrex_outcome imbrex_prove(const imbrex_program* program, const char* target, const imbrex_dim_value* dims,
                                       size_t dim_count, int as_json, char** report, imbrex_error** error);
/* The program that the author should have written, for one of the targets that code is generated for (null: this machine's best). */
IMBREX_API imbrex_outcome imbrex_optimize(const imbrex_program* program, const char* target, imbrex_program** optimized,
                                          imbrex_error** error);
/* The C++ that is compiled for such a target. */
IMBREX_API imbrex_outcome imbrex_generate(const imbrex_program* program, const char* target, int optimize, char** source,
                                          imbrex_error** error);

/* What the optimizer made of it, and why: scopes, choices with what was rejected, tensors that are gone, estimates. As text, or as a
 * page of HTML that needs nothing else, on which a program that is refused is shown with pictures of its counterexamples. `dims`:
 * for bytes and estimates; of the others the typical values. `measure`: the page of a kernel that is proven also has what each scope took
 * in runs on this machine, on seeded inputs. */
IMBREX_API imbrex_outcome imbrex_explain(const imbrex_program* program, const char* target, const imbrex_dim_value* dims,
                                         size_t dim_count, char** text, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_report(const imbrex_program* program, const char* target, const imbrex_dim_value* dims,
                                        size_t dim_count, int measure, char** html, imbrex_error** error);
/* A few lines of such a page: what is proven or why it is refused, what became of it, and the estimate. */
IMBREX_API imbrex_outcome imbrex_card(const imbrex_program* program, const char* target, const imbrex_dim_value* dims,
                                      size_t dim_count, char** html, imbrex_error** error);

typedef enum imbrex_verdict {
  IMBREX_EQUAL = 0,
  IMBREX_EQUAL_UP_TO_ORDER = 1,
  IMBREX_DIFFERENT = 2,
  IMBREX_NOT_DECIDED = 3
} imbrex_verdict;
/* Whether two kernels give the same bits in every output, for all sizes and inputs. `report` (may be null) says why, as text. */
IMBREX_API imbrex_outcome imbrex_equal(const imbrex_program* a, const imbrex_program* b, imbrex_verdict* verdict, char** report,
                                       imbrex_error** error);

/* C++ for the targets named (none: all of this machine's architecture), a dispatcher, and a C header <symbol>.h, into a folder.
 * `symbol`: the C function's name; null: from the kernel's. `files` (may be null): the sources, a line each. */
IMBREX_API imbrex_outcome imbrex_export(const imbrex_program* program, const char* symbol, const char* directory,
                                        const char* const* targets, size_t target_count, char** files, imbrex_error** error);
/* The same, built as a shared library lib<symbol>.so in that folder, for imbrex_load and for programs that link it. `files`: the
 * library, the header and the sources, a line each. */
IMBREX_API imbrex_outcome imbrex_export_library(const imbrex_program* program, const char* symbol, const char* directory,
                                                const char* const* targets, size_t target_count, char** files,
                                                imbrex_error** error);

/* ---- running -------------------------------------------------------------------------------------------------------------- */

/* Memory of the caller as a tensor. Strides are in elements; null: row-major. */
typedef struct imbrex_array {
  void* data;
  imbrex_dtype dtype;
  int32_t is_read_only;
  size_t rank;
  const int64_t* shape;
  const int64_t* strides;
} imbrex_array;

/* Runs the program from top to bottom: what it means. One array for each of its tensors, in the order of the call. `dims`: of
 * dimensions that no array has. `tap` (may be null) is called for each tap. */
IMBREX_API imbrex_outcome imbrex_interpret(const imbrex_program* program, const imbrex_array* arrays, size_t array_count,
                                           const imbrex_dim_value* dims, size_t dim_count, imbrex_tap_fn tap, void* tap_user,
                                           imbrex_error** error);

typedef struct imbrex_compiled imbrex_compiled;
typedef struct imbrex_compile_options {
  const char* target; /* null: $IMBREX_ISA, or the best of this machine */
  int32_t as_written; /* not optimized */
  int32_t unproven;   /* without the proof: the kernel may race, lose rows or leave its tensors */
  int32_t taps;       /* so that taps are called */
} imbrex_compile_options;
/* Code for this machine, from the cache where it is there. `options` may be null. */
IMBREX_API imbrex_outcome imbrex_compile(const imbrex_program* program, const imbrex_compile_options* options,
                                         imbrex_compiled** compiled, imbrex_error** error);
/* The kernel of a library that imbrex_export_library built: for $IMBREX_ISA, or the best of its targets that this machine runs. No
 * compiler is needed. A damaged file, a library of another kind, or one of another version of Imbrex's kernels is refused. */
IMBREX_API imbrex_outcome imbrex_load(const char* path, imbrex_compiled** compiled, imbrex_error** error);
IMBREX_API void imbrex_compiled_free(imbrex_compiled* compiled);
/* What runtime/abi.h describes: for callers that keep their own workspace and threads. It lives as long as the compiled kernel. */
IMBREX_API const imbrex_kernel* imbrex_compiled_table(const imbrex_compiled* compiled);
IMBREX_API int imbrex_compiled_is_from_cache(const imbrex_compiled* compiled);

/* A call: arrays are bound, checked, weights packed; then it is run as often as one likes. By one thread at a time. */
typedef struct imbrex_bound imbrex_bound;
IMBREX_API imbrex_outcome imbrex_bind(const imbrex_compiled* compiled, const imbrex_array* arrays, size_t array_count,
                                      const imbrex_dim_value* dims, size_t dim_count, imbrex_bound** bound, imbrex_error** error);
/* Other arrays for the same kernel; memory that the call has is used again. After an error it must be bound again. */
IMBREX_API imbrex_outcome imbrex_rebind(imbrex_bound* bound, const imbrex_array* arrays, size_t array_count,
                                        const imbrex_dim_value* dims, size_t dim_count, imbrex_error** error);
/* On the threads of the process's pool, 0: all of them. A kernel whose assumption does not hold is refused: what it would have done
 * outside of its tensors was left out. */
IMBREX_API imbrex_outcome imbrex_run(imbrex_bound* bound, int threads, imbrex_error** error);
IMBREX_API void imbrex_bound_free(imbrex_bound* bound);

/* ---- building a program node by node -------------------------------------------------------------------------------------- */

/* Holds the nodes that it makes: they are its own, and end with it. After an error a builder is of no use. */
typedef struct imbrex_builder imbrex_builder;
typedef struct imbrex_index_node imbrex_index_node;         /* an integer: a constant, or symbolic until the kernel runs */
typedef struct imbrex_condition_node imbrex_condition_node; /* comparisons of indices, all of which hold */
typedef struct imbrex_tensor_node imbrex_tensor_node;
typedef struct imbrex_value_node imbrex_value_node; /* an expression whose value is a tile, a matrix */
typedef struct imbrex_tile_node imbrex_tile_node;   /* a tile with a name, which may be given other values */

/* What the author writes in: hints say it in that language. */
typedef enum imbrex_language { IMBREX_TEXT = 0, IMBREX_CPP = 1, IMBREX_PYTHON = 2 } imbrex_language;

IMBREX_API imbrex_outcome imbrex_builder_create(const char* kernel, imbrex_language language, imbrex_builder** builder,
                                                imbrex_error** error);
IMBREX_API void imbrex_builder_free(imbrex_builder* builder);
/* Where the author wrote what follows. */
IMBREX_API void imbrex_builder_at(imbrex_builder* builder, const char* file, int32_t line);
/* The author writes `written` for what the program calls `name`, so that hints use it; "": he gave it no name. Needed only where a
   front end chose another name than the author's: names that a builder makes unique are known to it. */
IMBREX_API void imbrex_builder_written_as(imbrex_builder* builder, const char* name, const char* written);
/* What follows, until the call is left, is the body of a sub-kernel that the present line calls. */
IMBREX_API void imbrex_builder_enter_call(imbrex_builder* builder);
IMBREX_API void imbrex_builder_leave_call(imbrex_builder* builder);
/* The program, verified: all findings are in one error. The builder is empty after it. */
IMBREX_API imbrex_outcome imbrex_builder_finish(imbrex_builder* builder, imbrex_program** program, imbrex_error** error);

/* An annotation, which never changes what a program means: "as_written", "no_fusion", and "tile" with a number. */
typedef struct imbrex_pin {
  const char* name;
  int32_t has_number;
  int64_t number;
} imbrex_pin;
IMBREX_API imbrex_outcome imbrex_build_pins(imbrex_builder* builder, const imbrex_pin* pins, size_t count, imbrex_error** error);

/* Declarations. typical 0: not said. max 0: none. */
IMBREX_API imbrex_outcome imbrex_build_dim(imbrex_builder* builder, const char* name, int64_t typical, int64_t max,
                                           const imbrex_index_node** dim, imbrex_error** error);
/* kind: "input", "weight", "output", "inout", or "temporary", which is made where it stands. */
IMBREX_API imbrex_outcome imbrex_build_tensor(imbrex_builder* builder, const char* kind, const char* name, imbrex_dtype dtype,
                                              const imbrex_index_node* const* shape, size_t rank,
                                              const imbrex_tensor_node** tensor, imbrex_error** error);
/* The same memory, row-major, under another shape. */
IMBREX_API imbrex_outcome imbrex_build_view(imbrex_builder* builder, const char* name, const imbrex_tensor_node* base,
                                            const imbrex_index_node* const* shape, size_t rank, const imbrex_tensor_node** tensor,
                                            imbrex_error** error);

/* Integers. operation: "+", "-", "*", "/" (rounds down), "%", "min", "max", "ceil_div", and "size_between", which is how many indices
 * are in a .. b - 1: none where b <= a. */
IMBREX_API imbrex_outcome imbrex_build_constant(imbrex_builder* builder, int64_t value, const imbrex_index_node** index,
                                                imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_index(imbrex_builder* builder, const char* operation, const imbrex_index_node* a,
                                             const imbrex_index_node* b, const imbrex_index_node** index, imbrex_error** error);
/* comparison: "<", "<=", "==", "!=", ">=", ">". */
IMBREX_API imbrex_outcome imbrex_build_condition(imbrex_builder* builder, const char* comparison, const imbrex_index_node* a,
                                                 const imbrex_index_node* b, const imbrex_condition_node** condition,
                                                 imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_both(imbrex_builder* builder, const imbrex_condition_node* a,
                                            const imbrex_condition_node* b, const imbrex_condition_node** condition,
                                            imbrex_error** error);
/* 1 and the value where it is a constant, else 0. */
IMBREX_API int imbrex_index_constant(const imbrex_index_node* index, int64_t* value);
/* 1 where two are the same expression: tiles whose sizes are have one shape. */
IMBREX_API int imbrex_index_same(const imbrex_index_node* a, const imbrex_index_node* b);
IMBREX_API char* imbrex_index_text(const imbrex_index_node* index);

/* Values. A number takes the type of what it stands beside where it is a value of that type; a whole one is an int32 or an f32. */
IMBREX_API imbrex_outcome imbrex_build_number(imbrex_builder* builder, double number, int is_whole,
                                              const imbrex_value_node** value, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_index_value(imbrex_builder* builder, const imbrex_index_node* index,
                                                   const imbrex_value_node** value, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_full(imbrex_builder* builder, imbrex_dtype dtype, const imbrex_index_node* rows,
                                            const imbrex_index_node* columns, double number, const imbrex_value_node** value,
                                            imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_iota(imbrex_builder* builder, const imbrex_index_node* columns,
                                            const imbrex_index_node* begin, const imbrex_value_node** value,
                                            imbrex_error** error);
/* The value that a tile has here. */
IMBREX_API imbrex_outcome imbrex_build_use(imbrex_builder* builder, const imbrex_tile_node* tile, const imbrex_value_node** value,
                                           imbrex_error** error);

typedef enum imbrex_axis_kind {
  IMBREX_AXIS_WHOLE = 0,
  IMBREX_AXIS_SPAN = 1,  /* begin, size */
  IMBREX_AXIS_POINT = 2, /* begin: one index, and the axis is dropped */
  IMBREX_AXIS_BY = 3     /* the rows that an int32 tile lists */
} imbrex_axis_kind;
typedef struct imbrex_axis {
  imbrex_axis_kind kind;
  const imbrex_index_node *begin, *size;
  const imbrex_tile_node* by;
} imbrex_axis;
IMBREX_API imbrex_outcome imbrex_build_load(imbrex_builder* builder, const imbrex_tensor_node* tensor, const imbrex_axis* axes,
                                            size_t axis_count, const imbrex_value_node** value, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_store(imbrex_builder* builder, const imbrex_tensor_node* tensor, const imbrex_axis* axes,
                                             size_t axis_count, const imbrex_value_node* value, imbrex_error** error);

/* operation: a name of the table of operations with one, or two, operands and nothing else: "exp", "row_sum"; "add", "gather". */
IMBREX_API imbrex_outcome imbrex_build_unary(imbrex_builder* builder, const char* operation, const imbrex_value_node* x,
                                             const imbrex_value_node** value, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_binary(imbrex_builder* builder, const char* operation, const imbrex_value_node* a,
                                              const imbrex_value_node* b, const imbrex_value_node** value, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_select(imbrex_builder* builder, const imbrex_value_node* condition,
                                              const imbrex_value_node* a, const imbrex_value_node* b,
                                              const imbrex_value_node** value, imbrex_error** error);
/* mode: "rint", "round", "floor", "ceil", "trunc"; null where every value is one of the type. */
IMBREX_API imbrex_outcome imbrex_build_cast(imbrex_builder* builder, const imbrex_value_node* x, imbrex_dtype dtype,
                                            const char* mode, const imbrex_value_node** value, imbrex_error** error);
/* acc may be null: then it is a new product. */
IMBREX_API imbrex_outcome imbrex_build_matmul(imbrex_builder* builder, const imbrex_value_node* acc, const imbrex_value_node* a,
                                              const imbrex_value_node* b, int transpose_a, int transpose_b,
                                              const imbrex_value_node** value, imbrex_error** error);
/* Weights with a scale for each block of k and columns. a_scales null: matmul_expanded, else matmul_scaled. */
IMBREX_API imbrex_outcome imbrex_build_matmul_blocks(imbrex_builder* builder, const imbrex_value_node* a_scales,
                                                     const imbrex_value_node* b_scales, const imbrex_value_node* a,
                                                     const imbrex_value_node* b, int64_t block_k, int64_t block_columns,
                                                     int transpose_b, const imbrex_value_node** value, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_reshape(imbrex_builder* builder, const imbrex_value_node* x, const imbrex_index_node* rows,
                                               const imbrex_index_node* columns, const imbrex_value_node** value,
                                               imbrex_error** error);
/* operation: "concat_rows" or "concat_columns". */
IMBREX_API imbrex_outcome imbrex_build_concat(imbrex_builder* builder, const char* operation,
                                              const imbrex_value_node* const* parts, size_t part_count,
                                              const imbrex_value_node** value, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_columns(imbrex_builder* builder, const imbrex_value_node* x, int64_t begin, int64_t size,
                                               const imbrex_value_node** value, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_repeat_rows(imbrex_builder* builder, const imbrex_value_node* x, int64_t times,
                                                   const imbrex_value_node** value, imbrex_error** error);

typedef struct imbrex_tile_shape {
  imbrex_dtype dtype;
  const imbrex_index_node *rows, *columns;
} imbrex_tile_shape;
IMBREX_API imbrex_outcome imbrex_value_shape(imbrex_builder* builder, const imbrex_value_node* value, imbrex_tile_shape* shape,
                                             imbrex_error** error);

/* Tiles. name: what it is called in the printed program, with a number where that is taken; null or "": named after its operation. */
IMBREX_API imbrex_outcome imbrex_build_let(imbrex_builder* builder, const char* name, const imbrex_value_node* value,
                                           const imbrex_tile_node** tile, imbrex_error** error);
/* Another value for a tile, for later iterations of the loops around too. */
IMBREX_API imbrex_outcome imbrex_build_rebind(imbrex_builder* builder, const imbrex_tile_node* tile,
                                              const imbrex_value_node* value, imbrex_error** error);
/* tile += value: the sum of a reduction or a product goes on as one, all else is an addition. */
IMBREX_API imbrex_outcome imbrex_build_add_to(imbrex_builder* builder, const imbrex_tile_node* tile,
                                              const imbrex_value_node* value, imbrex_error** error);

/* Blocks. Each that is opened is closed; what is made in it ends there. */
typedef struct imbrex_loop {
  const char* kind; /* "parallel", "range", "pipeline" */
  int64_t stages;   /* of a pipeline */
  const char* name; /* of the loop variable; null or "": chosen */
  const imbrex_pin* pins;
  size_t pin_count;
} imbrex_loop;
typedef struct imbrex_span_nodes {
  const imbrex_index_node *begin, *size, *index;
} imbrex_span_nodes;
/* Over spans of `tile` indices, the last one perhaps shorter, that cover begin .. begin + size - 1. */
IMBREX_API imbrex_outcome imbrex_build_open_tiles(imbrex_builder* builder, const imbrex_loop* loop,
                                                  const imbrex_index_node* begin, const imbrex_index_node* size, int64_t tile,
                                                  imbrex_span_nodes* span, imbrex_error** error);
/* Over begin .. end - 1. */
IMBREX_API imbrex_outcome imbrex_build_open_range(imbrex_builder* builder, const imbrex_loop* loop,
                                                  const imbrex_index_node* begin, const imbrex_index_node* end,
                                                  const imbrex_index_node** index, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_open_scope(imbrex_builder* builder, const char* name, const imbrex_pin* pins,
                                                  size_t pin_count, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_open_if(imbrex_builder* builder, const imbrex_condition_node* condition,
                                               imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_open_else(imbrex_builder* builder, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_close(imbrex_builder* builder, imbrex_error** error);

/* Data in control, assumptions, looking in. name: of the index, as of a tile; null or "": named after the tensor. */
IMBREX_API imbrex_outcome imbrex_build_read(imbrex_builder* builder, const char* name, const imbrex_tensor_node* tensor,
                                            const imbrex_index_node* const* position, size_t rank,
                                            const imbrex_index_node** index, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_assume(imbrex_builder* builder, const imbrex_condition_node* condition,
                                              imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_assume_each(imbrex_builder* builder, const imbrex_index_node* least,
                                                   const imbrex_tile_node* tile, const imbrex_index_node* end,
                                                   imbrex_error** error);
/* but: null, or a number that several elements may be. */
IMBREX_API imbrex_outcome imbrex_build_assume_distinct(imbrex_builder* builder, const imbrex_tile_node* tile, const int64_t* but,
                                                       imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_assume_sorted(imbrex_builder* builder, const imbrex_tile_node* tile, imbrex_error** error);
IMBREX_API imbrex_outcome imbrex_build_tap(imbrex_builder* builder, const char* name, const imbrex_value_node* value,
                                           imbrex_error** error);

#ifdef __cplusplus
}
#endif
#endif

// deepseek_v4/attention_front in forms that together have every value of every option, at sizes that no tile divides: within the
// bounds of its reference, in the interpreter and compiled alike, and the bits of the kernel with its arithmetic where only places
// and types differ.
#include <gtest/gtest.h>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/ir/visit.h"
#include "imbrex/kernels/reference/attention_front.h"
#include "imbrex/tools/expose.h"
#include "support/generated_code.h"
#include "support/optimized.h"
#include "tests/correct/kernels/interpret_kernel.h"

namespace imbrex::test {
namespace {

constexpr const char* kForm = "deepseek_v4/attention_front";
constexpr const char* kFront = "deepseek_v4/qkv_proj_rope";
constexpr const char* kOfMode[] = {kFront, "deepseek_v4/qkv_proj_rope_w8a16", "deepseek_v4/qkv_proj_rope_fp8_reference"};
const kernels::Options kOddSizes = {{"hidden", 530}, {"heads", 3}, {"q_lora", 131}};

kernels::Options with(kernels::Options options, const kernels::Options& more) {
  for (const auto& [name, value] : more) options[name] = value;
  return options;
}

const kernels::Options kW8a16 = {{"mode", 1}, {"latent_int8", 0}, {"fp8_block", 128}},
                       kReference = {{"mode", 2}, {"latent_int8", 0}, {"fp8_block", 32}, {"hidden", 384}, {"q_lora", 128}};
const std::vector<kernels::Options> kForms = {
    {{"rotations", 0}, {"norm_w_bf16", 0}, {"latent_bf16", 1}},
    {{"rotations", 1}, {"x_f32", 1}, {"q_f32", 1}, {"cache", 1}, {"cache_block", 1}},
    {{"rotations", 2}, {"cache", 4}, {"extra", 100}},
    {{"rotations", 3}, {"position_bytes", 4}, {"x_normalized", 1}, {"cache", 1}, {"slot_bytes", 4}, {"cache_block", 5}},
    {{"rotations", 4}, {"x_f32", 1}, {"x_normalized", 1}, {"latent_int8", 0}, {"cache", 2}, {"cache_block", 3}, {"extra", 1}},
    with(kW8a16, {{"rotations", 2}, {"x_f32", 1}, {"q_f32", 1}, {"latent_bf16", 1}, {"cache", 2}, {"extra", 40}}),
    with(kW8a16, {{"rotations", 1}, {"x_normalized", 1}, {"cache", 3}, {"fp8_block", 32}}),
    with(kReference, {{"rotations", 2}, {"x_f32", 1}, {"q_f32", 1}, {"latent_bf16", 1}, {"cache", 2}, {"extra", 40}}),
    with(kReference, {{"rotations", 0}, {"x_normalized", 1}, {"cache", 3}}),
    {{"rotations", 1}, {"x_f32", 1}, {"fp8_block", 32}, {"cache", 1}, {"latent_bf16", 1}},
    {{"rotations", 2}, {"q_f32", 1}, {"fp8_block", 128}, {"cache", 4}, {"extra", 8}, {"norm_w_bf16", 0}},
    {{"rotations", 2}, {"kv", 0}, {"latent_bf16", 1}, {"extra", 24}},
    {{"rotations", 0}, {"kv", 0}, {"fp8_block", 64}, {"x_normalized", 1}},
    with(kW8a16, {{"rotations", 2}, {"kv", 0}, {"q_f32", 1}, {"latent_bf16", 1}}),
    with(kReference, {{"rotations", 2}, {"kv", 0}, {"x_f32", 1}, {"latent_bf16", 1}})};

kernels::Built form_of(const kernels::Options& options) { return kernels::build(kForm, "", "demo", with(kOddSizes, options)); }

// Some tables of a few rows, and caches in which not every token may have a place.
Dims dims_of(const ir::Program& program, int64_t T) {
  Dims dims;
  for (const ir::Dim& dim : program.dims) dims[dim.name] = dim.name == "T" ? T : dim.name == "P" ? 7 : 2;
  return dims;
}

Tensors inputs_of(const ir::Program& program, const Dims& dims) {
  const auto wanted = tools::shapes_of(program, dims, {ir::Role::input, ir::Role::inout});
  return kernels::find_kernel(kForm).made_inputs(wanted, 7);
}

Tensors interpreted(const ir::Program& program, const Dims& dims, Tensors tensors) {
  interpret::Options checked;
  checked.checked = true;
  interpret::run(program, dims, tensors, checked);
  return tensors;
}

Array as_bf16(const Array& f32_numbers) {
  Array rounded = Array::zeros(DType::bf16, f32_numbers.shape);
  for (int64_t i = 0; i < rounded.size(); ++i) set_value_at(rounded, i, value_at(f32_numbers, i));
  return rounded;
}

TEST(EngineForms, AreAcceptedByTheirJudge) {
  for (const kernels::Options& options : kForms)
    for (const int64_t T : {1, 6}) {
      const kernels::Built built = form_of(options);
      std::vector<std::string> exposed;
      const bool has_kv = kernels::integer(built.options, "kv") != 0;
      const ir::Program program = tools::with_temporaries_as_outputs(
          built.program, has_kv ? std::vector<std::string>{"kv"} : std::vector<std::string>{}, exposed);
      const Dims dims = dims_of(program, T);
      const Tensors inputs = inputs_of(program, dims);
      const Tensors all = interpreted(program, dims, inputs);
      const kernels::Judgement report =
          kernels::find_kernel(kForm).judge({inputs, all, nullptr, built.options, false}, [](int64_t) {});
      EXPECT_GE(report.outputs.size(), has_kv ? 2u : 1u);
      // As in the tests of qkv_proj_rope: of few tokens, one integer of qr moves more of q than may be outside.
      for (const kernels::OutputResult& output : report.outputs)
        EXPECT_TRUE(output.name == "q" || output.pass()) << output.name << " of" << kernels::text_of(options) << " T=" << T;
      for (const kernels::StageResult& stage : report.stages)
        EXPECT_TRUE(stage.pass()) << stage.stage << kernels::text_of(options);
    }
}

TEST(EngineForms, AJudgeSeesARowInAWrongPlace) {
  const kernels::Built built = form_of(kForms[3]);
  const Dims dims = dims_of(built.program, 6);
  const Tensors inputs = inputs_of(built.program, dims);
  Tensors all = interpreted(built.program, dims, inputs);
  Array& cache = all.at("cache");
  const size_t row_bytes = 512 * sizeof(uint16_t);
  std::rotate(cache.bytes.begin(), cache.bytes.begin() + static_cast<std::ptrdiff_t>(row_bytes), cache.bytes.end());
  EXPECT_FALSE(kernels::find_kernel(kForm).judge({inputs, all, nullptr, built.options, false}, [](int64_t) {}).pass());
}

kernels::Options sizes_of(const kernels::Options& options) {
  kernels::Options sizes;
  for (const char* name : {"hidden", "heads", "q_lora"}) sizes[name] = options.at(name);
  return sizes;
}

// bf16, by the kernel with the tensor of it.
Array normalized(const Array& x, const Array& norm_w, const kernels::Options& sizes) {
  std::vector<std::string> exposed;
  const ir::Program front = tools::with_temporaries_as_outputs(
      kernels::build(kFront, "fused", "demo", with(sizes, {{"norm_w_bf16", norm_w.dtype == DType::bf16}})).program,
      {"token_x_bf16"}, exposed);
  const Dims dims = {{"T", x.shape[0]}};
  Tensors inputs = inputs_of(front, dims);
  inputs.at("x") = x, inputs.at("norm_w") = norm_w;
  return interpreted(front, dims, inputs).at("token_x_bf16");
}

// The same rows of x, normalized or in f32, and the same rotations.
TEST(EngineForms, HaveTheBitsOfTheFront) {
  constexpr int64_t T = 6;
  for (const kernels::Options& options : kForms) {
    const kernels::Built built = form_of(options);
    const auto is_on = [&](const char* name) { return kernels::integer(built.options, name) != 0; };
    const Dims dims = dims_of(built.program, T);
    Tensors inputs = inputs_of(built.program, dims);
    Tensors front_inputs = kernels::reference::with_rotations(inputs);
    const int64_t is_f32 = front_inputs.at("rope_cos").dtype == DType::f32, mode = kernels::integer(built.options, "mode");
    kernels::Options own =
        with(sizes_of(built.options), {{"rope_f32", is_f32}, {"norm_w_bf16", built.options.at("norm_w_bf16")}});
    own["fp8_block"] = built.options.at("fp8_block");
    if (!is_on("kv")) {  // the front has them, of whichever weights
      const auto of_kv = [&](const ir::Program& program) {
        std::vector<inputs::TensorShape> shapes = tools::shapes_of(program, {{"T", T}}, {ir::Role::input});
        std::erase_if(shapes, [](const auto& shape) { return shape.name.find("kv") == std::string::npos; });
        return kernels::find_kernel(kForm).made_inputs(shapes, 7);
      };
      front_inputs.merge(of_kv(kernels::build(kOfMode[mode], "", "demo", own).program));
    }
    std::vector<std::string> exposed;
    const ir::Program front =
        tools::with_temporaries_as_outputs(kernels::build(kOfMode[mode], mode == 0 ? "fused" : "", "demo", own).program,
                                           mode == 0 ? std::vector<std::string>{"qr_bf16"} : std::vector<std::string>{}, exposed);
    if (is_on("x_f32")) front_inputs.at("x") = as_bf16(inputs.at("x"));
    if (is_on("x_normalized"))
      front_inputs.merge(
          kernels::find_kernel(kForm).made_inputs({{"norm_w", DType::bf16, {kernels::integer(own, "hidden")}}}, 7));
    const Tensors expected = interpreted(front, {{"T", T}}, front_inputs);
    // Back to x: exact numbers of bf16.
    const Array x =
        is_on("x_normalized") ? normalized(front_inputs.at("x"), front_inputs.at("norm_w"), sizes_of(own)) : front_inputs.at("x");
    for (int64_t i = 0; i < x.size(); ++i) set_value_at(inputs.at("x"), i, value_at(x, i));

    const Tensors actual = interpreted(built.program, dims, inputs);
    for (const auto& [mine, its] :
         {std::pair("q", "q"), {"kv", "kv"}, {"qr", "qr"}, {"qr_scale", "qr_scale"}, {"latent", mode == 0 ? "qr_bf16" : "qr"}}) {
      const auto found = actual.find(mine);
      if (found == actual.end()) continue;
      const Array rounded = found->second.dtype == expected.at(its).dtype ? found->second : as_bf16(found->second);
      EXPECT_EQ(rounded.bytes, expected.at(its).bytes) << mine << " of " << kernels::text_of(options);
    }
    EXPECT_EQ(actual.count("wkv"), is_on("kv"));
    for (const auto& [name, cache] : kernels::reference::with_inserted(inputs, expected.at("kv")))
      EXPECT_EQ(first_difference(actual.at(name), cache), std::nullopt) << name << " of " << kernels::text_of(options);
  }
}

TEST(EngineForms, CompiledAreBitForBitTheInterpreters) {
  std::vector<ir::Program> written, optimized_programs;
  for (const kernels::Options& options : kForms) {
    written.push_back(form_of(options).program);
    optimized_programs.push_back(optimized(written.back()).program);
    optimized_programs.back().name += std::to_string(written.size());  // several in one file
  }
  const GeneratedCode code(optimized_programs, target::best_target());
  ASSERT_EQ(code.error(), "");
  for (size_t i = 0; i < written.size(); ++i)
    for (const int64_t T : {1, 6, 19}) {
      const Dims dims = dims_of(written[i], T);
      const Tensors inputs = inputs_of(written[i], dims);
      const auto difference = difference_between(interpreted(written[i], dims, inputs), optimized_programs[i],
                                                 code.kernel(optimized_programs[i]), dims, inputs, T == 6 ? 3 : 1, 3);
      EXPECT_FALSE(difference) << *difference;
    }
}

// Weights of e4m3 that are expanded where they are multiplied, and the same in bf16; with keys and values and without.
TEST(EngineForms, OfW8a8HaveItsBits) {
  constexpr int64_t T = 6, block = 64;
  const kernels::Options options = {{"rotations", 2}, {"latent_bf16", 1}, {"extra", 24}};
  const auto made = [&](const kernels::Options& more) { return form_of(with(options, more)).program; };
  const ir::Program kept = made({{"fp8_block", block}});
  const Dims dims = dims_of(kept, T);
  const Tensors inputs = inputs_of(kept, dims);
  Tensors wide = inputs;
  for (const std::string name : {"wq_a", "wkv"})
    wide.at(name) = kernels::reference::expanded(inputs.at(name), inputs.at(name + "_scale"), block);
  const Tensors expected = interpreted(made({}), dims, wide);
  for (const auto& [program, given] :
       {std::pair(kept, inputs), {made({{"fp8_block", block}, {"kv", 0}}), inputs}, {made({{"kv", 0}}), wide}}) {
    const Tensors actual = interpreted(program, dims, given);
    int compared = 0;
    for (const ir::Tensor& tensor : program.tensors)
      if (tensor.role == ir::Role::output) {
        EXPECT_EQ(actual.at(tensor.name).bytes, expected.at(tensor.name).bytes) << tensor.name;
        ++compared;
      }
    EXPECT_GE(compared, 5);
  }
}

// What stands around it stays as written, and takes nothing of the fusion from the rest.
TEST(EngineForms, FuseAsTheFrontDoes) {
  const auto scopes = [](const std::string& kernel, const kernels::Options& options) {
    std::vector<std::string> names;
    const optimize::Optimized result = optimized(kernels::build(kernel, "plain", "flash", options).program);
    EXPECT_TRUE(result.is_scheduled) << result.reason;
    ir::for_each_statement(result.program.body, [&](const ir::Statement& statement) {
      if (const auto* scope = std::get_if<ir::At>(&statement.node)) names.push_back(scope->name);
      return true;
    });
    std::sort(names.begin(), names.end());
    return names;
  };
  std::vector<std::string> expected = scopes(kFront, {});
  EXPECT_EQ(expected.size(), 6u);
  EXPECT_EQ(scopes(kForm, {}), expected);
  for (const char* around : {"insert", "rotations"}) expected.push_back(around);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(scopes(kForm, {{"rotations", 2}, {"cache", 2}}), expected);
  EXPECT_EQ(scopes(kForm, {{"mode", 1}, {"latent_int8", 0}, {"latent_bf16", 1}, {"fp8_block", 128}}).size(),
            scopes(kOfMode[1], {}).size());
  EXPECT_EQ(scopes(kForm, {{"fp8_block", 128}}), scopes(kFront, {{"fp8_block", 128}}));
  EXPECT_LT(scopes(kForm, {{"kv", 0}}).size(), scopes(kForm, {}).size());
}

TEST(EngineForms, SayWhatAModeHasNot) {
  for (const auto& [options, says] :
       {std::pair<kernels::Options, std::string>({{"mode", 1}, {"fp8_block", 128}}, "latent_int8 = 1, but mode = 1 has no int8"),
        {{{"mode", 1}, {"latent_int8", 0}}, "mode = 1 takes e4m3, but fp8_block = 0"},
        {{{"kv", 0}, {"cache", 2}}, "cache = 2, but kv = 0 has no rows for it"},
        {{{"mode", 2}, {"latent_int8", 0}, {"hidden", 530}, {"fp8_block", 128}}, "fp8_block = 128 does not divide hidden = 530"}})
    try {
      kernels::build(kForm, "", "demo", options);
      ADD_FAILURE() << says;
    } catch (const UserError& error) {
      EXPECT_EQ(error.diagnostics().front().message.find(says), 0u) << error.diagnostics().front().message;
    }
}

}  // namespace
}  // namespace imbrex::test

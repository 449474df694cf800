// deepseek_v4/qkv_proj_rope_latents and _queries: together the bits of qkv_proj_rope, also of rows and of heads that are computed
// apart, accepted by their judge, in the interpreter and compiled alike; and weights that the whole has packed are theirs.
#include <gtest/gtest.h>

#include <cstring>

#include "imbrex/runtime/driver.h"
#include "imbrex/tools/expose.h"
#include "support/generated_code.h"
#include "support/optimized.h"
#include "tests/correct/kernels/interpret_kernel.h"

namespace imbrex::test {
namespace {

constexpr const char *kWhole = "deepseek_v4/qkv_proj_rope", *kLatents = "deepseek_v4/qkv_proj_rope_latents",
                     *kQueries = "deepseek_v4/qkv_proj_rope_queries";
constexpr const char* kVariants[] = {"fused", "unfused", "plain"};
const std::vector<kernels::Options> kOptions = {
    {},
    {{"norm_w_bf16", 1}, {"rope_f32", 1}, {"scale_by_blocks", 1}, {"heads", 3}},
    {{"fp8_block", 32}, {"hidden", 530}, {"heads", 3}, {"q_lora", 131}, {"eps", 1e-20}},
};

ir::Program program_of(const std::string& kernel, const std::string& variant, kernels::Options options) {
  const kernels::Options& known = kernels::find_kernel(kernel).presets.front().options;
  std::erase_if(options, [&](const auto& option) { return !known.contains(option.first); });
  return kernels::build(kernel, variant, "demo", options).program;
}

// Rows [first, first + count) of what has a row for each token; the other tensors of `program` as they are.
kernels::Tensors inputs_from(const kernels::Tensors& all, const ir::Program& program, int64_t first, int64_t count) {
  kernels::Tensors inputs;
  for (const inputs::TensorShape& shape : tools::shapes_of(program, {{"T", count}}, {ir::Role::input})) {
    Array array = all.at(shape.name);
    if (array.shape != shape.shape) {
      const size_t row = array.bytes.size() / static_cast<size_t>(array.shape[0]);
      Array rows = Array::zeros(shape.dtype, shape.shape);
      std::memcpy(rows.bytes.data(), array.bytes.data() + static_cast<size_t>(first) * row, rows.bytes.size());
      array = rows;
    }
    inputs.emplace(shape.name, std::move(array));
  }
  return inputs;
}

TEST(FrontInTwoParts, HasTheBitsOfTheWhole) {
  constexpr int64_t T = 5;
  for (const kernels::Options& options : kOptions)
    for (const char* variant : kVariants) {
      const ir::Program whole = program_of(kWhole, variant, options), latents = program_of(kLatents, variant, options),
                        queries = program_of(kQueries, variant, options);
      const kernels::Tensors all = interpreted(whole, T, inputs_of(whole, T, 7, true));
      // Tokens 0 to 1 and 2 to 4 by two processes.
      for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 2}, {2, 3}}) {
        const kernels::Tensors part = interpreted(latents, count, inputs_from(all, latents, first, count), true);
        for (const char* output : {"kv", "qr", "qr_scale"}) {
          const auto &rows = part.at(output).bytes, &of_all = all.at(output).bytes;
          EXPECT_TRUE(std::equal(rows.begin(), rows.end(),
                                 of_all.begin() + static_cast<std::ptrdiff_t>(of_all.size() / T * static_cast<size_t>(first))))
              << output << " " << variant << " " << kernels::text_of(options);
        }
      }
      const kernels::Tensors q = interpreted(queries, T, inputs_from(all, queries, 0, T), true);
      EXPECT_EQ(q.at("q").bytes, all.at("q").bytes) << variant << " " << kernels::text_of(options);
    }
}

TEST(FrontInTwoParts, IsAcceptedByItsJudge) {
  for (const char* kernel : {kLatents, kQueries})
    for (const char* variant : kVariants)
      for (const int64_t T : {1, 3, 17}) {
        const kernels::Built built = kernels::build(kernel, variant, "demo", {});
        std::vector<std::string> exposed;
        const ir::Program program =
            tools::with_temporaries_as_outputs(built.program, kernels::find_kernel(kernel).stage_tensors, exposed);
        const kernels::Tensors inputs = inputs_of(built.program, T, 7, true), all = interpreted(program, T, inputs, true);
        kernels::Tensors outputs = all;
        std::erase_if(outputs, [&](const auto& tensor) { return inputs.contains(tensor.first); });
        const auto judged = [&](const kernels::Tensors& made) {
          return kernels::find_kernel(kernel).judge({inputs, made, nullptr, built.options, false}, [](int64_t) {});
        };
        const kernels::Judgement report = judged(outputs);
        EXPECT_TRUE(report.pass()) << kernel << " " << variant << " T=" << T;
        EXPECT_EQ(report.outputs.size(), kernel == kLatents ? 3u : 1u);
        EXPECT_EQ(report.stages.size(), kernel == kQueries ? 1u : std::string(variant) == "plain" ? 0u : 5u);
        outputs.at(kernel == kLatents ? "kv" : "q")
            .bytes.assign(outputs.at(kernel == kLatents ? "kv" : "q").bytes.size(), std::byte{0});
        EXPECT_FALSE(judged(outputs).pass()) << kernel;
      }
}

TEST(FrontInTwoParts, CompiledIsBitForBitTheInterpreters) {
  std::vector<ir::Program> written, programs;
  for (const char* kernel : {kLatents, kQueries})
    for (const kernels::Options& options : kOptions) {
      written.push_back(program_of(kernel, "fused", options));
      programs.push_back(optimized(written.back()).program);
      programs.back().name += std::to_string(written.size());  // several in one file
    }
  const GeneratedCode code(programs, target::best_target());
  ASSERT_EQ(code.error(), "");
  for (size_t i = 0; i < written.size(); ++i)
    for (const int64_t T : {1, 6, 19}) {
      const kernels::Tensors inputs = inputs_of(written[i], T, 7, true);
      const bool has_view = inputs.contains("wq_b_scale");  // whose rows lie one after another
      const auto difference = difference_between(interpreted(written[i], T, inputs), programs[i], code.kernel(programs[i]),
                                                 {{"T", T}}, inputs, T == 6 ? 3 : 1, has_view ? 0 : 3);
      EXPECT_FALSE(difference) << *difference;
    }
}

// One packed form of a weight serves the whole kernel and its part.
TEST(FrontInTwoParts, PacksWeightsAsTheWholeDoes) {
  for (const target::Target& target : target::targets()) {
    if (!target.has_code()) continue;
    const auto layouts = [&](const std::string& kernel) {
      std::map<std::string, std::string> found;
      const ir::Program program = kernels::build(kernel, "fused", "flash", {}).program;
      const std::string source = runtime::translate(program, {.machine = target, .prove = false}).source;
      for (const char* weight : {"wq_a", "wkv", "wq_b"}) {
        const size_t row = source.find(fmt::format("{{\"{}\", ", weight)), words = source.find(" in panels of", row);
        if (row != std::string::npos) found[weight] = source.substr(words, source.find('"', words) - words);
      }
      return found;
    };
    std::map<std::string, std::string> parts = layouts(kLatents);
    parts.merge(layouts(kQueries));
    EXPECT_EQ(parts.size(), 3u);
    EXPECT_EQ(parts, layouts(kWhole)) << target.name;
  }
}

}  // namespace
}  // namespace imbrex::test

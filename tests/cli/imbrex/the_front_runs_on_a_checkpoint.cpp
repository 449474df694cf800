// imbrex run --checkpoint DIR --layer L: the main job on a layer's weights.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/imbrex/imbrex_command.h"
#include "imbrex/base/numbers.h"
#include "imbrex/checkpoint/front_layer.h"
#include "imbrex/checkpoint/make_checkpoint.h"
#include "imbrex/checkpoint/rope.h"
#include "imbrex/checkpoint/safetensors.h"

namespace imbrex::tests {
namespace {

using checkpoint::Checkpoint;
using checkpoint::StoredMatrix;
using nlohmann::json;

const std::string kKernel = "run deepseek_v4/qkv_proj_rope ";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Layers 0 (plain angles) and 1 (compressed).
class FrontOnACheckpoint : public testing::Test {
 protected:
  FrontOnACheckpoint() {
    checkpoint::make_checkpoint(made_, {"tiny", 0, 1, 5}, [](int64_t) {});
  }

  json pass(const std::string& arguments) {
    const CommandResult result = imbrex_command(kKernel + "--repeat 1 --json --checkpoint '" + made_ + "' " + arguments);
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    const json parsed = json::parse(result.out, nullptr, false);
    EXPECT_TRUE(parsed.value("pass", false)) << result.out;
    return parsed;
  }

  void expect_error(const std::string& arguments, const std::string& id, const std::string& text) {
    const CommandResult result = imbrex_command(arguments);
    EXPECT_EQ(result.status, 1) << arguments << result.out;
    EXPECT_TRUE(has(result.err, "[" + id + "]") && has(result.err, text)) << arguments << "\n" << result.err;
  }

  const TemporaryFolder folder_;
  const std::string made_ = folder_.file("tiny");
};

TEST_F(FrontOnACheckpoint, PassesAndSaysHowLongItsWeightsTook) {
  const json run = pass(fmt::format("--layer 1 --tokens 17 --packed '{}'", folder_.file("packed")));  // where nothing is kept yet
  EXPECT_EQ(run.at("outputs").size(), 4u);
  EXPECT_EQ(run.at("stages").size(), 6u);
  EXPECT_EQ(run.at("preset"), "demo");
  const json& from = run.at("checkpoint");
  EXPECT_EQ(from.at("layer"), 1);
  EXPECT_EQ(from.at("folder"), made_);
  EXPECT_EQ(from.at("rotation"), "theta 160000, YaRN factor 16");
  for (const char* time : {"load_ms", "convert_ms", "pack_ms"}) EXPECT_GT(from.at(time), 0) << time;
  const std::string document = read_text(std::string(IMBREX_SOURCE_DIR) + "/docs/command.md");
  for (const auto& [field, value] : from.items()) EXPECT_TRUE(has(document, "`" + field + "`")) << field;
  EXPECT_EQ(pass("--tokens 5").at("checkpoint").at("rotation"), "theta 10000");
  EXPECT_FALSE(pass("--layer 1 --tokens 3 --backend interpreter").at("checkpoint").contains("pack_ms"));
}

// What a kernel gets, against the files, element by element.
TEST_F(FrontOnACheckpoint, InputsAreTheLayer) {
  for (const int64_t layer : {0, 1}) {
    const std::string saved = folder_.file(fmt::format("saved-{}", layer));
    pass(fmt::format("--layer {} --tokens 6 --seed 3 --save '{}'", layer, saved));
    const auto inputs = checkpoint::read_safetensors(saved + "/inputs.safetensors");
    Checkpoint model(made_);
    const checkpoint::FrontLayer front = front_layer(model, layer);
    const auto value = [](const StoredMatrix& matrix, int64_t row, int64_t column) {
      const auto* codes = reinterpret_cast<const uint8_t*>(matrix.weight.data);
      const auto* scales = reinterpret_cast<const uint8_t*>(matrix.scale->data);
      return value_of_code(DType::e4m3, codes[row * matrix.columns + column]) *
             value_of_code(DType::e8m0, scales[row / 128 * matrix.scale->shape[1] + column / 128]);
    };
    for (const auto& [name, matrix] : {std::pair("wq_a", &front.wq_a), {"wkv", &front.wkv}, {"wq_b", &front.wq_b}}) {
      const Array& input = inputs.at(name);
      ASSERT_EQ(input.shape, (std::vector<int64_t>{matrix->columns, matrix->rows})) << name;
      for (int64_t row = 0; row < matrix->rows; row += 3)
        for (int64_t column = 0; column < matrix->columns; ++column) {
          const double found = value_at(input, column * matrix->rows + row), wanted = value(*matrix, row, column);
          if (input.dtype == DType::bf16) {
            ASSERT_EQ(found, wanted) << name << " " << row << " " << column;
          } else {
            const double scale = value_at(inputs.at("wq_b_scale"), row);
            ASSERT_LE(std::fabs(found * scale - wanted), scale * 0.50003) << name << " " << row << " " << column;
          }
        }
    }
    for (const auto& [name, tensor] :
         {std::pair("norm_w", &front.attn_norm), {"gamma_cq", &front.q_norm}, {"gamma_ckv", &front.kv_norm}}) {
      ASSERT_EQ(static_cast<int64_t>(inputs.at(name).bytes.size()), tensor->bytes);
      EXPECT_TRUE(std::equal(inputs.at(name).bytes.begin(), inputs.at(name).bytes.end(), tensor->data)) << name;
    }
    // Each token has the rotations of a position in the layer's regime.
    const std::vector<float> frequencies = rope_frequencies(model.config().rope_of(layer), 64);
    const Array &cosines = inputs.at("rope_cos"), &sines = inputs.at("rope_sin");
    for (int64_t token = 0; token < 6; ++token) {
      const auto is_at = [&](int64_t position) {
        for (int64_t pair = 0; pair < 32; ++pair) {
          const double angle = double{static_cast<float>(position) * frequencies[static_cast<size_t>(pair)]};
          if (std::fabs(std::cos(angle) - value_at(cosines, token * 64 + pair)) > 0x1p-24) return false;
          if (std::fabs(std::sin(angle) - value_at(sines, token * 64 + pair)) > 0x1p-24) return false;
        }
        return true;
      };
      int64_t position = 0;
      while (position < 1048576 && !is_at(position)) ++position;
      EXPECT_LT(position, 1048576) << "layer " << layer << ", token " << token << " is at no position";
    }
    // A replay has the same inputs, and passes.
    const CommandResult replay = imbrex_command(kKernel + "--repeat 1 --replay '" + saved + "'");
    EXPECT_EQ(replay.status, 0) << replay.out << replay.err;
  }
}

TEST_F(FrontOnACheckpoint, MistakesAreErrors) {
  const std::string from = "--checkpoint '" + made_ + "' ";
  expect_error(kKernel + "--layer 1", "option-value", "--layer 1");
  expect_error("run nn/rms_norm " + from, "unknown-option", "nn/rms_norm");
  expect_error(kKernel + from + "--layer 2", "tensor-missing", "layers.2.attn_norm.weight");
  expect_error(kKernel + from + "--layer 99", "config-malformed", "layer 99");
  expect_error(kKernel + from + "--heads 8", "option-value", "heads = 8 was given");
  expect_error(kKernel + from + "--preset flash", "option-value", "preset flash has hidden = 4096, and '");
  expect_error(kKernel + from + "--replay x", "option-value", "--replay");
  expect_error(kKernel + "--checkpoint /nonexistent", "file-unreadable", "/nonexistent/config.json");
  json config = json::parse(read_text(made_ + "/config.json"));
  config["head_dim"] = 256;
  write_text(made_ + "/config.json", config.dump());
  expect_error(kKernel + from, "option-value", "head_dim 256; the kernel has 512");
}

}  // namespace
}  // namespace imbrex::tests

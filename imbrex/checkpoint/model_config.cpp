#include "imbrex/checkpoint/model_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/json_text.h"

namespace imbrex::checkpoint {
namespace {

using nlohmann::json;

// Real files have 3.
constexpr int kMostDepth = 32;
// Of a dimension. Products of two fit 64 bits.
constexpr int64_t kMostSize = 1 << 24;
constexpr size_t kMostLayers = 4096;

using Names = std::vector<std::string>;  // of one field, "rope_scaling.factor" for a field of an object

struct Field {
  std::string name;
  const json* value = nullptr;  // not null in the file
};

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), file_(read_json_file(path, kMostDepth, "config-malformed")) {
    objects_.push_back({"", &file_});
    if (const auto text = file_.find("text_config"); text != file_.end()) {
      if (!text->is_object()) fail("text_config", "an object", *text);
      objects_.push_back({"text_config.", &*text});
    }
  }

  // Under whichever of its names it stands; null counts as not there.
  std::optional<Field> find(const Names& names) const {
    std::optional<Field> found;
    for (const auto& [prefix, object] : objects_)
      for (const std::string& name : names) {
        const json* value = value_at(prefix, *object, name);
        if (value == nullptr || value->is_null()) continue;
        const Field field{prefix + name, value};
        if (found && *found->value != *value)
          malformed(fmt::format("'{}' is {} and '{}' is {}, and they mean the same", found->name, text_of(*found->value),
                                field.name, text_of(*value)),
                    "one of them, or both with one value");
        if (!found) found = field;
      }
    return found;
  }

  bool is_null(const Names& names) const {
    return std::any_of(objects_.begin(), objects_.end(), [&](const auto& each) {
      return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        const json* value = value_at(each.first, *each.second, name);
        return value != nullptr && value->is_null();
      });
    });
  }

  Field required(const Names& names) const {
    std::optional<Field> found = find(names);
    if (!found)
      malformed(fmt::format("no '{}'", fmt::join(names, "' or '")),
                fmt::format("add '{}' with the model's value", names.front()));
    return *found;
  }

  int64_t integer(const Field& field, int64_t least, int64_t most) const {
    const bool is_integer = field.value->is_number_integer();
    const bool fits = is_integer && (!field.value->is_number_unsigned() || field.value->get<uint64_t>() <= INT64_MAX);
    if (!fits || field.value->get<int64_t>() < least || field.value->get<int64_t>() > most)
      fail(field.name, fmt::format("an integer from {} to {}", least, most), *field.value);
    return field.value->get<int64_t>();
  }
  int64_t size(const Names& names) const { return integer(required(names), 1, kMostSize); }

  double number(const Names& names, double least, double most) const {
    const Field field = required(names);
    const double value = field.value->is_number() ? field.value->get<double>() : std::nan("");
    if (!(value >= least && value <= most)) fail(field.name, fmt::format("a number from {} to {}", least, most), *field.value);
    return value;
  }

  std::string text(const Field& field) const {
    if (!field.value->is_string()) fail(field.name, "a text", *field.value);
    return field.value->get<std::string>();
  }

  const json& list(const Field& field, size_t most) const {
    if (!field.value->is_array() || field.value->size() > most)
      fail(field.name, fmt::format("a list of at most {} values", most), *field.value);
    return *field.value;
  }

  [[noreturn]] void fail(const std::string& field, const std::string& expected, const json& found) const {
    malformed(fmt::format("'{}': expected {}, found {}", field, expected, text_of(found)),
              "the value that the model was published with");
  }

  [[noreturn]] void malformed(const std::string& what, const std::string& hint) const {
    throw UserError("config-malformed", fmt::format("'{}': {}", path_, what), hint);
  }

 private:
  static std::string text_of(const json& value) {
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    return text.size() <= 60 ? text : text.substr(0, 57) + "...";
  }

  // Null where there is none; the objects on the way to it are objects or null.
  const json* value_at(const std::string& prefix, const json& object, const std::string& name) const {
    const json* value = &object;
    for (size_t begin = 0; begin <= name.size();) {
      const size_t end = std::min(name.find('.', begin), name.size());
      if (value->is_null()) return nullptr;
      if (!value->is_object()) fail(prefix + name.substr(0, begin - 1), "an object", *value);
      const auto found = value->find(name.substr(begin, end - begin));
      if (found == value->end()) return nullptr;
      value = &*found;
      begin = end + 1;
    }
    return value;
  }

  std::string path_;
  json file_;
  std::vector<std::pair<std::string, const json*>> objects_;  // what names in them are prefixed with
};

// 0 for a layer without compressed keys; what other words mean is their number of tokens a compressed key.
int64_t ratio_of_layer_type(const Reader& reader, const Field& field, const json& word) {
  if (word == "sliding_attention") return 0;
  if (word == "compressed_sparse_attention") return 4;
  if (word == "heavily_compressed_attention") return 128;
  reader.fail(field.name, "words sliding_attention, compressed_sparse_attention or heavily_compressed_attention", word);
}

std::vector<int64_t> read_compress_ratios(const Reader& reader, int64_t layers) {
  const std::optional<Field> ratios = reader.find({"compress_ratios"}), types = reader.find({"layer_types"});
  if (!ratios && !types) reader.required({"compress_ratios", "layer_types"});
  std::vector<int64_t> of_ratios, of_types;
  if (ratios)
    for (const json& value : reader.list(*ratios, kMostLayers))
      of_ratios.push_back(reader.integer({ratios->name, &value}, 0, kMostSize));
  if (types)
    for (const json& word : reader.list(*types, kMostLayers)) of_types.push_back(ratio_of_layer_type(reader, *types, word));
  for (size_t layer = 0; layer < std::min(of_ratios.size(), of_types.size()); ++layer)
    if ((of_ratios[layer] == 0) != (of_types[layer] == 0))
      reader.malformed(fmt::format("layer {} is {} in '{}' and {} in '{}'", layer, of_ratios[layer], ratios->name,
                                   (*types->value)[layer].get<std::string>(), types->name),
                       "one of the two fields");
  const Field& field = ratios ? *ratios : *types;
  std::vector<int64_t> result = ratios ? of_ratios : of_types;
  const std::optional<Field> extra = reader.find({"num_nextn_predict_layers", "n_mtp_layers"});
  const int64_t most = extra ? layers + reader.integer(*extra, 0, kMostSize) : INT64_MAX;
  const auto count = static_cast<int64_t>(result.size());
  if (count < layers || count > most)
    reader.malformed(fmt::format("{} values in '{}' for {} layers{}", count, field.name, layers,
                                 extra ? fmt::format(" and {} after the last ('{}')", most - layers, extra->name) : ""),
                     fmt::format("a value for each layer in '{}'", field.name));
  return result;
}

// Cosines and sines are used as they are: what would scale them is another model.
void check_magnitude(const Reader& reader) {
  for (const char* object : {"rope_scaling.", "rope_parameters.compress.", "rope_parameters.main."}) {
    const auto named = [&](const char* name) { return reader.find({std::string(object) + name}); };
    if (const auto factor = named("attention_factor"); factor && *factor->value != 1)
      reader.fail(factor->name, "1: rotations of this family scale nothing", *factor->value);
    const auto magnitude = named("mscale"), of_all = named("mscale_all_dim");
    if (magnitude && (!of_all || *of_all->value != *magnitude->value))
      reader.fail(magnitude->name, fmt::format("the value of {}mscale_all_dim: rotations of this family scale nothing", object),
                  *magnitude->value);
  }
  if (const auto type = reader.find({"rope_parameters.main.rope_type"}); type && reader.text(*type) != "default")
    reader.fail(type->name, "\"default\"", *type->value);
}

std::optional<Yarn> read_yarn(const Reader& reader) {
  check_magnitude(reader);
  const std::string objects[] = {"rope_scaling.", "rope_parameters.compress."};
  const auto named = [&](const std::string& name, const std::string& own = "") {
    Names names = {objects[0] + name, objects[1] + name};
    if (!own.empty()) names.push_back(own);
    return names;
  };
  const Names original = named("original_max_position_embeddings", "original_seq_len");
  std::optional<Field> type = reader.find({"rope_scaling.type", "rope_scaling.rope_type", "rope_parameters.compress.rope_type"});
  if (type) {
    const std::string word = reader.text(*type);
    if (word == "default") return std::nullopt;
    if (word != "yarn") reader.fail(type->name, "\"yarn\" or \"default\"", *type->value);
  } else {
    if (reader.is_null({"rope_scaling"})) return std::nullopt;
    if (reader.find({"rope_scaling"}) || !reader.find(original)) reader.required({"rope_scaling.type", "original_seq_len"});
    if (reader.integer(*reader.find(original), 0, INT64_MAX) == 0) return std::nullopt;  // the inference code's word for none
  }
  Yarn yarn;
  yarn.factor = reader.number(named("factor", "rope_factor"), 1, 1e6);
  yarn.beta_fast = reader.number(named("beta_fast", "beta_fast"), 1e-6, 1e6);
  yarn.beta_slow = reader.number(named("beta_slow", "beta_slow"), 1e-6, 1e6);
  yarn.original_positions = reader.integer(reader.required(original), 1, int64_t{1} << 40);
  return yarn;
}

std::optional<BlockShape> read_weight_block(const Reader& reader) {
  const std::optional<Field> field = reader.find({"quantization_config.weight_block_size", "weight_block_size"});
  if (!field) return std::nullopt;
  const json& sizes = reader.list(*field, 2);
  if (sizes.size() != 2) reader.fail(field->name, "[rows, columns]", sizes);
  return BlockShape{reader.integer({field->name, &sizes[0]}, 1, kMostSize),
                    reader.integer({field->name, &sizes[1]}, 1, kMostSize)};
}

// Of models whose other layers have none of their own ("kv_source_layer_ids").
std::vector<int64_t> read_kv_sources(const Reader& reader, int64_t layers) {
  std::vector<int64_t> sources;
  const std::optional<Field> field = reader.find({"kv_source_layer_ids"});
  if (!field) return sources;
  for (const json& value : reader.list(*field, kMostLayers)) {
    const int64_t layer = reader.integer({field->name, &value}, 0, layers - 1);
    if (!sources.empty() && layer <= sources.back()) reader.fail(field->name, "ascending numbers of layers", *field->value);
    sources.push_back(layer);
  }
  return sources;
}

}  // namespace

int64_t ModelConfig::kv_layer_of(int64_t layer) const {
  const auto next = std::upper_bound(kv_sources.begin(), kv_sources.end(), layer);
  return layer >= layers || next == kv_sources.begin() ? layer : *(next - 1);
}

const RopeRegime& ModelConfig::rope_of(int64_t layer) const {
  require(layer >= 0 && layer < static_cast<int64_t>(compress_ratios.size()), "a layer has a compress ratio");
  return compress_ratios[static_cast<size_t>(layer)] == 0 ? plain : *compressed;
}

ModelConfig read_config(const std::string& path) {
  const Reader reader(path);
  ModelConfig config;
  config.path = path;
  if (const auto type = reader.find({"model_type"})) config.model_type = reader.text(*type);
  config.hidden = reader.size({"hidden_size", "dim"});
  config.layers = reader.integer(reader.required({"num_hidden_layers", "n_layers"}), 1, kMostLayers);
  config.heads = reader.size({"num_attention_heads", "n_heads"});
  config.q_lora = reader.size({"q_lora_rank"});
  config.head_dim = reader.size({"head_dim"});
  const Field rope_dim = reader.required({"qk_rope_head_dim", "rope_head_dim"});
  config.rope_dim = reader.integer(rope_dim, 2, config.head_dim);
  if (config.rope_dim % 2 != 0) reader.fail(rope_dim.name, "an even number, as pairs are rotated", *rope_dim.value);
  if (const auto shared = reader.find({"num_key_value_heads"}); shared && reader.integer(*shared, 1, kMostSize) != 1)
    reader.fail(shared->name, "1: all heads share one latent row", *shared->value);
  config.eps = reader.number({"rms_norm_eps", "norm_eps"}, 1e-37, 1);  // smaller ones are none in f32
  config.compress_ratios = read_compress_ratios(reader, config.layers);
  config.plain = {reader.number({"rope_theta", "rope_parameters.main.rope_theta"}, 2, 1e12), std::nullopt};
  const auto& ratios = config.compress_ratios;
  if (std::any_of(ratios.begin(), ratios.end(), [](int64_t ratio) { return ratio != 0; }))
    config.compressed = {reader.number({"compress_rope_theta", "rope_parameters.compress.rope_theta"}, 2, 1e12),
                         read_yarn(reader)};
  config.kv_sources = read_kv_sources(reader, config.layers);
  config.weight_block = read_weight_block(reader);
  if (const auto most = reader.find({"max_position_embeddings", "max_seq_len"}))
    config.most_positions = reader.integer(*most, 1, int64_t{1} << 40);
  return config;
}

}  // namespace imbrex::checkpoint

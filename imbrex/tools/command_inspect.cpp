// imbrex inspect: what a checkpoint has, what it becomes, and what is missing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "imbrex/base/error.h"
#include "imbrex/base/utf8.h"
#include "imbrex/checkpoint/inspect.h"
#include "imbrex/tools/commands.h"

namespace imbrex::tools {
namespace {

using checkpoint::Checkpoint;
using checkpoint::InspectedLayer;
using checkpoint::InspectedTensor;

double mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

bool is_broken(const InspectedLayer& layer) { return layer.is_there && !layer.problem.empty(); }

void print_layer(const std::string& name, const InspectedLayer& layer) {
  fmt::print("{:<24}{:<30}", name, layer.rotation);
  if (!layer.is_there)
    fmt::print("no tensor\n");
  else if (layer.problem.empty())
    fmt::print("complete{}, {:.1f} MiB\n",
               layer.kv_layer == layer.layer ? "" : fmt::format(", with keys and values of layer {}", layer.kv_layer),
               mib(layer.bytes));
  else
    fmt::print("NOT USABLE: {}\n", with_visible_characters(layer.problem));
}

// Neighbours without a tensor and with one rotation share a line.
int print_layers(Checkpoint& checkpoint) {
  int broken = 0;
  const auto count = static_cast<int64_t>(checkpoint.config().compress_ratios.size());
  for (int64_t first = 0; first < count;) {
    const InspectedLayer layer = inspect_layer(checkpoint, first);
    std::string name = layer.name;
    int64_t next = first + 1;
    for (; !layer.is_there && next < count; ++next) {
      const InspectedLayer other = inspect_layer(checkpoint, next);
      if (other.is_there || other.rotation != layer.rotation) break;
      name = fmt::format("{} to {}", layer.name, other.name);
    }
    print_layer(name, layer);
    broken += is_broken(layer);
    first = next;
  }
  return broken;
}

int print_tensors(const InspectedLayer& layer) {
  print_layer(layer.name, layer);
  for (const InspectedTensor& tensor : layer.tensors) {
    std::string text = fmt::format("  {:<34}{:<26}", tensor.name, tensor.stored.empty() ? "MISSING" : tensor.stored);
    text += fmt::format("{:<35} {}", tensor.becomes.empty() ? "" : "-> " + tensor.becomes, tensor.file);
    fmt::print("{}\n", with_visible_characters(text.substr(0, text.find_last_not_of(' ') + 1)));
  }
  return is_broken(layer);
}

void print_files(const Checkpoint& checkpoint) {
  std::string text = fmt::format("{} tensors", checkpoint.places().size());
  if (const std::vector<std::string> missing = missing_files(checkpoint); !missing.empty())
    text += fmt::format("; {} MISSING: {}", missing.size() == 1 ? "a file is" : fmt::format("{} files are", missing.size()),
                        fmt::join(missing, ", "));
  fmt::print("{}\n", with_visible_characters(text));
}

}  // namespace

void add_inspect(CLI::App& app, int& status) {
  struct Options {
    std::string folder;
    std::optional<int64_t> layer;
  };
  auto* command = app.add_subcommand(
      "inspect", "Lists what a checkpoint has of each layer's attention, what it becomes, and what is missing");
  auto o = std::make_shared<Options>();
  command->add_option("folder", o->folder, "The folder of a checkpoint")->required();
  command->add_option("--layer", o->layer, "The tensors of one layer");
  command->callback([o, &status] {
    Checkpoint checkpoint(o->folder);
    if (!o->layer) {
      fmt::print("{}\n", with_visible_characters(text_of(checkpoint.config())));
      print_files(checkpoint);
      status = print_layers(checkpoint) == 0 ? 0 : 1;
      return;
    }
    const InspectedLayer layer = inspect_layer(checkpoint, *o->layer);
    if (layer.tensors.empty())
      throw UserError("option-value", fmt::format("--layer {}: {}", *o->layer, layer.problem), "imbrex inspect without --layer");
    status = print_tensors(layer) == 0 ? 0 : 1;
  });
}

}  // namespace imbrex::tools

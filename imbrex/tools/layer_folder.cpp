#include "imbrex/tools/layer_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <sstream>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/safetensors.h"
#include "imbrex/tools/settings.h"

namespace imbrex::tools {
namespace {

std::string path_in(const std::string& folder, const std::string& what) {
  return (std::filesystem::path(folder) / (what + ".safetensors")).string();
}

[[noreturn]] void report_mismatch(const std::string& path, const std::string& tensor, const std::string& expected,
                                  const std::string& found, const std::string& kernel) {
  throw UserError("tensor-mismatch", fmt::format("tensor '{}' in '{}' must be {}, found {}", tensor, path, expected, found),
                  fmt::format("tensors of the types and shapes that `imbrex show {}` prints, whose sizes agree", kernel));
}

Tensors read_tensors(const std::string& path, const std::vector<TensorShape>& wanted, const std::string& kernel) {
  const checkpoint::SafetensorsFile file(path);
  Tensors tensors;
  for (const TensorShape& want : wanted) {
    Array array = file.read(want.name);
    if (array.dtype != want.dtype || array.shape != want.shape)
      report_mismatch(path, want.name, to_text(want.dtype, want.shape), to_text(array.dtype, array.shape), kernel);
    tensors.emplace(want.name, std::move(array));
  }
  return tensors;
}

// For the kernel called `kernel`.
class TensorsOfFile : public kernels::SavedTensors {
 public:
  TensorsOfFile(const checkpoint::SafetensorsFile& file, std::string kernel) : file_(file), kernel_(std::move(kernel)) {}
  Header header(const std::string& name) const override {
    const auto found = file_.tensors().find(name);
    if (found == file_.tensors().end()) file_.read(name);  // throws, naming those that are there
    return {found->second.dtype, found->second.shape};
  }
  [[noreturn]] void refuse(const std::string& name, const std::string& expected, const std::string& found) const override {
    report_mismatch(file_.path(), name, expected, found, kernel_);
  }

 private:
  const checkpoint::SafetensorsFile& file_;
  std::string kernel_;
};

std::string said_of(const checkpoint::SafetensorsFile& file, const char* what) {
  const auto found = file.metadata().find(what);
  return found == file.metadata().end() ? "" : found->second;
}

}  // namespace

SavedCall saved_call(const std::string& folder) {
  const checkpoint::SafetensorsFile file(path_in(folder, "inputs"));
  SavedCall call{said_of(file, "kernel"), said_of(file, "preset"), {}, {}};
  std::istringstream words(said_of(file, "options"));  // "eps=1e-20 heads=32"
  for (std::string word; words >> word;) call.options.insert(setting_of(word).value_or(std::pair(word, "")));
  for (const auto& [name, tensor] : file.tensors()) call.shapes.emplace(name, tensor.shape);
  return call;
}

std::map<std::string, std::string> options_of_tensors(const std::string& folder, const kernels::Entry& entry) {
  if (!entry.saved_options) return {};
  const checkpoint::SafetensorsFile file(path_in(folder, "inputs"));
  return entry.saved_options(TensorsOfFile(file, entry.name));
}

Tensors read_inputs(const std::string& folder, const std::vector<TensorShape>& wanted, const std::string& kernel) {
  return read_tensors(path_in(folder, "inputs"), wanted, kernel);
}

std::optional<Tensors> read_expected(const std::string& folder, const std::vector<TensorShape>& wanted,
                                     const std::string& kernel) {
  const std::string path = path_in(folder, "expected");
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return read_tensors(path, wanted, kernel);
}

void write_tensors(const std::string& folder, const std::string& what, const Tensors& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw UserError("file-unwritable", fmt::format("cannot make the folder '{}': {}", folder, error.message()),
                    "a folder below one that you may write to");
  checkpoint::write_safetensors(path_in(folder, what), tensors, metadata);
}

}  // namespace imbrex::tools

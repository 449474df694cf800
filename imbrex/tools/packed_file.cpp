#include "imbrex/tools/packed_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "imbrex/base/checked.h"
#include "imbrex/base/digest.h"
#include "imbrex/base/error.h"
#include "imbrex/ir/hash.h"
#include "imbrex/runtime/packed_label.h"

namespace imbrex::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "packed";
constexpr int64_t kPage = 4096, kBlock = 1 << 20;

int64_t to_pages(int64_t bytes) { return ceil_div(bytes, kPage) * kPage; }

// What the kernel takes as tensor `shape`.
std::string label_of(const imbrex_kernel& kernel, const TensorShape& shape) {
  char label[IMBREX_PACKED_LABEL_BYTES + 1] = {};
  for (int32_t i = 0; i < kernel.tensor_count; ++i)
    if (shape.name == kernel.tensors[i].name && imbrex_label_packed(&kernel, i, label) == IMBREX_OK) return label;
  return fmt::format("tensor {} as it is, {}\n", shape.name, to_text(shape.dtype, shape.shape));
}

int64_t bytes_of_tensor(const imbrex_kernel& kernel, const TensorShape& shape) {
  for (int32_t i = 0; i < kernel.tensor_count; ++i)
    if (shape.name == kernel.tensors[i].name && kernel.tensors[i].packed_bytes != 0)
      return static_cast<int64_t>(kernel.tensors[i].packed_bytes);
  return bytes_in({shape});
}

// The first line that two texts do not share.
std::pair<std::string_view, std::string_view> unlike_lines(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::string_view first = a.substr(0, a.find('\n')), second = b.substr(0, b.find('\n'));
    if (first != second) return {first, second};
    a.remove_prefix(std::min(first.size() + 1, a.size()));
    b.remove_prefix(std::min(second.size() + 1, b.size()));
  }
  return {a, b};
}

}  // namespace

PackedFile::PackedFile(runtime::Cache cache, const runtime::CompiledKernel& kernel, const std::vector<TensorShape>& tensors,
                       const std::string& identity)
    : cache_(std::move(cache)) {
  int64_t blocks = 0, bytes = 0;
  for (const TensorShape& tensor : tensors) {
    key_ += label_of(kernel.table(), tensor);
    const int64_t size = bytes_of_tensor(kernel.table(), tensor);
    sizes_.emplace_back(tensor.name, size);
    blocks += ceil_div(size, kBlock);
    bytes += to_pages(size);
  }
  key_ += "of the layer\n" + identity;
  path_ = cache_.root() / kFolder / (ir::sha256_hex(key_) + ".packed");
  bytes_of_beginning_ = to_pages(static_cast<int64_t>(key_.size()) + 8 * (blocks + 2));
  bytes_ = bytes_of_beginning_ + bytes;
}

std::string PackedFile::beginning(const PackedTensors& tensors, const checkpoint::Workers& workers) const {
  std::vector<std::span<const std::byte>> blocks;
  for (const auto& [name, size] : sizes_) {
    const std::span<const std::byte> bytes = tensors.at(name);
    for (size_t at = 0; at < bytes.size(); at += kBlock)
      blocks.push_back(bytes.subspan(at, std::min<size_t>(kBlock, bytes.size() - at)));
  }
  std::vector<uint64_t> digests(blocks.size());
  workers([&](int ith, int nth) {
    for (size_t i = static_cast<size_t>(ith); i < blocks.size(); i += static_cast<size_t>(nth))
      digests[i] = digest_of(blocks[i].data(), blocks[i].size());
  });
  std::string text = key_;
  text.resize(static_cast<size_t>(bytes_of_beginning_), '\0');
  std::memcpy(text.data() + ceil_div(static_cast<int64_t>(key_.size()) + 1, 8) * 8, digests.data(), 8 * digests.size());
  return text;
}

// Why a file is not one of these tensors, its digests aside.
std::string PackedFile::why_not(std::span<const std::byte> file) const {
  const char* const text = reinterpret_cast<const char*>(file.data());
  const std::string found(text, strnlen(text, std::min(file.size(), static_cast<size_t>(bytes_of_beginning_))));
  if (!key_.starts_with(found)) {
    const auto [ours, theirs] = unlike_lines(key_, found);
    return fmt::format("it is for '{}', not for '{}'", theirs, ours);
  }
  if (static_cast<int64_t>(file.size()) != bytes_) return fmt::format("it has {} bytes, not {}", file.size(), bytes_);
  return "";
}

std::optional<PackedTensors> PackedFile::map(const checkpoint::Workers& workers, std::string& problem) {
  const std::optional<fs::path> file = cache_.kept_file(kFolder, path_.filename());
  if (!file) return {};
  try {
    mapped_.emplace(file->string());
  } catch (const UserError& error) {
    problem = error.diagnostics().front().message;
    return {};
  }
  if (problem = why_not({mapped_->data(), static_cast<size_t>(mapped_->bytes())}); !problem.empty()) return {};
  workers([&](int ith, int nth) {
    const int64_t begin = bytes_ * ith / nth;
    checkpoint::read_mapped(mapped_->data() + begin, bytes_ * (ith + 1) / nth - begin);
  });
  PackedTensors tensors;
  const std::byte* at = mapped_->data() + bytes_of_beginning_;
  for (const auto& [name, size] : sizes_) {
    tensors.emplace(name, std::span(at, static_cast<size_t>(size)));
    at += to_pages(size);
  }
  const std::string expected = beginning(tensors, workers);
  if (std::memcmp(expected.data(), mapped_->data(), expected.size()) == 0) return tensors;
  problem = "its bytes are not those that were written";
  return {};
}

std::string PackedFile::keep(const PackedTensors& tensors, const checkpoint::Workers& workers) const {
  if (!cache_.why_unused().empty()) return cache_.why_unused();
  fs::path made;
  std::string problem;
  try {
    made = cache_.make_private_directory();
    std::ofstream file(made / kFolder, std::ios::binary);
    int error_of_writing = EIO;  // of the first write that failed
    const auto write = [&](const void* bytes, int64_t size) {
      if (!file) return;
      errno = 0;
      if (!file.write(static_cast<const char*>(bytes), size).flush() && errno != 0) error_of_writing = errno;
    };
    const std::string text = beginning(tensors, workers), zeros(static_cast<size_t>(kPage), '\0');
    write(text.data(), static_cast<int64_t>(text.size()));
    for (const auto& [name, size] : sizes_) {
      write(tensors.at(name).data(), size);
      write(zeros.data(), to_pages(size) - size);
    }
    file.close();
    problem = file ? cache_.keep_file(kFolder, path_.filename(), made / kFolder, kMostPackedBytes)
                   : fmt::format("'{}': {}", path_.string(), std::generic_category().message(error_of_writing));
  } catch (const fs::filesystem_error& error) {
    problem = fmt::format("'{}': {}", error.path1().string(), error.code().message());
  }
  std::error_code ignored;
  if (!made.empty()) fs::remove_all(made, ignored);
  return problem;
}

}  // namespace imbrex::tools

#include "imbrex/tools/packed_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <tuple>

#include "imbrex/base/checked.h"
#include "imbrex/base/digest.h"
#include "imbrex/base/error.h"
#include "imbrex/ir/hash.h"
#include "imbrex/runtime/packed_label.h"

namespace imbrex::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "packed";
constexpr const char* kExtension = ".packed";
// Lines of a key, behind the labels of the tensors.
constexpr std::string_view kBytesLine = "bytes of the tensors ", kLayerLine = "of the layer";
constexpr int64_t kPage = 4096, kBlock = 1 << 20;

// More than any key has: what a file that is none begins with is not searched to its end.
constexpr size_t kMostText = 1 << 16;

int64_t to_pages(int64_t bytes) { return ceil_div(bytes, kPage) * kPage; }
// Behind the key and a zero.
int64_t digests_at(const PackedFileKey& key) { return ceil_div(static_cast<int64_t>(key.text.size()) + 1, 8) * 8; }

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

std::string name_of(const PackedFileKey& key) { return ir::sha256_hex(key.text) + kExtension; }

// What a file begins with: its key, and digests of these tensors.
std::string beginning(const PackedFileKey& key, const std::vector<std::span<const std::byte>>& tensors,
                      const checkpoint::Workers& workers) {
  std::vector<std::span<const std::byte>> blocks;
  for (const std::span<const std::byte>& bytes : tensors)
    for (size_t at = 0; at < bytes.size(); at += kBlock)
      blocks.push_back(bytes.subspan(at, std::min<size_t>(kBlock, bytes.size() - at)));
  std::vector<uint64_t> digests(blocks.size());
  workers([&](int ith, int nth) {
    for (size_t i = static_cast<size_t>(ith); i < blocks.size(); i += static_cast<size_t>(nth))
      digests[i] = digest_of(blocks[i].data(), blocks[i].size());
  });
  std::string text = key.text;
  text.resize(static_cast<size_t>(key.bytes_of_beginning()), '\0');
  std::memcpy(text.data() + digests_at(key), digests.data(), 8 * digests.size());
  return text;
}

bool begins_with(std::span<const std::byte> file, const std::string& text) {
  return file.size() >= text.size() && std::memcmp(file.data(), text.data(), text.size()) == 0;
}

// Of a file of as many bytes as its key says.
std::vector<std::span<const std::byte>> tensors_in(std::span<const std::byte> file, const PackedFileKey& key) {
  std::vector<std::span<const std::byte>> tensors;
  auto at = static_cast<size_t>(key.bytes_of_beginning());
  for (const int64_t size : key.sizes) {
    tensors.push_back(file.subspan(at, static_cast<size_t>(size)));
    at += static_cast<size_t>(to_pages(size));
  }
  return tensors;
}

std::string text_in(std::span<const std::byte> file) {
  const char* const text = reinterpret_cast<const char*>(file.data());
  return {text, strnlen(text, std::min(file.size(), kMostText))};
}

// What stands behind `words` at the begin of a line; empty where no line begins so.
std::string line_after(std::string_view text, std::string_view words) {
  for (size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    if (line.starts_with(words)) return std::string(line.substr(words.size()));
    at += line.size() + 1;
  }
  return "";
}

// The key that a file begins with. Its sizes are those of a whole file only if the file's name is the key's.
PackedFileKey key_in(std::span<const std::byte> file) {
  PackedFileKey key{text_in(file), {}};
  std::istringstream sizes(line_after(key.text, kBytesLine));
  for (int64_t size = 0; sizes >> size;) {
    if (size < 0 || size > static_cast<int64_t>(file.size())) return {key.text, {}};  // no whole file of this key
    key.sizes.push_back(size);
  }
  return key;
}

}  // namespace

int64_t PackedFileKey::bytes_of_beginning() const {
  int64_t blocks = 0;
  for (const int64_t size : sizes) blocks += ceil_div(size, kBlock);
  return to_pages(digests_at(*this) + 8 * blocks);
}

int64_t PackedFileKey::bytes() const {
  int64_t bytes = bytes_of_beginning();
  for (const int64_t size : sizes) bytes += to_pages(size);
  return bytes;
}

PackedFile::PackedFile(runtime::Cache cache, const runtime::CompiledKernel& kernel, const std::vector<TensorShape>& tensors,
                       const std::string& identity)
    : cache_(std::move(cache)) {
  for (const TensorShape& tensor : tensors) {
    key_.text += label_of(kernel.table(), tensor);
    key_.sizes.push_back(bytes_of_tensor(kernel.table(), tensor));
    names_.push_back(tensor.name);
  }
  key_.text += fmt::format("{}{}\n{}\n{}", kBytesLine, fmt::join(key_.sizes, " "), kLayerLine, identity);
  path_ = cache_.root() / kFolder / name_of(key_);
}

// Why a file is not one of these tensors, its digests aside.
std::string PackedFile::why_not(std::span<const std::byte> file) const {
  const std::string found = text_in(file);
  if (!key_.text.starts_with(found)) {
    const auto [ours, theirs] = unlike_lines(key_.text, found);
    return fmt::format("it is for '{}', not for '{}'", theirs, ours);
  }
  if (static_cast<int64_t>(file.size()) != key_.bytes()) return fmt::format("it has {} bytes, not {}", file.size(), key_.bytes());
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
  const std::span<const std::byte> bytes(mapped_->data(), static_cast<size_t>(mapped_->bytes()));
  if (problem = why_not(bytes); !problem.empty()) return {};
  workers([&](int ith, int nth) {
    const int64_t begin = key_.bytes() * ith / nth;
    checkpoint::read_mapped(mapped_->data() + begin, key_.bytes() * (ith + 1) / nth - begin);
  });
  const std::vector<std::span<const std::byte>> found = tensors_in(bytes, key_);
  if (!begins_with(bytes, beginning(key_, found, workers))) {
    problem = "its bytes are not those that were written";
    return {};
  }
  PackedTensors tensors;
  for (size_t i = 0; i < names_.size(); ++i) tensors.emplace(names_[i], found[i]);
  return tensors;
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
    std::vector<std::span<const std::byte>> in_order;
    for (const std::string& name : names_) in_order.push_back(tensors.at(name));
    const std::string text = beginning(key_, in_order, workers), zeros(static_cast<size_t>(kPage), '\0');
    write(text.data(), static_cast<int64_t>(text.size()));
    for (const std::span<const std::byte>& tensor : in_order) {
      const auto size = static_cast<int64_t>(tensor.size());
      write(tensor.data(), size);
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

std::vector<KeptPackedFile> packed_files_in(const runtime::Cache& cache) {
  std::vector<KeptPackedFile> files;
  for (const fs::path& path : cache.kept_files(kFolder, kExtension)) {
    std::error_code gone;  // another process may be removing it
    const uintmax_t bytes = fs::file_size(path, gone);
    const fs::file_time_type last_used = fs::last_write_time(path, gone);
    std::vector<char> beginning(kMostText);
    std::ifstream file(path, std::ios::binary);
    file.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
    if (gone || file.bad()) continue;
    const std::string text = text_in(std::as_bytes(std::span(beginning).first(static_cast<size_t>(file.gcount()))));
    const size_t layer = text.find(fmt::format("\n{}\n", kLayerLine));
    const std::string_view identity =
        layer == std::string::npos ? "" : std::string_view(text).substr(layer + kLayerLine.size() + 2);
    files.push_back({path, bytes, last_used, line_after(text, "kernel "), line_after(text, "target "),
                     std::string(identity.substr(0, identity.find(' ')))});
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return std::tie(b.last_used, b.path) < std::tie(a.last_used, a.path); });
  return files;
}

bool is_intact(const KeptPackedFile& file) {
  try {
    const checkpoint::MappedFile mapped(file.path.string());
    const std::span<const std::byte> bytes(mapped.data(), static_cast<size_t>(mapped.bytes()));
    const PackedFileKey key = key_in(bytes);
    const checkpoint::Workers this_thread = [](const std::function<void(int, int)>& work) { work(0, 1); };
    return name_of(key) == file.path.filename() && static_cast<int64_t>(bytes.size()) == key.bytes() &&
           begins_with(bytes, beginning(key, tensors_in(bytes, key), this_thread));
  } catch (const UserError&) {
    return false;
  }
}

}  // namespace imbrex::tools

#include "imbrex/checkpoint/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/atomic_file.h"
#include "imbrex/checkpoint/json_text.h"

namespace imbrex::checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are stored little endian and used as they are");

using nlohmann::json;

struct StoredType {
  const char* name;
  int64_t bytes;
  std::optional<DType> dtype;  // what it is read as, where it can be
};

constexpr StoredType stored_types[] = {
#define IMBREX_ROW(id, name, bytes, form, layout, precision, least, greatest, suffix, memory, abi, safetensors) \
  {safetensors, bytes, DType::id},
    IMBREX_EACH_TYPE(IMBREX_ROW)
#undef IMBREX_ROW
        {"F8_E5M2", 1, DType::uint8},
    {"F64", 8, std::nullopt},
    {"U64", 8, std::nullopt},
    {"U32", 4, std::nullopt},
    {"I16", 2, std::nullopt},
    {"U16", 2, std::nullopt},
};

const StoredType* stored_type(const std::string& name) {
  for (const StoredType& type : stored_types)
    if (name == type.name) return &type;
  return nullptr;
}

const char* stored_name_of(DType dtype) {
  for (const StoredType& type : stored_types)
    if (type.dtype == dtype) return type.name;
  throw InternalError("a type that no file has");
}

// Those that tensors here may have, for messages.
std::string readable_names() {
  std::string names;
  for (const ElementType& type : kElementTypes) names += (names.empty() ? "" : ", ") + std::string(type.safetensors);
  return names;
}

[[noreturn]] void unreadable(const std::string& path, const std::string& why) {
  throw UserError("file-unreadable", fmt::format("cannot read '{}': {}", path, why),
                  "the path of an existing, readable safetensors file");
}

[[noreturn]] void malformed(const std::string& path, const std::string& what) {
  throw UserError("safetensors-malformed", fmt::format("'{}' is not a valid safetensors file: {}", path, what),
                  "write the file again, or copy it again if it was cut short on its way");
}

std::string read_bytes(const std::string& path, int64_t begin, int64_t size) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(static_cast<size_t>(size), '\0');
  if (!file.seekg(begin) || !file.read(bytes.data(), size)) unreadable(path, fmt::format("{} bytes from byte {}", size, begin));
  return bytes;
}

// Nothing in a header is nested deeper than the numbers of a shape.
json parse_header(const std::string& path, const std::string& text) {
  return parse_json(text, 3, [&](const std::string& what) { malformed(path, "its header " + what); });
}

int64_t number_of(const std::string& path, const std::string& tensor, const json& value, const char* what) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    malformed(path, fmt::format("tensor '{}': {} must be an integer from 0 to 2^63 - 1, found {}", tensor, what, value.dump()));
  return value.get<int64_t>();
}

// Bytes that `shape` needs, or nothing where that is more than fits.
std::optional<int64_t> bytes_needed(const std::vector<int64_t>& shape, int64_t bytes_per_element) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t bytes = bytes_per_element;
  for (int64_t extent : shape)
    if (__builtin_mul_overflow(bytes, extent, &bytes)) return std::nullopt;
  return bytes;
}

StoredTensor tensor_of(const std::string& path, const std::string& name, const json& entry, int64_t data_begin,
                       int64_t file_bytes) {
  const auto property = [&](const char* key) -> const json& {
    if (!entry.is_object() || !entry.contains(key)) malformed(path, fmt::format("tensor '{}' has no '{}'", name, key));
    return entry.at(key);
  };
  StoredTensor tensor;
  if (!property("dtype").is_string()) malformed(path, fmt::format("tensor '{}': dtype must be a string", name));
  tensor.dtype = property("dtype").get<std::string>();
  if (!property("shape").is_array()) malformed(path, fmt::format("tensor '{}': shape must be a list", name));
  for (const json& extent : property("shape")) tensor.shape.push_back(number_of(path, name, extent, "an extent of its shape"));

  const json& offsets = property("data_offsets");
  if (!offsets.is_array() || offsets.size() != 2)
    malformed(path, fmt::format("tensor '{}': data_offsets must be [begin, end]", name));
  const int64_t begin = number_of(path, name, offsets[0], "data_offsets"),
                end = number_of(path, name, offsets[1], "data_offsets");
  const int64_t data_bytes = file_bytes - data_begin;
  if (begin > end || end > data_bytes)
    malformed(path, fmt::format("tensor '{}' claims bytes {} to {} of {} bytes of data", name, begin, end, data_bytes));
  tensor.begin = data_begin + begin;
  tensor.end = data_begin + end;

  const StoredType* type = stored_type(tensor.dtype);
  if (type == nullptr) return tensor;  // of another tool; an error only when it is to be read
  const std::optional<int64_t> needed = bytes_needed(tensor.shape, type->bytes);
  if (needed != end - begin)
    malformed(path,
              fmt::format("tensor '{}', {} [{}], needs {} bytes but has {}", name, tensor.dtype, fmt::join(tensor.shape, ", "),
                          needed ? fmt::format("{}", *needed) : "more than 2^63", end - begin));
  return tensor;
}

// Every byte of the data belongs to exactly one tensor.
void check_places(const std::string& path, const std::map<std::string, StoredTensor>& tensors, int64_t data_begin,
                  int64_t file_bytes) {
  std::vector<std::pair<const std::string*, const StoredTensor*>> places;
  places.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) places.emplace_back(&name, &tensor);
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  int64_t end = data_begin;
  const std::string* previous = nullptr;
  for (const auto& [name, tensor] : places) {
    if (tensor->begin < end) malformed(path, fmt::format("tensors '{}' and '{}' overlap", *previous, *name));
    if (tensor->begin > end)
      malformed(path, fmt::format("{} bytes before tensor '{}' belong to no tensor", tensor->begin - end, *name));
    end = tensor->end;
    previous = name;
  }
  if (end != file_bytes) malformed(path, fmt::format("its last {} bytes belong to no tensor", file_bytes - end));
}

}  // namespace

bool is_known_dtype(const std::string& dtype) { return stored_type(dtype) != nullptr; }

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) unreadable(path, "there is no such file");
  if (!std::filesystem::is_regular_file(path, error)) unreadable(path, "it is not a file");
  const auto file_bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) unreadable(path, error.message());
  if (file_bytes < 8) malformed(path, fmt::format("it has {} bytes, fewer than the 8 of the header's length", file_bytes));

  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, read_bytes(path, 0, 8).data(), 8);
  const int64_t most = std::min(file_bytes - 8, kMostJsonBytes);
  if (header_bytes > static_cast<uint64_t>(most))
    malformed(path, fmt::format("it claims a header of {} bytes, more than the {} there can be", header_bytes, most));
  const int64_t data_begin = 8 + static_cast<int64_t>(header_bytes);

  const json header = parse_header(path, read_bytes(path, 8, static_cast<int64_t>(header_bytes)));
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__") {
      tensors_.emplace(name, tensor_of(path, name, entry, data_begin, file_bytes));
      continue;
    }
    if (!entry.is_object()) malformed(path, "its __metadata__ is not an object");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) malformed(path, fmt::format("its __metadata__ '{}' is not a string", key));
      metadata_.emplace(key, value.get<std::string>());
    }
  }
  check_places(path, tensors_, data_begin, file_bytes);
  file_bytes_ = file_bytes;
}

Array SafetensorsFile::read(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    std::vector<std::string> names;
    for (const auto& [existing, tensor] : tensors_) names.push_back(existing);
    throw UserError("tensor-missing", fmt::format("'{}' has no tensor '{}'; it has: {}", path_, name, fmt::join(names, ", ")),
                    fmt::format("add '{}' to the file", name));
  }
  const StoredTensor& tensor = found->second;
  const StoredType* type = stored_type(tensor.dtype);
  if (type == nullptr || !type->dtype)
    throw UserError("tensor-dtype",
                    fmt::format("tensor '{}' in '{}' is {}, which Imbrex does not read", name, path_, tensor.dtype),
                    fmt::format("store it as one of {}", readable_names()));
  Array array{*type->dtype, tensor.shape, {}};
  array.bytes.resize(static_cast<size_t>(tensor.end - tensor.begin));
  std::ifstream file(path_, std::ios::binary);
  if (!file.seekg(tensor.begin) || !file.read(reinterpret_cast<char*>(array.bytes.data()), tensor.end - tensor.begin))
    unreadable(path_, fmt::format("the {} bytes of tensor '{}'", tensor.end - tensor.begin, name));
  if (array.dtype == DType::boolean)
    for (int64_t i = 0; i < array.size(); ++i)
      if (const int byte = array.as<uint8_t>()[i]; byte > 1)
        malformed(path_, fmt::format("element {} of its tensor '{}' of BOOL is {}, neither 0 nor 1", i, name, byte));
  return array;
}

std::map<std::string, Array> read_safetensors(const std::string& path) {
  const SafetensorsFile file(path);
  std::map<std::string, Array> arrays;
  for (const auto& [name, tensor] : file.tensors()) arrays.emplace(name, file.read(name));
  return arrays;
}

void write_safetensors(const std::string& path, const std::map<std::string, Array>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  // Wider elements first, so that every tensor is aligned to its element without holes.
  std::vector<std::pair<const std::string*, const Array*>> order;
  order.reserve(tensors.size());
  for (const auto& [name, array] : tensors) order.emplace_back(&name, &array);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return bytes_of(a.second->dtype) > bytes_of(b.second->dtype); });

  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t end = 0;
  for (const auto& [name, array] : order) {
    require(*name != "__metadata__", "no tensor is called __metadata__");
    require(static_cast<int64_t>(array->bytes.size()) == array->size() * bytes_of(array->dtype),
            "an array has its shape's bytes");
    header[*name] = {
        {"dtype", stored_name_of(array->dtype)}, {"shape", array->shape}, {"data_offsets", {end, end + array->bytes.size()}}};
    end += array->bytes.size();
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);  // names may be no UTF-8
  text.resize((text.size() + 7) / 8 * 8, ' ');                                     // the data starts aligned, as the format asks

  const uint64_t header_bytes = text.size();
  std::vector<std::string_view> parts = {{reinterpret_cast<const char*>(&header_bytes), 8}, text};
  for (const auto& [name, array] : order)
    parts.emplace_back(reinterpret_cast<const char*>(array->bytes.data()), array->bytes.size());
  write_file_atomically(path, parts);
}

}  // namespace imbrex::checkpoint

#include "imbrex/base/dtype.h"

#include <array>

namespace imbrex {
namespace {
struct Row {
  const char* name;
  int64_t bytes;
};
constexpr std::array<Row, 7> kTypes = {
    {{"f32", 4}, {"bf16", 2}, {"f16", 2}, {"int8", 1}, {"uint8", 1}, {"int32", 4}, {"bool", 1}}};
}  // namespace

int64_t bytes_of(DType dtype) { return kTypes[static_cast<size_t>(dtype)].bytes; }
const char* name_of(DType dtype) { return kTypes[static_cast<size_t>(dtype)].name; }
std::optional<DType> dtype_named(const std::string& name) {
  for (size_t i = 0; i < kTypes.size(); ++i)
    if (name == kTypes[i].name) return static_cast<DType>(i);
  return std::nullopt;
}

}  // namespace imbrex

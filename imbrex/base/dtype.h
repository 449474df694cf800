// Element types. Arithmetic is on f32 and int32; the others are storage: loaded, stored, moved, cast, and multiplied by matmul.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace imbrex {

enum class DType : uint8_t { f32, bf16, f16, int8, uint8, int32, boolean };

int64_t bytes_of(DType dtype);
const char* name_of(DType dtype);  // "f32", ..., "bool"
std::optional<DType> dtype_named(const std::string& name);

}  // namespace imbrex

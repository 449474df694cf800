// Element types: one row each. Arithmetic is on f32 and int32; the others are storage: loaded, stored, moved, cast, and multiplied
// by matmul. A tile of int64 has the numbers of an int32, as what indexes a tensor does: what lies in memory beyond them is
// saturated when it is loaded. A switch over them has no `default:`, so that a type that it forgot does not compile. CONTRIBUTING.md says what else
// a new row needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace imbrex {

enum class Form : uint8_t { floating, integer, boolean };
// How the codes of a floating-point type are numbers. ieee: a sign, an exponent and a fraction, as IEEE 754 has them; infinity and NaN
// have the exponent above the greatest number's. finite: likewise, but without infinity, and NaN is a fraction of all ones under
// the greatest exponent, whose other fractions are numbers. power: an exponent alone, 2^(code - bias), all ones being NaN; there is
// no sign and no zero.
enum class Layout : uint8_t { none, ieee, finite, power };

// clang-format off
// ROW(identifier, name in programs, bytes, form, layout, precision, least value, greatest value, suffix of loads and stores,
//     type in memory, constant of the C interface, name in safetensors files)
// Precision: bits of the significand, the leading one included; of integers, bits of the magnitude. Least and greatest: of
// integers.
#define IMBREX_EACH_TYPE(ROW)                                                                                                       \
  ROW(f32,     "f32",   4, floating, ieee,   24, 0,         0,         "f32",  "float",    IMBREX_F32,   "F32")                     \
  ROW(bf16,    "bf16",  2, floating, ieee,   8,  0,         0,         "bf16", "uint16_t", IMBREX_BF16,  "BF16")                    \
  ROW(f16,     "f16",   2, floating, ieee,   11, 0,         0,         "f16",  "uint16_t", IMBREX_F16,   "F16")                     \
  ROW(e4m3,    "e4m3",  1, floating, finite, 4,  0,         0,         "e4m3", "uint8_t",  IMBREX_E4M3,  "F8_E4M3")                 \
  ROW(e8m0,    "e8m0",  1, floating, power,  1,  0,         0,         "e8m0", "uint8_t",  IMBREX_E8M0,  "F8_E8M0")                 \
  ROW(int8,    "int8",  1, integer,  none,   8,  INT8_MIN,  INT8_MAX,  "i8",   "int8_t",   IMBREX_INT8,  "I8")                      \
  ROW(uint8,   "uint8", 1, integer,  none,   8,  0,         UINT8_MAX, "u8",   "uint8_t",  IMBREX_UINT8, "U8")                      \
  ROW(int32,   "int32", 4, integer,  none,   32, INT32_MIN, INT32_MAX, "i32",  "int32_t",  IMBREX_INT32, "I32")                     \
  ROW(int64,   "int64", 8, integer,  none,   32, INT32_MIN, INT32_MAX, "i64",  "int64_t",  IMBREX_INT64, "I64")                     \
  ROW(boolean, "bool",  1, boolean,  none,   1,  0,         1,         "mask", "uint8_t",  IMBREX_BOOL,  "BOOL")
// clang-format on

enum class DType : uint8_t {
#define IMBREX_ROW(id, ...) id,
  IMBREX_EACH_TYPE(IMBREX_ROW)
#undef IMBREX_ROW
};

struct ElementType {
  DType dtype;
  const char* name;
  int64_t bytes;
  Form form;
  Layout layout;
  int precision;
  int64_t least, greatest;
  const char* suffix;       // of the functions that load and store it in generated code
  const char* memory;       // its type in C
  const char* abi;          // the name of its imbrex_dtype
  const char* safetensors;  // its name in such files

  // Of a floating-point type.
  constexpr bool has_sign() const { return layout != Layout::power; }
  constexpr bool has_infinity() const { return layout == Layout::ieee; }
  constexpr int fraction_bits() const { return precision - 1; }
  constexpr int exponent_bits() const { return 8 * static_cast<int>(bytes) - fraction_bits() - has_sign(); }
  constexpr int bias() const { return (1 << (exponent_bits() - 1)) - 1; }
  constexpr int overflow_exponent() const { return bias() + (layout == Layout::finite ? 2 : 1); }  // 2^it is too large
  // Of the least number above zero.
  constexpr int least_exponent() const { return layout == Layout::power ? -bias() : 1 - bias() - fraction_bits(); }
  double largest() const;
};

inline constexpr ElementType kElementTypes[] = {
#define IMBREX_ROW(id, name, bytes, form, layout, precision, least, greatest, suffix, memory, abi, safetensors) \
  {DType::id, name, bytes, Form::form, Layout::layout, precision, least, greatest, suffix, memory, #abi, safetensors},
    IMBREX_EACH_TYPE(IMBREX_ROW)
#undef IMBREX_ROW
};

constexpr const ElementType& element_type(DType dtype) { return kElementTypes[static_cast<size_t>(dtype)]; }
constexpr int64_t bytes_of(DType dtype) { return element_type(dtype).bytes; }
constexpr const char* name_of(DType dtype) { return element_type(dtype).name; }
constexpr bool is_float(DType dtype) { return element_type(dtype).form == Form::floating; }
constexpr bool is_number(DType dtype) { return dtype == DType::f32 || dtype == DType::int32; }        // what arithmetic is on
constexpr bool holds_indices(DType dtype) { return dtype == DType::int32 || dtype == DType::int64; }  // what `read` reads from
// Whether an element in memory can be what no tile has.
constexpr bool saturates_when_loaded(DType dtype) {
  const ElementType& type = element_type(dtype);
  return type.form == Form::integer && type.precision < 8 * type.bytes;
}
// Whether every value of `from` is a value of `to`.
bool holds_all_of(DType to, DType from);
std::optional<DType> dtype_named(const std::string& name);

}  // namespace imbrex

#include "imbrex/interpret/elements.h"

#include <algorithm>
#include <limits>

#include "imbrex/base/numbers.h"
#include "imbrex/interpret/scalar.h"

namespace imbrex::interpret {
namespace {

template <class Stored, class Value, class Convert>
void copy_in(std::vector<Value>& out, const Array& array, const Elements& elements, Convert convert) {
  const Stored* in = array.as<Stored>();
  for (size_t k = 0; k < out.size(); ++k) out[k] = convert(in[elements.at(k)]);
}

template <class Stored, class Value, class Convert>
void copy_out(const std::vector<Value>& in, Array& array, const Elements& elements, Convert convert) {
  Stored* out = array.as<Stored>();
  for (size_t k = 0; k < in.size(); ++k) out[elements.at(k)] = static_cast<Stored>(convert(in[k]));
}

int32_t saturated_int32(int64_t x) {
  return static_cast<int32_t>(std::clamp<int64_t>(x, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
}

constexpr auto kSame = [](auto value) { return value; };

}  // namespace

Tile tile_of(const Array& array, const Elements& elements) {
  Tile tile = make_tile(array.dtype, elements.row_count, elements.column_count);
  const auto value_of = [&](uint8_t code) { return static_cast<float>(value_of_code(array.dtype, code)); };
  switch (array.dtype) {
    case DType::f32: copy_in<float>(tile.f, array, elements, kSame); break;
    case DType::bf16: copy_in<uint16_t>(tile.f, array, elements, bf16_value); break;
    case DType::f16: copy_in<uint16_t>(tile.f, array, elements, f16_value); break;
    case DType::e4m3:
    case DType::e8m0: copy_in<uint8_t>(tile.f, array, elements, value_of); break;
    case DType::int8: copy_in<int8_t>(tile.i, array, elements, kSame); break;
    case DType::uint8: copy_in<uint8_t>(tile.i, array, elements, kSame); break;
    case DType::int32: copy_in<int32_t>(tile.i, array, elements, kSame); break;
    case DType::int64: copy_in<int64_t>(tile.i, array, elements, saturated_int32); break;
    case DType::boolean: copy_in<uint8_t>(tile.i, array, elements, [](uint8_t byte) { return byte != 0; }); break;
  }
  return tile;
}

void put(const Tile& tile, Array& array, const Elements& elements) {
  switch (tile.dtype) {
    case DType::f32: return copy_out<float>(tile.f, array, elements, kSame);
    case DType::bf16: return copy_out<uint16_t>(tile.f, array, elements, bf16_bits);
    case DType::f16: return copy_out<uint16_t>(tile.f, array, elements, f16_bits);
    case DType::e4m3:
    case DType::e8m0:
      return copy_out<uint8_t>(tile.f, array, elements, [&](float value) { return code_of_value(array.dtype, value); });
    case DType::int8: return copy_out<int8_t>(tile.i, array, elements, kSame);
    case DType::uint8:
    case DType::boolean: return copy_out<uint8_t>(tile.i, array, elements, kSame);
    case DType::int32: return copy_out<int32_t>(tile.i, array, elements, kSame);
    case DType::int64: return copy_out<int64_t>(tile.i, array, elements, kSame);
  }
}

Array array_of(const Tile& tile) {
  Array array = Array::zeros(tile.dtype, {tile.rows, tile.columns});
  Elements all{tile.rows, tile.columns, {}, {}};
  for (int64_t r = 0; r < tile.rows; ++r) all.rows.push_back(r * tile.columns);
  for (int64_t c = 0; c < tile.columns; ++c) all.columns.push_back(c);
  put(tile, array, all);
  return array;
}

}  // namespace imbrex::interpret

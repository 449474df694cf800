// That a type holds all values of another is decided from two rows of the table of types. Here it is tried: each value of each type
// of one or two bytes is written as the other type and read again.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "imbrex/base/numbers.h"

namespace imbrex {
namespace {

bool is_kept(const Array& from, DType to) {
  const double value = value_at(from, 0);
  if (std::isnan(value)) return true;
  if (is_float(to) && std::isinf(value)) return element_type(to).has_infinity();
  if (is_float(to) && !(std::fabs(value) <= element_type(to).largest())) return false;
  if (!is_float(to) && !(std::fabs(value) < 0x1p31)) return false;
  Array written = Array::zeros(to, {1});
  set_value_at(written, 0, value);
  return value_at(written, 0) == value;
}

TEST(Types, hold_what_the_table_says) {
  for (const ElementType& from : kElementTypes)
    for (const ElementType& to : kElementTypes) {
      if (from.bytes > 2) {
        const bool alike = holds_indices(from.dtype) && holds_indices(to.dtype);  // int64 has the numbers of int32
        EXPECT_EQ(holds_all_of(to.dtype, from.dtype), alike || to.dtype == from.dtype) << from.name << " to " << to.name;
        continue;
      }
      bool holds = true;
      const uint32_t many = from.form == Form::boolean ? 2 : uint32_t{1} << (8 * from.bytes);
      for (uint32_t bits = 0; bits < many; ++bits) {
        Array array = Array::zeros(from.dtype, {1});
        std::memcpy(array.bytes.data(), &bits, static_cast<size_t>(from.bytes));
        holds = holds && is_kept(array, to.dtype);
      }
      if (to.form == Form::boolean && from.form != Form::boolean) holds = false;
      EXPECT_EQ(holds_all_of(to.dtype, from.dtype), holds) << from.name << " to " << to.name;
    }
}

TEST(Types, have_names_of_their_own) {
  for (const ElementType& row : kElementTypes) {
    EXPECT_EQ(dtype_named(row.name), row.dtype);
    EXPECT_STREQ(name_of(row.dtype), row.name);
  }
  EXPECT_FALSE(dtype_named("float"));
}

}  // namespace
}  // namespace imbrex

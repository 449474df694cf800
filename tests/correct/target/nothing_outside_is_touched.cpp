// Loads and stores of the first n lanes, at the very end of a page whose successor may not be touched.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "correct/target/isa/table.h"

namespace imbrex::isa_test {
namespace {

// A page between two that fault.
class GuardedPage {
 public:
  GuardedPage() : bytes_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    memory_ = static_cast<char*>(mmap(nullptr, 3 * bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(mprotect(memory_ + bytes_, bytes_, PROT_READ | PROT_WRITE), 0);
  }
  ~GuardedPage() { munmap(memory_, 3 * bytes_); }
  GuardedPage(const GuardedPage&) = delete;
  GuardedPage& operator=(const GuardedPage&) = delete;
  char* begin() const { return memory_ + bytes_; }
  char* end() const { return memory_ + 2 * bytes_; }

 private:
  size_t bytes_;
  char* memory_;
};

TEST(LoadsAndStores, TouchOnlyTheirLanes) {
  const GuardedPage from, to;
  for (const Table* table : tables()) {
    for (const Memory* memory = table->memory; memory->name; ++memory) {
      for (int n = 0; n <= 16; ++n) {
        const int bytes = (n == 0 ? 16 : n) * memory->bytes;
        for (const bool at_end : {true, false}) {
          char* const source = at_end ? from.end() - bytes : from.begin();
          char* const target = at_end ? to.end() - bytes : to.begin();
          const std::string name = memory->name;
          for (int i = 0; i < bytes; ++i) {
            const bool is_high = name == "i64" && i % 8 > 2;  // an int32 that is not negative
            source[i] = static_cast<char>(name == "mask" ? i % 3 == 1 : is_high ? 0 : 17 + 5 * i);
          }
          std::memset(to.begin(), 99, static_cast<size_t>(to.end() - to.begin()));
          uint32_t lanes[16];
          memory->copy(source, target, n, lanes);
          EXPECT_EQ(std::memcmp(source, target, static_cast<size_t>(bytes)), 0)
              << table->isa << " " << memory->name << " n = " << n;
          for (const char* p = to.begin(); p != to.end(); ++p) {
            if (p >= target && p < target + bytes) continue;
            ASSERT_EQ(*p, 99) << table->isa << " " << memory->name << " n = " << n;
          }
          for (int i = n; n != 0 && i < 16; ++i) EXPECT_EQ(lanes[i], 0u) << table->isa << " " << memory->name << " n = " << n;
        }
      }
    }
  }
}

TEST(LoadsAndStores, WhatIsNoInt32IsTheNearest) {
  const int64_t least = std::numeric_limits<int32_t>::min(), most = std::numeric_limits<int32_t>::max();
  const int64_t x[16] = {0,
                         -1,
                         1,
                         least,
                         most,
                         least - 1,
                         most + 1,
                         std::numeric_limits<int64_t>::min(),
                         7,
                         -7,
                         most,
                         least,
                         1 << 20,
                         int64_t{1} << 32,
                         -(int64_t{1} << 32),
                         std::numeric_limits<int64_t>::max()};
  for (const Table* table : tables())
    for (const Memory* memory = table->memory; memory->name; ++memory) {
      if (std::string(memory->name) != "i64") continue;
      for (int n = 0; n <= 16; ++n) {
        int64_t y[16];
        uint32_t lanes[16];
        memory->copy(x, y, n, lanes);
        for (int i = 0; i < (n == 0 ? 16 : n); ++i) {
          const int64_t nearest = std::clamp(x[i], least, most);
          EXPECT_EQ(static_cast<int32_t>(lanes[i]), nearest) << table->isa << " " << x[i];
          EXPECT_EQ(y[i], nearest) << table->isa << " " << x[i];
        }
      }
    }
}

// Each of the 256 codes: its value, written here from the definition of the format, and the code again.
TEST(LoadsAndStores, EveryByteThatIsAFloatSurvives) {
  const auto value_of_e4m3 = [](int code) {
    const int exponent = (code >> 3) & 15, fraction = code & 7;
    if (exponent == 15 && fraction == 7) return std::nan("");
    const double magnitude = exponent == 0 ? fraction / 512.0 : std::ldexp(8 + fraction, exponent - 10);
    return code & 0x80 ? -magnitude : magnitude;
  };
  const auto value_of_e8m0 = [](int code) { return code == 255 ? std::nan("") : std::ldexp(1.0, code - 127); };
  EXPECT_EQ(value_of_e4m3(0x7e), 448);
  for (const Table* table : tables())
    for (const Memory* memory = table->memory; memory->name; ++memory) {
      const std::string name = memory->name;
      if (name != "e4m3" && name != "e8m0") continue;
      for (int first = 0; first < 256; first += 16)
        for (int n = 0; n <= 16; ++n) {
          uint8_t x[16], y[16];
          float lanes[16];
          uint32_t bits[16];
          for (int i = 0; i < 16; ++i) x[i] = static_cast<uint8_t>(first + i);
          memory->copy(x, y, n, bits);
          std::memcpy(lanes, bits, sizeof lanes);
          for (int i = 0; i < (n == 0 ? 16 : n); ++i) {
            const double expected = name == "e4m3" ? value_of_e4m3(x[i]) : value_of_e8m0(x[i]);
            if (std::isnan(expected)) {
              EXPECT_TRUE(std::isnan(lanes[i])) << table->isa << " " << name << " " << +x[i];
              EXPECT_EQ(name == "e4m3" ? y[i] & 0x7f : y[i], name == "e4m3" ? 0x7f : 255) << table->isa << " " << name;
              continue;
            }
            EXPECT_EQ(double{lanes[i]}, expected) << table->isa << " " << name << " " << +x[i];
            EXPECT_EQ(std::signbit(lanes[i]), std::signbit(expected)) << table->isa << " " << name << " " << +x[i];
            EXPECT_EQ(y[i], x[i]) << table->isa << " " << name;
          }
        }
    }
}

// What loads widen to and stores narrow from, for every value.
TEST(LoadsAndStores, EveryHalfSurvives) {
  for (const Table* table : tables()) {
    for (const Memory* memory = table->memory; memory->name; ++memory) {
      const std::string name = memory->name;
      if (name != "bf16" && name != "f16") continue;
      const uint32_t exponent = name == "bf16" ? 0x7f80 : 0x7c00;
      for (uint32_t first = 0; first < 0x10000; first += 16) {
        uint16_t x[16], y[16];
        uint32_t lanes[16];
        for (uint32_t i = 0; i < 16; ++i) x[i] = static_cast<uint16_t>(first + i);
        memory->copy(x, y, 0, lanes);
        for (uint32_t i = 0; i < 16; ++i) {
          const bool is_nan = (x[i] & exponent) == exponent && (x[i] & ~exponent & 0x7fff) != 0;
          if (is_nan) {
            EXPECT_TRUE((y[i] & exponent) == exponent && (y[i] & ~exponent & 0x7fff) != 0)
                << table->isa << " " << name << " " << x[i];
            continue;
          }
          EXPECT_EQ(x[i], y[i]) << table->isa << " " << name;
          if (name == "f16") {
            float value;
            std::memcpy(&value, &lanes[i], sizeof value);
            const int e = (x[i] >> 10) & 31, m = x[i] & 1023;
            const double magnitude = e == 31 ? HUGE_VAL : e == 0 ? std::ldexp(m, -24) : std::ldexp(1024 + m, e - 25);
            EXPECT_EQ(double{value}, x[i] & 0x8000 ? -magnitude : magnitude) << table->isa;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace imbrex::isa_test

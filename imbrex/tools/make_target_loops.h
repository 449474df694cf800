// Defines IMBREX_LOOPS from the target's header that was included before.
#include "imbrex/tools/target_loops.h"

namespace imbrex::tools {
namespace {

using namespace imbrex::isa;

// 96 rows are whole tiles of registers everywhere; a panel of 256 KiB stays in every L2 cache.
constexpr int64_t kRows = 96, kInner = 1024, kPanelBytes = 256 << 10, kMostBytes = 4;
constexpr int64_t kPanelOffset = kRows * kInner * kMostBytes, kResultOffset = kPanelOffset + 2 * kPanelBytes;
static_assert(kResultOffset + kRows * kPanelBytes / kInner * 4 <= kKernelLoopBytes);

template <class A, class Packed, class C>
using Matmul = void (*)(const A* a, int64_t a_row_stride, Packed b, int64_t first_block, C* c, int64_t c_row_stride, int64_t rows,
                        int64_t columns, int64_t k, bool accumulate);
template <class A, class Packed, class C>
using TiledMatmul = void (*)(const A* a, Packed b, int64_t first_block, C* c, int64_t c_row_stride, int64_t rows, int64_t columns,
                             int64_t k, bool accumulate);

template <class A>
constexpr int64_t kColumns = kPanelBytes / kInner / static_cast<int64_t>(sizeof(A));

// Operands as for the peaks: any bytes, or f32 and bf16 from 1/2 to 1.
template <class A>
void prepare(char* memory) {
  const uint8_t* const source = sizeof(A) == 1 ? kOperandBytes.any : kOperandBytes.floats;
  for (int64_t i = 0; i < kResultOffset; i += sizeof kOperandBytes.any) memcpy(memory + i, source, sizeof kOperandBytes.any);
}

// Sizes that the compiler does not know, as in kernels that are called for any.
IMBREX_OP int64_t unknown(int64_t size) {
  __asm__ volatile("" : "+r"(size));
  return size;
}

template <auto matmul>
struct Kernel;
template <class A, class Packed, class C, Matmul<A, Packed, C> matmul>
struct Kernel<matmul> {
  using Left = A;
  static double run(char* memory) {
    matmul(reinterpret_cast<const A*>(memory), kInner, Packed{memory + kPanelOffset}, 0,
           reinterpret_cast<C*>(memory + kResultOffset), kColumns<A>, unknown(kRows), unknown(kColumns<A>), unknown(kInner),
           false);
    return static_cast<double>(kRows * kInner * kColumns<A>);
  }
};
template <class A, class Packed, class C, TiledMatmul<A, Packed, C> matmul>
struct Kernel<matmul> {
  using Left = A;
  static double run(char* memory) {
    matmul(reinterpret_cast<const A*>(memory), Packed{memory + kPanelOffset}, 0, reinterpret_cast<C*>(memory + kResultOffset),
           kColumns<A>, unknown(kRows), unknown(kColumns<A>), unknown(kInner), false);
    return static_cast<double>(kRows * kInner * kColumns<A>);
  }
};
template <auto matmul>
constexpr KernelLoop loop_of(const char* name) {
  return {name, prepare<typename Kernel<matmul>::Left>, Kernel<matmul>::run};
}

// Far from the processor, memory must be asked for early: `ahead` bytes.
template <int64_t ahead>
void read(const char* memory, int64_t bytes) {
  constexpr int for_reading = 0, l2 = 2;
  vi a = broadcast_i(0), b = a, c = a, d = a;
  for (int64_t i = 0; i + 256 <= bytes; i += 256) {
    const char* const at = memory + i;
    for (int64_t line = 0; ahead > 0 && line < 256; line += 64) __builtin_prefetch(at + ahead + line, for_reading, l2);
    a = bit_xor(a, load_i32(at));
    b = bit_xor(b, load_i32(at + 64));
    c = bit_xor(c, load_i32(at + 128));
    d = bit_xor(d, load_i32(at + 192));
  }
  alignas(64) char kept[64];
  store_i32(kept, bit_xor(bit_xor(a, b), bit_xor(c, d)));
  __asm__ volatile("" : : "m"(kept));
}

#define IMBREX_UNIT(product, name) {#name, peak_##name<>},
#define IMBREX_KERNEL(product, name) loop_of<matmul_##name<>>(#name),
#define IMBREX_TILED_KERNEL(product, name) loop_of<matmul_##name##_tiled<>>(#name),
constexpr UnitLoop units[] = {IMBREX_UNITS{nullptr, nullptr}};
constexpr KernelLoop kernels[] = {IMBREX_KERNELS{nullptr, nullptr, nullptr}};

}  // namespace

extern const TargetLoops IMBREX_LOOPS;
const TargetLoops IMBREX_LOOPS = {IMBREX_TARGET, units, kernels, peak_vector<>, read<0>, read<8192>};

}  // namespace imbrex::tools

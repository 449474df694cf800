/* Which instruction set a kernel built ahead of time runs with. Plain C that every x86-64 executes; other processors get
 * "scalar". Instruction sets are numbered: 0 scalar, 1 avx2, 2 avx512 (F, BW, DQ, VL, VNNI, BF16). */
#ifndef IMBREX_RUNTIME_DISPATCH_H
#define IMBREX_RUNTIME_DISPATCH_H

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* The register states that the operating system saves, XCR0; 0 where it saves none beyond SSE. */
static unsigned imbrex_saved_states(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) return 0; /* OSXSAVE */
  __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return a;
}

static int imbrex_best_isa(void) {
  const unsigned avx_states = 0x6, avx512_states = 0xe6;
  const unsigned states = imbrex_saved_states();
  unsigned a, b, c, d, a1, b1, c1, d1;
  if ((states & avx_states) != avx_states) return 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &a1, &b1, &c1, &d1)) return 0;
  /* AVX, FMA, F16C; AVX2 */
  if (!(c & (1u << 28)) || !(c & (1u << 12)) || !(c & (1u << 29)) || !(b1 & (1u << 5))) return 0;
  if ((states & avx512_states) != avx512_states) return 1;
  /* AVX512F, DQ, BW, VL; VNNI; BF16 */
  if (!(b1 & (1u << 16)) || !(b1 & (1u << 17)) || !(b1 & (1u << 30)) || !(b1 & (1u << 31)) || !(c1 & (1u << 11))) return 1;
  if (a1 < 1 || !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & (1u << 5))) return 1;
  return 2;
}
#else
static int imbrex_best_isa(void) { return 0; }
#endif

/* The number of the instruction set called `isa`, else of $IMBREX_ISA, else the best; -1 where this processor or operating system
 * does not run it, or there is no such name. */
static int imbrex_choose_isa(const char* isa, int* forced) {
  static const char* const names[] = {"scalar", "avx2", "avx512"};
  const int best = imbrex_best_isa();
  int i;
  if (isa == NULL) isa = getenv("IMBREX_ISA");
  *forced = isa != NULL && isa[0] != 0;
  if (!*forced) return best;
  for (i = 0; i <= best; ++i)
    if (strcmp(isa, names[i]) == 0) return i;
  return -1;
}

#endif

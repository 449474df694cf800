/* Whether this processor and operating system run the code of a target, asked from what the table of targets says (target.h).
 * Plain C, because kernels built ahead of time ask the same way. Other systems than Linux on x86-64 run what needs no feature. */
#ifndef IMBREX_TARGET_DETECT_H
#define IMBREX_TARGET_DETECT_H

#include <stdint.h>

/* A bit that CPUID gives. */
typedef struct imbrex_cpu_feature {
  uint32_t leaf, subleaf;
  char reg; /* 'a' to 'd' */
  uint8_t bit;
} imbrex_cpu_feature;

#define IMBREX_MOST_FEATURES 32

/* That processors may have: code for one does not even compile for the other. */
typedef enum imbrex_architecture { IMBREX_ANY_ARCHITECTURE = 0, IMBREX_X86_64 = 1, IMBREX_AARCH64 = 2 } imbrex_architecture;

/* That this file is compiled for. */
#if defined(__x86_64__)
#define IMBREX_THIS_ARCHITECTURE IMBREX_X86_64
#elif defined(__aarch64__)
#define IMBREX_THIS_ARCHITECTURE IMBREX_AARCH64
#else
#define IMBREX_THIS_ARCHITECTURE IMBREX_ANY_ARCHITECTURE
#endif

typedef struct imbrex_needs {
  imbrex_architecture architecture;
  uint32_t saved_states;    /* bits of XCR0: register states that the operating system must save */
  uint32_t requested_state; /* 0, or a register state that Linux saves for those who ask: 18 for tiles */
  int32_t feature_count;
  imbrex_cpu_feature features[IMBREX_MOST_FEATURES];
} imbrex_needs;

/* Whether code for it can be compiled beside this file. */
static inline int imbrex_is_of_this_architecture(const imbrex_needs* needs) {
  return needs->architecture == IMBREX_ANY_ARCHITECTURE || needs->architecture == IMBREX_THIS_ARCHITECTURE;
}

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int imbrex_has_feature(const imbrex_cpu_feature* feature) {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(feature->leaf, feature->subleaf, &a, &b, &c, &d)) return 0;
  return ((feature->reg == 'a' ? a : feature->reg == 'b' ? b : feature->reg == 'c' ? c : d) >> feature->bit) & 1;
}

/* XCR0; 0 where the operating system saves no state beyond SSE's. */
static inline uint32_t imbrex_saved_states(void) {
  static const imbrex_cpu_feature osxsave = {1, 0, 'c', 27};
  uint32_t low, high;
  if (!imbrex_has_feature(&osxsave)) return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* The permission is the whole process's, that of threads which exist already, too; children have it, programs that it executes
 * do not. It is refused where a thread has an alternate signal stack that is too small for the state; once it is given, the
 * process can have no more such stacks. */
static inline int imbrex_request_state(uint32_t state) {
  const long request_permission = 0x1023, number = state; /* ARCH_REQ_XCOMP_PERM */
  return state == 0 || syscall(SYS_arch_prctl, request_permission, number) == 0;
}

/* Asks Linux for what the target needs: ask only for a target that is then used. */
static inline int imbrex_runs_here(const imbrex_needs* needs) {
  int32_t i;
  if (!imbrex_is_of_this_architecture(needs)) return 0;
  if ((imbrex_saved_states() & needs->saved_states) != needs->saved_states) return 0;
  for (i = 0; i < needs->feature_count; ++i)
    if (!imbrex_has_feature(&needs->features[i])) return 0;
  return imbrex_request_state(needs->requested_state);
}
#else
static inline int imbrex_has_feature(const imbrex_cpu_feature* feature) {
  (void)feature;
  return 0;
}

static inline int imbrex_runs_here(const imbrex_needs* needs) {
  return imbrex_is_of_this_architecture(needs) && needs->feature_count == 0;
}
#endif

#endif

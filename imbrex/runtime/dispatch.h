/* Which target's code a kernel built ahead of time runs with. Plain C that every processor executes. */
#ifndef IMBREX_RUNTIME_DISPATCH_H
#define IMBREX_RUNTIME_DISPATCH_H

#include <stdlib.h>
#include <string.h>

#include "imbrex/target/detect.h"

/* A target that was built. */
typedef struct imbrex_built_target {
  const char* name;
  imbrex_needs needs;
} imbrex_built_target;

/* Of `count` targets, best first: the number of the one called `name`, else of $IMBREX_ISA, else the first that runs here; -1
 * where this processor or operating system does not run it, or none has that name. Each target is asked about once, so that all
 * calls get the same answer: `answers` starts as zeros and keeps 1 or -1 for each. */
static int imbrex_choose_target(const imbrex_built_target* built, signed char* answers, int count, const char* name) {
  int i;
  if (name == NULL) name = getenv("IMBREX_ISA");
  for (i = 0; i < count; ++i) {
    signed char answer, unknown = 0;
    if (name != NULL && name[0] != 0 && strcmp(name, built[i].name) != 0) continue;
    answer = __atomic_load_n(&answers[i], __ATOMIC_RELAXED);
    if (answer == 0) {
      answer = imbrex_runs_here(&built[i].needs) ? 1 : -1;
      if (!__atomic_compare_exchange_n(&answers[i], &unknown, answer, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) answer = unknown;
    }
    if (answer > 0) return i;
  }
  return -1;
}

#endif

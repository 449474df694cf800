/* Which target's code a kernel built ahead of time runs with. Plain C that every x86-64 executes. */
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
 * where this processor or operating system does not run it, or none has that name. */
static int imbrex_choose_target(const imbrex_built_target* built, int count, const char* name) {
  int i;
  if (name == NULL) name = getenv("IMBREX_ISA");
  for (i = 0; i < count; ++i) {
    if (name != NULL && name[0] != 0 && strcmp(name, built[i].name) != 0) continue;
    if (imbrex_runs_here(&built[i].needs)) return i;
  }
  return -1;
}

#endif

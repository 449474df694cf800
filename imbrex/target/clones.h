// Of functions of this library itself, not of generated code: those compiled for several processors, the best of which is chosen
// when they are first called. Where the compiler, a sanitizer or the architecture has no such choice, they are compiled once.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
// std::fma is one instruction, or a call; the result is the same.
#define IMBREX_WITH_AND_WITHOUT_FMA __attribute__((target_clones("fma", "default")))
// By levels: a processor's own name would be taken by that processor alone, not by those that have all it has.
#define IMBREX_FOR_SEVERAL_MACHINES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define IMBREX_WITH_AND_WITHOUT_FMA
#define IMBREX_FOR_SEVERAL_MACHINES
#endif

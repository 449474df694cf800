#include "imbrex/target/isa/avx512.h"

#define IMBREX_ISA "avx512"
#define IMBREX_TABLE avx512_table
#include "correct/target/isa/make_table.h"

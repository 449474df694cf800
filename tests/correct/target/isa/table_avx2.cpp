#include "imbrex/target/isa/avx2.h"

#define IMBREX_ISA "avx2"
#define IMBREX_TABLE avx2_table
#include "correct/target/isa/make_table.h"

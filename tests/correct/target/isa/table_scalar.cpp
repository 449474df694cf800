#include "imbrex/target/isa/scalar.h"

#define IMBREX_ISA "scalar"
#define IMBREX_TABLE scalar_table
#include "correct/target/isa/make_table.h"

// Names that a caller of the C interface gives: machines and dimensions. Private to c/.
#pragma once

#include <map>
#include <string>

#include "imbrex/imbrex.h"
#include "imbrex/ir/program.h"
#include "imbrex/target/rates.h"

namespace imbrex::c {

// The target that code is generated for, with this machine's rates where it is of this architecture; null: this machine's best.
// UserError "unknown-isa".
target::Machine machine_for(const char* name);
// UserError "unknown-dim".
std::map<std::string, int64_t> values_of(const imbrex_dim_value* dims, size_t count, const ir::Program& program);

}  // namespace imbrex::c

// Inputs for any program: such that what it assumes of them holds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imbrex/inputs/synthetic.h"
#include "imbrex/ir/program.h"

namespace imbrex::inputs {

// The tensors of the call that have one of these roles, with their shapes. UserError "out-of-memory" where those of all roles take
// `most_bytes` or more.
std::vector<TensorShape> shapes_of(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                   const std::vector<ir::Role>& roles, int64_t most_bytes = INT64_MAX);

// True if something must be tried for made_inputs(): a run of the assumptions alone, on copies of the inputs.
bool assumes_anything(const ir::Program& program);

// Seeded inputs of these shapes. Integers of which something is assumed are drawn from what the assumptions leave, in several
// patterns, until a run of the program's assumptions alone finds nothing wrong; the run may take `most_bytes`. UserError
// "no-inputs", with the assumption, if none of them will do, and with what the caller has to try then.
std::map<std::string, Array> made_inputs(const ir::Program& program, const std::vector<TensorShape>& wanted,
                                         const std::map<std::string, int64_t>& dims, uint64_t seed, const std::string& otherwise,
                                         int64_t most_bytes = INT64_MAX);

}  // namespace imbrex::inputs

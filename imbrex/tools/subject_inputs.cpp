#include "imbrex/tools/subject_inputs.h"

#include "imbrex/inputs/made_inputs.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/memory_room.h"

namespace imbrex::tools {

Tensors made_inputs(const Subject& subject, const std::map<std::string, int64_t>& dims, uint64_t seed) {
  const ir::Program& program = subject.program;
  const std::vector<TensorShape> wanted = shapes_of(program, dims, {ir::Role::input, ir::Role::inout});
  if (subject.entry.made_inputs) return subject.entry.made_inputs(wanted, seed);
  if (inputs::assumes_anything(program)) {
    const auto takes = [&](ir::Role role) { return bytes_in(shapes_of(program, dims, {role, ir::Role::inout})); };
    require_room({{"inputs, and copies of them to see whether assumptions hold,", 2 * takes(ir::Role::input)},
                  {"outputs", takes(ir::Role::output)}});
  }
  return inputs::made_inputs(program, wanted, dims, seed, "--replay DIR, with inputs of your own; or other dimensions",
                             memory_room().left());
}

}  // namespace imbrex::tools

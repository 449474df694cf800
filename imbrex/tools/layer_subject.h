// A kernel for a layer of a checkpoint.
#pragma once

#include "imbrex/checkpoint/checkpoint.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {

// How the kernel of this name takes its weights from a checkpoint. UserError "unknown-option" where it takes none.
const kernels::FromCheckpoint& from_checkpoint_of(const std::string& kernel);

// Adds the options that the layer decides and, where no preset is chosen, the one whose options are nearest to them. UserErrors as of
// add_decided, and those of reading the checkpoint.
void decide_by_layer(SubjectOptions& chosen, checkpoint::Checkpoint& model, int64_t layer);

}  // namespace imbrex::tools

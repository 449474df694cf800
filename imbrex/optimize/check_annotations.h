// Annotations that do not exist, or not at this place, are their author's mistake: UserError "unknown-annotation".
//
// The language's annotations never change meaning, so that any is good for the verifier and the interpreter; but a pin that is
// misspelt would be forgotten without a word. (Those of tensors say what data is like, to whoever asks.)
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

void check_annotations(const ir::Program& program);

// Requires: a program that is proven and has a plan as its author wrote it. UserError "annotation-without-effect" at the first
// `@stream` or `@tiles` without which the code of the author's loops would be the same on every target.
void check_effects(const ir::Program& program);

}  // namespace imbrex::optimize

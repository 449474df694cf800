// Statements that are not optimized together with what surrounds them: pinned by the author, or refused by the optimizer.
#pragma once

#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

struct Exclusion {
  enum class Kind {
    as_written,  // stays as its author wrote it
    separate,    // is optimized by itself: nothing fuses into it or out of it
    from_here,   // is optimized with what follows, not with what stands before it
  };
  Kind kind = Kind::as_written;
  std::string what;  // `scope "softmax"`, `loop t`, `v`
  SourceLine where;
  std::string reason;
  bool is_pinned = false;  // by the author
};

// A mark on a statement: the entries of a list of Exclusion that it stands for. An annotation that no text can hold.
inline const std::string kExclusion = ".excluded";
bool is_marked(const ir::Statement& statement);
std::vector<size_t> mark_of(const ir::Statement& statement);  // empty if it is not marked
void mark(ir::Statement& statement, const std::vector<size_t>& entries);
void unmark(ir::Statement& statement);
bool has_marks(const ir::Block& block);

// The words for a statement: its scope's name, or those of the scopes inside it.
std::string name_for(const ir::Statement& statement);

}  // namespace imbrex::optimize

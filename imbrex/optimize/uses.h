// What a statement touches: the tensors that it loads and stores, and every name that it needs or leaves behind.
#pragma once

#include <map>
#include <set>
#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

using BaseOfView = std::map<std::string, std::string>;
// By view, the tensor whose memory it is.
BaseOfView bases_of_views(const ir::Program& program);
std::string base_of(const BaseOfView& bases, const std::string& name);

struct Uses {
  std::set<std::string> loads, stores;  // tensors; a view counts as what it is a view of
  std::set<std::string> names;          // of tiles, tensors, views, indices, spans and dimensions, what is inside it included
  std::set<std::string> declares;       // names that the statement itself leaves to those after it
};
Uses uses_of(const ir::Statement& statement, const BaseOfView& base_of_view);

// The line of the last store to a tensor, or to a view of it.
SourceLine line_of_store(const ir::Program& program, const std::string& tensor);

// Every name that a program has: dimensions, tensors, views, tiles, indices and spans.
std::set<std::string> names_of(const ir::Program& program);
std::set<std::string> names_declared_in(const ir::Block& block);

}  // namespace imbrex::optimize

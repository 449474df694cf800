// The statements of a program, each with what is around it, for what edits programs.
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::test {

struct Place {
  ir::Block* block = nullptr;
  size_t index = 0;
  std::vector<std::pair<ir::Block*, size_t>> around;  // outermost first

  ir::Statement& statement() const { return (*block)[index]; }
  template <class Node>
  Node* node() const {
    return std::get_if<Node>(&statement().node);
  }
  // The innermost loop around it.
  std::optional<std::pair<ir::Block*, size_t>> loop() const;
  // Other statements, perhaps none, stand where it stood.
  void replace_by(ir::Block statements) const;
};

// In the order of the text. An edit of a block makes the places in it, and inside it, useless.
std::vector<Place> places_of(ir::Program& program);

}  // namespace imbrex::test

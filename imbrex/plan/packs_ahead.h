// Which right sides of products are packed ahead of a loop: those that its iterations take again, where no weight is declared.
//
// A pack moves out of loops as far as its operand stays the same: not out of one that stores to it, makes it, reads from data
// where it lies, or may have no iteration; nor past an assumption, of which its place may depend, or a condition, but one over
// indices where all of it lies in its tensor. It stands before the outermost loop whose iterations take the same parts, with a
// place in memory for each part (pack_parts.h). Loops that follow one another and take the same have one pack, before the first. Where that memory would be too
// large, or no dimension bounds it, it moves less far, or not at all; so it does where all workers would wait for each other
// longer than packing again takes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::plan {

struct PackAhead;
struct PackedPart;
struct Planner;

struct PacksAhead {
  std::map<const ir::Statement*, std::vector<PackAhead*>> before;  // by the loop; their memory is taken where it is planned
  std::map<const ir::Statement*, PackedPart> of;                   // by product
  std::map<const ir::Statement*, std::string> refused;             // by product: why none is ahead, though a loop takes the same
};

// What it takes to pack an element, in operations on an element of a vector: it is moved alone or with few others.
inline constexpr double kOperationsToPack = 16;

// What numbers the panels of it.
inline std::string panel_of(const std::string& memory) { return memory + "_panel"; }

// Requires: which weights are packed when they are bound is known.
PacksAhead find_packs_ahead(Planner& planner);

}  // namespace imbrex::plan

#include "imbrex/equal/meaning.h"

#include <algorithm>
#include <set>

#include "imbrex/optimize/budget.h"
#include "imbrex/optimize/isolate.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::equal {
namespace {

using optimize::Exclusion;

constexpr size_t kMostKept = 64;

// The statement to keep: the innermost scope or parallel loop around the one at fault of which all that is around it are scopes
// and parallel loops; isolate() can set it apart. The statement itself where there is none.
ir::Statement* statement_to_keep(ir::Block& body, const std::vector<size_t>& path) {
  ir::Statement* found = nullptr;
  ir::Block* block = &body;
  for (const size_t position : path) {
    if (position >= block->size()) break;  // a part of a divided loop has statements of its own
    ir::Statement& statement = block->at(position);
    auto* at = std::get_if<ir::At>(&statement.node);
    auto* loop = std::get_if<ir::Loop>(&statement.node);
    const bool is_divisible = at || (loop && loop->kind == ir::Loop::Kind::parallel);
    if (!found || is_divisible) found = &statement;
    if (!is_divisible) break;
    block = at ? &at->body : &loop->body;
  }
  return found;
}

bool is_declaration(const ir::Statement& statement) {
  return std::holds_alternative<ir::CreateTensor>(statement.node) || std::holds_alternative<ir::View>(statement.node);
}

// The reason for which an optimizer left something alone, without what it does otherwise and what the author may do for it.
std::string fact_of(const std::string& reason) {
  std::string fact = reason.substr(0, reason.find("; "));
  if (const size_t optimizer = fact.find(" the optimizer"); optimizer != std::string::npos)
    if (const size_t comma = fact.rfind(", ", optimizer); comma != std::string::npos) fact.erase(comma);
  return fact;
}

void keep(ir::Statement& statement, const ir::Program& program, const optimize::NotDissolved& refused,
          std::vector<Exclusion>& kept) {
  optimize::mark(statement, {kept.size()});
  const SourceLine where = refused.where.line > 0 ? refused.where : program.where(statement.origin);
  kept.push_back({Exclusion::Kind::as_written, optimize::name_for(statement), where, refused.reason, false});
}

// Tiles and indices that a kept statement of the body uses are kept with it.
void keep_what_kept_ones_use(ir::Program& program) {
  const optimize::BaseOfView bases = optimize::bases_of_views(program);
  std::set<std::string> used;
  std::vector<size_t> entries;
  for (size_t i = program.body.size(); i-- > 0;) {
    ir::Statement& statement = program.body[i];
    if (is_declaration(statement)) continue;
    const optimize::Uses uses = optimize::uses_of(statement, bases);
    const bool is_used =
        std::any_of(uses.declares.begin(), uses.declares.end(), [&](const std::string& name) { return used.contains(name); });
    if (is_used && !optimize::is_marked(statement)) optimize::mark(statement, entries);
    if (!optimize::is_marked(statement)) continue;
    entries = optimize::mark_of(statement);
    used.insert(uses.names.begin(), uses.names.end());
  }
}

}  // namespace

std::variant<Meaning, NoMeaning> meaning_of(const ir::Program& program, optimize::Terms terms) {
  Meaning meaning;
  meaning.program = optimize::as_written(program);
  bool is_whole = false;  // all of it is kept
  while (true) {
    auto dissolved = optimize::dissolve_to_compare(meaning.program, terms);
    if (auto* done = std::get_if<optimize::Dissolved>(&dissolved)) {
      meaning.dissolved = std::move(*done);
      for (Exclusion& exclusion : meaning.kept) exclusion.reason = fact_of(exclusion.reason);
      return meaning;
    }
    const auto& refused = std::get<optimize::NotDissolved>(dissolved);
    ir::Statement* at_fault = refused.path.empty() ? nullptr : statement_to_keep(meaning.program.body, refused.path);
    if (is_whole || refused.is_defect) return NoMeaning{refused.where, fact_of(refused.reason)};
    if (at_fault && !optimize::is_marked(*at_fault) && meaning.kept.size() < kMostKept) {
      keep(*at_fault, meaning.program, refused, meaning.kept);
      meaning.program = optimize::isolate(meaning.program, meaning.kept);
      keep_what_kept_ones_use(meaning.program);
      continue;
    }
    is_whole = true;
    for (ir::Statement& statement : meaning.program.body)
      if (!is_declaration(statement) && !optimize::is_marked(statement)) keep(statement, meaning.program, refused, meaning.kept);
  }
}

}  // namespace imbrex::equal

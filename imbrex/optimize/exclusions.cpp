#include "imbrex/optimize/exclusions.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/visit.h"

namespace imbrex::optimize {

bool is_marked(const ir::Statement& statement) { return find(statement.annotations, kExclusion) != nullptr; }

std::vector<size_t> mark_of(const ir::Statement& statement) {
  std::vector<size_t> entries;
  if (const ir::Annotation* found = find(statement.annotations, kExclusion))
    for (const ir::Annotation::Value& value : found->values) entries.push_back(static_cast<size_t>(std::get<int64_t>(value)));
  return entries;
}

void mark(ir::Statement& statement, const std::vector<size_t>& entries) {
  std::vector<size_t> all = mark_of(statement);
  all.insert(all.end(), entries.begin(), entries.end());
  unmark(statement);
  ir::Annotation annotation{kExclusion, {}};
  for (size_t entry : all) annotation.values.emplace_back(static_cast<int64_t>(entry));
  statement.annotations.push_back(std::move(annotation));
}

void unmark(ir::Statement& statement) {
  std::erase_if(statement.annotations, [](const ir::Annotation& annotation) { return annotation.name == kExclusion; });
}

bool has_marks(const ir::Block& block) {
  bool found = false;
  ir::for_each_statement(block, [&](const ir::Statement& statement) {
    found = found || is_marked(statement);
    return !found;
  });
  return found;
}

std::string name_for(const ir::Statement& statement) {
  std::vector<std::string> scopes;
  ir::for_each_statement(ir::Block{statement}, [&](const ir::Statement& inner) {
    const auto* at = std::get_if<ir::At>(&inner.node);
    if (at && std::find(scopes.begin(), scopes.end(), at->name) == scopes.end()) scopes.push_back(at->name);
    return !at;
  });
  if (!scopes.empty()) {
    std::string text = scopes.size() == 1 ? "scope " : "scopes ";
    for (size_t i = 0; i < scopes.size(); ++i) text += (i ? ", " : "") + scopes[i];
    return text;
  }
  if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) return "loop " + loop->variable;
  if (const auto* assign = std::get_if<ir::Assign>(&statement.node)) return "tile " + assign->name;
  if (const auto* store = std::get_if<ir::Store>(&statement.node)) return "store to " + store->tensor;
  if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) return "index " + read->name;
  if (std::holds_alternative<ir::If>(statement.node)) return "a branch";
  return "a statement";
}

}  // namespace imbrex::optimize

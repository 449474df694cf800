#include "imbrex/prove/order.h"

#include <fmt/format.h>
#include <isl/set.h>

#include <algorithm>

#include "imbrex/prove/quantity.h"
#include "imbrex/prove/traffic.h"

namespace imbrex::prove {
namespace {

std::string scope_of(const Access& access) { return access.scope.empty() ? kOutsideScopes : access.scope; }

isl::set elements_of(const isl::set& set, const Access& access) {
  return isl::manage(isl_set_project_out(set.copy(), isl_dim_set, 0, static_cast<unsigned>(access.binders.size())));
}

// The tensor's bytes if the part is all of it, else "at most" these.
std::string bytes_of_part(const Subject& subject, const Memory& memory, const isl::set& part) {
  Quantity bytes(bytes_of(memory.tensor->dtype));
  for (const ir::IndexExpr& extent : memory.tensor->shape) bytes = bytes * Quantity::of(extent);
  const bool all = memory.depth == 0 && subject.relations.elements(memory).is_subset(part);
  if (!all) bytes.mark_at_most();
  return bytes.text();
}

const char* text_of(Dependence::Kind kind) {
  switch (kind) {
    case Dependence::Kind::read_after_write: return "reads";
    case Dependence::Kind::write_after_read: return "overwrites, after its reads,";
    case Dependence::Kind::write_after_write: return "overwrites";
  }
  throw InternalError("a dependence is one of three kinds");
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) result += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return result + "\"";
}

}  // namespace

std::vector<Dependence> dependences(const Subject& subject) {
  struct Found {
    Dependence dependence;
    const Memory* memory;
    isl::set part;
  };
  std::vector<Found> found;
  const std::deque<Access>& all = subject.accesses.all;
  for (const Access& later : all)
    for (const Access& earlier : all) {
      if (later.memory != earlier.memory || !(later.writes || earlier.writes) || scope_of(later) == scope_of(earlier)) continue;
      if (!subject.decided(*later.memory)) continue;
      const isl::set part = preceded(subject.may(later), later, subject.may(earlier), earlier);
      if (part.is_empty()) continue;
      const auto kind = !later.writes    ? Dependence::Kind::read_after_write
                        : earlier.writes ? Dependence::Kind::write_after_write
                                         : Dependence::Kind::write_after_read;
      const isl::set elements = elements_of(part, later);
      const auto same = std::find_if(found.begin(), found.end(), [&](const Found& f) {
        return f.dependence.from == scope_of(earlier) && f.dependence.to == scope_of(later) && f.dependence.kind == kind &&
               f.memory == later.memory;
      });
      if (same != found.end())
        same->part = same->part.unite(elements);
      else
        found.push_back({{scope_of(earlier), scope_of(later), kind, later.memory->tensor->name, ""}, later.memory, elements});
    }
  std::vector<Dependence> result;
  for (Found& f : found) {
    f.dependence.bytes = bytes_of_part(subject, *f.memory, f.part);
    result.push_back(std::move(f.dependence));
  }
  return result;
}

std::string graph_of_scopes(const Subject& subject) {
  std::string text = fmt::format("digraph {} {{\n  node [shape=box];\n", quoted(subject.program.name));
  std::vector<std::string> scopes;
  for (const Access& access : subject.accesses.all)
    if (std::find(scopes.begin(), scopes.end(), scope_of(access)) == scopes.end()) scopes.push_back(scope_of(access));
  for (const std::string& scope : scopes) text += fmt::format("  {};\n", quoted(scope));
  for (const Dependence& d : dependences(subject))
    text += fmt::format("  {} -> {} [label={}];\n", quoted(d.from), quoted(d.to),
                        quoted(fmt::format("{} {}: {} bytes", text_of(d.kind), d.tensor, d.bytes)));
  return text + "}\n";
}

}  // namespace imbrex::prove

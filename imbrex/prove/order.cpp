#include "imbrex/prove/order.h"

#include <fmt/format.h>
#include <isl/set.h>

#include <algorithm>
#include <set>

#include "imbrex/base/utf8.h"
#include "imbrex/prove/exchanged.h"
#include "imbrex/prove/scope_labels.h"
#include "imbrex/prove/simplify.h"
#include "imbrex/prove/traffic.h"

namespace imbrex::prove {
namespace {

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
  for (const char c : with_visible_characters(text)) result += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return result + "\"";
}

// By number of the scope.
std::vector<std::string> labels_of(const Subject& subject) {
  std::vector<std::string> labels{kOutsideScopes};
  for (auto& [at, label] : scope_labels(subject.program)) labels.push_back(std::move(label));
  return labels;
}

// What is left of `part`, elements of `later` that `earlier` touches before it, without those that a store between the two
// replaces: that store is what `later` depends on, and what depends on `earlier`.
isl::set without_replaced(const Subject& subject, isl::set part, const Access& later, const Access& earlier) {
  for (size_t i = earlier.order + 1; i < later.order && !part.is_empty(); ++i) {
    const Access& between = subject.accesses.all[i];
    // A loop around `earlier` and the store alone could run `earlier` again behind it.
    if (!between.writes || between.memory != later.memory || common_binders(earlier, between) > common_binders(between, later))
      continue;
    const size_t common = common_binders(between, later);
    part = part.subtract(with_free_binders(subject.certain({&between}, common), common, later.binders.size()));
  }
  return part.coalesce();
}

std::vector<Dependence> dependences(const Subject& subject, const std::vector<std::string>& labels,
                                    const std::map<std::string, int64_t>& dims) {
  struct Found {
    Dependence dependence;
    size_t from, to;  // numbers of scopes
    const Access* access;
    isl::set part;
    bool is_certain;  // not decided by data
  };
  std::vector<Found> found;
  const std::deque<Access>& all = subject.accesses.all;
  for (const Access& later : all)
    for (const Access& earlier : all) {
      if (later.memory != earlier.memory || !(later.writes || earlier.writes) || later.scope_number == earlier.scope_number)
        continue;
      if (!subject.decided(*later.memory)) continue;
      const isl::set part =
          without_replaced(subject, preceded(subject.may(later), later, subject.may(earlier), earlier), later, earlier);
      if (part.is_empty()) continue;
      const auto kind = !later.writes    ? Dependence::Kind::read_after_write
                        : earlier.writes ? Dependence::Kind::write_after_write
                                         : Dependence::Kind::write_after_read;
      const isl::set elements = by_instance(later, part);
      const bool is_certain = !depends_on_data(later) && !depends_on_data(earlier);
      const auto same = std::find_if(found.begin(), found.end(), [&](const Found& f) {
        return f.from == earlier.scope_number && f.to == later.scope_number && f.dependence.kind == kind &&
               f.access->memory == later.memory;
      });
      if (same == found.end()) {
        found.push_back({{labels[earlier.scope_number], labels[later.scope_number], kind, later.memory->tensor->name, {}},
                         earlier.scope_number,
                         later.scope_number,
                         &later,
                         elements,
                         is_certain});
      } else {
        same->part = same->part.unite(elements).coalesce();
        same->is_certain = same->is_certain && is_certain;
      }
    }
  const Simplifier simplified(subject.program);
  std::vector<Dependence> result;
  for (Found& f : found) {
    Quantity bytes = simplified(bytes_exchanged(subject, *f.access, f.part));
    if (!f.is_certain) bytes.mark_at_most();
    f.dependence.bytes = {bytes.text(), bytes.at(dims)};
    result.push_back(std::move(f.dependence));
  }
  return result;
}

// "64*T", "64*T = 8192"
std::string text_of(const Amount& bytes) {
  if (!bytes.value || bytes.expression.ends_with(std::to_string(*bytes.value))) return bytes.expression;
  return fmt::format("{} = {}", bytes.expression, *bytes.value);
}

}  // namespace

DependenceGraph graph_of_scopes(const Subject& subject, const std::map<std::string, int64_t>& dims) {
  const std::vector<std::string> labels = labels_of(subject);
  std::vector<size_t> scopes;  // those that access something
  for (const Access& access : subject.accesses.all)
    if (std::find(scopes.begin(), scopes.end(), access.scope_number) == scopes.end()) scopes.push_back(access.scope_number);
  DependenceGraph graph;
  for (const size_t scope : scopes) graph.scopes.push_back(labels[scope]);
  graph.edges = dependences(subject, labels, dims);
  return graph;
}

std::string text_of(const DependenceGraph& graph, const std::string& program) {
  std::string text = fmt::format("digraph {} {{\n  node [shape=box];\n", quoted(program));
  for (const std::string& scope : graph.scopes) text += fmt::format("  {};\n", quoted(scope));
  for (const Dependence& d : graph.edges)
    text += fmt::format("  {} -> {} [label={}];\n", quoted(d.from), quoted(d.to),
                        quoted(fmt::format("{} {}: {} bytes", text_of(d.kind), d.tensor, text_of(d.bytes))));
  return text + "}\n";
}

}  // namespace imbrex::prove

#include "imbrex/prove/coverage.h"

#include <fmt/format.h>
#include <isl/set.h>

#include <algorithm>

#include "imbrex/ir/spelling.h"
#include "imbrex/prove/decidable.h"
#include "imbrex/prove/shown.h"

namespace imbrex::prove {
namespace {

std::vector<const Access*> stores_of(const Subject& subject, const Memory& memory) {
  std::vector<const Access*> stores;
  for (const Access& access : subject.accesses.all)
    if (access.writes && access.memory == &memory) stores.push_back(&access);
  return stores;
}

// The part of `missing` that the stores do not certainly touch; `in` makes the set over its binders of one over the first
// `prefix`. Stores that data has no part in come first: where they are enough, nothing is asked of the others, which would take
// long.
template <class In>
isl::set without_certain(const Subject& subject, isl::set missing, const std::vector<const Access*>& stores, size_t prefix,
                         In in) {
  std::vector<const Access*> plain;
  for (const Access* store : stores)
    if (!depends_on_data(*store)) plain.push_back(store);
  if (!plain.empty()) missing = missing.subtract(in(subject.certain(plain, prefix))).coalesce();
  if (plain.size() == stores.size() || missing.is_empty()) return missing;
  return missing.subtract(in(subject.certain(stores, prefix))).coalesce();
}

// The part of what `read` reads that no store certainly wrote before. In each loop around both, from the inside, first the same
// iteration counts, then earlier ones.
isl::set never_written(const Subject& subject, const Access& read, const std::vector<const Access*>& stores) {
  const size_t n = read.binders.size();
  isl::set missing = subject.may(read);
  for (size_t depth = n + 1; depth-- > read.memory->depth && !missing.is_empty();) {
    std::vector<const Access*> before, around;
    for (const Access* store : stores) {
      const size_t common = common_binders(read, *store);
      if (common == depth && store->order < read.order) before.push_back(store);
      if (common >= depth) around.push_back(store);
    }
    missing =
        without_certain(subject, missing, before, depth, [&](const isl::set& set) { return with_free_binders(set, depth, n); });
    if (depth == read.memory->depth || !read.binders[depth - 1].loop || around.empty() || missing.is_empty()) continue;
    missing = without_certain(subject, missing, around, depth,
                              [&](const isl::set& set) { return with_free_binders(in_later_iterations(set, depth), depth, n); });
  }
  return missing;
}

std::string sentence(const std::string& condition, const std::string& when) {
  return (condition.empty() ? "" : " " + condition) + (when.empty() ? "" : ": " + when);
}

const char* is_are(const std::string& part) {
  for (const char* several : {"rows ", "columns ", "elements ", "some "})
    if (part.starts_with(several)) return "are";
  return "is";
}

void add_unwritten(const Subject& subject, const Memory& memory, const isl::set& missing, const isl::set& whole,
                   const std::vector<const Access*>& stores, Findings& findings) {
  const ir::Tensor& tensor = *memory.tensor;
  const ir::Spelling say(subject.program);
  if (stores.empty()) {
    const Diagnostic diagnostic{
        "output-not-written",
        subject.where(memory.origin),
        fmt::format("{} is never written", tensor.name),
        fmt::format("store to a slice of it, as `{}` does: giving a variable a value stores nothing", say.store_zeros(tensor)),
        {},
        false};
    return findings.add(diagnostic, diagnostic, {0, &memory, {}, missing});
  }
  const std::string part = part_text(subject.program, missing, whole, tensor), when = when_text(subject.program, missing);
  const bool of_data =
      std::any_of(stores.begin(), stores.end(), [&](const Access* store) { return has_part_of_data(subject.program, *store); });
  Diagnostic diagnostic{
      "output-not-written",
      subject.where(stores.back()->origin),
      fmt::format("{} {} never written{}", part, is_are(part), sentence(condition_text(subject.program, missing), when)),
      of_data ? fmt::format("write all of it first, whatever the data is: `{}`", say.store_zeros(tensor))
              : fmt::format("let `{}` make the spans: they cover the extent exactly, the last one possibly shorter",
                            say.call("tiles", "EXTENT, n")),
      {},
      false};
  diagnostic.notes.push_back({subject.where(memory.origin), fmt::format("{} is declared here", tensor.name)});
  findings.add(shown(subject, {diagnostic,
                               {stores.rbegin(), stores.rend()},
                               {diagnostic.id, smallest(subject.program, missing).dims, {}, {}},
                               fmt::format("whether all of {} is written", tensor.name)}),
               diagnostic, {0, &memory, {}, missing});
}

bool comes_with_values(const Memory& memory) {
  return memory.tensor->role == ir::Role::input || memory.tensor->role == ir::Role::inout;
}

Diagnostic uninitialised(const Subject& subject, const Access& read, const isl::set& missing, bool ever_written) {
  const Witness at = smallest(subject.program, missing);
  const std::string iteration = iteration_text(subject.program, read.binders, at.coordinates),
                    when = when_text(subject.program, missing);
  const std::string& name = read.memory->tensor->name;
  const ir::Spelling say(subject.program);
  Diagnostic diagnostic{
      "uninitialised-read",
      subject.where(read.origin),
      fmt::format("{} reads {}, which nothing has written by then{}{}{}", text_of_access(subject.program, read),
                  element_text(name, at.coordinates, read.binders.size()), when.empty() && iteration.empty() ? "" : ": ", when,
                  iteration.empty() ? "" : (when.empty() ? "" : "; ") + iteration),
      fmt::format("store to {} before this line{}, for instance zeros: `{}`", say.name(name),
                  ever_written ? " in every case" : "", say.store_zeros(*read.memory->tensor)),
      {},
      false};
  diagnostic.notes.push_back({subject.where(read.memory->origin), fmt::format("{} is created here", name)});
  return diagnostic;
}

}  // namespace

Findings check_outputs_written(const Subject& subject) {
  Findings findings;
  for (const ir::Tensor& tensor : subject.program.tensors) {
    if (tensor.role != ir::Role::output) continue;
    const Memory& memory = subject.accesses.memories.at(tensor.name);
    if (!subject.decided(memory)) continue;
    ++findings.examined;
    try {
      const isl::set whole = subject.relations.elements(memory);
      isl::set missing = whole;
      const std::vector<const Access*> stores = stores_of(subject, memory);
      missing = without_certain(subject, missing, stores, 0, [](const isl::set& set) { return set; });
      if (!missing.is_empty()) add_unwritten(subject, memory, missing, whole, stores, findings);
    } catch (const NotAffine& problem) {
      findings.diagnostics.push_back(undecidable(subject, memory, problem.culprit));
    }
  }
  return findings;
}

Findings check_initialised(const Subject& subject) {
  Findings findings;
  for (const Access& read : subject.accesses.all) {
    if (read.writes || comes_with_values(*read.memory) || !subject.decided(*read.memory)) continue;
    ++findings.examined;
    const std::vector<const Access*> stores = stores_of(subject, *read.memory);
    const isl::set missing = never_written(subject, read, stores);
    if (missing.is_empty()) continue;
    const Diagnostic diagnostic = uninitialised(subject, read, missing, !stores.empty());
    std::vector<const Access*> involved{&read};
    involved.insert(involved.end(), stores.begin(), stores.end());
    const Witness at = smallest(subject.program, missing);
    findings.add(shown(subject, {diagnostic,
                                 std::move(involved),
                                 {diagnostic.id, at.dims, {{&read, at.coordinates}}, {}},
                                 fmt::format("whether {} reads only what was written", text_of_access(subject.program, read))}),
                 diagnostic, {0, read.memory, {&read}, missing});
  }
  return findings;
}

Findings check_overwritten(const Subject& subject) {
  Findings findings;
  for (const Access& store : subject.accesses.all) {
    if (!store.writes || !subject.decided(*store.memory)) continue;
    ++findings.examined;
    if (depends_on_data(store)) continue;  // for some data it may be read
    const isl::set& written = subject.may(store);
    const Access* by = nullptr;
    isl::set lost = written.subtract(written);
    for (const Access& other : subject.accesses.all) {
      if (!other.writes || other.memory != store.memory || depends_on_data(other)) continue;
      const isl::set part = followed(written, store, subject.may(other), other);
      if (part.is_empty()) continue;
      lost = lost.unite(part);
      by = &other;
    }
    if (!by) continue;
    for (const Access& read : subject.accesses.all) {
      if (read.writes || read.memory != store.memory || lost.is_empty()) continue;
      lost = lost.subtract(followed(lost, store, subject.may(read), read));
    }
    if (lost.is_empty()) continue;
    const Witness at = smallest(subject.program, lost);
    const std::string when = when_text(subject.program, lost);
    Diagnostic diagnostic{
        "overwritten-unread",
        subject.where(store.origin),
        fmt::format("what {} writes to {} is overwritten before anything reads it{}", text_of_access(subject.program, store),
                    element_text(store.memory->tensor->name, at.coordinates, store.binders.size()),
                    when.empty() ? "" : ": " + when),
        lost.is_equal(written)
            ? "drop the first store"
            : "if it is meant, leave it so; else let the second store go elsewhere, or the first one write only what stays",
        {},
        true};
    diagnostic.notes.push_back({subject.where(by->origin), "overwritten here"});
    findings.diagnostics.push_back(std::move(diagnostic));
  }
  return findings;
}

}  // namespace imbrex::prove

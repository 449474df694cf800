#include "imbrex/prove/coverage.h"

#include <fmt/format.h>
#include <isl/set.h>

namespace imbrex::prove {
namespace {

// The elements of an access' set, whatever the execution.
isl::set elements_only(const isl::set& set, const Access& access) {
  return isl::manage(isl_set_project_out(set.copy(), isl_dim_set, 0, static_cast<unsigned>(access.binders.size())));
}

std::string sentence(const std::string& condition, const std::string& when) {
  return (condition.empty() ? "" : " " + condition) + (when.empty() ? "" : ": " + when);
}

Diagnostic unwritten(const Subject& subject, const Memory& memory, const isl::set& missing, const isl::set& whole,
                     const Access* last_store) {
  const ir::Tensor& tensor = *memory.tensor;
  if (!last_store)
    return {"output-not-written",
            subject.where(memory.origin),
            fmt::format("{} is never written", tensor.name),
            fmt::format("store to it, `{}[...] = ...`: giving a variable a value stores nothing", tensor.name),
            {},
            false};
  Diagnostic diagnostic{"output-not-written",
                        subject.where(last_store->origin),
                        fmt::format("{} is never written{}", part_text(subject.program, missing, whole, tensor),
                                    sentence(condition_text(subject.program, missing), when_text(subject.program, missing))),
                        "let `tiles(EXTENT, n)` make the spans: they cover the extent exactly, the last one possibly shorter",
                        {},
                        false};
  diagnostic.notes.push_back({subject.where(memory.origin), fmt::format("{} is declared here", tensor.name)});
  return diagnostic;
}

bool comes_with_values(const Memory& memory) {
  return memory.tensor->role == ir::Role::input || memory.tensor->role == ir::Role::inout;
}

Diagnostic uninitialised(const Subject& subject, const Access& read, const isl::set& missing, bool ever_written) {
  const Witness at = smallest(subject.program, missing);
  const std::string iteration = iteration_text(read.binders, at.coordinates), when = when_text(subject.program, missing);
  const std::string& name = read.memory->tensor->name;
  Diagnostic diagnostic{
      "uninitialised-read",
      subject.where(read.origin),
      fmt::format("{} reads {}, which nothing has written by then{}{}{}", text_of_access(read.name, read.slice, read.shape),
                  element_text(name, at.coordinates, read.binders.size()), when.empty() && iteration.empty() ? "" : ": ", when,
                  iteration.empty() ? "" : (when.empty() ? "" : "; ") + iteration),
      ever_written ? fmt::format("store to {0} before this line in every case, for instance zeros: `{0}[...] = full(...)`", name)
                   : fmt::format("store to {} before this line", name),
      {},
      false};
  diagnostic.notes.push_back({subject.where(read.memory->origin), fmt::format("{} is created here", name)});
  return diagnostic;
}

// The accesses of one kind to the same tensor, nearest to `order` first among those before it, then those after it.
std::vector<const Access*> stores_near(const Subject& subject, const Memory* memory, size_t order) {
  std::vector<const Access*> result;
  for (size_t i = order; i-- > 0;)
    if (subject.accesses.all[i].writes && subject.accesses.all[i].memory == memory) result.push_back(&subject.accesses.all[i]);
  for (size_t i = order + 1; i < subject.accesses.all.size(); ++i)
    if (subject.accesses.all[i].writes && subject.accesses.all[i].memory == memory) result.push_back(&subject.accesses.all[i]);
  return result;
}

}  // namespace

Findings check_outputs_written(const Subject& subject) {
  Findings findings;
  for (const ir::Tensor& tensor : subject.program.tensors) {
    if (tensor.role != ir::Role::output) continue;
    const Memory& memory = subject.accesses.memories.at(tensor.name);
    if (!subject.decided(memory)) continue;
    ++findings.examined;
    const isl::set whole = subject.relations.elements(memory);
    isl::set missing = whole;
    const Access* last_store = nullptr;
    for (const Access& access : subject.accesses.all) {
      if (!access.writes || access.memory != &memory) continue;
      missing = missing.subtract(elements_only(subject.must(access), access)).coalesce();
      last_store = &access;
    }
    if (!missing.is_empty()) findings.diagnostics.push_back(unwritten(subject, memory, missing, whole, last_store));
  }
  return findings;
}

Findings check_initialised(const Subject& subject) {
  Findings findings;
  for (const Access& read : subject.accesses.all) {
    if (read.writes || comes_with_values(*read.memory) || !subject.decided(*read.memory)) continue;
    ++findings.examined;
    isl::set missing = subject.may(read);
    bool ever_written = false;
    for (const Access* store : stores_near(subject, read.memory, read.order)) {
      ever_written = true;
      missing = missing.subtract(preceded(missing, read, subject.must(*store), *store)).coalesce();
      if (missing.is_empty()) break;
    }
    if (!missing.is_empty()) findings.diagnostics.push_back(uninitialised(subject, read, missing, ever_written));
  }
  return findings;
}

Findings check_overwritten(const Subject& subject) {
  Findings findings;
  for (const Access& store : subject.accesses.all) {
    if (!store.writes || !subject.decided(*store.memory)) continue;
    ++findings.examined;
    const isl::set& written = subject.must(store);
    const Access* by = nullptr;
    isl::set lost = written.subtract(written);
    for (const Access& other : subject.accesses.all) {
      if (!other.writes || other.memory != store.memory) continue;
      const isl::set part = followed(written, store, subject.must(other), other);
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
    Diagnostic diagnostic{"overwritten-unread",
                          subject.where(store.origin),
                          fmt::format("what {} writes to {} is overwritten before anything reads it{}",
                                      text_of_access(store.name, store.slice, store.shape),
                                      element_text(store.memory->tensor->name, at.coordinates, store.binders.size()),
                                      when.empty() ? "" : ": " + when),
                          "drop the first store",
                          {},
                          true};
    diagnostic.notes.push_back({subject.where(by->origin), "overwritten here"});
    findings.diagnostics.push_back(std::move(diagnostic));
  }
  return findings;
}

}  // namespace imbrex::prove

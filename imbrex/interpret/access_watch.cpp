#include "imbrex/interpret/access_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/interpret/slice.h"
#include "imbrex/ir/spelling.h"

namespace imbrex::interpret {

void AccessWatch::read(const std::string& tensor, const Elements& elements) {
  if (!state_.options.checked) return;
  for (size_t k = 0; k < elements.size(); ++k) note_read(tensor, elements.at(k));
}

void AccessWatch::write(const std::string& tensor, const Elements& elements) {
  if (!state_.options.checked) return;
  for (size_t k = 0; k < elements.size(); ++k) note_write(tensor, elements.at(k));
}

void AccessWatch::note_read(const std::string& tensor, size_t element) {
  Storage& storage = *state_.view(tensor).storage;
  const AccessRecord& write = storage.writes[element];
  if (write.iteration == AccessRecord::kNever && !storage.has_values)
    state_.fault(
        "uninitialised-read", fmt::format("{} is read, and nothing was written there", element_text(state_, tensor, element)),
        "write the element before it is read, or start the tensor with zeros",
        {{state_.program.where(storage.declared->origin), fmt::format("`{}` is declared here", storage.declared->name)}});
  refuse_conflict(tensor, element, write, "writes", "reads");
  AccessRecord& read = storage.reads[element];
  if (read.iteration == AccessRecord::kNever || !iterations_.concurrent(read.iteration).loop)
    read = {iterations_.current(), state_.origin};
}

void AccessWatch::note_write(const std::string& tensor, size_t element) {
  Storage& storage = *state_.view(tensor).storage;
  refuse_conflict(tensor, element, storage.writes[element], "writes", "writes");
  refuse_conflict(tensor, element, storage.reads[element], "reads", "writes");
  storage.writes[element] = {iterations_.current(), state_.origin};
}

void AccessWatch::refuse_conflict(const std::string& tensor, size_t element, const AccessRecord& earlier, const char* did,
                                  const char* does) const {
  if (earlier.iteration == AccessRecord::kNever || earlier.iteration == iterations_.current()) return;
  const Iterations::Pair pair = iterations_.concurrent(earlier.iteration);
  if (!pair.loop) return;
  const ir::Program& program = state_.program;
  const ir::Spelling say(program);
  const std::string loop = say.name(pair.loop->variable), variable = loop + (pair.loop->tile > 0 ? ".index" : "");
  state_.fault(
      "parallel-conflict",
      fmt::format("two iterations of the parallel loop over `{}` touch {}: {} = {} {} it, {} = {} {} it", loop,
                  element_text(state_, tensor, element), variable, pair.earlier, did, variable, pair.current, does),
      fmt::format("create the tensor inside the loop, so that each iteration has its own, or write disjoint slices; or make "
                  "the loop a `{}`",
                  say.word("range")),
      {{program.where(earlier.origin), fmt::format("{} = {} {} it here", variable, pair.earlier, did)},
       {program.where(pair.origin), "the loop"}});
}

void AccessWatch::require_complete(const Storage& output) const {
  const auto missing = std::find_if(output.writes.begin(), output.writes.end(),
                                    [](const AccessRecord& write) { return write.iteration == AccessRecord::kNever; });
  if (missing == output.writes.end()) return;
  const ir::Tensor& tensor = *output.declared;
  const size_t element = static_cast<size_t>(missing - output.writes.begin());
  throw Fault(
      Diagnostic{"output-not-written",
                 state_.program.where(tensor.origin),
                 fmt::format("nothing wrote {} of output `{}`", element_text(state_, tensor.name, element), tensor.name),
                 fmt::format("cover the whole output; `{}` loses no tail", ir::Spelling(state_.program).call("tiles", "...")),
                 {},
                 false});
}

}  // namespace imbrex::interpret

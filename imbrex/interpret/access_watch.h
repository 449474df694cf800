// The checked mode: what a correct program never does with the elements of its tensors.
#pragma once

#include <string>

#include "imbrex/interpret/elements.h"
#include "imbrex/interpret/state.h"

namespace imbrex::interpret {

// Remembers who touched each element and throws a Fault, of these ids, where two accesses must not be. Without Options::checked it
// looks at nothing.
class AccessWatch {
 public:
  explicit AccessWatch(const State& state) : state_(state) {}

  // One execution of a `parallel` loop: its iterations are entered and left in turn. `number` is the loop variable's value, or the
  // index of its span.
  int64_t begin_loop() { return iterations_.begin_loop(); }
  void enter(const ir::Loop& loop, int origin, int64_t execution, int64_t number) {
    iterations_.enter(loop, origin, execution, number);
  }
  void leave() { iterations_.leave(); }

  void read(const std::string& tensor, const Elements& elements);   // uninitialised-read, parallel-conflict
  void write(const std::string& tensor, const Elements& elements);  // parallel-conflict
  void require_complete(const Storage& output) const;               // output-not-written

 private:
  void note_read(const std::string& tensor, size_t element);
  void note_write(const std::string& tensor, size_t element);
  void refuse_conflict(const std::string& tensor, size_t element, const AccessRecord& earlier, const char* did,
                       const char* does) const;

  const State& state_;
  Iterations iterations_;
};

}  // namespace imbrex::interpret

// What the C interface refuses, as the exceptions of imbrex/errors.py.
#pragma once

#include <cxxabi.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>

#include "imbrex/imbrex.h"

namespace imbrex::python {

namespace nb = nanobind;

// Raises imbrex.Error, of one diagnostic.
[[noreturn]] void refuse(const char* id, const std::string& message, const std::string& hint);
// Raises what an outcome stands for, and frees the error.
[[noreturn]] void raise(imbrex_outcome outcome, imbrex_error* error);

// Calls a function of the C interface with `&error` behind its arguments.
template <class Function, class... Arguments>
void call(Function function, Arguments... arguments) {
  imbrex_error* error = nullptr;
  if (const imbrex_outcome outcome = function(arguments..., &error); outcome != IMBREX_DONE) raise(outcome, error);
}

// What a thread does that CPython ends because the interpreter does, while it waits for its lock: unwinding the stack, as CPython
// would, passes functions that C++ answers for by ending the process.
[[noreturn]] inline void stay() {
  while (true) pause();
}

// Without the interpreter's lock, for what takes long. A thread that is still inside when the interpreter ends stays there.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  ~Unlocked() {
    while (is_finalizing()) pause();
    try {
      PyEval_RestoreThread(state_);
    } catch (const abi::__forced_unwind&) {
      stay();
    }
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  static bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030d0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
  }
  PyThreadState* state_;
};

// The same as call() without that lock.
template <class Function, class... Arguments>
void call_unlocked(Function function, Arguments... arguments) {
  imbrex_error* error = nullptr;
  imbrex_outcome outcome = IMBREX_DONE;
  {
    const Unlocked unlocked;
    outcome = function(arguments..., &error);
  }
  if (outcome != IMBREX_DONE) raise(outcome, error);
}

// A string that the C interface handed out.
inline std::string taken(char* text) {
  const std::string copy = text ? text : "";
  imbrex_string_free(text);
  return copy;
}

}  // namespace imbrex::python

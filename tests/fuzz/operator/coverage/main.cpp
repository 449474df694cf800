// What libFuzzer calls. Compiled with clang where there is one; see CMakeLists.txt in the folder above.
#include <cstdio>
#include <cstdlib>

#include "fuzz/operator/coverage/one_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto& library = *new imbrex::test::OperatorUnderAttack;  // never destroyed: the fuzzer ends as it likes
  const std::string wrong = library.try_input(data, size);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s\n", wrong.c_str());
  std::abort();
}

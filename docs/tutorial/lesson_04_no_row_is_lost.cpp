// Lesson 4: no row is lost, for any T. The prover decides it for every T at once, and shows the smallest T that fails.
//
// Three ways to cut T rows in two. Whoever divides loses the last row of an odd T. Rounding up and clamping is right, and proven;
// so is tiles(T, n), which needs no thought: its last span is shorter where n does not divide T.
#include <cstdio>
#include <string>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/language/language.h"
#include "imbrex/prove/prove.h"

using namespace imbrex;

enum class Cut { divided, rounded_up, in_tiles };

Kernel doubled(Cut cut) {
  return kernel("doubled", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", f32, {T, 64}), y = k.output("y", f32, {T, 64});
    const auto rows = [&](Span t) { y(t, all) = x(t, all) * 2; };
    if (cut == Cut::divided) parallel(2, [&](Index half) { rows(span(half * (T / 2), T / 2)); });
    if (cut == Cut::rounded_up)
      parallel(2, [&](Index half) { rows(between(half * ceil_div(T, 2), min((half + 1) * ceil_div(T, 2), T))); });
    if (cut == Cut::in_tiles) parallel(tiles(T, 64), rows);
  });
}

// What the interpreter's checked mode says of a run with T rows, or "".
std::string fault_at(const Kernel& kernel, int64_t T) {
  std::map<std::string, Array> tensors = {{"x", Array::zeros(f32, {T, 64})}};
  try {
    interpret::run(kernel.program(), {{"T", T}}, tensors, {.checked = true, .tap = {}});
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

int main() {
  const prove::Report lossy = prove::prove(doubled(Cut::divided).program());
  std::puts(lossy.verdict().c_str());
  if (lossy.proven || lossy.diagnostics.at(0).id != "output-not-written") return 1;
  // It is no matter of opinion: the run that the prover names fails, others pass.
  if (fault_at(doubled(Cut::divided), 129).empty() || !fault_at(doubled(Cut::divided), 128).empty()) return 1;

  for (const Cut cut : {Cut::rounded_up, Cut::in_tiles})
    if (!prove::prove(doubled(cut).program()).proven || !fault_at(doubled(cut), 129).empty()) return 1;
  std::puts("rounded up, or in tiles: every row, for every T");
}

// Lesson 5: `parallel` is a claim, and the prover checks it.
//
// Memory that is made before a loop is shared by its iterations; memory that is made inside belongs to one. Where data decides an
// address nothing can be proven, so the author says what is known of the data: assume, which is checked when the kernel runs.
#include <cstdio>
#include <optional>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/language/language.h"
#include "imbrex/prove/prove.h"

using namespace imbrex;

Kernel heads(bool scratch_of_its_own) {
  return kernel("heads", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", f32, {T, 256}), y = k.output("y", f32, {T, 256});
    std::optional<Tensor> scratch;
    if (!scratch_of_its_own) scratch = create_tensor("scratch", f32, {T, 64});
    parallel(Range(4).named("h"), [&](Index h) {
      if (scratch_of_its_own) scratch = create_tensor("scratch", f32, {T, 64});
      (*scratch)(all, all) = x(all, span(h * 64, 64)) * 2;
      y(all, span(h * 64, 64)) = (*scratch)(all, all) + 1;
    });
  });
}

Kernel rows_of_a_table(bool says_what_is_known) {
  return kernel("rows_of_a_table", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128}), V = k.dim("V", {.typical = 1000});
    Tensor table = k.input("table", f32, {V, 64}), ids = k.input("ids", int32, {T, 1}), y = k.output("y", f32, {T, 64});
    parallel(tiles(T, 16), [&](Span t) {
      Tile rows = ids(t, all);
      if (says_what_is_known) assume_each(0, rows, V);
      y(t, all) = table(by(rows), all);
    });
  });
}

int main() {
  const prove::Report shared = prove::prove(heads(false).program());
  std::puts(shared.verdict().c_str());  // names two heads and the element that both write
  if (shared.proven || shared.diagnostics.at(0).id != "parallel-conflict") return 1;
  if (!prove::prove(heads(true).program()).proven) return 1;

  const prove::Report unknown = prove::prove(rows_of_a_table(false).program());
  std::puts(unknown.verdict().c_str());
  if (unknown.proven) return 1;
  const Kernel known = rows_of_a_table(true);
  if (!prove::prove(known.program()).proven) return 1;

  // What was assumed is checked: row 7 of a table of 5 is refused, not read.
  std::map<std::string, Array> tensors = {{"table", Array::zeros(f32, {5, 64})}, {"ids", Array::zeros(int32, {1, 1})}};
  tensors.at("ids").as<int32_t>()[0] = 7;
  try {
    interpret::run(known.program(), {{"T", 1}, {"V", 5}}, tensors);
    return 1;
  } catch (const UserError& error) {
    std::puts(error.what());
  }
}

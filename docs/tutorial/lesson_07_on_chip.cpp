// Lesson 7: will it fit an NPU that is not here? Its memories are a table; the prover adds up what is alive at once in a scope.
//
// docs/capacity.md has the model. `imbrex check NAME --target a2a3` prints the same report for a kernel of the library or a file.
#include <cstdio>
#include <string>

#include "imbrex/language/language.h"
#include "imbrex/prove/prove.h"

using namespace imbrex;

Kernel rms_norm(Int D, Int rows) {
  return kernel("rms_norm", [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 128});
    Tensor x = k.input("x", bf16, {T, D}), y = k.output("y", bf16, {T, D});
    parallel(tiles(T, rows).named("t"), [&](Span t) {
      at("rms_norm", [&] {
        Tile v = cast(x(t, all), f32);
        y(t, all) = cast(v * rsqrt(row_sum(v * v) * (1.0f / D) + 1e-6f), bf16, rint);
      });
    });
  });
}

prove::Report on_a2a3(Int rows) {
  prove::Options options;
  options.target = "a2a3";
  options.dims = {{"T", 128}};
  return prove::prove(rms_norm(4096, rows).program(), options);
}

int main() {
  const prove::Report too_tall = on_a2a3(64);
  std::puts(too_tall.text().c_str());  // which tiles, how many bytes, and how many rows would fit
  if (too_tall.proven || too_tall.diagnostics.at(0).id != "over-capacity") return 1;

  const std::string& hint = too_tall.diagnostics.at(0).hint;  // "use a smaller tile for t: `tiles(T, 3)`"
  const Int rows = std::stoll(hint.substr(hint.find(", ") + 2));
  if (!on_a2a3(rows).proven || on_a2a3(rows + 16).proven) return 1;
  std::printf("tiles of %d rows fit\n", static_cast<int>(rows));
}

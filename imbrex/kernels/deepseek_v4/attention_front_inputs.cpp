#include <algorithm>
#include <cmath>
#include <numeric>

#include "imbrex/base/numbers.h"
#include "imbrex/inputs/random.h"
#include "imbrex/kernels/deepseek_v4/attention_front_parts.h"
#include "imbrex/kernels/deepseek_v4/entry_parts.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

using inputs::RandomStream;
using inputs::TensorShape;

constexpr double skipped_share = 0.2;  // of tokens without a slot

bool starts_with(const std::string& name, const char* begin) { return name.rfind(begin, 0) == 0; }

// Numbers from -1 to 1 that no other place has, not rotations of any model: which of them are used is what matters.
Array table(const TensorShape& spec, uint64_t seed) {
  const RandomStream element(seed, spec.name);
  return inputs::filled(spec,
                        [&](int64_t row, int64_t column) { return 2 * element.uniform(row * spec.shape.back() + column) - 1; });
}

Array positions(const TensorShape& spec, int64_t rows, uint64_t seed) {
  const RandomStream position(seed, "position");
  Array array = Array::zeros(spec.dtype, spec.shape);
  for (int64_t t = 0; t < array.size(); ++t)
    set_index_at(array, t, static_cast<int64_t>(position.uniform(t) * static_cast<double>(rows)));
  return array;
}

Array slots(const TensorShape& spec, int64_t places, uint64_t seed) {
  const RandomStream order(seed, "slot"), skipped(seed, "skipped slot");
  std::vector<int64_t> shuffled(static_cast<size_t>(places));
  std::iota(shuffled.begin(), shuffled.end(), int64_t{0});
  std::sort(shuffled.begin(), shuffled.end(), [&](int64_t a, int64_t b) { return order.bits(a) < order.bits(b); });
  Array array = Array::zeros(spec.dtype, spec.shape);
  for (int64_t t = 0; t < array.size(); ++t)
    set_index_at(array, t, t < places && skipped.uniform(t) >= skipped_share ? shuffled[static_cast<size_t>(t)] : -1);
  return array;
}

Array nonsense(const TensorShape& spec, uint64_t seed) {
  const RandomStream element(seed, spec.name);
  Array array = Array::zeros(spec.dtype, spec.shape);
  for (size_t i = 0; i < array.bytes.size(); ++i) array.bytes[i] = static_cast<std::byte>(element.bits(static_cast<int64_t>(i)));
  return array;
}

}  // namespace

Tensors made_form_inputs(const std::vector<TensorShape>& wanted, uint64_t seed) {
  int64_t rows = 0, places = 0;  // of tables, of caches
  for (const TensorShape& spec : wanted) {
    if (starts_with(spec.name, "table")) rows = spec.shape[0];
    if (starts_with(spec.name, "cache")) places = spec.shape[0] * spec.shape[1];
  }
  Tensors made;
  for (const TensorShape& spec : wanted) {
    if (starts_with(spec.name, "table"))
      made.emplace(spec.name, table(spec, seed));
    else if (starts_with(spec.name, "cache"))
      made.emplace(spec.name, nonsense(spec, seed));
    else if (spec.name == "positions")
      made.emplace(spec.name, positions(spec, rows, seed));
    else if (spec.name == "slots")
      made.emplace(spec.name, slots(spec, places, seed));
    else
      made.merge(made_inputs({spec}, seed));
  }
  return made;
}

}  // namespace imbrex::kernels::deepseek_v4

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "random/random_kernel.h"

namespace imbrex::test {
namespace {

// What a tensor is filled with. Most tensors are tame, so that hostile values do not drown every result in NaN.
enum class Temper { tame, wide, hostile };

float random_f32(Random& random, Temper temper) {
  const float tame = std::ldexp(static_cast<float>(random.between(-4096, 4096)), -10);
  if (temper == Temper::tame || random.chance(60)) return tame;
  if (temper == Temper::wide) return std::ldexp(tame, static_cast<int>(random.between(-30, 30)));
  constexpr float specials[] = {0.0f,       -0.0f,     INFINITY,        -INFINITY,        NAN,  0x1p-149f,
                                -0x1p-140f, 0x1p-126f, 0x1.fffffep127f, -0x1.fffffep127f, 0.5f, -1.5f};
  if (random.chance(50)) return specials[random.below(std::size(specials))];
  return std::bit_cast<float>(static_cast<uint32_t>(random.next()));
}

uint16_t random_sixteen_bits(Random& random, Temper temper, DType dtype) {
  if (temper == Temper::hostile && random.chance(40)) {
    constexpr uint16_t bf16[] = {0, 0x8000, 0x7f80, 0xff80, 0x7fc0, 1, 0x807f, 0x0080, 0x7f7f, 0xff7f};
    constexpr uint16_t f16[] = {0, 0x8000, 0x7c00, 0xfc00, 0x7e00, 1, 0x83ff, 0x0400, 0x7bff, 0xfbff};
    return (dtype == DType::bf16 ? bf16 : f16)[random.below(std::size(bf16))];
  }
  // A sign, an exponent near that of 1, and any fraction.
  const int64_t sign = random.below(2) << 15, around = temper == Temper::tame ? 3 : 12;
  if (dtype == DType::bf16) return static_cast<uint16_t>(sign | (127 + random.between(-around, around)) << 7 | random.below(128));
  return static_cast<uint16_t>(sign | (15 + random.between(-around, around)) << 10 | random.below(1024));
}

int32_t random_int32(Random& random, Temper temper) {
  if (temper == Temper::tame) return static_cast<int32_t>(random.between(-1000, 1000));
  constexpr int32_t specials[] = {0,        -1,       std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(),
                                  16777217, -16842753};
  return random.chance(20) ? specials[random.below(std::size(specials))] : static_cast<int32_t>(random.next());
}

int64_t random_byte(Random& random, int64_t least, int64_t most) {
  if (random.chance(15)) return random.chance(50) ? least : most;
  return random.between(least, most);
}

void fill(Array& array, Random& random) {
  const Temper temper = random.chance(55) ? Temper::tame : random.chance(50) ? Temper::wide : Temper::hostile;
  for (int64_t k = 0; k < array.size(); ++k) switch (array.dtype) {
      case DType::f32: array.as<float>()[k] = random_f32(random, temper); break;
      case DType::bf16:
      case DType::f16: array.as<uint16_t>()[k] = random_sixteen_bits(random, temper, array.dtype); break;
      case DType::int8: array.as<int8_t>()[k] = static_cast<int8_t>(random_byte(random, -128, 127)); break;
      case DType::uint8: array.as<uint8_t>()[k] = static_cast<uint8_t>(random_byte(random, 0, 255)); break;
      case DType::int32: array.as<int32_t>()[k] = random_int32(random, temper); break;
      case DType::boolean: array.as<uint8_t>()[k] = static_cast<uint8_t>(random.below(2)); break;
    }
}

void fill_indices(Array& array, int64_t below, bool distinct, Random& random) {
  std::vector<int32_t> pool(static_cast<size_t>(below));
  std::iota(pool.begin(), pool.end(), 0);
  for (int64_t k = 0; k < array.size(); ++k) {
    if (!distinct) {
      array.as<int32_t>()[k] = static_cast<int32_t>(random.below(below));
      continue;
    }
    require(k < below, "as many distinct indices as asked for");
    std::swap(pool[static_cast<size_t>(k)], pool[static_cast<size_t>(random.between(k, below - 1))]);
    array.as<int32_t>()[k] = pool[static_cast<size_t>(k)];
  }
}

}  // namespace

uint64_t Random::next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::map<std::string, Array> random_inputs(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                           Random& random) {
  std::map<std::string, Array> inputs;
  for (const ir::Tensor& tensor : program.tensors) {
    if (tensor.role == ir::Role::output) continue;
    std::vector<int64_t> shape;
    for (const ir::IndexExpr& extent : tensor.shape)
      shape.push_back(ir::evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); }));
    Array array = Array::zeros(tensor.dtype, shape);
    if (const ir::Annotation* below = find(tensor.annotations, "below"))
      fill_indices(array, std::get<int64_t>(below->values.at(0)), find(tensor.annotations, "distinct") != nullptr, random);
    else
      fill(array, random);
    inputs[tensor.name] = std::move(array);
  }
  return inputs;
}

}  // namespace imbrex::test

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "imbrex/base/numbers.h"
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

// Bits of a floating-point type narrower than f32.
uint32_t random_bits(Random& random, Temper temper, const ElementType& type) {
  if (type.bytes == 1 && temper == Temper::hostile) return static_cast<uint32_t>(random.below(256));
  const int fraction = type.fraction_bits(), bias = type.bias();
  const uint32_t sign = uint32_t{1} << (8 * type.bytes - 1), normal = uint32_t{1} << fraction, infinity = sign - normal;
  if (temper == Temper::hostile && random.chance(40)) {
    const uint32_t specials[] = {0,
                                 sign,
                                 infinity,
                                 sign | infinity,
                                 infinity | normal / 2,
                                 1,
                                 sign | (normal - 1),
                                 normal,
                                 infinity - 1,
                                 sign | (infinity - 1)};
    return specials[random.below(std::size(specials))];
  }
  // Few blocks of codes have one that is of no normal number.
  if (type.bytes == 1 && random.below(4000) == 0) return static_cast<uint32_t>(random.below(256));
  // A sign, an exponent near that of 1, and any fraction.
  const int64_t around = std::min(temper == Temper::tame ? 3 : 12, bias - 1);
  const uint32_t drawn_sign = type.has_sign() ? static_cast<uint32_t>(random.below(2)) * sign : 0;
  const auto exponent = static_cast<uint32_t>(bias + random.between(-around, around));
  return drawn_sign | exponent << fraction | static_cast<uint32_t>(random.below(normal));
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
  const ElementType& type = element_type(array.dtype);
  const auto draw = [&]() -> uint64_t {
    switch (type.form) {
      case Form::floating:
        return type.dtype == DType::f32 ? std::bit_cast<uint32_t>(random_f32(random, temper)) : random_bits(random, temper, type);
      case Form::integer:
        if (saturates_when_loaded(type.dtype) && temper == Temper::hostile && random.chance(30)) return random.next();
        if (type.bytes > 1) return static_cast<uint64_t>(int64_t{random_int32(random, temper)});
        return static_cast<uint32_t>(random_byte(random, type.least, type.greatest));
      case Form::boolean: return static_cast<uint32_t>(random.below(2));
    }
    throw InternalError("a type of no form");
  };
  for (int64_t k = 0; k < array.size(); ++k) {
    const uint64_t bits = draw();
    std::memcpy(array.bytes.data() + k * type.bytes, &bits, static_cast<size_t>(type.bytes));
  }
}

// With an excepted number, about one element in three is it, and the others differ if they are to.
void fill_indices(Array& array, int64_t below, bool distinct, std::optional<int64_t> except, Random& random) {
  std::vector<int32_t> pool(static_cast<size_t>(below));
  std::iota(pool.begin(), pool.end(), 0);
  for (int64_t k = 0; k < array.size(); ++k) {
    if (!distinct) {
      set_index_at(array, k, random.below(below));
      continue;
    }
    require(k < below, "as many distinct indices as asked for");
    std::swap(pool[static_cast<size_t>(k)], pool[static_cast<size_t>(random.between(k, below - 1))]);
    set_index_at(array, k, except && random.chance(33) ? *except : pool[static_cast<size_t>(k)]);
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
    if (const ir::Annotation* below = find(tensor.annotations, "below")) {
      const ir::Annotation* except = find(tensor.annotations, "except");
      fill_indices(array, std::get<int64_t>(below->values.at(0)), find(tensor.annotations, "distinct") != nullptr,
                   except ? std::optional(std::get<int64_t>(except->values.at(0))) : std::nullopt, random);
    } else
      fill(array, random);
    inputs[tensor.name] = std::move(array);
  }
  return inputs;
}

}  // namespace imbrex::test

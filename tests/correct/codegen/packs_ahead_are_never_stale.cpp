// What is packed ahead of a loop is what the loop would have packed: attention and its like give the bits of the interpreter, on
// one to three workers of which one comes late, where the operand is stored to before, between or inside of what takes it.
#include <gtest/gtest.h>

#include <random>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/plan/make_plan.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

struct Case {
  const char* name;
  const char* text;  // of the dimensions T and S
};

constexpr Case kCases[] = {
    {"attention", R"(
  input q: bf16[T, 2, 40]
  input k: bf16[S, 2, 40]
  input v: bf16[S, 2, 40]
  output y: f32[T, 2, 40]
  parallel h in 0 .. 2 {
    parallel t in tiles(T, 5) {
      let most = full(f32, [t.size, 1], -inf)
      let sum = full(f32, [t.size, 1], 0.0)
      let acc = full(f32, [t.size, 40], 0.0)
      range c in tiles(S, 33) {
        let s = matmul(q[t, h, :], k[c, h, :], transpose_b)
        let now = max(most, row_max(s))
        let p = exp(s - now)
        let keep = exp(most - now)
        sum = sum * keep + row_sum(p)
        acc = acc * keep + matmul(cast(p, bf16, rint), v[c, h, :])
        most = now
      }
      y[t, h, :] = acc / sum
    }
  })"},
    {"stored_to_before", R"(
  input q: bf16[T, 64]
  inout k: bf16[S, 64]
  output y: f32[T, S]
  parallel c in tiles(S, 8) { k[c, :] = cast(cast(k[c, :], f32) * 2.0 + 1.0, bf16, rint) }
  parallel t in tiles(T, 3) {
    range d in tiles(S, 32) { y[t, d] = matmul(q[t, :], k[d, :], transpose_b) }
  }
  parallel e in tiles(S, 8) { k[e, :] = cast(cast(k[e, :], f32) - 1.0, bf16, rint) }
  parallel u in tiles(T, 3) {
    range f in tiles(S, 32) { y[u, f] = y[u, f] + matmul(q[u, :], k[f, :], transpose_b) }
  })"},
    {"stored_to_in_each_step", R"(
  input q: f32[T, 64]
  inout k: f32[S, 64]
  output y: f32[T, S]
  y[:, :] = full(f32, [T, S], 0.0)
  range i in 0 .. 3 {
    parallel c in tiles(S, 8) { k[c, :] = k[c, :] * 2.0 - 1.0 }
    parallel t in tiles(T, 3) { y[t, :] = y[t, :] + matmul(q[t, :], k[:, :], transpose_b) }
  })"},
    {"stored_to_inside", R"(
  input q: f32[T, 64]
  inout k: f32[S, 64]
  output y: f32[T, S]
  range t in tiles(T, 3) {
    k[0 +: 1, :] = k[0 +: 1, :] + q[t.begin +: 1, :]
    y[t, :] = matmul(q[t, :], k[:, :], transpose_b)
  })"},
    {"stored_to_through_a_view", R"(
  input q: f32[T, 64]
  inout k: f32[S, 64]
  output y: f32[T, S]
  view halves = k: [S, 2, 32]
  range t in tiles(T, 3) {
    y[t, :] = matmul(q[t, :], k[:, :], transpose_b)
    halves[0 +: 1, 1, :] = halves[0 +: 1, 1, :] * 0.5
  })"},
    {"in_a_task", R"(
  input q: int8[T, 70]
  input k: int8[S, 70]
  output y: int32[T, 2, S]
  parallel h in 0 .. 2 {
    range t in tiles(T, 4) {
      range c in tiles(S, 24) { y[t, h, c] = matmul(q[t, :], k[c, :], transpose_b) }
    }
  })"},
    {"by_one_worker", R"(
  input q: f32[T, 20]
  input k: f32[20, S]
  output y: f32[T, S]
  range i in 0 .. 2 {
    range t in tiles(T, 4) { y[t, :] = matmul(q[t, :], k[:, :]) }
    range u in tiles(T, 2) { y[u, :] = y[u, :] * 2.0 }
    parallel v in tiles(T, 2) { y[v, :] = y[v, :] + 1.0 }
  })"},
    {"of_a_tile", R"(
  input q: f32[T, 20]
  input k: f32[20, S]
  output y: f32[T, S]
  let twice = k[:, :] * 2.0
  parallel t in tiles(T, 4) { y[t, :] = matmul(q[t, :], twice) })"},
    {"of_a_tile_beside_memory", R"(
  input q: f32[T, 20]
  input k: f32[20, S]
  output y: f32[T, S]
  let twice = k[:, :] * 2.0
  parallel t in tiles(T, 4) {
    create half: f32[t.size, 20]
    half[:, :] = q[t, :] * 0.5
    y[t, :] = matmul(half[:, :], twice)
  })"},
    {"of_what_is_made_here", R"(
  input q: f32[T, 20]
  input k: f32[S, 20]
  output y: f32[T, S]
  create made: f32[S, 20]
  parallel c in tiles(S, 16) { made[c, :] = k[c, :] * 0.5 }
  parallel t in tiles(T, 4) {
    parallel d in tiles(S, 16) { y[t, d] = matmul(q[t, :], made[d, :], transpose_b) }
  })"},
    {"causal", R"(
  input q: bf16[T, 2, 40]
  input k: bf16[T, 2, 40]
  input v: bf16[T, 2, 40]
  output y: f32[T, 2, 40]
  parallel h in 0 .. 2 {
    parallel t in tiles(T, 4) {
      let most = full(f32, [t.size, 1], -inf)
      let sum = full(f32, [t.size, 1], 0.0)
      let acc = full(f32, [t.size, 40], 0.0)
      range c in tiles(t.begin + t.size, 2) {
        let s = matmul(q[t, h, :], k[c, h, :], transpose_b)
        let now = max(most, row_max(s))
        let p = exp(s - now)
        let keep = exp(most - now)
        sum = sum * keep + row_sum(p)
        acc = acc * keep + matmul(cast(p, bf16, rint), v[c, h, :])
        most = now
      }
      y[t, h, :] = acc / sum
    }
  })"},
    {"causal_with_tails", R"(
  input q: int8[T, 40]
  input k: int8[T, 40]
  output y: int32[T, T]
  parallel a in tiles(T, 8) { y[a, :] = full(int32, [a.size, T], 0) }
  parallel t in tiles(T, 3) {
    range c in tiles(t.begin + t.size, 5) {
      y[t, c] = matmul(q[t, :], k[c, :], transpose_b)
    }
  })"},
    {"below_the_diagonal", R"(
  input q: f32[T, 20]
  input k: f32[S, 20]
  inout y: f32[T, S]
  parallel t in tiles(T, 4) {
    range c in tiles(S, 16) {
      if c.begin <= t.begin { y[t, c] = matmul(q[t, :], k[c, :], transpose_b) }
    }
  })"},
    {"groups_of_heads", R"(
  input q: bf16[T, 6, 20]
  input k: bf16[S, 3, 20]
  output y: f32[T, 6, S]
  parallel h in 0 .. 6 {
    parallel t in tiles(T, 4) {
      range c in tiles(S, 16) { y[t, h, c] = matmul(q[t, h, :], k[c, h // 2, :], transpose_b) }
    }
  })"},
    {"two_phases", R"(
  input q: f32[T, 20]
  inout k: f32[S, 20]
  output y: f32[T, S]
  output z: f32[T, S]
  parallel t in tiles(T, 4) {
    range c in tiles(S, 16) { y[t, c] = matmul(q[t, :], k[c, :], transpose_b) }
  }
  parallel u in tiles(T, 4) {
    range d in tiles(S, 16) { z[u, d] = y[u, d] - matmul(q[u, :], k[d, :], transpose_b) }
  }
  parallel e in tiles(S, 8) { k[e, :] = k[e, :] - 1.0 }
  parallel v in tiles(T, 4) {
    range f in tiles(S, 16) { z[v, f] = z[v, f] * matmul(q[v, :], k[f, :], transpose_b) }
  })"},
    {"perhaps", R"(
  input q: f32[T, 20]
  input k: f32[S, 20]
  inout y: f32[T, S]
  range t in 0 .. T - 16 { y[t + 16, :] = matmul(q[t, :], k[:, :], transpose_b) }
  range u in 0 .. T { if u == 3 { y[u, :] = y[u, :] + matmul(q[u, :], k[:, :], transpose_b) } })"},
};

Array random_array(DType dtype, const std::vector<int64_t>& shape, std::mt19937& generator) {
  Array array = Array::zeros(dtype, shape);
  for (int64_t i = 0; i < array.size(); ++i) {
    const float value = static_cast<float>(static_cast<int32_t>(generator())) / 2147483648.0f;
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if (dtype == DType::f32)
      array.as<float>()[i] = value;
    else if (dtype == DType::bf16)
      array.as<uint16_t>()[i] = static_cast<uint16_t>(bits >> 16);
    else
      array.as<int8_t>()[i] = static_cast<int8_t>(generator());
  }
  return array;
}

TEST(PacksAhead, GiveTheBitsOfTheInterpreter) {
  std::vector<ir::Program> programs;
  for (const Case& each : kCases) {
    programs.push_back(ir::parse(
        fmt::format("imbrex 1\nkernel \"{}\" {{\n  dim T typical 4096\n  dim S typical 4096\n{}\n}}\n", each.name, each.text),
        each.name));
    ir::verify_or_throw(programs.back());
  }
  std::mt19937 generator(7);
  for (const target::Target* target : test::runnable_targets()) {
    const target::Machine machine(*target);
    const GeneratedCode code(programs, machine);
    ASSERT_EQ(code.error(), "") << target->name;
    for (const ir::Program& program : programs)
      for (const auto& [t, s] : {std::pair{1, 1}, {3, 31}, {5, 33}, {6, 66}, {19, 67}}) {
        const Dims dims{{"T", t}, {"S", s}};
        Tensors inputs;
        for (const ir::Tensor& tensor : program.tensors) {
          if (tensor.role == ir::Role::output) continue;
          std::vector<int64_t> shape;
          for (const auto& e : tensor.shape)
            shape.push_back(ir::evaluate(e, [&](const ir::Index& leaf) { return dims.at(leaf.name); }));
          inputs[tensor.name] = random_array(tensor.dtype, shape, generator);
        }
        for (int threads = 1; threads <= 3; ++threads) {
          const auto difference =
              difference_from_interpreter(program, code.kernel(program), dims, inputs, threads, threads == 2 ? 3 : 0);
          ASSERT_FALSE(difference) << target->name << ", " << *difference;
        }
      }
  }
}

// Or the test above would hold for nothing.
TEST(PacksAhead, AreInTheseKernels) {
  for (const Case& each : kCases) {
    const std::string name = each.name;
    const ir::Program program = ir::parse(
        fmt::format("imbrex 1\nkernel \"{}\" {{\n  dim T typical 4096\n  dim S typical 4096\n{}\n}}\n", each.name, each.text),
        each.name);
    const plan::Plan plan = plan::make_plan(program, target::Machine(target::targets().front()), false);
    const bool is_kept = name == "stored_to_inside" || name == "stored_to_through_a_view" || name == "perhaps";
    EXPECT_EQ(plan.ahead.empty(), is_kept) << name;
  }
}

}  // namespace
}  // namespace imbrex::test

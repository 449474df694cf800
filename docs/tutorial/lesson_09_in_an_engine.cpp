// Lesson 9: in an engine: x is a slice of wider activations, the weight is stored as [out, in] and packed once, the threads and
// the workspace are the engine's.
//
// Here the kernel is compiled when the program runs. docs/engine.md and examples/engine.c do the same in C, ahead of time and
// without a compiler on the machine that runs it.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "imbrex/kernels/registry.h"
#include "imbrex/language/language.h"
#include "imbrex/runtime/kernel.h"

using namespace imbrex;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<void, Free>;
Memory memory_of(size_t bytes) { return Memory(std::aligned_alloc(64, bytes / 64 * 64 + 64)); }

int main() {
  const ir::Program program = kernels::build("nn/matmul", "", "demo", {}).program;
  const int64_t K = *ir::constant_value(program.tensors.at(1).shape.at(0)),
                N = *ir::constant_value(program.tensors.at(1).shape.at(1));
  const runtime::CompiledKernel kernel = runtime::compile(program);

  const int64_t T = 9, wide = K + 64;
  std::vector<uint16_t> activations(static_cast<size_t>(T * wide), 0x3f80), weight(static_cast<size_t>(N * K), 0x3f00);  // 1, 0.5
  std::vector<float> c(static_cast<size_t>(T * N));

  runtime::Call call(kernel);
  call.bind("a", {activations.data(), bf16, {T, K}, {wide, 1}});
  call.bind("c", {c.data(), f32, {T, N}, {}});
  const size_t packed_bytes = call.packed_bytes("b");
  const Memory packed = memory_of(packed_bytes);
  call.pack("b", runtime::TensorView{weight.data(), bf16, {N, K}, {}}.transposed(), packed.get(), packed_bytes);
  call.bind_packed("b", packed.get(), packed_bytes);
  call.check();  // every mistake is an error that names the tensor; after it the kernel touches bound memory only

  const int nth = 2;
  const Memory workspace = memory_of(call.workspace_bytes(nth));
  runtime::Barrier barrier(nth);
  call.prepare(nth);
  std::vector<std::thread> threads;
  for (int ith = 0; ith < nth; ++ith)
    threads.emplace_back([&, ith] { call.run_as(ith, nth, runtime::Barrier::wait_on, &barrier, workspace.get()); });
  for (std::thread& thread : threads) thread.join();

  for (const float value : c)
    if (value != 0.5f * static_cast<float>(K)) return 1;
  std::printf("%d times %d outputs, each %g\n", static_cast<int>(T), static_cast<int>(N), 0.5 * static_cast<double>(K));
}

// What a kernel leaves behind in a thread that runs it: nothing. And how little stack the thread needs. Of the attention front at
// the size of the model, on every target that this machine runs.
#include <gtest/gtest.h>
#include <pthread.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "imbrex/inputs/synthetic.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex/tools/subject.h"

namespace imbrex::runtime {
namespace {

constexpr int64_t kTokens = 75;
constexpr size_t kDocumentedStack = 128 << 10;  // docs/engine.md

uint32_t float_mode() { return __builtin_ia32_stmxcsr(); }
void set_float_mode(uint32_t mode) { __builtin_ia32_ldmxcsr(mode); }

// The parts of its state that the thread uses, a bit each; 0 where the processor does not tell.
uint64_t state_in_use() {
  uint32_t eax = 0xd, ebx = 0, ecx = 1, edx = 0;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  if ((eax & 4) == 0) return 0;
  __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(1));
  return (uint64_t{edx} << 32) | eax;
}
constexpr uint64_t kTileState = uint64_t{3} << 17;

// Runs it on a thread of its own with so much stack.
void on_a_thread(size_t stack, const std::function<void()>& function) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, stack), 0);
  pthread_t thread;
  const auto call = [](void* user) -> void* {
    (*static_cast<const std::function<void()>*>(user))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, call, const_cast<std::function<void()>*>(&function)), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

void run_alone(Call& call) { call.run_as(0, 1, nullptr, nullptr); }

class ModelSizedFront : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    program_ = kernels::build("deepseek_v4/qkv_proj_rope", "fused", "flash", {}).program;
    inputs_ = kernels::find_kernel("deepseek_v4/qkv_proj_rope")
                  .made_inputs(tools::shapes_of(program_, {{"T", kTokens}}, {ir::Role::input}), 3);
  }
  static void TearDownTestSuite() { inputs_.clear(); }

  // What comes out of a call whose kernel `run` calls.
  static std::map<std::string, Array> outputs_of(const CompiledKernel& kernel, const std::function<void(Call&)>& run) {
    std::map<std::string, Array> outputs;
    Call call(kernel);
    for (const auto& [name, array] : inputs_) call.bind(name, TensorView::of(array));
    for (const tools::TensorShape& shape : tools::shapes_of(program_, {{"T", kTokens}}, {ir::Role::output})) {
      Array& output = outputs[shape.name] = Array::zeros(shape.dtype, shape.shape);
      call.bind(shape.name, TensorView::of(output));
    }
    call.prepare(1);
    run(call);
    return outputs;
  }

  static CompiledKernel compiled_for(const target::Target* target) {
    CompileOptions options;
    options.target = target;
    options.cache.directory = std::string(IMBREX_BINARY_DIR) + "/test-cache";
    return compile(program_, options);
  }

  static ir::Program program_;
  static std::map<std::string, Array> inputs_;
};
ir::Program ModelSizedFront::program_;
std::map<std::string, Array> ModelSizedFront::inputs_;

TEST_F(ModelSizedFront, NeitherTakesNorChangesTheStateOfAThread) {
  for (const target::Target* target : target::supported_targets()) {
    const CompiledKernel kernel = compiled_for(target);
    const auto plain = outputs_of(kernel, [&](Call& call) { run_alone(call); });
    // Upwards, tiny values flushed, all exceptions masked, one of them seen; then in the other direction with none.
    for (const uint32_t mode : {0xdfc1u, 0x3f80u}) {
      uint32_t after = 0;
      uint64_t used = 0;
      const auto outputs = outputs_of(kernel, [&](Call& call) {
        on_a_thread(size_t{8} << 20, [&] {
          set_float_mode(mode);
          run_alone(call);
          after = float_mode();
          used = state_in_use();
        });
      });
      EXPECT_EQ(after, mode) << target->name;
      EXPECT_EQ(used & kTileState, 0u) << target->name << " keeps tile registers";
      for (const auto& [name, array] : plain) EXPECT_TRUE(outputs.at(name).bytes == array.bytes) << name << ", " << target->name;
    }
  }
}

TEST_F(ModelSizedFront, RunsOnTheStackThatIsDocumented) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers need more";
  for (const target::Target* target : target::supported_targets()) {
    const CompiledKernel kernel = compiled_for(target);
    outputs_of(kernel, [&](Call& call) { on_a_thread(kDocumentedStack, [&] { run_alone(call); }); });
  }
}

}  // namespace
}  // namespace imbrex::runtime

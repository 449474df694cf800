// Generated code, compiled and run: one shared object for many kernels, each run against the interpreter bit for bit.
#pragma once

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/codegen/generate.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/print.h"
#include "imbrex/plan/make_plan.h"
#include "imbrex/runtime/abi.h"
#include "support/compare.h"
#include "support/runnable_targets.h"
#include "support/temporary_folder.h"

// Of the address sanitizer, where it is there.
extern "C" __attribute__((weak)) void __asan_poison_memory_region(const volatile void* begin, size_t bytes);
extern "C" __attribute__((weak)) void __asan_unpoison_memory_region(const volatile void* begin, size_t bytes);

namespace imbrex::test {

class GeneratedCode {
 public:
  // Under the sanitizers of this build; IMBREX_GENERATED_FLAGS adds more flags.
  GeneratedCode(std::span<const ir::Program> programs, const target::Machine& machine, const char* optimization = "-O1",
                bool taps = false) {
    std::vector<plan::Plan> plans;
    for (const ir::Program& program : programs) plans.push_back(plan::make_plan(program, machine, taps));
    const std::string code = codegen::generate_many(plans, machine);
    const std::string source = folder_.file("kernels.cpp"), library = folder_.file("kernels.so"), log = folder_.file("log");
    std::ofstream(source) << code;
    const char* compiler = std::getenv("CXX");
    const char* more_flags = std::getenv("IMBREX_GENERATED_FLAGS");
    std::string command =
        fmt::format("{} -std=c++20 -Wall -Wextra -Werror {} -shared -fPIC -I{} {} -o {} {}", compiler ? compiler : "c++",
                    optimization, IMBREX_SOURCE_DIR, source, library, more_flags ? more_flags : "");
    for (const std::string& flag : target::compiler_flags(*machine.target)) command += " " + flag;
    if (takes_tiles_in_software(*machine.target)) command += " -DIMBREX_TILES_IN_SOFTWARE";
    if (*IMBREX_SANITIZE != 0) command += " -fsanitize=" IMBREX_SANITIZE " -fno-sanitize-recover=all -fno-omit-frame-pointer -g1";
    if (std::system((command + " > " + log + " 2>&1").c_str()) != 0) {
      std::ifstream in(log);
      error_ = std::string(std::istreambuf_iterator<char>(in), {}).substr(0, 4000) + "\n" + code.substr(0, 20000);
      return;
    }
    handle_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle_) error_ = dlerror();
  }
  GeneratedCode(const GeneratedCode&) = delete;
  GeneratedCode& operator=(const GeneratedCode&) = delete;
  ~GeneratedCode() {
    if (handle_) dlclose(handle_);
  }

  const std::string& error() const { return error_; }
  const imbrex_kernel* kernel(const ir::Program& program) const {
    const std::string name = "imbrex_kernel_" + codegen::symbol_of(program);
    const auto get = reinterpret_cast<const imbrex_kernel* (*)()>(dlsym(handle_, name.c_str()));
    return get ? get() : nullptr;
  }

 private:
  tests::TemporaryFolder folder_;
  void* handle_ = nullptr;
  std::string error_;
};

// Memory, 64-byte aligned, with guard bytes before it and up to the next 64 bytes after it, then a page that no one may touch.
class Guarded {
 public:
  explicit Guarded(size_t bytes, unsigned char fill = 0xa5)
      : bytes_(bytes),
        inside_(round_up(bytes + kGuard + kAlignment, kPage)),
        memory_(map(inside_ + 2 * kPage), Unmap{inside_ + 2 * kPage}) {
    mprotect(memory_.get() + kPage, inside_, PROT_READ | PROT_WRITE);
    std::memset(memory_.get() + kPage, 0x5c, inside_);
    std::memset(data(), fill, bytes);
    if (!__asan_poison_memory_region || bytes == 0) return;
    __asan_poison_memory_region(data() - kGuard, kGuard);
    __asan_poison_memory_region(data() + bytes, static_cast<size_t>(end() - data()) - bytes);
  }
  unsigned char* data() const { return memory_.get() + kPage + (inside_ - bytes_) / kAlignment * kAlignment; }
  bool is_intact() const {
    if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(memory_.get() + kPage, inside_);
    const auto is_guard = [](unsigned char byte) { return byte == 0x5c; };
    return std::all_of(memory_.get() + kPage, data(), is_guard) && std::all_of(data() + bytes_, end(), is_guard);
  }

 private:
  static constexpr size_t kGuard = 256, kPage = 4096, kAlignment = 64;
  unsigned char* end() const { return memory_.get() + kPage + inside_; }
  static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
  static unsigned char* map(size_t bytes) {
    void* memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED, "there is memory for a test");
    return static_cast<unsigned char*>(memory);
  }
  struct Unmap {
    size_t bytes;
    void operator()(unsigned char* memory) const {
      if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(memory, bytes);
      munmap(memory, bytes);
    }
  };
  size_t bytes_, inside_;
  std::unique_ptr<unsigned char, Unmap> memory_;
};

using Tensors = std::map<std::string, Array>;
using Dims = std::map<std::string, int64_t>;

// A tensor bound with `padding` more elements between the rows of its first axes than it needs.
struct Bound {
  Bound(const Array& array, int64_t padding) : strides(array.shape.size(), 1), memory(0) {
    int64_t step = 1;
    for (size_t axis = array.shape.size(); axis-- > 0;) {
      strides[axis] = step;
      step *= array.shape[axis];
      if (axis + 1 == array.shape.size() && array.shape.size() > 1) step += padding;
    }
    memory = Guarded(static_cast<size_t>(std::max<int64_t>(step * bytes_of(array.dtype), 1)));
  }
  template <class Copy>
  void for_each_row(const Array& array, Copy copy) const {
    const int64_t columns = array.shape.empty() ? 1 : array.shape.back();
    const int64_t bytes = bytes_of(array.dtype), rows = columns == 0 ? 0 : array.size() / columns;
    const int64_t step = array.shape.size() > 1 ? strides[array.shape.size() - 2] : columns;
    for (int64_t row = 0; row < rows; ++row) copy(memory.data() + row * step * bytes, row * columns * bytes, columns * bytes);
  }
  void put(const Array& array) const {
    for_each_row(array,
                 [&](unsigned char* at, int64_t offset, int64_t n) { std::memcpy(at, array.bytes.data() + offset, size_t(n)); });
  }
  void get(Array& array) const {
    for_each_row(array,
                 [&](unsigned char* at, int64_t offset, int64_t n) { std::memcpy(array.bytes.data() + offset, at, size_t(n)); });
  }
  std::vector<int64_t> strides;
  Guarded memory;
};

struct RunResult {
  Tensors tensors;
  int32_t failed_assumption = 0;
  std::string error;  // guard bytes that were overwritten
};

// Who is told of scopes and taps.
struct Watch {
  imbrex_trace_fn trace = nullptr;
  imbrex_tap_fn tap = nullptr;
  void* user = nullptr;
};

inline RunResult run_generated(const ir::Program& program, const imbrex_kernel* kernel, const Dims& dims, const Tensors& inputs,
                               int threads, int64_t padding, const Watch& watch = {}) {
  RunResult result;
  std::vector<int64_t> dim_values;
  for (const ir::Dim& dim : program.dims) dim_values.push_back(dims.at(dim.name));
  std::vector<std::unique_ptr<Bound>> bound;
  std::vector<std::unique_ptr<Guarded>> packed;
  std::vector<imbrex_tensor> tensors;
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    const ir::Tensor& tensor = program.tensors[i];
    std::vector<int64_t> shape;
    for (const auto& extent : tensor.shape)
      shape.push_back(ir::evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); }));
    Array array = tensor.role == ir::Role::output ? Array::zeros(tensor.dtype, shape) : inputs.at(tensor.name);
    bound.push_back(std::make_unique<Bound>(array, padding));
    if (tensor.role != ir::Role::output) bound.back()->put(array);
    const bool is_input = tensor.role == ir::Role::input;
    unsigned char* const data = bound.back()->memory.data();
    tensors.push_back({is_input ? data : nullptr, is_input ? nullptr : data, bound.back()->strides.data()});
    if (kernel->tensors[i].packed_bytes > 0) {
      packed.push_back(std::make_unique<Guarded>(kernel->tensors[i].packed_bytes));
      for (int part = 0; part < 2; ++part)
        kernel->pack(static_cast<int32_t>(i), data, tensors[i].strides, packed.back()->data(), part, 2);
      tensors[i] = {packed.back()->data(), nullptr, nullptr};
    }
    result.tensors[tensor.name] = std::move(array);
  }
  const size_t workspace_bytes = kernel->workspace_bytes(dim_values.data(), threads);
  const Guarded workspace(workspace_bytes, 0xff);  // poison: NaN, -1
  std::barrier barrier(threads);
  // The last worker comes late to every phase, so that a barrier that is missing shows.
  static thread_local bool is_late = false;
  static constexpr auto come_late = [] {
    if (is_late) std::this_thread::sleep_for(std::chrono::microseconds(100));
  };
  const auto wait = [](void* user) {
    static_cast<std::barrier<>*>(user)->arrive_and_wait();
    come_late();
  };
  const auto work = [&](int ith) {
    is_late = ith > 0 && ith + 1 == threads;
    come_late();
    imbrex_call call = {};
    call.dims = dim_values.data();
    call.tensors = tensors.data();
    call.workspace = workspace.data();
    call.workspace_bytes = workspace_bytes;
    call.ith = ith;
    call.nth = threads;
    call.barrier = wait;
    call.barrier_user = &barrier;
    call.trace = watch.trace;
    call.tap = watch.tap;
    call.trace_user = call.tap_user = watch.user;
    call.failed_assumption = &result.failed_assumption;
    kernel->run(&call);
  };
  std::vector<std::thread> others;
  for (int ith = 1; ith < threads; ++ith) others.emplace_back(work, ith);
  work(0);
  for (std::thread& each : others) each.join();
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    bound[i]->get(result.tensors[program.tensors[i].name]);
    if (!bound[i]->memory.is_intact()) result.error += "bytes around tensor '" + program.tensors[i].name + "' were overwritten; ";
  }
  for (const auto& each : packed)
    if (!each->is_intact()) result.error += "bytes around a packed tensor were overwritten; ";
  if (!workspace.is_intact()) result.error += "bytes around the workspace were overwritten; ";
  return result;
}

// What a run of the kernel gives that is not expected, with the program's text; nothing if all is equal.
inline std::optional<std::string> difference_between(const Tensors& expected, const ir::Program& program,
                                                     const imbrex_kernel* kernel, const Dims& dims, const Tensors& inputs,
                                                     int threads, int64_t padding) {
  const RunResult actual = run_generated(program, kernel, dims, inputs, threads, padding);
  std::string found = actual.error;
  if (actual.failed_assumption) found += fmt::format("assumption {} failed; ", actual.failed_assumption);
  for (const ir::Tensor& tensor : program.tensors) {
    const auto difference = first_difference(actual.tensors.at(tensor.name), expected.at(tensor.name));
    if (difference) found += fmt::format("{}{}; ", tensor.name, *difference);
  }
  if (found.empty()) return std::nullopt;
  std::string sizes;
  for (const auto& [name, value] : dims) sizes += fmt::format(" {}={}", name, value);
  return fmt::format("{} threads, padding {},{}: {}\n{}", threads, padding, sizes, found, ir::print(program));
}

// The same against what the interpreter makes of the program.
inline std::optional<std::string> difference_from_interpreter(const ir::Program& program, const imbrex_kernel* kernel,
                                                              const Dims& dims, const Tensors& inputs, int threads,
                                                              int64_t padding) {
  Tensors expected = inputs;
  interpret::run(program, dims, expected);
  return difference_between(expected, program, kernel, dims, inputs, threads, padding);
}

}  // namespace imbrex::test

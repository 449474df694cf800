// The C++ call API: compile a tile program for this machine, bind tensors, run.
//
//   CompiledKernel kernel = compile(program);
//   Call call(kernel);
//   call.bind("x", TensorView::of(x)).bind("w", TensorView::of(w)).bind("y", TensorView::of(y));
//   call.run();
//
// Dimensions are taken from the shapes bound. Weights that the kernel wants packed are packed when they are bound. Everything is
// checked before the kernel runs; the second run of the same call does nothing but run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/ir/program.h"
#include "imbrex/runtime/abi.h"
#include "imbrex/runtime/assumptions.h"
#include "imbrex/runtime/buffer.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/runtime/executor.h"
#include "imbrex/runtime/jit.h"
#include "imbrex/target/rates.h"

namespace imbrex::runtime {

struct CompileOptions {
  const target::Target* target = nullptr;  // unset: $IMBREX_ISA, else the best that this machine runs
  std::optional<target::Rates> rates;      // unset: of $IMBREX_MACHINE, else of this machine's class
  bool taps = false;                       // tap(name, tile) calls Call::on_tap
  bool optimize = true;                    // else code is generated from the loops as they are written
  bool prove = true;                       // else a kernel that races, loses rows or leaves its tensors may do so when it runs
  CacheOptions cache;
  std::vector<std::string> flags;  // more for the compiler, such as sanitizers; those that results depend on come behind them
};

// Immutable; copies share the code. Calls of several threads may use one at once.
class CompiledKernel {
 public:
  const imbrex_kernel& table() const { return *code_->table; }
  const Module& module() const { return code_->module; }
  // What imbrex_call::failed_assumption means: number k + 1 is entry k. None where code says no more than the number.
  const std::vector<Assumption>& assumptions() const { return code_->assumptions; }
  // What code was generated from, and why that is as written where it is; for kernels of compile() alone.
  const Translation& translation() const { return *code_->translation; }

  // From source against abi.h that exports `symbol`; for tests and tools.
  static CompiledKernel from_source(const std::string& source, const std::string& symbol, const JitOptions& options);
  // From a module that has this table.
  static CompiledKernel from_module(Module module, const imbrex_kernel& table, std::vector<Assumption> assumptions = {});

 private:
  friend CompiledKernel compile(const ir::Program&, const CompileOptions&);
  struct Code {
    explicit Code(Module loaded) : module(std::move(loaded)) {}
    Module module;
    const imbrex_kernel* table = nullptr;
    std::vector<Assumption> assumptions;
    std::optional<Translation> translation;  // none of code that was not compiled from a program here
  };
  std::shared_ptr<const Code> code_;
};

// UserError: the program does not verify, the target is not one of this machine, no compiler.
CompiledKernel compile(const ir::Program& program, const CompileOptions& options = {});

// The target to compile for: `wanted`, else $IMBREX_ISA, else the best. UserError where this machine cannot run it.
const target::Target& choose_target(const target::Target* wanted = nullptr);

// Memory of the caller as a tensor. Strides are in elements; none means dense, row-major.
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  bool writable = true;

  static TensorView of(Array& array) { return {array.bytes.data(), array.dtype, array.shape, {}, true}; }
  static TensorView of(const Array& array) {
    return {const_cast<std::byte*>(array.bytes.data()), array.dtype, array.shape, {}, false};
  }
  static TensorView of(void* data, DType dtype, std::vector<int64_t> shape, std::vector<int64_t> strides = {}) {
    return {data, dtype, std::move(shape), std::move(strides), true};
  }
  // Memory that may only be read: for inputs.
  static TensorView of(const void* data, DType dtype, std::vector<int64_t> shape, std::vector<int64_t> strides = {}) {
    return {const_cast<void*>(data), dtype, std::move(shape), std::move(strides), false};
  }
  // The same memory seen with its two axes exchanged: [out, in] given where a kernel wants [in, out].
  TensorView transposed() const;
};

// One call of a kernel with its tensors. Not for several threads at once, but for run_as().
class Call {
 public:
  explicit Call(CompiledKernel kernel);
  const imbrex_kernel& table() const { return kernel_.table(); }

  // Binds a tensor; the memory must outlive the call. The last axis must have stride 1. A weight that the kernel wants packed may
  // have any strides (so it may be given transposed); it is packed here, into memory of this call.
  Call& bind(const std::string& tensor, const TensorView& view);
  // What is bound as number `tensor`, with its strides written out; nothing for packed memory.
  const TensorView* bound_view(size_t tensor) const;
  // The same tensors at other addresses, one for each, once all are bound and checked and none is packed. False, and nothing is
  // changed, where addresses are not good for them: then bind() says what is wrong.
  bool move_to(const std::vector<void*>& addresses);
  // Binds memory that pack() filled.
  Call& bind_packed(const std::string& tensor, const void* packed, size_t bytes);
  // For a dimension that no bound tensor has.
  Call& set_dim(const std::string& dim, int64_t value);
  Call& forget_dims();  // those that were set

  // The bytes of a weight's packed form; 0 if the kernel takes it as it is.
  size_t packed_bytes(const std::string& tensor) const;
  // Packs a weight into memory of the caller (packed_bytes(), 64-byte aligned), to be bound by any number of calls.
  void pack(const std::string& tensor, const TensorView& source, void* packed, size_t bytes) const;
  // The same by `nth` threads.
  void pack(const std::string& tensor, const TensorView& source, void* packed, size_t bytes, Executor& executor, int nth) const;

  // Checks everything that is bound. Each way to be wrong is a UserError; without one, the kernel touches bound memory only.
  void check();
  // The dimensions, from what is bound so far. UserError where they disagree or one is not known.
  const std::vector<int64_t>& infer_dims();
  size_t workspace_bytes(int nth);

  // Runs on an executor, with workspace of this call. nth 0: all its threads.
  void run(Executor& executor = Executor::shared(), int nth = 0);
  // For threads of the caller: after prepare(), each of nth threads calls run_as with its ith and the same workspace
  // (workspace_bytes(nth), 64-byte aligned; null: memory of this call, made by prepare(nth)). `barrier` joins all nth.
  void prepare(int nth);
  void run_as(int ith, int nth, void (*barrier)(void* user), void* barrier_user, void* workspace = nullptr);
  // After all threads returned from run_as: UserError if an `assume` did not hold.
  void check_assumptions() const;

  Call& trace(imbrex_trace_fn function, void* user);
  Call& on_tap(imbrex_tap_fn function, void* user);
  // Fills the workspace with bytes that are NaN in every float type before each run(), so that reading what was not written
  // shows.
  Call& poison_workspace(bool poison = true);

 private:
  struct Bound {
    TensorView view;
    const void* packed = nullptr;
    Buffer owned;
    bool is_bound = false;
  };
  size_t index_of(const std::string& tensor) const;
  // The tensor's number and its source with all strides, for memory that it can be packed into.
  std::pair<int32_t, TensorView> checked_to_pack(const std::string& tensor, const TensorView& source, const void* packed,
                                                 size_t bytes) const;
  void check_all_bound() const;
  void check_overlaps() const;

  CompiledKernel kernel_;
  std::vector<Bound> bound_;
  std::vector<std::optional<int64_t>> given_dims_;
  std::vector<int64_t> dims_;
  std::vector<imbrex_tensor> tensors_;
  std::vector<void*> moved_from_;  // addresses before move_to()
  Buffer workspace_;
  bool checked_ = false, poison_ = false;
  int32_t failed_assumption_ = 0;
  imbrex_trace_fn trace_ = nullptr;
  void* trace_user_ = nullptr;
  imbrex_tap_fn tap_ = nullptr;
  void* tap_user_ = nullptr;
};

// Like interpret::run: inputs must be there, outputs are made, inouts are read and written. Packs, checks, runs once.
void run(const CompiledKernel& kernel, const std::map<std::string, int64_t>& dims, std::map<std::string, Array>& tensors,
         Executor& executor = Executor::shared(), int nth = 0);

}  // namespace imbrex::runtime

#include "imbrex/codegen/generate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "imbrex/codegen/arguments.h"
#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/names.h"
#include "imbrex/codegen/text.h"
#include "imbrex/ir/hash.h"

namespace imbrex::codegen {
namespace {

class KernelWriter {
 public:
  KernelWriter(const plan::Plan& plan, const target::Machine& machine)
      : program_(*plan.program), lowering_(plan, machine), symbol_(symbol_of(program_)) {}

  std::vector<Line> write() {
    Writer run(lowering_.origins);
    write_run(run);
    Writer out(lowering_.origins);
    out.line("namespace {");
    out.line("namespace kernel_" + symbol_ + " {");
    out.line("using namespace imbrex::isa;");
    write_sizes(out);
    write_pack(out);
    out.append(lowering_.functions);
    out.line("");
    out.append(lowering_.constants);
    out.append(run);
    write_tables(out);
    out.line("");
    out.line("}  // namespace kernel_" + symbol_);
    out.line("}  // namespace");
    out.line("");
    out.line(fmt::format("extern \"C\" const imbrex_kernel* imbrex_kernel_{0}(void) {{ return &kernel_{0}::kernel; }}", symbol_));
    return out.lines();
  }

 private:
  void write_size(const char* name, const char* comment, const ir::IndexExpr& bytes, Writer& out) const {
    const std::string text = lowering_.symbols.text(bytes);
    out.line("");
    out.line(std::string("// ") + comment);
    out.open(fmt::format("Size {}([[maybe_unused]] const int64_t* dims)", name));
    write_sizes_of_dims(program_, lowering_.symbols, {bytes}, out);
    out.line("return " + text + ";");
    out.close();
  }

  void write_sizes(Writer& out) const {
    write_extent_function(program_, lowering_.symbols, out);
    write_size("shared_bytes", "Bytes of the memory that all workers see.", lowering_.plan.shared_bytes, out);
    write_size("worker_bytes", "Bytes of each worker's own memory.", lowering_.plan.worker_bytes, out);
    out.line("");
    out.open("size_t workspace_bytes(const int64_t* dims, int32_t nth)");
    if (!program_.dims.empty()) out.line(fmt::format("if (is_empty(dims, {})) return 0;", program_.dims.size()));
    out.line("return workspace_of(shared_bytes(dims) + nth * worker_bytes(dims));");
    out.close();
  }

  void write_pack(Writer& out) {
    if (lowering_.plan.packed.empty()) return;
    out.line("");
    out.open("void pack(int32_t index, const void* source, const int64_t* strides, void* packed, int32_t ith, int32_t nth)");
    for (const auto& [name, packing] : lowering_.plan.packed) {
      const TensorSymbol& symbol = lowering_.symbols.tensors.at(name);
      const WrittenFor here(lowering_.origins, lowering_.origins_of.of_tensor(name));
      out.open(fmt::format("if (index == {})", symbol.argument));
      out.line(fmt::format("constexpr int64_t kInner = {}, kColumns = {};  // of {}", packing.inner, packing.columns, name));
      out.line("const Part panels = part_of(tiles_of(kColumns, kPanelColumns), ith, nth);");
      out.line(
          fmt::format("pack_{}(static_cast<const {}*>(source), strides[{}], strides[{}], kInner, kColumns, packed, panels.begin, "
                      "panels.end);",
                      packing.packing, memory_type(packing.dtype), packing.transposed ? 1 : 0, packing.transposed ? 0 : 1));
      out.close();
    }
    out.close();
  }

  // What the body names is known when it has been written.
  void write_run(Writer& out) {
    Writer body(lowering_.origins, 1), memory(lowering_.origins, 1), arguments(lowering_.origins, 1);
    write_kernel_body(lowering_, body);
    write_memory(memory);
    write_arguments(arguments);
    out.open("void run(const imbrex_call* call)");
    if (!program_.dims.empty()) out.line(fmt::format("if (is_empty(call->dims, {})) return;", program_.dims.size()));
    out.line("const FloatMode float_mode;");
    out.append(arguments);
    out.append(memory);
    out.append(body);
    out.close();
  }

  // What views rely on, the memory of all and of this worker, its queues, and which stores go past the caches.
  void write_memory(Writer& out) {
    Symbols& symbols = lowering_.symbols;
    for (const Lowering::LayoutCheck& check : lowering_.layout_checks) {
      const WrittenFor here(lowering_.origins, check.origins);
      out.line(fmt::format("if (!({})) return fail_assumption(call, {});", lowering_.comparison(check.holds),
                           lowering_.implicit_check() + 1));
    }
    if (symbols.variables.is_used("shared")) out.line("Scratch shared{static_cast<char*>(call->workspace)};");
    if (symbols.variables.is_used("scratch") || !lowering_.queues.empty())
      out.line("Scratch scratch = memory_of_worker(call, shared_bytes(call->dims), worker_bytes(call->dims));");
    if (!lowering_.queues.empty())
      out.line(fmt::format("Queue* const queues = scratch.take<Queue>({});", lowering_.queues.size()));
    for (size_t i = 0; i < lowering_.queues.size(); ++i) {
      const WrittenFor here(lowering_.origins, lowering_.queues[i].origins);
      out.line(fmt::format("queues[{}].fill({});", i, call_of(lowering_.queues[i].part)));
    }
    std::string most;
    for (const auto& [tensor, streams] : lowering_.streams) {
      if (!symbols.variables.is_used(streams)) continue;
      const WrittenFor here(lowering_.origins, lowering_.origins_of.of_tensor(tensor));
      if (most.empty())
        most = lowering_.constant("kMostBytesInCache", lowering_.machine.rates.l2_bytes,
                                  "larger outputs are stored past the caches");
      write_streams(symbols.tensors.at(tensor), streams, most, out);
    }
  }

  void write_streams(const TensorSymbol& tensor, const std::string& name, const std::string& most, Writer& out) const {
    const Symbols& symbols = lowering_.symbols;
    const int64_t bytes_of_element = bytes_of(tensor.dtype);
    ir::IndexExpr bytes = ir::constant(bytes_of_element);
    for (const ir::IndexExpr& extent : tensor.shape) bytes = ir::mul(extent, bytes);
    std::vector<std::string> strides;
    for (size_t axis = 0; axis + 1 < tensor.shape.size(); ++axis)
      strides.push_back(fmt::format("{} * {}", symbols.operand(tensor.strides[axis]), bytes_of_element));
    out.line(fmt::format("const bool {} = streams_to({}, {}, {}, {});", name, symbols.data(tensor), symbols.text(bytes),
                         strides.empty() ? "0" : fmt::format("{}", fmt::join(strides, " | ")), most));
  }

  void write_arguments(Writer& out) {
    const Symbols& symbols = lowering_.symbols;
    for (size_t i = 0; i < program_.dims.size(); ++i) {
      const WrittenFor here(lowering_.origins, OriginsOfNodes::of(program_.dims[i]));
      if (const std::string& name = symbols.dims.at(program_.dims[i].name); symbols.variables.is_used(name))
        out.line(fmt::format("const int64_t {} = call->dims[{}];", name, i));
    }
    for (const ir::Tensor& tensor : program_.tensors) {
      const WrittenFor here(lowering_.origins, lowering_.origins_of.of_tensor(tensor.name));
      const TensorSymbol& symbol = symbols.tensors.at(tensor.name);
      if (!symbols.variables.is_used(symbol.variable)) continue;
      const std::string from =
          fmt::format("call->tensors[{}].{}", symbol.argument, tensor.role == ir::Role::input ? "input" : "output");
      if (const auto packed = lowering_.plan.packed.find(tensor.name); packed != lowering_.plan.packed.end()) {
        out.line(
            fmt::format("const packed_{} {} = {{static_cast<const char*>({})}};", packed->second.packing, symbol.variable, from));
        continue;
      }
      const std::string type = std::string(symbol.written ? "" : "const ") + memory_type(symbol.dtype);
      out.line(fmt::format("{0}* const {1} = static_cast<{0}*>({2});", type, symbol.variable, from));
      for (size_t axis = 0; axis + 1 < symbol.strides.size(); ++axis)
        if (const std::string name = symbols.stride_of(symbol.strides[axis]); symbols.variables.is_used(name))
          out.line(fmt::format("const int64_t {} = call->tensors[{}].strides[{}];", name, symbol.argument, axis));
    }
  }

  PackedForm packed_form(const plan::PackedWeight& weight) const {
    return {
        fmt::format("packed_bytes_{}({}, {})", weight.packing, weight.inner, weight.columns),
        literal(fmt::format("{} [{}, {}] in panels of {}", name_of(weight.dtype), weight.inner, weight.columns, weight.packing))};
  }

  void write_tables(Writer& out) const {
    out.line("");
    std::vector<PackedForm> forms;
    for (const ir::Tensor& tensor : program_.tensors) {
      const auto packed = lowering_.plan.packed.find(tensor.name);
      forms.push_back(packed == lowering_.plan.packed.end() ? PackedForm{} : packed_form(packed->second));
    }
    write_argument_tables(program_, forms, out);
    out.line("constexpr imbrex_kernel kernel = {");
    out.line(fmt::format("    IMBREX_ABI_VERSION, IMBREX_SEMANTICS, IMBREX_VERSION, {}, {},", literal(program_.name),
                         literal(lowering_.machine.target->name)));
    const bool has_dims = !program_.dims.empty(), has_tensors = !program_.tensors.empty();
    out.line(fmt::format("    {}, {}, {}, {}, {},", program_.dims.size(), has_dims ? "kDimNames" : "nullptr",
                         has_dims ? "kDimMax" : "nullptr", program_.tensors.size(), has_tensors ? "kTensors" : "nullptr"));
    out.line(fmt::format("    extent, workspace_bytes, {}, run}};", lowering_.plan.packed.empty() ? "nullptr" : "pack"));
  }

  const ir::Program& program_;
  Lowering lowering_;
  std::string symbol_;
};

}  // namespace

// Names that differ in what no identifier holds differ in a digest of it.
std::string symbol_of(const ir::Program& program) {
  const std::string identifier = c_identifier(program.name);
  return identifier == program.name ? identifier : identifier.substr(0, 60) + "_" + ir::sha256_hex(program.name).substr(0, 8);
}

std::vector<Line> generated_lines(std::span<const plan::Plan> plans, const target::Machine& machine) {
  const Origins none;
  Writer head(none);
  head.line("// Written by Imbrex.");
  head.line(fmt::format("#include \"{}\"", machine.target->header));
  head.line("#include \"imbrex/codegen/kernel_support.h\"");
  head.line("#include \"imbrex/runtime/abi.h\"");
  std::vector<Line> lines = head.lines();
  for (const plan::Plan& plan : plans) {
    lines.emplace_back();
    const std::vector<Line> kernel = KernelWriter(plan, machine).write();
    lines.insert(lines.end(), kernel.begin(), kernel.end());
  }
  return lines;
}

std::string generate_many(std::span<const plan::Plan> plans, const target::Machine& machine) {
  std::string text;
  for (const Line& line : generated_lines(plans, machine)) text += line.text + "\n";
  return text;
}

std::string generate(const plan::Plan& plan, const target::Machine& machine) {
  return generate_many(std::span(&plan, 1), machine);
}

}  // namespace imbrex::codegen

#include "imbrex/codegen/generate.h"

#include <fmt/format.h>

#include <set>

#include "imbrex/codegen/arguments.h"
#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/names.h"
#include "imbrex/codegen/text.h"
#include "imbrex/ir/hash.h"
#include "imbrex/ir/visit.h"

namespace imbrex::codegen {
namespace {

class KernelWriter {
 public:
  KernelWriter(const plan::Plan& plan, const target::Machine& machine)
      : program_(*plan.program), lowering_(plan, machine), symbol_(symbol_of(program_)) {}

  std::string write() {
    bind_arguments();
    Writer body(1);
    write_kernel_body(lowering_, body);
    Writer out;
    out.line("namespace {");
    out.line("namespace kernel_" + symbol_ + " {");
    out.line("using namespace imbrex::isa;");
    write_sizes(out);
    write_pack(out);
    write_run(body, out);
    write_tables(out);
    out.line("");
    out.line("}  // namespace kernel_" + symbol_);
    out.line("}  // namespace");
    out.line("");
    out.line(fmt::format("extern \"C\" const imbrex_kernel* imbrex_kernel_{0}(void) {{ return &kernel_{0}::kernel; }}", symbol_));
    return out.text();
  }

 private:
  void bind_arguments() {
    for (const ir::Tensor& tensor : program_.tensors) {
      TensorSymbol& symbol = lowering_.symbols.tensors.at(tensor.name);
      for (size_t axis = 0; axis < symbol.shape.size(); ++axis) {
        const bool last = axis + 1 == symbol.shape.size();
        std::string stem = symbol.data + "_stride";
        if (symbol.shape.size() > 2) stem += "_" + std::to_string(axis);
        symbol.strides.push_back(last ? "1" : lowering_.symbols.names.fresh(stem));
      }
    }
  }

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

  void write_pack(Writer& out) const {
    if (lowering_.plan.packed.empty()) return;
    out.line("");
    out.open("void pack(int32_t index, const void* source, const int64_t* strides, void* packed, int32_t ith, int32_t nth)");
    for (const auto& [name, packing] : lowering_.plan.packed) {
      const TensorSymbol& symbol = lowering_.symbols.tensors.at(name);
      out.open(fmt::format("if (index == {})", symbol.argument));
      out.line(fmt::format("constexpr int64_t kInner = {}, kColumns = {};  // of {}", packing.inner, packing.columns, name));
      out.line("const Part panels = part_of(tiles_of(kColumns, kPanelColumns), ith, nth);");
      out.line(
          fmt::format("pack_{}(static_cast<const {}*>(source), strides[{}], strides[{}], kInner, kColumns, packed, panels.begin, "
                      "panels.end);",
                      packing_of(packing), memory_type(packing.dtype), packing.transposed ? 1 : 0, packing.transposed ? 0 : 1));
      out.close();
    }
    out.close();
  }

  void write_run(const Writer& body, Writer& out) const {
    out.line("");
    out.open("void run(const imbrex_call* call)");
    if (!program_.dims.empty()) out.line(fmt::format("if (is_empty(call->dims, {})) return;", program_.dims.size()));
    out.line("const FloatMode float_mode;");
    for (size_t i = 0; i < program_.dims.size(); ++i)
      out.line(fmt::format("[[maybe_unused]] const int64_t {} = call->dims[{}];",
                           lowering_.symbols.dims.at(program_.dims[i].name), i));
    const std::set<int> touched = touched_arguments();
    for (const ir::Tensor& tensor : program_.tensors) {
      const TensorSymbol& symbol = lowering_.symbols.tensors.at(tensor.name);
      if (!touched.contains(symbol.argument)) continue;
      const std::string type = std::string(symbol.written ? "" : "const ") + memory_type(symbol.dtype);
      out.line(fmt::format("[[maybe_unused]] {0}* const {1} = static_cast<{0}*>(call->tensors[{2}].{3});", type, symbol.data,
                           symbol.argument, tensor.role == ir::Role::input ? "input" : "output"));
      if (lowering_.plan.packed.contains(tensor.name)) continue;
      for (size_t axis = 0; axis + 1 < symbol.strides.size(); ++axis)
        out.line(fmt::format("[[maybe_unused]] const int64_t {} = call->tensors[{}].strides[{}];", symbol.strides[axis],
                             symbol.argument, axis));
    }
    for (const std::string& check : lowering_.layout_checks)
      out.line(fmt::format("if (!({})) return fail_assumption(call, {});", check, lowering_.implicit_check() + 1));
    out.line("[[maybe_unused]] Scratch shared{static_cast<char*>(call->workspace)};");
    out.line("[[maybe_unused]] Scratch scratch = memory_of_worker(call, shared_bytes(call->dims), worker_bytes(call->dims));");
    if (!lowering_.queues.empty())
      out.line(fmt::format("Queue* const queues = scratch.take<Queue>({});", lowering_.queues.size()));
    for (size_t i = 0; i < lowering_.queues.size(); ++i)
      out.line(fmt::format("queues[{}].fill(part_of({}, call->ith, call->nth));", i, lowering_.queues[i]));
    for (const std::string& line : lowering_.beginning) out.line(line);
    out.append(body);
    out.close();
  }

  // The arguments whose memory the steps read or write; a view's is its base's.
  std::set<int> touched_arguments() const {
    std::set<int> touched;
    const auto note = [&](const std::string& tensor) { touched.insert(lowering_.symbols.tensors.at(tensor).argument); };
    ir::for_each_statement(program_.body, [&](const ir::Statement& s) {
      if (const auto* store = std::get_if<ir::Store>(&s.node)) note(store->tensor);
      if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) note(read->tensor);
      if (const auto* view = std::get_if<ir::View>(&s.node)) note(view->base);
      ir::for_each_expr(s, [&](const ir::Expr& e) {
        if (e.op == ir::Op::load) note(e.name);
      });
      return true;
    });
    return touched;
  }

  // "i8" in pack_i8.
  const std::string& packing_of(const plan::PackedWeight& weight) const {
    return target::fastest_kernel(lowering_.machine, target::product_of(weight.dtype)).packing;
  }

  PackedForm packed_form(const plan::PackedWeight& weight) const {
    return {fmt::format("packed_bytes_{}({}, {})", packing_of(weight), weight.inner, weight.columns),
            literal(fmt::format("{} [{}, {}] in panels of {}", name_of(weight.dtype), weight.inner, weight.columns,
                                packing_of(weight)))};
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

std::string generate_many(std::span<const plan::Plan> plans, const target::Machine& machine) {
  Writer head;
  head.line("// Written by Imbrex.");
  head.line(fmt::format("#include \"{}\"", machine.target->header));
  head.line("#include \"imbrex/codegen/kernel_support.h\"");
  head.line("#include \"imbrex/runtime/abi.h\"");
  std::string source = head.text();
  for (const plan::Plan& plan : plans) source += "\n" + KernelWriter(plan, machine).write();
  return source;
}

std::string generate(const plan::Plan& plan, const target::Machine& machine) {
  return generate_many(std::span(&plan, 1), machine);
}

}  // namespace imbrex::codegen

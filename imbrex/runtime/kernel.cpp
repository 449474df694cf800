#include "imbrex/runtime/kernel.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "imbrex/codegen/generate.h"

namespace imbrex::runtime {
namespace {

[[noreturn]] void fail(const char* id, std::string message, std::string hint) {
  throw UserError(id, std::move(message), std::move(hint));
}

std::string names_of(const std::vector<const target::Target*>& targets) {
  std::string text;
  for (const target::Target* target : targets) text += (text.empty() ? "" : ", ") + target->name;
  return text;
}

const imbrex_kernel* table_of(const Module& module, const std::string& symbol) {
  const auto function = reinterpret_cast<const imbrex_kernel* (*)()>(module.symbol(symbol));
  const imbrex_kernel* table = function();
  require(table != nullptr && table->abi_version == IMBREX_ABI_VERSION, "compiled code is of this version of abi.h");
  return table;
}

}  // namespace

const target::Target& choose_target(const target::Target* wanted) {
  if (wanted == nullptr) {
    const char* name = std::getenv("IMBREX_ISA");
    if (name == nullptr || *name == 0) return target::best_target();
    wanted = target::target_with_code_named(name);
    if (wanted == nullptr)
      fail("unknown-isa", fmt::format("IMBREX_ISA is `{}`, which is no instruction set that code is generated for", name),
           "one of " + names_of(target::supported_targets()));
  }
  if (!target::is_of_this_architecture(*wanted))
    fail("unsupported-isa",
         fmt::format("this machine does not run code for {}, which is for {}", wanted->name,
                     target::name_of(wanted->needs.architecture)),
         fmt::format("one of {}; or `imbrex aot --isa {}`, which writes sources for {}", names_of(target::supported_targets()),
                     wanted->name, target::name_of(wanted->needs.architecture)));
  if (!target::runs_here(*wanted))
    fail("unsupported-isa", fmt::format("this machine does not run code for {}", wanted->name),
         "one of " + names_of(target::supported_targets()));
  return *wanted;
}

CompiledKernel CompiledKernel::from_source(const std::string& source, const std::string& symbol, const JitOptions& options) {
  Module module = load_or_compile(source, options);
  const imbrex_kernel& table = *table_of(module, symbol);
  return from_module(std::move(module), table);
}

CompiledKernel CompiledKernel::from_module(Module module, const imbrex_kernel& table, std::vector<Assumption> assumptions) {
  auto code = std::make_shared<Code>(std::move(module));
  code->table = &table;
  code->assumptions = std::move(assumptions);
  CompiledKernel kernel;
  kernel.code_ = std::move(code);
  return kernel;
}

CompiledKernel compile(const ir::Program& program, const CompileOptions& options) {
  const target::Machine machine(choose_target(options.target), options.rates ? *options.rates : target::rates_of_this_machine());
  Translation translation = translate(program, {machine, options.optimize, options.taps, options.prove, options.cache});

  JitOptions jit;
  jit.cache = options.cache;
  jit.flags = options.flags;
  const std::vector<std::string> own = target::compiler_flags(*machine.target);
  jit.flags.insert(jit.flags.end(), own.begin(), own.end());
  auto code = std::make_shared<CompiledKernel::Code>(load_or_compile(translation.source, jit));
  code->table = table_of(code->module, "imbrex_kernel_" + codegen::symbol_of(translation.program()));
  code->assumptions = assumptions_of(translation.program());
  code->translation.emplace(std::move(translation));
  CompiledKernel kernel;
  kernel.code_ = std::move(code);
  return kernel;
}

}  // namespace imbrex::runtime

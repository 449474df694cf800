// imbrex emit: prints the C++ that a kernel becomes.
#include <fmt/format.h>

#include "imbrex/base/error.h"
#include "imbrex/base/utf8.h"
#include "imbrex/codegen/generate.h"
#include "imbrex/runtime/lower.h"
#include "imbrex/target/target.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct EmitOptions {
  SubjectOptions subject;
  MachineOptions machine;
  bool why = false, taps = false, as_written = false, unproven = false;
};

void print_remark(const plan::Remark& remark) {
  if (remark.where.line > 0) fmt::print("{}:{}: ", with_visible_characters(remark.where.file), remark.where.line);
  fmt::print("{}\n", remark.message);
}

int emit(const EmitOptions& options) {
  const target::Machine machine = options.machine.to_read();
  const Subject subject = subject_of(options.subject);
  const runtime::Lowered lowered = runtime::lower(
      subject.program,
      {.machine = machine, .optimize = !options.as_written, .taps = options.taps, .prove = !options.unproven, .cache = {}});
  const codegen::Generated generated = codegen::generate(lowered.program, {machine, options.taps});
  if (!options.why) {
    fmt::print("// For {} on {}.\n{}", machine.target->name, machine.rates.name, generated.source);
    return 0;
  }
  if (!lowered.is_optimized) print_remark({lowered.where, "lowered as written: " + lowered.reason});
  for (const Diagnostic::Note& kept : lowered.kept) print_remark({kept.where, kept.message});
  for (const plan::Remark& remark : generated.remarks) print_remark(remark);
  if (lowered.is_optimized && lowered.kept.empty() && generated.remarks.empty())
    fmt::print("no fallbacks: nothing as written, copied by element or packed at each product\n");
  return 0;
}

}  // namespace

void add_emit(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("emit", "Prints the C++ generated for a kernel");
  auto o = std::make_shared<EmitOptions>();
  o->subject.add_to(*command);
  o->machine.add_to(*command);
  command->add_flag("--as-written", o->as_written, "The author's loops and tiles, not the optimized program's");
  command->add_flag("--why", o->why, "Instead of the code, its fallbacks to slower forms, and why");
  command->add_flag("--unproven", o->unproven, "Without the proof");
  command->add_flag("--taps", o->taps, "With the calls that tap(name, tile) makes");
  command->callback([o, &status] { status = emit(*o); });
}

}  // namespace imbrex::tools

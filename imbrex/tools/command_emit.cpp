// imbrex emit: prints the C++ that a kernel becomes.
#include <fmt/format.h>

#include "imbrex/base/error.h"
#include "imbrex/codegen/generate.h"
#include "imbrex/runtime/lower.h"
#include "imbrex/target/target.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/subject.h"
#include "imbrex/tools/target_option.h"

namespace imbrex::tools {
namespace {

struct EmitOptions {
  SubjectOptions subject;
  std::string isa;
  bool why = false, taps = false, as_written = false, unproven = false;
};

// Code for a target that this machine lacks can be looked at, if not run.
const target::Target& target_to_emit(const std::string& name) {
  return name.empty() ? target::best_target() : known_target(name);
}

void print_remark(const codegen::Remark& remark) {
  if (remark.where.line > 0) fmt::print("{}:{}: ", remark.where.file, remark.where.line);
  fmt::print("{}\n", remark.message);
}

int emit(const EmitOptions& options) {
  const target::Target& target = target_to_emit(options.isa);
  const Subject subject = subject_of(options.subject);
  const runtime::Lowered lowered = runtime::lower(
      subject.program, {.optimize = !options.as_written, .taps = options.taps, .prove = !options.unproven, .cache = {}});
  const codegen::Generated generated = codegen::generate(lowered.program, {.target = &target, .taps = options.taps});
  if (!options.why) {
    fmt::print("{}", generated.source);
    return 0;
  }
  if (!lowered.is_optimized) print_remark({lowered.where, "lowered as written: " + lowered.reason});
  for (const Diagnostic::Note& kept : lowered.kept) print_remark({kept.where, kept.message});
  for (const codegen::Remark& remark : generated.remarks) print_remark(remark);
  if (lowered.is_optimized && lowered.kept.empty() && generated.remarks.empty())
    fmt::print("everything in this kernel has its fast form\n");
  return 0;
}

}  // namespace

void add_emit(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("emit", "Prints the C++ generated for a kernel");
  auto o = std::make_shared<EmitOptions>();
  o->subject.add_to(*command);
  add_isa(*command, o->isa);
  command->add_flag("--as-written", o->as_written, "The author's loops and tiles, not the optimized program's");
  command->add_flag("--why", o->why, "Instead of the code, what has no fast form in it, and why");
  command->add_flag("--unproven", o->unproven, "Without the proof");
  command->add_flag("--taps", o->taps, "With the calls that tap(name, tile) makes");
  command->callback([o, &status] { status = emit(*o); });
}

}  // namespace imbrex::tools

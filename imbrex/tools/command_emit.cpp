// imbrex emit: prints the C++ that a kernel becomes.
#include <fmt/format.h>

#include "imbrex/base/error.h"
#include "imbrex/base/utf8.h"
#include "imbrex/runtime/driver.h"
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

void print_fallbacks(const runtime::Translation& translation) {
  const optimize::Optimized& optimized = translation.optimized;
  std::vector<plan::Remark> all;
  if (!optimized.is_scheduled) all.push_back({optimized.where, "lowered as written: " + optimized.reason});
  if (optimized.is_scheduled)
    for (const optimize::Exclusion& exclusion : optimized.exclusions)
      if (exclusion.kind == optimize::Exclusion::Kind::as_written)
        all.push_back({exclusion.where, fmt::format("{} stays as written: {}", exclusion.what, exclusion.reason)});
  all.insert(all.end(), translation.plan.remarks.begin(), translation.plan.remarks.end());
  for (const plan::Remark& remark : all) print_remark(remark);
  if (all.empty()) fmt::print("no fallbacks: nothing as written, copied by element or packed at each product\n");
}

int emit(const EmitOptions& options) {
  const target::Machine machine = options.machine.to_read();
  const Subject subject = subject_of(options.subject);
  const runtime::Translation translation = runtime::translate(
      subject.program,
      {.machine = machine, .optimize = !options.as_written, .taps = options.taps, .prove = !options.unproven, .cache = {}});
  if (options.why)
    print_fallbacks(translation);
  else
    fmt::print("// For {} on {}.\n{}", machine.target->name, machine.rates.name, translation.source);
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

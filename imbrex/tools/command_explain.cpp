// imbrex explain: what the optimizer made of a kernel, and why.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "imbrex/report/explanation.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/measure_subject.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct ExplainOptions {
  SubjectOptions subject;
  MachineOptions machine;
  std::optional<int64_t> tokens;
  int64_t threads = 0;
  bool measure = false, unproven = false;
};

int explain(const ExplainOptions& options) {
  const Subject subject = subject_of(options.subject);
  std::map<std::string, int64_t> given;
  if (options.tokens) given["T"] = *options.tokens;
  const auto dims = dims_of(subject.program, given);
  const optimize::Machine machine = options.measure ? options.machine.to_run() : options.machine.to_read();
  const runtime::Translation translation = runtime::translate(subject.program, {.machine = machine, .prove = !options.unproven});
  std::map<std::string, double> measured;
  if (options.measure) measured = measured_scopes(subject, dims, threads_of(options.threads), machine);
  fmt::print("{}", report::explanation_of(subject.program, translation, machine, dims, measured));
  return 0;
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("explain", "Says what the optimizer made of a kernel, and why");
  auto o = std::make_shared<ExplainOptions>();
  o->subject.add_to(*command);
  o->machine.add_to(*command);
  command->add_option("--tokens", o->tokens, "Tokens T, for bytes and estimates; choices are for the typical size");
  command->add_flag("--measure", o->measure, "Also compiles and runs it, and prints each scope's time beside its estimate");
  command->add_flag("--unproven", o->unproven, "Without the proof");
  command->add_option("--threads", o->threads, "Threads for --measure (default: one for each processor)");
  command->callback([o, &status] { status = explain(*o); });
}

}  // namespace imbrex::tools

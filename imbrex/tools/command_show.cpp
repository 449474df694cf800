// imbrex show: prints a kernel as a tile program.
#include <fmt/format.h>

#include "imbrex/ir/print.h"
#include "imbrex/optimize/dissolve.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/plan/print.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct ShowOptions {
  SubjectOptions subject;
  MachineOptions machine;
  bool lowered = false, passes = false, dissolved = false, optimized = false, plan = false, as_written = false;
};

int show_dissolved(const ir::Program& program) {
  const auto result = optimize::dissolve(optimize::as_written(program));
  if (const auto* refused = std::get_if<optimize::NotDissolved>(&result)) {
    fmt::print(stderr, "{} keeps its loops: {}\n", program.name, refused->reason);
    return 1;
  }
  fmt::print("{}", std::get<optimize::Dissolved>(result).text());
  return 0;
}

int show(const ShowOptions& options) {
  const Subject subject = subject_of(options.subject);
  if (options.dissolved) return show_dissolved(subject.program);
  if (options.plan || options.optimized) {
    const target::Machine machine = options.machine.to_read();
    const runtime::Translation translation =
        runtime::translate(subject.program, {.machine = machine, .optimize = !options.as_written});
    fmt::print("{}", options.plan ? plan::print(translation.plan, machine) : ir::print(translation.program()));
    return 0;
  }
  if (!options.lowered && !options.passes) {
    fmt::print("{}", ir::print(subject.program));
    return 0;
  }
  std::vector<optimize::Step> steps;
  const ir::Program lowered = optimize::as_written(subject.program, &steps);
  if (options.passes)
    for (const optimize::Step& step : steps) fmt::print("# {}\n{}\n", step.name, ir::print(step.program));
  else
    fmt::print("{}", ir::print(lowered));
  return 0;
}

}  // namespace

void add_show(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("show", "Prints a kernel as a tile program, which parses back");
  auto o = std::make_shared<ShowOptions>();
  o->subject.add_to(*command);
  o->machine.add_to(*command);
  command->add_flag("--lowered", o->lowered, "As its author wrote it, after the passes of optimize/pipeline.h");
  command->add_flag("--passes", o->passes, "After each of these passes");
  command->add_flag("--dissolved", o->dissolved,
                    "What its outputs are, element by element: no loops, no tiles (docs/optimizing.md)");
  command->add_flag("--optimized", o->optimized, "After the optimizer; `imbrex explain` says why it is so");
  command->add_flag("--plan", o->plan,
                    "How it runs: phases, barriers, passes over rows, products, memory; what `imbrex emit` prints as C++");
  command->add_flag("--as-written", o->as_written, "With --plan, of the author's loops");
  command->callback([o, &status] { status = show(*o); });
}

}  // namespace imbrex::tools

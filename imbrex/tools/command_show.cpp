// imbrex show: prints a kernel as a tile program.
#include <fmt/format.h>

#include "imbrex/ir/print.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct ShowOptions {
  SubjectOptions subject;
  bool lowered = false, passes = false;
};

int show(const ShowOptions& options) {
  const Subject subject = subject_of(options.subject);
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
  command->add_flag("--lowered", o->lowered, "As code is generated from it, after the passes of optimize/pipeline.h");
  command->add_flag("--passes", o->passes, "After each of these passes");
  command->callback([o, &status] { status = show(*o); });
}

}  // namespace imbrex::tools

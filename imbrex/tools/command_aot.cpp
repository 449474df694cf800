// imbrex aot: writes kernels as C++ sources with a C header, to be compiled ahead of time.
#include <fmt/format.h>

#include "imbrex/base/error.h"
#include "imbrex/runtime/aot.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct AotOptions {
  SubjectOptions subject;
  std::vector<std::string> isas;
  std::string machine;
  std::string output, header = "kernels.h", symbol;
};

int write(const AotOptions& options) {
  runtime::AotRequest request;
  request.is_of_command = true;
  if (options.isas.empty()) request.targets = target::targets_of(IMBREX_THIS_ARCHITECTURE);
  for (const std::string& name : options.isas) request.targets.push_back(&known_target(name));
  const Subject subject = subject_of(options.subject);
  std::string description = subject.name;
  if (!subject.preset.empty()) description += ", preset " + subject.preset;
  if (!subject.variant.empty()) description += ", variant " + subject.variant;
  if (!subject.changed.empty()) description += ", " + kernels::text_of(subject.changed);
  // A .tile file, which has no variants, is called by its path.
  const std::string& name = subject.variant.empty() ? subject.program.name : subject.name;
  request.kernels.push_back(
      {subject.program, options.symbol.empty() ? runtime::usable_symbol(name) : options.symbol, description});
  if (!options.machine.empty()) request.rates = target::rates_named(options.machine);
  request.header = options.header;
  request.directory = options.output;
  for (const auto& file : runtime::write_ahead_of_time(request).sources) fmt::print("{}\n", file.string());
  return 0;
}

}  // namespace

void add_aot(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("aot", "Writes a kernel as C++ sources and a C header; prints the sources");
  auto o = std::make_shared<AotOptions>();
  o->subject.add_to(*command);
  command->add_option("-o,--output", o->output, "Folder to write to")->required();
  command
      ->add_option(
          "--isa", o->isas,
          fmt::format("Instruction sets of one architecture, the best of which is chosen at run time: of {} (default: all "
                      "of this machine's architecture)",
                      names_of_targets()))
      ->delimiter(',');
  command->add_option("--machine", o->machine,
                      fmt::format("Whose speed programs are made for: {}, or a file of `imbrex calibrate` (default: the first "
                                  "that each set is the best of)",
                                  names_of_machines()));
  command->add_option("--header", o->header, "Name of the C header below OUTPUT/include (default kernels.h)");
  command->add_option("--symbol", o->symbol, "The C function's name (default: from the kernel's)");
  command->callback([o, &status] { status = write(*o); });
}

}  // namespace imbrex::tools

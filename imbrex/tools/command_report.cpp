// imbrex report: a kernel as a page to look at.
#include <fmt/format.h>

#include <filesystem>

#include "imbrex/base/error.h"
#include "imbrex/report/page.h"
#include "imbrex/runtime/file.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/measure_subject.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct ReportOptions {
  SubjectOptions subject;
  MachineOptions machine;
  std::optional<int64_t> tokens;
  std::vector<std::string> dims;
  std::string output;
  int64_t threads = 0;
  bool measure = false;
};

int write_report(const ReportOptions& options) {
  const Subject subject = subject_of(options.subject);
  std::map<std::string, int64_t> given = settings_of(options.dims, "--dim");
  if (options.tokens) given["T"] = *options.tokens;
  report::PageOptions page{.name = subject.name,
                           .description = subject.variant.empty()
                                              ? ""
                                              : fmt::format("variant {}{}", subject.variant,
                                                            subject.preset.empty() ? "" : ", preset " + subject.preset),
                           .machine = options.measure ? options.machine.to_run() : options.machine.to_read(),
                           .dims = dims_of(subject.program, given),
                           .measure = {}};
  if (options.measure)
    page.measure = [&] { return measured_scopes(subject, page.dims, threads_of(options.threads), page.machine); };
  const std::string html = report::page_of(subject.program, page);
  try {
    runtime::write_file(options.output, html);
  } catch (const std::filesystem::filesystem_error& error) {
    throw UserError("file-unwritable", fmt::format("cannot write the page: {}", error.what()),
                    "-o with a file in a folder that you may write to");
  }
  return 0;
}

}  // namespace

void add_report(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("report", "Writes a kernel as a page to look at: programs side by side, choices, proofs");
  auto o = std::make_shared<ReportOptions>();
  o->subject.add_to(*command);
  o->machine.add_to(*command);
  command->add_option("-o,--output", o->output, "The file to write, page.html")->required();
  command->add_option("--tokens", o->tokens, "Tokens T, for bytes, estimates and times (default: the typical size)");
  command->add_option("--dim", o->dims, "A dimension of any other kernel: NAME=VALUE");
  command->add_flag("--measure", o->measure, "Also compiles and runs it, and shows each scope's time beside its limit");
  command->add_option("--threads", o->threads, "Threads for --measure (default: one for each processor)");
  command->callback([o, &status] { status = write_report(*o); });
}

}  // namespace imbrex::tools

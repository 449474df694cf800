// imbrex check and imbrex graph: what is proven of a kernel.
#include <fmt/format.h>

#include "imbrex/base/error.h"
#include "imbrex/prove/prove.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/target/target.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct CheckOptions {
  SubjectOptions subject;
  std::string target = "host";
  std::optional<int64_t> tokens;
  std::vector<std::string> dims;
  bool json = false, brief = false;

  void add_to(CLI::App& command) {
    subject.add_to(command);
    command.add_option("--target", target, fmt::format("One of {}", fmt::join(target::judged_target_names(), ", ")));
    command.add_option("--tokens", tokens, "Tokens T, for bytes and capacities in numbers");
    command.add_option("--dim", dims, "A dimension of any other kernel: NAME=VALUE");
  }

  prove::Options prove_options(const ir::Program& program) const {
    prove::Options options;
    options.target = known_judged_target(target);
    options.counterexamples = json;
    options.dims = settings_of(dims, "--dim");
    if (tokens) options.dims["T"] = *tokens;
    dims_of(program, options.dims);  // what is given is known and possible; what is not stays open
    return options;
  }
};

int check(const CheckOptions& options) {
  const Subject subject = subject_of(options.subject);
  const prove::Report report = runtime::judge(subject.program, options.prove_options(subject.program));
  fmt::print("{}", options.json ? report.json() : options.brief ? report.verdict() : report.text());
  return report.proven ? 0 : 1;
}

int graph(const CheckOptions& options) {
  const Subject subject = subject_of(options.subject);
  fmt::print("{}", prove::dependence_graph(subject.program, options.prove_options(subject.program)));
  return 0;
}

}  // namespace

void add_check(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("check", "Proves a kernel for every size, or shows where it fails");
  auto o = std::make_shared<CheckOptions>();
  o->add_to(*command);
  command->add_flag("--json", o->json, "JSON instead of the report");
  command->add_flag("--brief", o->brief, "What was found and the verdict, without the tables");
  command->callback([o, &status] { status = check(*o); });
}

void add_graph(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("graph", "Prints which scope depends on which, for Graphviz");
  auto o = std::make_shared<CheckOptions>();
  o->add_to(*command);
  command->callback([o, &status] { status = graph(*o); });
}

}  // namespace imbrex::tools

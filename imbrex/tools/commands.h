// The subcommands of `imbrex`: each adds itself to the command line, and sets the exit status when it is the one that was asked
// for.
#pragma once

#include <CLI/CLI.hpp>

namespace imbrex::tools {

void add_list(CLI::App& app, int& status);
void add_show(CLI::App& app, int& status);
void add_run(CLI::App& app, int& status);
void add_emit(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_performance(CLI::App& app, int& status);
void add_cache(CLI::App& app, int& status);
void add_aot(CLI::App& app, int& status);
void add_check(CLI::App& app, int& status);
void add_graph(CLI::App& app, int& status);
void add_equal(CLI::App& app, int& status);
void add_explain(CLI::App& app, int& status);
void add_report(CLI::App& app, int& status);
void add_calibrate(CLI::App& app, int& status);
void add_make_checkpoint(CLI::App& app, int& status);
void add_inspect(CLI::App& app, int& status);

}  // namespace imbrex::tools

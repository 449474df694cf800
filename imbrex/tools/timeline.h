// One run of a kernel as a timeline for Perfetto or chrome://tracing: a row for each worker, in it a slice for each loop of the
// outermost level, and inside a slice for each execution of a scope with its tiles and what it moves and computes on average.
// Between two outer slices a worker waits for the others.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "imbrex/ir/program.h"
#include "imbrex/runtime/trace.h"

namespace imbrex::tools {

// The text of the timeline. `program` is what code was generated from; the collector holds one run of it on `workers` workers.
std::string timeline_json(const ir::Program& program, const std::map<std::string, int64_t>& dims, const std::string& title,
                          const runtime::TraceCollector& collector, int workers);

}  // namespace imbrex::tools

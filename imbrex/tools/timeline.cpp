#include "imbrex/tools/timeline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "imbrex/ir/authors_scopes.h"
#include "imbrex/ir/print.h"
#include "imbrex/prove/traffic.h"

namespace imbrex::tools {
namespace {

using Event = runtime::TraceCollector::Event;
using nlohmann::json;

// What the program says of its scopes: scopes by name, and the loops of the outermost level that hold them.
struct Outline {
  struct Scope {
    std::string tiles;  // of the loops around it
    size_t phase = 0;
    std::vector<ir::AuthorsScope> authors;
  };
  struct Phase {
    std::string loop;
    std::vector<std::string> scopes;
    // "kv, qr over t by 4"
    std::string name() const { return fmt::format("{}{}{}", fmt::join(scopes, ", "), loop.empty() ? "" : " over ", loop); }
  };
  std::map<std::string, Scope> scopes;
  std::vector<Phase> phases;

  explicit Outline(const ir::Program& program) {
    for (const ir::Statement& statement : program.body) {
      const auto* loop = std::get_if<ir::Loop>(&statement.node);
      phases.push_back({loop ? text_of(*loop) : "", {}});
      std::vector<std::string> tiles;
      visit(program, statement, tiles);
      if (phases.back().scopes.empty()) phases.pop_back();
    }
  }

 private:
  static std::string text_of(const ir::Loop& loop) {
    return loop.tile > 0 ? fmt::format("{} by {}", loop.variable, loop.tile) : loop.variable;
  }

  void visit(const ir::Program& program, const ir::Statement& statement, std::vector<std::string>& tiles) {
    const auto visit_all = [&](const ir::Block& block) {
      for (const ir::Statement& inner : block) visit(program, inner, tiles);
    };
    if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) {
      tiles.push_back(text_of(*loop));
      visit_all(loop->body);
      tiles.pop_back();
    } else if (const auto* branch = std::get_if<ir::If>(&statement.node)) {
      visit_all(branch->then_block);
      visit_all(branch->else_block);
    } else if (const auto* at = std::get_if<ir::At>(&statement.node)) {
      const Scope scope{fmt::format("{}", fmt::join(tiles, ", ")), phases.size() - 1, ir::authors_scopes(program, statement)};
      if (scopes.emplace(at->name, scope).second) phases.back().scopes.push_back(at->name);
      visit_all(at->body);
    }
  }
};

json slice(int worker, const std::string& name, uint64_t begin, uint64_t end, uint64_t first, json args) {
  return {{"ph", "X"},
          {"pid", 1},
          {"tid", worker},
          {"name", name},
          {"ts", static_cast<double>(begin - first) / 1e3},
          {"dur", static_cast<double>(end - begin) / 1e3},
          {"args", std::move(args)}};
}

// The mean over all executions; what the tables do not know is left out.
json args_of_scope(const Outline::Scope& scope, const prove::ScopeRow* row, int64_t executions) {
  json args = {{"tile", scope.tiles}, {"executions", executions}, {"from", text_of(scope.authors)}};
  if (const std::string lines = ir::lines_text(scope.authors); !lines.empty()) args["lines"] = lines;
  if (row == nullptr) return args;
  const auto add = [&](const char* name, const prove::Amount& amount) {
    if (amount.value) args[name] = *amount.value / executions;
  };
  add("bytes read, mean", row->bytes_read);
  add("bytes written, mean", row->bytes_written);
  add("operations, mean", row->operations);
  return args;
}

}  // namespace

std::string timeline_json(const ir::Program& program, const std::map<std::string, int64_t>& dims, const std::string& title,
                          const runtime::TraceCollector& collector, int workers) {
  const Outline outline(program);
  std::vector<prove::ScopeRow> rows;
  prove::measure_traffic_by_name(program, {.dims = dims}, rows);

  uint64_t first = UINT64_MAX;
  std::map<std::string, int64_t> executions;
  for (int worker = 0; worker < workers; ++worker)
    for (const Event& event : collector.events_of(worker)) first = std::min(first, event.begin_ns), ++executions[event.name];
  std::map<std::string, json> args;
  for (const auto& [name, count] : executions) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&, &name = name](const auto& r) { return r.name == name; });
    const auto scope = outline.scopes.find(name);
    args[name] = args_of_scope(scope == outline.scopes.end() ? Outline::Scope{} : scope->second,
                               row == rows.end() ? nullptr : &*row, count);
  }

  json events = json::array();
  const auto name_row = [&](const char* what, int worker, const std::string& name) {
    events.push_back({{"ph", "M"}, {"pid", 1}, {"tid", worker}, {"name", what}, {"args", {{"name", name}}}});
  };
  name_row("process_name", 0, title);
  for (int worker = 0; worker < workers; ++worker) {
    name_row("thread_name", worker, fmt::format("worker {}", worker));
    std::vector<Event> slices = collector.events_of(worker);
    // Outer scopes before those inside them.
    std::stable_sort(slices.begin(), slices.end(), [](const Event& a, const Event& b) {
      return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.end_ns > b.end_ns;
    });
    const auto phase_of = [&](const Event& event) -> const Outline::Phase* {
      const auto scope = outline.scopes.find(event.name);
      return scope == outline.scopes.end() ? nullptr : &outline.phases.at(scope->second.phase);
    };
    for (size_t i = 0; i < slices.size();) {
      const Outline::Phase* phase = phase_of(slices[i]);
      size_t end = i;
      uint64_t last = 0;
      for (; end < slices.size() && phase_of(slices[end]) == phase; ++end) last = std::max(last, slices[end].end_ns);
      if (phase) events.push_back(slice(worker, phase->name(), slices[i].begin_ns, last, first, json::object()));
      for (; i < end; ++i)
        events.push_back(slice(worker, slices[i].name, slices[i].begin_ns, slices[i].end_ns, first, args.at(slices[i].name)));
    }
  }
  return json{{"traceEvents", events}, {"slices dropped", collector.dropped()}}.dump(-1, ' ', false,
                                                                                     json::error_handler_t::replace);
}

}  // namespace imbrex::tools

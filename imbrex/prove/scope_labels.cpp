#include "imbrex/prove/scope_labels.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/prove/traffic.h"

namespace imbrex::prove {

std::vector<std::pair<const ir::At*, std::string>> scope_labels(const ir::Program& program) {
  std::vector<std::pair<const ir::At*, std::string>> labels;
  std::vector<int> lines;
  std::map<std::string, int> of_name{{kOutsideScopes, 1}};
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* at = std::get_if<ir::At>(&statement.node)) {
      labels.emplace_back(at, at->name);
      lines.push_back(program.where(statement.origin).line);
      ++of_name[at->name];
    }
    return true;
  });
  std::set<std::string> taken;
  for (const auto& [name, count] : of_name) taken.insert(name);
  for (size_t i = 0; i < labels.size(); ++i) {
    auto& [at, label] = labels[i];
    if (of_name.at(at->name) == 1) continue;
    if (lines[i] > 0) label = fmt::format("{} (line {})", at->name, lines[i]);
    for (int number = 2; !taken.insert(label).second; ++number) label = fmt::format("{} #{}", at->name, number);
  }
  return labels;
}

}  // namespace imbrex::prove

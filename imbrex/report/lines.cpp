#include "imbrex/report/lines.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"

namespace imbrex::report {
namespace {

constexpr int kMostLines = 20000, kAround = 12;  // of a file that are read; shown before and behind what is used

// None where it cannot be read, or is no text of a usual length.
std::vector<std::string> lines_of_file(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (lines.size() == kMostLines) return {};
    lines.push_back(line);
  }
  return lines;
}

void sort_each_once(std::vector<AuthorsPlace>& places) {
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
}

class Joiner {
 public:
  Joiner(const ir::Program& program, const Author& author) : program_(program), author_(author) {
    ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
      if (const auto* store = std::get_if<ir::Store>(&statement.node)) stores_[store->tensor].push_back(&statement);
      return true;
    });
  }

  std::vector<AuthorsPlace> from(const ir::PrintedLine& line) const {
    std::vector<AuthorsPlace> places;
    if (line.statement) add_statement(*line.statement, places);
    if (!line.statement) add(line.origin, places);
    sort_each_once(places);
    return places;
  }

 private:
  void add(int origin, std::vector<AuthorsPlace>& to) const {
    const std::vector<AuthorsPlace> places = author_.places_of(program_.where(origin));
    to.insert(to.end(), places.begin(), places.end());
  }

  void add_statement(const ir::Statement& statement, std::vector<AuthorsPlace>& to) const {
    const bool is_scope = std::holds_alternative<ir::At>(statement.node);
    for (const ir::Source& source : statement.sources) {
      add(is_scope ? source.scope_origin : source.origin, to);
      if (is_scope) add(source.origin, to);
    }
    if (to.empty()) add(statement.origin, to);
    if (!to.empty()) return;
    if (const auto* create = std::get_if<ir::CreateTensor>(&statement.node)) {
      const auto stores = stores_.find(create->tensor.name);
      if (stores != stores_.end())
        for (const ir::Statement* store : stores->second) add_statement(*store, to);
    }
    if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) add_scopes(loop->body, to);
    if (const auto* branch = std::get_if<ir::If>(&statement.node)) {
      add_scopes(branch->then_block, to);
      add_scopes(branch->else_block, to);
    }
  }

  void add_scopes(const ir::Block& block, std::vector<AuthorsPlace>& to) const {
    ir::for_each_statement(block, [&](const ir::Statement& inner) {
      for (const ir::Source& source : inner.sources) add(source.scope_origin >= 0 ? source.scope_origin : source.origin, to);
      return true;
    });
  }

  const ir::Program& program_;
  const Author& author_;
  std::map<std::string, std::vector<const ir::Statement*>> stores_;
};

}  // namespace

Author::Author(const ir::Program& program) {
  std::map<std::string, std::set<int>> used;
  std::vector<std::string> order;
  for (const SourceLine& where : program.origins) {
    if (where.line < 1) continue;
    if (!used.contains(where.file)) order.push_back(where.file);
    used[where.file].insert(where.line);
  }
  // What most of it stands in comes first.
  std::stable_sort(order.begin(), order.end(),
                   [&](const std::string& a, const std::string& b) { return used.at(a).size() > used.at(b).size(); });
  for (const std::string& name : order) {
    const std::vector<std::string> all = lines_of_file(name);
    if (all.size() < static_cast<size_t>(*used.at(name).rbegin())) continue;
    AuthorsFile file{name, {}};
    int shown = 0;
    for (const int line : used.at(name)) {
      const int first = std::max(shown + 1, line - kAround), last = std::min(static_cast<int>(all.size()), line + kAround);
      if (first > shown + 1 && last >= first) file.lines.emplace_back();
      for (int number = first; number <= last; ++number) file.lines.push_back({number, all[static_cast<size_t>(number) - 1]});
      shown = std::max(shown, last);
    }
    files_.push_back(std::move(file));
  }
  if (!files_.empty()) return;
  AuthorsFile file;
  for (const ir::PrintedLine& line : ir::printed_lines(program)) {
    file.lines.push_back({static_cast<int>(file.lines.size()) + 1, line.text});
    if (line.origin >= 0) printed_.emplace_back(program.where(line.origin), AuthorsPlace{0, file.lines.back().number});
  }
  files_.push_back(std::move(file));
}

std::vector<AuthorsPlace> Author::places_of(const SourceLine& where) const {
  std::vector<AuthorsPlace> places;
  if (where.line < 1) return places;
  for (size_t i = 0; i < files_.size(); ++i)
    if (files_[i].name == where.file) places.push_back({i, where.line});
  for (const auto& [source, place] : printed_)
    if (source == where) places.push_back(place);
  return places;
}

std::vector<ProgramLine> lines_of(const ir::Program& program, const Author& author) {
  const Joiner joiner(program, author);
  std::vector<ProgramLine> lines;
  for (const ir::PrintedLine& line : ir::printed_lines(program)) lines.push_back({line.text, line.statement, joiner.from(line)});
  return lines;
}

}  // namespace imbrex::report

#include "imbrex/optimize/isolate.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {
namespace {

// A statement of a block, with the tensors and views before it that it is the first to use.
struct Unit {
  ir::Block statements;
  std::vector<size_t> mark;
  std::set<std::string> declares, uses;
};

bool is_declaration(const ir::Statement& statement) {
  return std::holds_alternative<ir::CreateTensor>(statement.node) || std::holds_alternative<ir::View>(statement.node);
}

bool has_marks_inside(const ir::Statement& statement) {
  ir::Block alone{statement};
  unmark(alone[0]);
  return has_marks(alone);
}

class Isolate {
 public:
  Isolate(const ir::Program& program, std::vector<Exclusion>& exclusions, const std::set<std::string>& taken)
      : exclusions_(exclusions), names_(names_of(program)), bases_(bases_of_views(program)) {
    names_.insert(taken.begin(), taken.end());
  }

  ir::Block block(const ir::Block& source) {
    ir::Block result;
    for (const ir::Statement& statement : source) append(statement, result);
    return result;
  }

 private:
  void append(const ir::Statement& statement, ir::Block& result) {
    if (!has_marks_inside(statement)) {
      result.push_back(statement);
      return;
    }
    const auto* at = std::get_if<ir::At>(&statement.node);
    const auto* loop = std::get_if<ir::Loop>(&statement.node);
    if (!at && !(loop && loop->kind == ir::Loop::Kind::parallel)) {
      result.push_back(kept_whole(
          statement, loop ? fmt::format("the iterations of {} run in order, and a parallel loop alone is divided", loop->variable)
                          : "a condition decides whether it is executed, and stays whole"));
      return;
    }
    std::vector<std::vector<Unit>> groups = grouped(units_of(block(at ? at->body : loop->body)));
    for (size_t i = 0; i < groups.size(); ++i) {
      ir::Statement part = statement;  // with its own mark, too
      ir::Block& body = at ? std::get<ir::At>(part.node).body : std::get<ir::Loop>(part.node).body;
      body = joined(groups[i]);
      if (loop && i > 0) rename(part);
      if (const std::vector<size_t> entries = mark_of_group(groups[i]); !entries.empty()) mark(part, entries);
      result.push_back(std::move(part));
    }
  }

  // All marks inside become one around everything.
  ir::Statement kept_whole(ir::Statement statement, const std::string& why) {
    std::vector<size_t> entries;
    ir::for_each_statement(ir::Block{statement}, [&](const ir::Statement& inner) {
      const std::vector<size_t> own = mark_of(inner);
      entries.insert(entries.end(), own.begin(), own.end());
      return true;
    });
    ir::Block one{std::move(statement)};
    ir::for_each_statement(one, [](ir::Statement& inner) {
      unmark(inner);
      return true;
    });
    keep(entries, why);
    mark(one[0], entries);
    return std::move(one[0]);
  }

  void keep(const std::vector<size_t>& entries, const std::string& why) {
    for (size_t entry : entries) {
      Exclusion& exclusion = exclusions_.at(entry);
      exclusion.reason += fmt::format("; what surrounds it stays as written too: {}", why);
      exclusion.kind = Exclusion::Kind::as_written;
    }
  }

  std::vector<Unit> units_of(const ir::Block& children) {
    std::vector<Unit> units;
    std::vector<ir::Statement> waiting;
    for (const ir::Statement& child : children) {
      if (is_declaration(child)) {
        waiting.push_back(child);
        continue;
      }
      Unit unit;
      add(child, unit);
      // Last first: a view needs its base.
      for (size_t i = waiting.size(); i-- > 0;) {
        const std::set<std::string> declares = uses_of(waiting[i], bases_).declares;
        if (!unit.uses.contains(*declares.begin())) continue;
        add(waiting[i], unit);
        waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
      }
      std::reverse(unit.statements.begin(), unit.statements.end());
      unit.mark = mark_of(child);
      units.push_back(std::move(unit));
    }
    return units;
  }

  void add(const ir::Statement& statement, Unit& unit) {
    const Uses uses = uses_of(statement, bases_);
    unit.statements.push_back(statement);
    unit.declares.insert(uses.declares.begin(), uses.declares.end());
    unit.uses.insert(uses.names.begin(), uses.names.end());
  }

  // Cut on both sides of what is marked, unless a name of the iteration's own is used on the other side.
  std::vector<std::vector<Unit>> grouped(std::vector<Unit> units) {
    std::vector<std::vector<Unit>> groups;
    std::set<std::string> open;
    for (size_t i = 0; i < units.size(); ++i) {
      const bool wanted = !groups.empty() && (!units[i].mark.empty() || !groups.back().back().mark.empty());
      const bool allowed = std::none_of(units.begin() + static_cast<std::ptrdiff_t>(i), units.end(), [&](const Unit& later) {
        return std::any_of(open.begin(), open.end(), [&](const std::string& name) { return later.uses.contains(name); });
      });
      if (groups.empty() || (wanted && allowed)) groups.emplace_back();
      open.insert(units[i].declares.begin(), units[i].declares.end());
      groups.back().push_back(std::move(units[i]));
    }
    return groups;
  }

  // The name that keeps a group's units together.
  static std::string shared_name(const std::vector<Unit>& group) {
    for (size_t i = 0; i < group.size(); ++i)
      for (const std::string& name : group[i].declares)
        for (size_t j = i + 1; j < group.size(); ++j)
          if (group[j].uses.contains(name)) return name;
    return "";
  }

  std::vector<size_t> mark_of_group(const std::vector<Unit>& group) {
    std::vector<size_t> entries;
    for (const Unit& unit : group) entries.insert(entries.end(), unit.mark.begin(), unit.mark.end());
    if (group.size() > 1)
      keep(entries,
           fmt::format(
               "{} is made on one side of it and used on the other; a tensor created outside of the loop would hand it over",
               shared_name(group)));
    return entries;
  }

  static ir::Block joined(std::vector<Unit>& group) {
    ir::Block body;
    for (Unit& unit : group)
      for (ir::Statement& statement : unit.statements) {
        unmark(statement);
        body.push_back(std::move(statement));
      }
    return body;
  }

  void rename(ir::Statement& statement) {
    ir::Loop& loop = std::get<ir::Loop>(statement.node);
    const std::string old = loop.variable;
    for (int i = 2; !names_.insert(loop.variable).second; ++i) loop.variable = fmt::format("{}_{}", old, i);
    const std::string now = loop.variable;
    const auto leaf = [&](const ir::Index& index) -> std::optional<ir::IndexExpr> {
      return index.name == old ? std::optional(ir::renamed(index, now)) : std::nullopt;
    };
    for (ir::Statement& inner : loop.body) inner = ir::substitute(std::move(inner), leaf);
  }

  std::vector<Exclusion>& exclusions_;
  std::set<std::string> names_;
  BaseOfView bases_;
};

}  // namespace

ir::Program isolate(const ir::Program& program, std::vector<Exclusion>& exclusions, const std::set<std::string>& taken) {
  ir::Program result = program;
  result.body = Isolate(program, exclusions, taken).block(program.body);
  return result;
}

}  // namespace imbrex::optimize

#include "imbrex/runtime/assumptions.h"

#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"
#include "imbrex/plan/assume_each_element.h"

namespace imbrex::runtime {
namespace {

void add_place(const ir::Program& program, int origin, Assumption& assumption) {
  if (SourceLine line = program.where(origin); line.line > 0) assumption.where.push_back(std::move(line));
}

}  // namespace

std::vector<Assumption> assumptions_of(const ir::Program& program) {
  std::vector<Assumption> all;
  for (const plan::ByElement::Assumed& assumed : plan::assume_each_element(program).assumed) {
    all.push_back({"`" + ir::print(assumed.condition) + "`", {}});
    add_place(program, assumed.origin, all.back());
  }
  Assumption from_data{"that indices read from data lie inside their tensors", {}};
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* elements = std::get_if<ir::AssumeElements>(&statement.node)) {
      from_data.text += ", that the elements of `" + elements->tile + "` " + ir::what_elements_do(*elements);
      add_place(program, statement.origin, from_data);
    }
    return true;
  });
  all.push_back(std::move(from_data));
  all.push_back({"that a tensor which it views under another shape has no gaps between its rows", {}});
  return all;
}

}  // namespace imbrex::runtime

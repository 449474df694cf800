#include "imbrex/prove/memories.h"

#include "imbrex/ir/visit.h"

namespace imbrex::prove {

bool is_cube_operand(const ir::Expr& e, size_t argument) {
  return kind_of(e.op) == ir::OpKind::product && argument + 2 >= e.args.size();
}

CubeTiles::CubeTiles(const ir::Program& program) {
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* assign = std::get_if<ir::Assign>(&statement.node)) {
      const ir::Op op = assign->value->op;
      if (kind_of(op) == ir::OpKind::product) results_.insert(assign->name);
      (op == ir::Op::load ? loaded_ : computed_).insert(assign->name);
    }
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      for (size_t i = 0; i < e.args.size(); ++i)
        if (is_cube_operand(e, i) && e.args[i]->op == ir::Op::variable) factors_.insert(e.args[i]->name);
    });
    return true;
  });
}

bool CubeTiles::holds(const ir::Expr& e) const {
  return kind_of(e.op) == ir::OpKind::product || (e.op == ir::Op::variable && results_.count(e.name));
}

}  // namespace imbrex::prove

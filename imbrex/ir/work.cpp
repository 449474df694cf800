#include "imbrex/ir/work.h"

#include "imbrex/base/error.h"

namespace imbrex::ir {

OperationCount operations_of(const Expr& e) {
  switch (kind_of(e.op)) {
    case OpKind::product: {
      const Expr& left = *e.args[e.args.size() - 2];
      return {2, {e.rows, e.columns, e.transpose_a ? left.rows : left.columns}};
    }
    case OpKind::row_reduction:
    case OpKind::column_reduction: return {1, {e.args.back()->rows, e.args.back()->columns}};
    case OpKind::elementwise: return {1, {e.rows, e.columns}};
    case OpKind::leaf:
    case OpKind::row_movement:
    case OpKind::movement: return {};
  }
  throw InternalError("an operation of no kind");
}

}  // namespace imbrex::ir

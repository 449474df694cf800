#include "imbrex/ir/work.h"

#include "imbrex/base/error.h"

namespace imbrex::ir {

OperationCount operations_of(const Expr& e) {
  switch (operation(e.op).cost) {
    case Cost::nothing: return {};
    case Cost::operation:
    case Cost::function: return {1, 0, {e.rows, e.columns}};
    case Cost::move: return {0, 1, {e.rows, e.columns}};
    case Cost::fold: return {1, 0, {e.args.back()->rows, e.args.back()->columns}};
    case Cost::multiply_add: {
      const Expr& left = *e.args[e.args.size() - 2];
      return {2, 0, {e.rows, e.columns, e.transpose_a ? left.rows : left.columns}};
    }
  }
  throw InternalError("an operation without a cost");
}

}  // namespace imbrex::ir

#include "imbrex/prove/tile_limits.h"

#include <fmt/format.h>

#include "imbrex/base/checked.h"
#include "imbrex/base/error.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/visit.h"

namespace imbrex::prove {

void check_tile_limits(const ir::Program& program) {
  constexpr int64_t kMostElements = int64_t{1} << 31;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      const auto rows = ir::constant_value(e.rows), columns = ir::constant_value(e.columns);
      if (!rows || !columns || *rows < 1 || *columns < 1) return;
      const auto elements = checked_mul(*rows, *columns);
      if (elements && *elements <= kMostElements) return;
      throw UserError(
          Diagnostic{"tile-too-large",
                     program.where(e.origin >= 0 ? e.origin : statement.origin),
                     fmt::format("a tile of {} x {} elements: a tile has at most 2^31", *rows, *columns),
                     fmt::format("a loop over `{}` of its rows or columns", ir::Spelling(program).call("tiles", "...")),
                     {}});
    });
    return true;
  });
}

}  // namespace imbrex::prove

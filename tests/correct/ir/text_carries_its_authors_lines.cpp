#include <gtest/gtest.h>

#include "imbrex/ir/hash.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"

namespace imbrex::tests {
namespace {

const char* const kText = R"(imbrex 1
kernel "k" {
  dim T
  input x: f32[T, 4]
  output y: f32[T, 4]

  parallel t in tiles(T, 16) {
    let v = x[t, :]
    y[t, :] = v * 2.0
  }
}
)";

std::vector<SourceLine> lines_of(const ir::Program& program) {
  std::vector<SourceLine> lines;
  for (const ir::Dim& dim : program.dims) lines.push_back(program.where(dim.origin));
  for (const ir::Tensor& tensor : program.tensors) lines.push_back(program.where(tensor.origin));
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    lines.push_back(program.where(statement.origin));
    return true;
  });
  return lines;
}

std::shared_ptr<const SourceLine> line(const char* file, int number, std::shared_ptr<const SourceLine> called_from = {}) {
  return std::make_shared<const SourceLine>(SourceLine{file, number, std::move(called_from), Language::python});
}

TEST(LineTable, ComesBackWithTheText) {
  ir::Program program = ir::parse(kText, "k.tile");
  for (size_t i = 0; i < program.origins.size(); ++i) {
    program.origins[i] = {"a \"strange\"\\ name.py", static_cast<int>(100 - i), {}, Language::python};
    if (i % 2 == 1) program.origins[i].called_from = line("b.py", 7, line("c.py", 9));
  }
  const std::string text = ir::print_with_lines(program);
  EXPECT_EQ(text.rfind(kText, 0), 0u) << "the table stands behind the text";
  const ir::Program again = ir::parse(text, "other.tile");
  EXPECT_EQ(ir::print(again), kText);
  EXPECT_EQ(ir::content_hash(again), ir::content_hash(program));
  EXPECT_EQ(lines_of(again), lines_of(program));
  EXPECT_EQ(ir::print_with_lines(again), text);
}

TEST(LineTable, OfAProgramWithoutLinesIsEmpty) {
  ir::Program program = ir::parse(kText, "k.tile");
  for (SourceLine& line : program.origins) line = {};
  EXPECT_EQ(ir::print_with_lines(program), kText);
}

// An error in the text is at the author's line where that is known.
TEST(LineTable, IsWhereErrorsAre) {
  std::string text = kText;
  text.replace(text.find("v * 2.0"), 7, "v * iota(4)");
  text += "# lines of the author, in Python\n# 9 \"kernels.py\":33\n";
  try {
    ir::parse(text, "k.tile");
    FAIL() << "f32 times int32";
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().front().id, "dtype-mismatch");
    EXPECT_EQ(error.diagnostics().front().where, *line("kernels.py", 33));
    EXPECT_EQ(error.diagnostics().front().hint, "cast one of them, for example ib.cast(x, ib.f32, \"rint\")");
  }
}

TEST(LineTable, ThatIsDamagedIsRefusedAtItsLine) {
  for (const char* entry : {"# x", "# 5", "# 5 kernels.py:3", "# 5 \"a.py\"", "# 5 \"a.py\":", "# 5 \"a.py\":0",
                            "# 5 \"a.py\":3 \"b.py\"", "# 0 \"a.py\":3", "# 99999999999 \"a.py\":3", "nothing"}) {
    try {
      ir::parse(std::string(kText) + "# lines of the author\n# 8 \"a.py\":1\n" + entry + "\n", "k.tile");
      ADD_FAILURE() << entry;
    } catch (const UserError& error) {
      EXPECT_EQ(error.diagnostics().front().id, "tile-syntax") << entry;
      EXPECT_EQ(error.diagnostics().front().where.line, 14) << entry;
    }
  }
}

}  // namespace
}  // namespace imbrex::tests

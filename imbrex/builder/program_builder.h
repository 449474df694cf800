// Writes a tile program node by node, for front ends: the C++ of language/, the C interface, the Python package. It holds what all
// of them need to know: names, the blocks that are open and what lives in them, the types of numbers, and what `+=` means of a sum.
//
//   ProgramBuilder b("double");
//   const ir::IndexExpr T = b.declare_dim("T", 128, {}, place);
//   const TensorHandle x = b.declare_tensor("x", DType::f32, {T}, ir::Role::input, place);
//   ...
//   b.open_loop(ir::Loop::Kind::parallel, 0, ..., place);
//   b.store({x, b.axes(*x, {...}, place), place}, value);
//   b.close();
//   ir::Program program = b.finish();
//
// Whatever breaks a rule is a UserError at the line given with it. After one, the program is of no use.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::builder {

// Where an author wrote something. A front end whose language computes the operands of a call in any order gives column and
// function too: neighbours of one function are then put in the order in which they are written. Column 0: not known, and not
// needed.
struct Place {
  SourceLine line;
  int column = 0;
  std::string function = {};
};

// A tile variable. Until the program is complete it goes by a provisional name (`%7`), so that the names of the printed program
// depend on what is left in it and on nothing else.
struct Variable {
  std::shared_ptr<const char> program;  // its identity, kept alive so that no later program has the same
  std::string name, wanted_name;
  DType dtype = DType::f32;
  ir::IndexExpr rows, columns;
  uint64_t frame = 0;      // the block it was made in
  uint64_t effects = 0;    // what that block had done by then
  bool used = false;       // named by a statement or expression, or changed
  bool withdrawn = false;  // became part of the expression that used it
  Place where;
};
using VariableHandle = std::shared_ptr<Variable>;

struct TensorEntry {
  std::shared_ptr<const char> program;
  std::string name;
  DType dtype = DType::f32;
  std::vector<ir::IndexExpr> shape;
  uint64_t frame = 0;
};
using TensorHandle = std::shared_ptr<const TensorEntry>;

// An operand. A number that the author wrote takes the type of what it stands beside where it is a value of that type.
struct Value {
  ir::ExprPtr expr;
  bool is_number = false, is_whole = false;  // written without a fraction
};

// One axis of a slice: a span, the whole axis, one index, or the rows that an int32 tile lists.
struct AxisOfSlice {
  enum class Kind : uint8_t { span, whole, point, by };
  Kind kind = Kind::whole;
  ir::IndexExpr begin, size = {};
  VariableHandle by = {};
};

// What the variable of a loop over tiles stands for in one iteration.
struct LoopSpan {
  ir::IndexExpr begin, size, index;
};

// True for a name that the program's text can hold.
bool is_name(const std::string& name);
// How many indices are in begin .. end - 1: none where end <= begin. Like terms are added where that is shorter: 64 of
// `h * 64` and `h * 64 + 64`. The sizes of spans are at least 1, and so are dimensions: names that `is_dimension` tells.
ir::IndexExpr size_between(
    const ir::IndexExpr& begin, const ir::IndexExpr& end,
    const std::function<bool(const std::string& name)>& is_dimension = [](const std::string&) { return false; });

class ProgramBuilder {
 public:
  explicit ProgramBuilder(std::string name);
  ProgramBuilder(const ProgramBuilder&) = delete;

  // For the makers of ir/program.h.
  ir::Written written(const Place& where);

  // The same with the dimensions that are declared.
  ir::IndexExpr size_between(const ir::IndexExpr& begin, const ir::IndexExpr& end) const;

  // ---- declarations. Names are unique ("duplicate-name").
  ir::IndexExpr declare_dim(const std::string& name, int64_t typical, std::optional<int64_t> max, const Place& where);
  TensorHandle declare_tensor(const std::string& name, DType dtype, std::vector<ir::IndexExpr> shape, ir::Role role,
                              const Place& where, bool is_weight = false);
  TensorHandle view(const std::string& name, const TensorEntry& base, std::vector<ir::IndexExpr> shape, const Place& where);
  ir::Annotations& annotations() { return program_.annotations; }  // of the whole kernel
  // The author writes `written` for what the program calls `name`; empty: he gave it no name. Hints use it.
  void written_as(const std::string& name, const std::string& written);

  // ---- values
  Value number(double value, bool is_whole, const Place& where);
  Value use(const VariableHandle& variable, const Place& where);
  Value load(const TensorEntry& tensor, std::vector<ir::Axis> axes, const Place& where);
  // One argument for each axis ("slice-rank").
  std::vector<ir::Axis> axes(const TensorEntry& tensor, const std::vector<AxisOfSlice>& arguments, const Place& where);
  // Operations whose operands may be numbers of the author's. All others: the makers of ir/program.h.
  Value binary(ir::Op op, const Value& a, const Value& b, const Place& where);
  Value select(const Value& condition, const Value& a, const Value& b, const Place& where);

  // ---- tiles
  // `name`: what it is to be called in the printed program; empty: named after the operation.
  VariableHandle let(const Value& value, const std::string& name, const Place& where);
  // Gives a variable another value, also for later iterations of the loops around. UserError "parallel-rebind", "rebind-shape".
  void rebind(const VariableHandle& variable, const Value& value, const Place& where);
  // `variable += value`: the sum of a reduction or product goes on as one; all else is an addition.
  void add_to(const VariableHandle& variable, const Value& value, const Place& where);
  // Takes the value of a variable that nothing has used, and nothing came after, out of the program again; null otherwise.
  ir::ExprPtr withdraw(const VariableHandle& variable, const Place& where);

  // ---- statements
  void store(const TensorHandle& tensor, std::vector<ir::Axis> axes, const Value& value, const Place& where);
  // `name` as of a tile; empty: named after the tensor.
  ir::IndexExpr read(const TensorEntry& tensor, std::vector<ir::IndexExpr> position, const std::string& name, const Place& where);
  void assume(ir::Condition condition, const Place& where);
  void assume_each(const ir::IndexExpr& least, const VariableHandle& tile, const ir::IndexExpr& end, const Place& where);
  void assume_elements(const VariableHandle& tile, ir::AssumeElements::Property property, std::optional<int64_t> except,
                       const Place& where);
  void tap(const std::string& name, const Value& value, const Place& where);

  // ---- blocks: each open_ needs a close(); what is made inside ends there
  struct LoopHead {
    ir::Loop::Kind kind = ir::Loop::Kind::range;
    int64_t stages = 0;     // of a pipeline ("pipeline-stages")
    std::string name = {};  // of the loop variable; empty: chosen
  };
  // Over spans of `tile` indices that cover begin .. begin + size - 1 ("tile-size").
  LoopSpan open_tiles(const LoopHead& head, const ir::IndexExpr& begin, const ir::IndexExpr& size, int64_t tile,
                      ir::Annotations annotations, const Place& where);
  // Over begin .. end - 1.
  ir::IndexExpr open_loop(const LoopHead& head, const ir::IndexExpr& begin, const ir::IndexExpr& end, ir::Annotations annotations,
                          const Place& where);
  void open_scope(const std::string& name, ir::Annotations annotations, const Place& where);
  void open_if(ir::Condition condition, const Place& where);
  void open_else();  // after open_if, before its close()
  void close();
  void abandon();  // instead of close() after an error: what the block holds is dropped

  // The program with its tiles named, verified. UserError with all findings.
  ir::Program finish();

 private:
  struct Frame {
    uint64_t id;
    bool is_parallel = false;
    uint64_t effects = 0;
    ir::Block block = {};
    // What the block is of, and where that was written; the outermost is of the program.
    std::optional<ir::Statement> owner = {};
    Place where = {};
    bool is_else = false;
  };
  void open(std::optional<ir::Statement> owner, bool is_parallel, const Place& where);
  void append(ir::Statement statement, const Place& where);
  bool is_open(uint64_t frame) const;
  void check(const Variable& variable, const Place& where) const;
  void check(const TensorEntry& tensor, const Place& where) const;
  std::string claim_name(const std::string& wanted, bool exactly, const Place& where);
  ir::Loop loop_of(const LoopHead& head, const Place& where) const;
  ir::ExprPtr filled(const Value& number, DType dtype, ir::IndexExpr rows, ir::IndexExpr columns, const Place& where);
  void settle_last_let();

  std::shared_ptr<const char> identity_ = std::make_shared<char>();
  ir::Program program_;
  std::vector<Frame> frames_;
  uint64_t frames_opened_ = 0;
  std::map<std::string, VariableHandle> variables_;  // by provisional name
  std::map<std::string, SourceLine> names_;          // taken, and where
};

// In `names`, those of a program that differ from the author's: for `name` he wrote `written`, or what stands for that.
void note_written(std::map<std::string, std::string>& names, const std::string& name, const std::string& written);
// Gives the tile variables of a program their printed names: the wanted one, or one from the operation; unique.
void name_tiles(ir::Program& program, const std::map<std::string, VariableHandle>& variables, std::set<std::string> taken);

}  // namespace imbrex::builder

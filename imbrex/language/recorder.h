// What records: the blocks that are open, the tile variables made so far, and the rules of scope. Private to language/.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/language/tile.h"

namespace imbrex::recording {

// A tile variable. Until the kernel is complete it goes by a provisional name (`%7`), so that the names of the printed program
// depend on what is left in it and on nothing else.
struct Variable {
  std::shared_ptr<const char> kernel;  // its identity, kept alive so that no later kernel has the same
  std::string name, wanted_name;
  DType dtype = DType::f32;
  ir::IndexExpr rows, columns;
  uint64_t frame = 0;    // the block it was made in
  uint64_t effects = 0;  // what that block had done by then
  bool used = false;     // named by a statement or expression, or changed
  bool nested = false;   // became part of the expression that used it
  SourceLocation where;
};

struct TensorEntry {
  std::shared_ptr<const char> kernel;
  std::string name;
  DType dtype = DType::f32;
  std::vector<ir::IndexExpr> shape;
  uint64_t frame = 0;
};

SourceLine line_of(const SourceLocation& where);
[[noreturn]] void fail(const SourceLocation& where, const char* id, std::string message, std::string hint);

class Recorder {
 public:
  Recorder(std::string name, const SourceLocation& where);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  // The kernel that this thread is recording; `what` is asked for outside of one: "no-kernel".
  static Recorder& current(const SourceLocation& where, const char* what);

  ir::Written written(const SourceLocation& where);

  // Names and declarations.
  void declare_dim(const std::string& name, Int typical, std::optional<Int> max, const SourceLocation& where);
  Tensor declare_tensor(const std::string& name, DType dtype, const std::vector<Index>& shape, ir::Role role,
                        const SourceLocation& where, bool is_weight = false);
  Tensor view(const std::string& name, const Tensor& base, const std::vector<Index>& shape, const SourceLocation& where);
  std::string claim_name(const std::string& wanted, bool exactly, const SourceLocation& where);
  ir::Annotations& annotations() { return program_.annotations; }

  // Values.
  Tile let(ir::ExprPtr value, const SourceLocation& where);
  Value use(const Tile& tile, const SourceLocation& where);  // by name
  Value load(const Slice& slice);
  // The operand's expression; a temporary that nothing came after moves out of its `let` into the expression that takes it.
  ir::ExprPtr take(const Value& value);
  static Value& value_of(Operand& operand) { return operand.value_; }
  ir::ExprPtr filled(const Value& number, DType dtype, ir::IndexExpr rows, ir::IndexExpr columns);

  // Statements.
  void rebind(const std::shared_ptr<Variable>& variable, ir::ExprPtr value, const SourceLocation& where);
  void store(const Slice& slice, Value value);
  void append(ir::Statement statement, const SourceLocation& where);
  template <class BodyFunction>
  ir::Block block(bool is_parallel, const BodyFunction& body) {
    open(is_parallel);
    try {
      body();
    } catch (...) {
      frames_.pop_back();
      throw;
    }
    return close();
  }
  void check(const TensorEntry& tensor, const SourceLocation& where) const;
  std::vector<ir::Axis> axes(const TensorEntry& tensor, const std::vector<AxisArgument>& arguments);
  static std::shared_ptr<const TensorEntry> entry_of(const Tensor& tensor) { return tensor.entry_; }
  static const std::shared_ptr<Variable>& variable_of(const Tile& tile) { return tile.variable_; }
  static SourceLocation where_of(const AxisArgument& argument) { return argument.where_; }
  static SourceLocation where_of(const Slice& slice) { return slice.where_; }
  const SourceLocation& last_where() const { return last_where_; }  // the author's

  ir::Program finish();

 private:
  struct Frame {
    uint64_t id;
    bool is_parallel;
    uint64_t effects = 0;
    ir::Block block;
  };
  void open(bool is_parallel);
  ir::Block close();
  bool is_open(uint64_t frame) const;
  void check(const Variable& variable, const SourceLocation& where) const;
  void settle_last_let();

  std::shared_ptr<const char> identity_ = std::make_shared<char>();
  ir::Program program_;
  std::vector<Frame> frames_;
  uint64_t frames_opened_ = 0;
  std::map<std::string, std::shared_ptr<Variable>> variables_;  // by provisional name
  std::map<std::string, SourceLine> names_;                     // taken, and where
  SourceLocation last_where_;
  Recorder* outer_;  // what this thread was recording before
};

// Gives the tile variables of a program their printed names: the wanted one, or one from the operation; unique.
void name_tiles(ir::Program& program, const std::map<std::string, std::shared_ptr<Variable>>& variables,
                std::set<std::string> taken);
// True for a name that the program's text can hold.
bool is_name(const std::string& name);

}  // namespace imbrex::recording

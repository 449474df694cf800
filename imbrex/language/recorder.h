// What makes C++ record: the kernel that this thread records, the author's places as C++ gives them, and temporaries, which become
// part of the expression that uses them. All else is the builder's (builder/program_builder.h). Private to language/.
#pragma once

#include <string>
#include <vector>

#include "imbrex/builder/program_builder.h"
#include "imbrex/language/language.h"

namespace imbrex::recording {

[[noreturn]] void fail(const SourceLocation& where, const char* id, std::string message, std::string hint);

class Recorder {
 public:
  Recorder(std::string name, const SourceLocation& where);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  // The kernel that this thread is recording; `what` is asked for outside of one: "no-kernel".
  static Recorder& current(const SourceLocation& where, const char* what);

  builder::ProgramBuilder& builder() { return builder_; }
  // Where the author wrote it: for the builder, and for the makers of ir/program.h.
  builder::Place place(const SourceLocation& where);
  ir::Written written(const SourceLocation& where) { return builder_.written(place(where)); }
  const SourceLocation& last_where() const { return last_where_; }  // the author's

  Tensor declare(const std::string& name, DType dtype, const std::vector<Index>& shape, ir::Role role,
                 const SourceLocation& where, bool is_weight = false);
  Tensor view(const std::string& name, const Tensor& base, const std::vector<Index>& shape, const SourceLocation& where);
  Slice slice(const Tensor& tensor, const std::vector<AxisArgument>& arguments);

  Tile let(ir::ExprPtr value, const SourceLocation& where);
  Value use(const Tile& tile, const SourceLocation& where);  // by name
  Value load(const Slice& slice);
  void store(const Slice& slice, const Value& value);
  // The operand's expression; a temporary that nothing came after moves out of its `let` into the expression that takes it.
  ir::ExprPtr take(const Value& value);
  // The same as the builder takes it.
  builder::Value taken(const Value& value) { return {take(value), value.is_number, value.is_whole}; }
  static Value& value_of(Operand& operand) { return operand.value_; }

  // What `body` records between an open_ of the builder's and its close().
  template <class BodyFunction>
  void block(const BodyFunction& body) {
    try {
      body();
    } catch (...) {
      builder_.abandon();
      throw;
    }
    builder_.close();
  }

  static const builder::TensorEntry& entry_of(const Tensor& tensor) { return *tensor.entry_; }
  static const builder::VariableHandle& variable_of(const Tile& tile) { return tile.variable_; }
  // The variable of a tile that was not moved away ("tile-moved").
  static const builder::VariableHandle& alive(const builder::VariableHandle& variable, const SourceLocation& where = {});
  static SourceLocation where_of(const Slice& slice) { return slice.where_; }

 private:
  builder::ProgramBuilder builder_;
  SourceLocation last_where_;
  Recorder* outer_;  // what this thread was recording before
};

}  // namespace imbrex::recording

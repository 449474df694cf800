// What a program computes, element by element, with loops, tiles and intermediate tensors gone.
//
//   term       := constant | tensor "[" index... "]" | definition "(" index... ")" | operation over terms | pieces
//   definition := reduction over k in [0, extent) of a term over the definition's axes and k
//
// Only inputs, outputs and reductions have names. Terms are hash-consed: equal terms have equal ids, whatever loops, chunks,
// views and staging tensors they were written through. A closed list of rewrites applies while terms are made, each exact to the
// bit: operands of commutative operations are ordered (schedules write them in their author's order all the same), casts that
// lose nothing fold, f32 -> bf16 -> f32 -> bf16 rounds once, and those of rewrites.h.
#pragma once

#include <array>
#include <compare>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/optimize/affine.h"

namespace imbrex::optimize {

// Names in terms that no author can write: they begin with a dot. Coordinates of a tensor's element are .i0, .i1, ..., axes of a
// definition .a0, .a1, ..., the axis that a definition reduces .k; dissolve() uses .r, .c and .n while it works.
inline const std::string kReducedName = ".k";
std::string coordinate_name(size_t axis);
std::string axis_name(size_t axis);
// For people: without the dots.
std::string readable(const std::string& text);

using TermId = int;
constexpr TermId kNoTerm = -1;

struct Term {
  enum class Kind { constant, index, access, reference, operation, choice };
  Kind kind = Kind::constant;
  DType dtype = DType::f32;
  double value = 0;                    // constant
  std::string tensor;                  // access
  int definition = -1;                 // reference
  std::vector<ir::IndexExpr> indices;  // access, reference; index: the one expression; choice: the selecting expression
  ir::Op op = ir::Op::add;             // operation
  ir::CastMode mode = ir::CastMode::exact;
  std::vector<TermId> args;  // operation; choice: one for each case
  // choice: with modulus > 0, args[i] where indices[0] % modulus == i; else args[i] where limits[i] <= indices[0] < limits[i +
  // 1].
  int64_t modulus = 0;
  std::vector<ir::IndexExpr> limits;
};

// How a reduction combines its elements; each name fixes the order (docs/semantics.md).
enum class Reduction { row_sum, col_sum, max, min, dot_int8, dot_uint8_int8, dot_bf16, dot_f32 };
const char* name_of(Reduction reduction);

struct Definition {
  Reduction reduction;
  DType dtype;
  ir::IndexExpr extent;      // of k
  std::vector<TermId> body;  // one term, or the two factors of a dot product; over names .a0, .a1, ... and .k
  int axes = 0;
  std::string digest;  // of everything above; its name is made from it
};

// One part of an output or of a temporary while it dissolves: the elements with least[d] <= coordinate d < most[d].
struct Piece {
  std::vector<ir::IndexExpr> least, most;
  TermId term = kNoTerm;  // over coordinates .i0, .i1, ...
};

using Substitution = std::map<std::string, ir::IndexExpr>;  // by leaf text: "t.begin", "h", ".i0"

// Where in the source something was made: the scope, a number of Terms (-1: outside of scopes), and the origin.
struct Making {
  int scope = -1, origin = -1;
  friend auto operator<=>(const Making&, const Making&) = default;
};
using Makings = std::vector<Making>;  // in ascending order
void note(Makings& in, const Making& making);
void unite(Makings& with, const Makings& others);

class Terms {
 public:
  Ranges ranges;               // of every name that occurs in indices
  std::map<int, int> origins;  // by definition: where in the source it was first met; no part of what it is
  int joining = 0;             // how many reductions are being joined (continued.h)
  bool may_join = true;        // while a program dissolves; afterwards its definitions are known
  // Where in the source stands what is being made: whoever evaluates sets it. -1: unknown.
  int origin = -1;
  int scope = -1;  // with it: the number of a scope
  // The number of a scope, whose name has those around it before it.
  int number_of_scope(const std::string& name, int origin);
  // What the statement that is read computes with, from the inputs on; and what a definition does, in all statements that have it.
  Makings history;
  const Makings& history_of_definition(int id) const { return definition_histories_.at(static_cast<size_t>(id)); }
  // Where an operation or reduction was made, moved or stored, of all that hash-consing joins. Constants and elements of inputs are
  // everybody's and have none.
  const Makings& makings(TermId id) const;
  std::vector<ir::Source> sources(const Makings& makings) const;
  TermId made(TermId id);                    // notes that it was made where `origin` and `scope` say
  TermId made_from(TermId from, TermId id);  // what stands for another term was made where that one was
  // What a kept statement leaves in a tensor is an access to a name of its own: the statement and the tensor, in words, of each
  // of two programs that are compared.
  struct Kept {
    std::string what, tensor;
  };
  std::map<std::string, std::array<Kept, 2>> kept;
  // Two programs that are compared share their terms: which of them is being dissolved, 0 or 1.
  size_t side = 0;
  // Where in that program's source a term was first met; no part of what it is.
  int origin_of(TermId id, size_t in) const { return places_.at(static_cast<size_t>(id))[in]; }
  TermId met(TermId id);  // notes that it was met at `origin`

  TermId constant(DType dtype, double value);
  TermId index(ir::IndexExpr e);  // an index as an int32 value
  TermId access(std::string tensor, DType dtype, std::vector<ir::IndexExpr> indices);
  TermId operation(ir::Op op, DType dtype, std::vector<TermId> args, ir::CastMode mode = ir::CastMode::exact);
  TermId residues(ir::IndexExpr of, std::vector<TermId> cases);
  TermId intervals(ir::IndexExpr of, std::vector<ir::IndexExpr> limits, std::vector<TermId> cases);
  // The reduction over `k` (a name in the body's indices). Free index expressions become the definition's axes; the result is a
  // reference to it. kNoTerm if k is entangled with other names in a division or remainder.
  TermId reduce(Reduction reduction, DType dtype, ir::IndexExpr extent, const std::string& k, std::vector<TermId> body);

  TermId reference(int definition, std::vector<ir::IndexExpr> indices);
  // The operation as it is, with its operands in their one order, but for rewrites.
  TermId ordered(ir::Op op, DType dtype, std::vector<TermId> args);
  // Equal keys have equal numbers.
  int number_of(const std::string& key);

  TermId substitute(TermId term, const Substitution& by);
  // With case number `taken` in the place of every choice that asks what the choice `as` does.
  TermId decided(TermId term, TermId as, size_t taken);
  const Term& at(TermId id) const { return terms_.at(static_cast<size_t>(id)); }
  // The same with its operands in the order in which the author wrote them where it was first met; `at` has the one that depends
  // on what they are alone.
  Term in_authors_order(TermId id) const;
  const Definition& definition(int id) const { return definitions_.at(static_cast<size_t>(id)); }
  // A name that depends on what is computed alone: "#" and six digits.
  std::string definition_name(int id) const;
  // Every leaf name that occurs in indices, as text.
  void collect_names(TermId term, std::map<std::string, bool>& names) const;
  // Equal where two terms differ in indices at most. A digest: equality must be checked beyond.
  const std::string& skeleton(TermId id) const { return skeletons_.at(static_cast<size_t>(id)); }
  // Nodes, definitions' included, with what is shared counted at every use. Saturates at kManyNodes.
  int nodes(TermId id) const { return nodes_.at(static_cast<size_t>(id)); }
  static constexpr int kManyNodes = 4000;
  // Of nested terms, definitions' bodies included: recursion over terms goes as deep.
  int depth(TermId id) const { return depths_.at(static_cast<size_t>(id)); }
  static constexpr int kDeep = 500;
  // For people and tests.
  std::string text(TermId id) const;

 private:
  TermId intern(Term term, bool is_exchanged = false);
  TermId made_instead(const std::vector<TermId>& args, TermId id);
  Makings* makings_of(TermId id);
  TermId with_indices(TermId term, const std::function<ir::IndexExpr(const ir::IndexExpr&)>& changed);
  TermId one_of_residues(const ir::IndexExpr& of, const std::vector<TermId>& cases);
  TermId order_and_intern(Term term);
  bool stands_before(TermId a, TermId b) const;

  std::vector<Term> terms_;
  std::vector<std::string> skeletons_, digests_;
  std::vector<int> nodes_, depths_;
  std::vector<std::array<int, 2>> places_;
  std::vector<bool> is_exchanged_;  // the author wrote the second operand first
  std::map<std::string, TermId> by_key_;
  std::vector<Definition> definitions_;
  std::vector<Makings> makings_, definition_makings_, definition_histories_;
  std::vector<std::pair<std::string, int>> scopes_;
  std::map<std::string, int> definition_by_key_, numbers_;
};

}  // namespace imbrex::optimize

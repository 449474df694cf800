// What a program has stored while it dissolves: for each tensor, parts of it with the value of their elements.
//
// Statements are read once, loops included, for an iteration that stands for all. A store describes what all iterations of the
// open loops store together: the box that they fill, and the value as a function of the place. That is exact only under
// conditions, each checked where it matters:
//   - the value depends on the iteration through the place alone (else the last iteration decides, and nothing says which);
//   - a load inside a loop finds what this very iteration stored, or what no iteration of the loop stores;
//   - a store replaces an earlier one only if it fills all of that one's box, and no later iteration runs the earlier one again
//     there.
// Two facts come from the prover: what is loaded was stored, and iterations of a `parallel` are independent.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/optimize/terms.h"

namespace imbrex::optimize {

// Coordinates of a tile's element while a program dissolves.
inline const std::string kTileRow = ".r", kTileColumn = ".c";

// Thrown where a program does not dissolve.
struct Refused {
  int origin;
  std::string reason;
};
[[noreturn]] void refuse(int origin, std::string reason);

bool same_value(const ir::IndexExpr& a, const ir::IndexExpr& b, const Ranges& ranges);
// 0 <= name < extent, as far as constants say.
Range counter_range(const ir::IndexExpr& extent, const Ranges& ranges);

// What one store statement stored, over the tensor's coordinates.
struct Written {
  Piece piece;
  bool fills_box = false;  // else the box only surrounds the elements
  std::string name;        // the tensor or view, and the slice, as written
  std::vector<ir::Axis> slice;
  std::vector<const ir::Loop*> loops;                  // open at the store, from the tensor's creation on
  std::map<const ir::Loop*, ir::IndexExpr> iteration;  // integer loops: the one that stored coordinates .i0, .i1, ...
  Making store;                                        // where the statement stands,
  Makings history;                                     // and what it computes with (Terms::history)
};

struct TensorState {
  ir::Tensor tensor;
  std::vector<Written> pieces;
  size_t loops_open = 0;  // where it was created
};

class StoredValues {
 public:
  // `follows_inouts`: an inout begins as what the caller gave; else it is refused.
  StoredValues(Terms& terms, bool follows_inouts) : terms_(terms), follows_inouts_(follows_inouts) {}

  std::vector<const ir::Loop*> loops;  // open now, outermost first

  void declare(const ir::Tensor& tensor);
  void declare(const ir::View& view) { views_[view.name] = view; }
  // `value` is over .r and .c of the tile that is stored.
  void store(const ir::Store& store, TermId value, int origin);
  // The value of a load, over .r and .c of its tile.
  TermId load(const ir::Expr& load);
  const TensorState& state(const std::string& tensor) const { return tensors_.at(tensor); }
  // A tensor's name, or that of the tensor that it is a view of.
  std::string base_of(std::string name) const;
  const ir::View* view(const std::string& name) const;
  // .i0, .i1, ... of a tensor, in whose ranges they are from here on: a term over them is made behind this.
  std::vector<ir::IndexExpr> coordinates_of(const std::vector<ir::IndexExpr>& shape);
  // All of the tensor is `term` from here on, over its coordinates.
  void replace(const std::string& tensor, TermId term);

 private:
  std::vector<ir::IndexExpr> shape_of(const std::string& name) const;
  std::vector<ir::IndexExpr> reshaped(const std::vector<ir::IndexExpr>& at, const std::vector<ir::IndexExpr>& from,
                                      const std::vector<ir::IndexExpr>& to);

  // Under the tensor's own name where the elements are a slice of it; else as it is.
  void make_own(std::string& name, std::vector<ir::Axis>& slice) const;

  void made_where_stored(TermId value);
  TermId eliminate_loops(TermId term, const ir::Store& store, const std::vector<ir::IndexExpr>& at, Written& written, int origin);
  std::optional<ir::IndexExpr> iteration_of(const std::string& loop, const ir::Store& store,
                                            const std::vector<ir::IndexExpr>& at);
  void place(Written& written, const TensorState& state, int origin);
  struct Swept {
    ir::IndexExpr least, most;
    std::vector<const ir::Loop*> loops;  // whose iterations lie side by side along this axis
    bool exact = true;
  };
  Swept swept(const ir::Axis& axis, const ir::IndexExpr& extent, const std::vector<const ir::Loop*>& inside);
  void add(TensorState& state, Written written, int origin);
  std::optional<std::vector<Written>> rest_of(const Written& old, const Written& now);
  bool replaces(const Written& old, const Written& now);

  TermId load_written(const TensorState& state, const std::vector<ir::IndexExpr>& at, const ir::Expr& load);
  // Parts that a limit along an axis separates from others.
  struct Group {
    std::vector<const Written*> parts;
    ir::IndexExpr least, most;
  };
  std::vector<Group> groups_along(size_t axis, std::vector<const Written*> parts);
  std::optional<TermId> choice_among(const std::vector<const Written*>& parts, const std::vector<ir::IndexExpr>& at,
                                     const Substitution& by);
  bool may_meet(const Written& written, const std::vector<ir::IndexExpr>& at);
  void require_settled(const Written& written, const TensorState& state, const Substitution& at, const ir::Expr& load);
  bool is_own_store(const Written& written, const ir::Loop& loop, const Substitution& at, const ir::Expr& load);
  bool iterations_are_apart(const ir::Loop& loop, const std::string& base);

  Terms& terms_;
  bool follows_inouts_;
  std::map<std::string, TensorState> tensors_;
  std::map<std::string, ir::View> views_;
};

}  // namespace imbrex::optimize

// The points at which a statement may run: values of the dimensions, of the loops around it and of the indices read from data
// before it, under the conditions that hold there. Boxes of points are narrowed by those conditions, and expressions have an
// interval of values over a box. Products, divisions and remainders of anything are understood; nothing here is affine only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "imbrex/prove/access.h"
#include "imbrex/prove/affine.h"
#include "imbrex/prove/interval.h"

namespace imbrex::prove {

using ir::Place;
using DimRanges = std::map<std::string, Interval>;
using TileSizes = std::map<std::string, int64_t>;  // loops by variable: another tile size than the written one

// Steps of a search: the same on every machine. A search ends when they are spent.
struct SearchBudget {
  uint64_t steps;
  bool is_spent() const { return steps == 0; }
  void take(uint64_t count) { steps -= count < steps ? count : steps; }
};

class Domain {
 public:
  using Box = std::vector<Interval>;  // by variable
  struct Variable {
    enum class Kind { dim, loop, data } kind;
    std::string name;
  };

  Domain(const ir::Program& program, const LoopsByName& loops, const Place& place, const DimRanges& dims,
         const TileSizes& tiles = {});

  const std::vector<Variable>& variables() const { return variables_; }
  // The names in conditions that narrow nothing, as those of a tile's elements. Points may break them.
  const std::set<std::string>& names_in_unused_conditions() const { return unused_; }
  // By variable: whether a condition reads it.
  std::vector<bool> variables_in_conditions() const;

  // Expressions, as nodes of one graph. A node's operands have smaller numbers.
  int node(const ir::IndexExpr& e);
  int constant(int64_t value);
  int binary(ir::Index::Kind kind, int a, int b);
  // The same value written as a sum of products with like terms together, so that what cancels does: `T - T // 8 * 8` is `T % 8`.
  int multiplied_out(int node);

  // Every point lies in it.
  const Box& whole() const { return whole_; }
  bool is_empty() const { return is_empty_; }
  // Takes values off the box at which no point lies. False if none is left. At a single point it is the answer whether the
  // conditions hold there, as far as they are used.
  bool narrow(Box& box, SearchBudget& budget);
  // Intervals of all nodes over a box.
  const std::vector<Interval>& values(const Box& box, SearchBudget& budget);
  // By variable: whether the node's value depends on it.
  std::vector<bool> variables_in(const std::vector<int>& nodes) const;

 private:
  struct Node {
    ir::Index::Kind kind;  // constant, name (of a variable) or an operator
    int a = -1, b = -1;
    Interval value;  // of a constant
  };
  struct Relation {  // left <= right, or left != right
    int left, right;
    bool differs = false;
  };

  using Together = std::vector<Relation>;

  int add_node(const Node& node);
  int variable(Variable::Kind kind, const std::string& name);
  void add(const Guard& guard);
  Together relations_of(const ir::Comparison& comparison, bool holds);
  void evaluate(const Box& box, size_t end);
  bool holds_never(const Relation& relation) const;
  bool impose(const Relation& relation, Box& box);
  bool impose_one(const std::vector<Together>& choices, Box& box);
  bool narrow_node(int node, Interval to, Box& box);

  const LoopsByName& loops_;
  TileSizes tiles_;
  std::vector<Variable> variables_;
  std::unordered_map<std::string, int> variable_nodes_;
  std::vector<Node> nodes_;
  std::map<std::tuple<int, int, int, int64_t, int64_t>, int> known_;
  std::map<ir::IndexExpr, int> of_expression_;
  std::vector<std::vector<Together>> conditions_;  // of each, one choice holds
  size_t condition_nodes_ = 0;                     // the nodes of the conditions come first
  std::set<std::string> unused_;
  Box whole_;
  bool is_empty_ = false;
  bool changed_ = false;
  std::vector<Interval> values_;
};

}  // namespace imbrex::prove

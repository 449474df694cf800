#include "imbrex/optimize/extents.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "imbrex/optimize/tile_terms.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;

class ExtentInference {
 public:
  ExtentInference(Dissolved& dissolved, const ir::Program& program) : d_(dissolved), program_(program) {}

  std::map<int, std::vector<IndexExpr>> run() {
    for (const Output& output : d_.outputs) {
      for (const OutputPiece& piece : output.pieces) {
        names_.clear();
        where_ = line_of_store(program_, output.tensor);
        for (size_t i = 0; i < piece.count.size(); ++i) declare(coordinate_name(i), piece.count[i]);
        walk(piece.term);
      }
    }
    // Users come before what they use.
    for (auto id = d_.definitions.rbegin(); id != d_.definitions.rend(); ++id) {
      const Definition definition = d_.terms.definition(*id);
      names_.clear();
      where_ = program_.where(d_.terms.origins[*id]);
      for (int a = 0; a < definition.axes; ++a)
        declare(axis_name(static_cast<size_t>(a)), extents_[*id].at(static_cast<size_t>(a)));
      declare(kReducedName, definition.extent);
      for (TermId part : definition.body) walk(part);
    }
    return std::move(extents_);
  }

 private:
  void declare(const std::string& name, const IndexExpr& extent) {
    names_[name] = extent;
    const auto n = ir::constant_value(extent);
    d_.terms.ranges[name] = {0, n ? std::optional(*n - 1) : std::nullopt};
  }

  void walk(TermId id) {
    const Term term = d_.terms.at(id);
    for (TermId arg : term.args) walk(arg);
    if (term.kind != Term::Kind::reference) return;
    std::vector<IndexExpr>& extents = extents_[term.definition];
    extents.resize(term.indices.size());
    for (size_t a = 0; a < extents.size(); ++a) {
      const IndexExpr used = extent_of(term.indices[a]);
      const auto now = ir::constant_value(used);
      const auto before = extents[a] ? ir::constant_value(extents[a]) : std::nullopt;
      if (!extents[a] || (now && before && *now > *before))
        extents[a] = used;
      else if (!(now && before) && !ir::same(extents[a], used))

        throw NotWritable{
            fmt::format("a value is used for {} elements of an axis and for {}, of which the optimizer cannot tell the "
                        "larger; use the same extent for both",
                        ir::to_text(extents[a]), ir::to_text(used)),
            where_};
    }
  }

  IndexExpr extent_of(const IndexExpr& e) {
    if (const auto found = names_.find(ir::to_text(e)); found != names_.end()) return found->second;
    const Range range = range_of(e, d_.terms.ranges);
    if (!range.most)
      throw NotWritable{"the optimizer does not know how large an index can be; declare a max for the dimensions in it", where_};
    // Every second column is taken out of pairs (`even`, `odd`).
    const Linear places = linear(e, d_.terms.ranges);
    const bool are_pairs = places.parts.size() == 1 && places.parts.begin()->second.coefficient == 2 && places.constant == 0;
    return ir::constant(*range.most + 1 + (are_pairs ? 1 : 0));
  }

  Dissolved& d_;
  const ir::Program& program_;
  SourceLine where_;
  std::map<std::string, IndexExpr> names_;
  std::map<int, std::vector<IndexExpr>> extents_;
};

}  // namespace

std::map<int, std::vector<IndexExpr>> infer_extents(Dissolved& dissolved, const ir::Program& program) {
  return ExtentInference(dissolved, program).run();
}

}  // namespace imbrex::optimize

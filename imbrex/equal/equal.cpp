#include "imbrex/equal/equal.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "imbrex/equal/cases.h"
#include "imbrex/equal/difference.h"
#include "imbrex/equal/match.h"
#include "imbrex/equal/meaning.h"
#include "imbrex/equal/outputs.h"
#include "imbrex/equal/sums.h"
#include "imbrex/equal/witness.h"
#include "imbrex/ir/place.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/budget.h"
#include "imbrex/optimize/kept_part.h"
#include "imbrex/prove/possible.h"
#include "imbrex/prove/prove.h"

namespace imbrex::equal {
namespace {

using optimize::TermId;

class Comparison {
 public:
  Comparison(const ir::Program& a, const ir::Program& b, const Options& options)
      : options_(options), a_(a), b_(with_interface_of(a, b, options.by_order)), written_b_(b) {}

  Result run() {
    result_.sizes = sizes_text();
    if (options_.are_proven || (is_proven(a_, 'A') && is_proven(written_b_, 'B'))) decide();
    return std::move(result_);
  }

 private:
  bool is_proven(const ir::Program& program, char kernel) {
    for (const Diagnostic& diagnostic : prove::prove(program).diagnostics) {
      if (diagnostic.is_warning) continue;
      result_.reasons.push_back(fmt::format("{} is not proven: {}", kernel, diagnostic.message));
      return false;
    }
    return true;
  }

  void decide() {
    try {
      const optimize::Budget budget(optimize::kStepsOfProgram);
      compare_cases();
      is_impossible_ = compared_ == 0 && result_.reasons.empty();
      if (is_impossible_) result_.reasons.push_back("no sizes fulfil what both assume");
      note_conditions();
    } catch (const optimize::OutOfBudget& spent) {
      result_.reasons.push_back(fmt::format("it takes more than {} steps of algebra", spent.steps));
    }
    const bool is_shown = !result_.difference && result_.reasons.empty();
    if (!is_shown && !is_impossible_ && have_same_text()) {
      result_ = {};
      result_.sizes = sizes_text();
      result_.verdict = Verdict::equal;
      return;
    }
    if (!is_shown) return search();
    result_.verdict = result_.reordered.empty() ? Verdict::equal : Verdict::equal_up_to_order;
  }

  // What cannot be followed at all is equal to itself, whatever its names.
  bool have_same_text() const {
    const auto text_of = [](const ir::Program& program) {
      const auto role_of = [&](const std::string& name) -> std::string {
        const bool is_given = std::any_of(program.tensors.begin(), program.tensors.end(),
                                          [&](const ir::Tensor& tensor) { return tensor.name == name; });
        return is_given ? name : "";
      };
      if (program.body.empty()) return std::string();
      const optimize::KeptPart whole =
          optimize::kept_part(program, 0, program.body.size() - 1, optimize::bases_of_views(program), role_of);
      std::string text = whole.text;
      for (const std::string& tensor : whole.tensors) text += role_of(tensor) + ";";
      return text;
    };
    return text_of(a_) == text_of(b_);
  }

  // Each way that A goes beside each that B goes for the same dimensions.
  void compare_cases() {
    const std::vector<Case> of_b = cases_of(b_);
    for (const Case& case_a : cases_of(a_)) {
      auto meaning_a = meaning_of(case_a.program);
      if (const auto* none = std::get_if<NoMeaning>(&meaning_a)) return note_without_meaning('A', *none);
      for (const Case& case_b : of_b) {
        ir::Condition where = case_a.where;
        where.insert(where.end(), case_b.where.begin(), case_b.where.end());
        if (!prove::can_hold(smaller_dims(), where)) continue;
        meaning_a_ = std::get<Meaning>(meaning_a);
        optimize::Terms terms = meaning_a_.dissolved.terms;
        terms.side = 1;
        terms.origin = -1;  // lines of A are none of B
        auto meaning_b = meaning_of(case_b.program, std::move(terms));
        if (const auto* none = std::get_if<NoMeaning>(&meaning_b)) return note_without_meaning('B', *none);
        meaning_b_ = std::move(std::get<Meaning>(meaning_b));
        compare_outputs(where);
        ++pairs_;
        note_kept();
        if (result_.difference || !result_.reasons.empty()) return;
      }
    }
  }

  void note_kept() {
    for (const auto& [kernel, meaning, other] :
         {std::tuple('A', &meaning_a_, &meaning_b_), std::tuple('B', &meaning_b_, &meaning_a_)})
      for (size_t i = 0; i < meaning->kept.size(); ++i) {
        const optimize::Exclusion& exclusion = meaning->kept[i];
        const Kept kept{kernel, exclusion.what, exclusion.reason, exclusion.where, has_part(*other, part_of(*meaning, i))};
        if (std::none_of(result_.kept.begin(), result_.kept.end(), [&](const Kept& known) {
              return known.kernel == kernel && known.what == kept.what && known.reason == kept.reason;
            }))
          result_.kept.push_back(kept);
      }
  }

  // The number of the function that a kept part is.
  static std::optional<int> part_of(const Meaning& meaning, size_t entry) {
    const auto found = meaning.dissolved.kept_parts.find(entry);
    return found == meaning.dissolved.kept_parts.end() ? std::nullopt : std::optional(found->second);
  }
  static bool has_part(const Meaning& meaning, std::optional<int> part) {
    return part && std::any_of(meaning.dissolved.kept_parts.begin(), meaning.dissolved.kept_parts.end(),
                               [&](const auto& entry) { return entry.second == *part; });
  }

  void note_without_meaning(char kernel, const NoMeaning& none) {
    result_.reasons.push_back(fmt::format("{} is not followed{}: {}", kernel,
                                          none.where.line > 0 ? fmt::format(" ({}:{})", none.where.file, none.where.line) : "",
                                          none.reason));
  }

  // ---- what is assumed --------------------------------------------------------------------------------------------------------

  static ir::Condition assumed_by(const Meaning& meaning) {
    ir::Condition all;
    for (const auto& [assume, origin] : meaning.dissolved.assumptions)
      all.insert(all.end(), assume.condition.begin(), assume.condition.end());
    return all;
  }

  bool follows(const ir::Comparison& comparison, const ir::Condition& from) const {
    const std::string text = ir::print(ir::Condition{comparison});
    if (std::any_of(from.begin(), from.end(), [&](const ir::Comparison& c) { return ir::print(ir::Condition{c}) == text; }))
      return true;
    // What cannot be put in affine terms is left out of the question: then nothing follows.
    ir::Condition all = from;
    all.push_back(ir::negated(comparison));
    return !prove::can_hold(a_.dims, all);
  }

  void note_conditions(const ir::Condition& by, const ir::Condition& other, const ir::Condition& where, char kernel) {
    ir::Condition known = other;
    known.insert(known.end(), where.begin(), where.end());
    for (const ir::Comparison& comparison : by) {
      if (follows(comparison, known)) continue;
      // What none of these sizes fulfils excludes them all: it is said of all sizes.
      ir::Condition both = where;
      both.push_back(comparison);
      note_condition(ir::print(ir::Condition{comparison}), prove::can_hold(smaller_dims(), both) ? where : ir::Condition{},
                     kernel);
    }
  }

  // Those of parts that only one of the two has.
  using KeptAssumptions = std::vector<optimize::Dissolved::KeptAssumption>;
  void note_conditions(const KeptAssumptions& by, const KeptAssumptions& other, const ir::Condition& where, char kernel) {
    for (const auto& assumption : by)
      if (std::none_of(other.begin(), other.end(), [&](const auto& each) { return each.part == assumption.part; }))
        note_condition(assumption.text, where, kernel);
  }

  void note_condition(const std::string& text, const ir::Condition& where, char kernel) {
    auto noted = std::find_if(conditions_.begin(), conditions_.end(),
                              [&](const Noted& known) { return known.text == text && known.kernel == kernel; });
    if (noted == conditions_.end()) noted = conditions_.insert(noted, {text, kernel, {}});
    noted->sizes.insert(ir::print(where));
  }

  // What is assumed in each of the cases is assumed for all sizes.
  void note_conditions() {
    for (const auto& [text, kernel, sizes] : conditions_) {
      if (sizes.size() == pairs_ || sizes.contains("")) {
        result_.conditions.push_back({text, kernel, ""});
        continue;
      }
      for (const std::string& each : sizes) result_.conditions.push_back({text, kernel, each});
    }
  }

  // ---- outputs ----------------------------------------------------------------------------------------------------------------

  void compare_outputs(const ir::Condition& where) {
    const ir::Condition of_a = assumed_by(meaning_a_), of_b = assumed_by(meaning_b_);
    note_conditions(of_a, of_b, where, 'A');
    note_conditions(of_b, of_a, where, 'B');
    note_conditions(meaning_a_.dissolved.kept_assumptions, meaning_b_.dissolved.kept_assumptions, where, 'A');
    note_conditions(meaning_b_.dissolved.kept_assumptions, meaning_a_.dissolved.kept_assumptions, where, 'B');
    ir::Condition assumed = where;
    assumed.insert(assumed.end(), of_a.begin(), of_a.end());
    assumed.insert(assumed.end(), of_b.begin(), of_b.end());
    if (!prove::can_hold(smaller_dims(), assumed)) return;
    ++compared_;
    optimize::Terms& terms = meaning_b_.dissolved.terms;
    terms.origin = -1;
    require_whole_outputs(assumed);
    std::vector<Unequal> unequal =
        unequal_parts(terms, smaller_dims(), assumed, meaning_a_.dissolved.outputs, meaning_b_.dissolved.outputs);
    if (options_.up_to_order) {
      Sums sums(terms);
      std::erase_if(unequal, [&](const Unequal& pair) { return differs_by_order(sums, pair, where); });
    }
    note_difference(unequal);
  }

  // Parts that are the same wherever two meet say nothing of elements that are in no part.
  void require_whole_outputs(const ir::Condition& assumed) {
    for (const auto& [kernel, meaning] : {std::pair('A', &meaning_a_), std::pair('B', &meaning_b_)})
      for (const optimize::Output& output : meaning->dissolved.outputs) {
        const auto tensor = std::find_if(a_.tensors.begin(), a_.tensors.end(),
                                         [&](const ir::Tensor& each) { return each.name == output.tensor; });
        if (!is_whole(meaning_b_.dissolved.terms, smaller_dims(), assumed, *tensor, output))
          result_.reasons.push_back(
              fmt::format("it is not shown that the parts into which {} divides {} are all of it", kernel, output.tensor));
      }
  }

  bool differs_by_order(Sums& sums, const Unequal& pair, const ir::Condition& where) {
    if (pair.a == optimize::kNoTerm) return false;
    const auto same = sums.differences(pair.a, pair.b);
    if (!same || same->empty()) return false;
    for (const SameSum& sum : *same)
      result_.reordered.push_back({ir::to_text(sum.terms), side(sum.a, sum.a, 0), side(sum.b, sum.b, 1), ir::print(where)});
    return true;
  }

  // Both kernels' limits.
  std::vector<ir::Dim> smaller_dims() const {
    std::vector<ir::Dim> dims = a_.dims;
    for (size_t d = 0; d < dims.size(); ++d)
      if (b_.dims[d].max) dims[d].max = std::min(dims[d].most(), b_.dims[d].most());
    return dims;
  }

  std::string sizes_text() const {
    std::string text;
    for (const ir::Dim& dim : smaller_dims())
      text += fmt::format("{}{}", text.empty() ? "every " : " and ",
                          dim.max ? fmt::format("{} from 1 to {}", dim.name, *dim.max) : fmt::format("{} >= 1", dim.name));
    return text.empty() ? "all inputs" : text;
  }

  // ---- what is not equal ------------------------------------------------------------------------------------------------------

  Side side(TermId id, TermId around, size_t of) const {
    const optimize::Terms& terms = meaning_b_.dissolved.terms;
    const ir::Program& program = of == 0 ? meaning_a_.program : meaning_b_.program;
    const int origin = terms.origin_of(around, of);
    return {brief(terms, id, of), program.where(origin), scope_at(program, origin)};
  }

  // The innermost scope around what stands there.
  static std::string scope_at(const ir::Program& program, int origin) {
    std::string scope;
    if (origin < 0) return scope;
    ir::for_each_place(program, [&](const ir::Statement& statement, const ir::Place& place) {
      if (!place.at || !scope.empty()) return;
      bool is_here = statement.origin == origin;
      ir::for_each_expr(statement, [&](const ir::Expr& e) { is_here = is_here || e.origin == origin; });
      if (is_here) scope = place.at->name;
    });
    return scope;
  }

  void note_difference(const std::vector<Unequal>& unequal) {
    for (const Unequal& pair : unequal) {
      if (pair.a == optimize::kNoTerm) continue;
      const FirstDifference first = first_difference(meaning_b_.dissolved.terms, pair.a, pair.b);
      result_.difference = {pair.output, side(first.a, first.around_a, 0), side(first.b, first.around_b, 1)};
      return;
    }
    if (!unequal.empty())
      result_.reasons.push_back(fmt::format("{} falls into parts that lie differently in A and B", unequal[0].output));
  }

  void search() {
    result_.conditions.clear();
    result_.reordered.clear();
    if (options_.searches) {
      const Search search = search_witness(a_, b_, options_.most_work, options_.up_to_order);
      result_.tried = search.runs;
      result_.witness = search.found;
      if (search.runs == 0) result_.reasons.push_back("no inputs were found that both kernels take");
      result_.is_same_in_all_runs = !search.found && !search.by_order;
      if (search.by_order && !search.found)
        result_.reasons.push_back(fmt::format(
            "the results differ ({}), and sums were rounded: another order of additions may be why", text_of(*search.by_order)));
    }
    if (result_.witness) {
      result_.verdict = Verdict::different;
      result_.reasons.clear();
      return;
    }
  }

  Options options_;
  ir::Program a_, b_;  // B has A's interface
  ir::Program written_b_;
  Meaning meaning_a_, meaning_b_;
  int compared_ = 0;  // pairs of ways that some sizes go
  struct Noted {
    std::string text;
    char kernel;
    std::set<std::string> sizes;  // of the pairs in which it was assumed
  };
  std::vector<Noted> conditions_;
  size_t pairs_ = 0;
  bool is_impossible_ = false;
  Result result_;
};

}  // namespace

Result compare(const ir::Program& a, const ir::Program& b, const Options& options) { return Comparison(a, b, options).run(); }

}  // namespace imbrex::equal

#include "imbrex/optimize/segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "imbrex/ir/print.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/estimate_scopes.h"
#include "imbrex/optimize/isolate.h"
#include "imbrex/optimize/plans.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {
namespace {

bool is_declaration(const ir::Statement& s) {
  return std::holds_alternative<ir::CreateTensor>(s.node) || std::holds_alternative<ir::View>(s.node);
}

// Whether something inside the statement was written on this line.
bool stands_on(const ir::Program& program, const ir::Statement& statement, const SourceLine& where) {
  bool found = false;
  ir::for_each_statement(ir::Block{statement}, [&](const ir::Statement& inner) {
    found = found || program.where(inner.origin) == where;
    ir::for_each_expr(inner, [&](const ir::Expr& e) { found = found || program.where(e.origin) == where; });
    return !found;
  });
  return found;
}

// The part of an extent that multiplies or divides by something that is no constant, if there is one.
ir::IndexExpr part_not_linear(const ir::IndexExpr& e) {
  if (!e || !e->a) return nullptr;
  const bool a_is_constant = ir::constant_value(e->a).has_value(), b_is_constant = ir::constant_value(e->b).has_value();
  const bool divides = e->kind == ir::Index::Kind::floor_div || e->kind == ir::Index::Kind::mod;
  if (divides && !b_is_constant) return e;
  if (e->kind == ir::Index::Kind::mul && !a_is_constant && !b_is_constant) return e;
  const ir::IndexExpr in_a = part_not_linear(e->a);
  return in_a ? in_a : part_not_linear(e->b);
}

class Segments {
 public:
  Segments(const ir::Program& program, const std::vector<TilePin>& tiles, const Machine& machine, const Judge& judge,
           std::vector<Exclusion>& exclusions, Defects& defects)
      : original_(program),
        program_(program),
        tiles_(tiles),
        machine_(machine),
        judge_(judge),
        exclusions_(exclusions),
        defects_(defects) {}

  Segmented run() {
    for (;;) {
      program_ = isolate(program_, exclusions_, names_of_schedules());
      look();
      if (marked_for_a_name() || !find_runs() || marked_for_a_name_across_runs()) continue;
      texts_.clear();
      for (const Run& run : runs_) texts_.push_back(ir::print(program_of(run)));
      bool settled = true;
      for (const Run& run : runs_) {
        const Attempt attempt = attempted(run);
        if (const auto* refused = std::get_if<NotDissolved>(&attempt)) {
          mark_fault(run, *refused);
          settled = false;
          break;
        }
      }
      if (!settled) continue;
      Segmented result = assembled();
      if (!result.is_scheduled) return result;
      const std::optional<std::string> refusal = why_refused(result.program);
      if (!refusal) return result;
      if (const auto own = judge_.prover(without_marks(original_)))
        return {{}, false, {}, fmt::format("it is not proven as its author wrote it: {}", *own), {}};
      if (!marked_for_refusal(*refusal)) return {{}, false, {}, text_of(defects_.back()), {}};
    }
  }

 private:
  using Run = std::vector<size_t>;  // numbers of top-level statements, without declarations
  using Attempt = std::variant<Scheduled, NotDissolved>;
  using AttemptKey = std::pair<std::string, int>;

  ir::Block& body() { return program_.body; }
  const ir::Block& body() const { return program_.body; }

  // ---- what the statements are ------------------------------------------------------------------------------------------------

  void look() {
    bases_ = bases_of_views(program_);
    uses_.clear();
    for (const ir::Statement& statement : body()) uses_.push_back(uses_of(statement, bases_));
  }

  bool is(Exclusion::Kind kind, size_t i) const {
    const std::vector<size_t> entries = mark_of(program_.body[i]);
    return std::any_of(entries.begin(), entries.end(), [&](size_t e) { return exclusions_[e].kind == kind; });
  }
  bool is_kept(size_t i) const { return is(Exclusion::Kind::as_written, i); }

  void keep(size_t i, std::string reason, Exclusion::Kind kind = Exclusion::Kind::as_written, SourceLine where = {}) {
    ir::Statement& statement = body()[i];
    mark(statement, {exclusions_.size()});
    if (where.line == 0) where = program_.where(statement.origin);
    exclusions_.push_back({kind, name_for(statement), std::move(where), std::move(reason), false});
  }

  // A tile or index of the top level that a kept statement makes is not known to a segment.
  bool marked_for_a_name() {
    for (size_t i = 0; i < body().size(); ++i) {
      if (!is_kept(i) || is_declaration(body()[i])) continue;
      for (const std::string& name : uses_[i].declares)
        for (size_t user = i + 1; user < body().size(); ++user)
          if (!is_kept(user) && uses_[user].names.contains(name)) {
            keep(user, fmt::format("it uses {}, which a loop that stays as written makes; hand it over in a tensor", name));
            return true;
          }
    }
    // A tensor whose extents are not known before the kernel runs.
    for (size_t i = 0; i < body().size(); ++i) {
      if (!is_declaration(body()[i]) || has_known_extents(body()[i])) continue;
      for (size_t user = i + 1; user < body().size(); ++user)
        if (!is_kept(user) && !is_declaration(body()[user]) && uses_[user].names.contains(*uses_[i].declares.begin())) {
          keep(user,
               fmt::format(
                   "the extents of {} depend on data, and the optimizer follows tensors whose extents dimensions give; create "
                   "it with the largest that it can have",
                   *uses_[i].declares.begin()));
          return true;
        }
    }
    for (size_t i = 0; i < body().size(); ++i)
      if (!is_kept(i) && !is_declaration(body()[i]) && marked_for_an_extent(i)) return true;
    return false;
  }

  bool marked_for_an_extent(size_t statement) {
    for (const std::string& stored : uses_[statement].stores)
      for (const ir::IndexExpr& extent : shape_of(stored))
        if (const ir::IndexExpr part = part_not_linear(extent)) {
          const ir::Spelling say(program_);
          const std::string text = say.index(part);
          keep(statement,
               fmt::format("{} has an extent with `{}`, and the optimizer cannot make loops over it: give the kernel one "
                           "dimension for it, `{}`, and write ROWS where `{}` stands",
                           stored, text, say.dim("ROWS"), text));
          return true;
        }
    return false;
  }

  // Of an argument or of a tensor or view of the top level.
  std::vector<ir::IndexExpr> shape_of(const std::string& tensor) const {
    for (const ir::Tensor& argument : program_.tensors)
      if (argument.name == tensor) return argument.shape;
    for (const ir::Statement& statement : program_.body) {
      const auto* create = std::get_if<ir::CreateTensor>(&statement.node);
      if (create && create->tensor.name == tensor) return create->tensor.shape;
    }
    return {};
  }

  bool has_known_extents(const ir::Statement& statement) const {
    const auto* create = std::get_if<ir::CreateTensor>(&statement.node);
    const std::vector<ir::IndexExpr>& shape = create ? create->tensor.shape : std::get<ir::View>(statement.node).shape;
    for (const ir::IndexExpr& extent : shape)
      for (const std::string& name : ir::names_in(extent))
        if (std::none_of(program_.dims.begin(), program_.dims.end(), [&](const ir::Dim& dim) { return dim.name == name; }))
          return false;
    return true;
  }

  bool holds_a_value_before(const std::string& tensor, size_t statement) const {
    for (const ir::Tensor& each : program_.tensors)
      if (each.name == tensor && each.role == ir::Role::inout) return true;
    for (size_t i = 0; i < statement; ++i)
      if (uses_[i].stores.contains(tensor)) return true;
    return false;
  }

  // A tensor that the run both reads and stores, and that has a value before it: which of the two a read finds would be lost.
  std::string changed_in_place(const Run& run) const {
    std::set<std::string> loads;
    for (size_t i : run) loads.insert(uses_[i].loads.begin(), uses_[i].loads.end());
    for (size_t i : run)
      for (const std::string& tensor : uses_[i].stores)
        if (loads.contains(tensor) && holds_a_value_before(tensor, run[0])) return tensor;
    return "";
  }

  // Whether the run needs no tile or index that is made outside of it, and changes nothing in place.
  bool can_stand_alone(const Run& run) const {
    for (size_t i = 0; i < uses_.size(); ++i) {
      if (is_declaration(program_.body[i]) || std::find(run.begin(), run.end(), i) != run.end()) continue;
      for (const std::string& name : uses_[i].declares)
        for (size_t user : run)
          if (uses_[user].names.contains(name)) return false;
    }
    return changed_in_place(run).empty();
  }

  // What a run that grows loads and stores: changed_in_place() of it with one more statement, without looking at all of it again.
  class Growing {
   public:
    explicit Growing(const Segments& segments) : segments_(segments) {}
    void clear() { first_.reset(), loads_.clear(), stores_.clear(); }
    // "" where the statement can join, and has.
    std::string changed_with(size_t statement) {
      const Uses& uses = segments_.uses_[statement];
      const size_t first = first_.value_or(statement);
      const auto is_changed = [&](const std::string& tensor) { return segments_.holds_a_value_before(tensor, first); };
      for (const std::string& tensor : uses.stores)
        if ((loads_.contains(tensor) || uses.loads.contains(tensor)) && is_changed(tensor)) return tensor;
      for (const std::string& tensor : uses.loads)
        if (stores_.contains(tensor) && is_changed(tensor)) return tensor;
      first_ = first;
      loads_.insert(uses.loads.begin(), uses.loads.end());
      stores_.insert(uses.stores.begin(), uses.stores.end());
      return "";
    }

   private:
    const Segments& segments_;
    std::optional<size_t> first_;
    std::set<std::string> loads_, stores_;
  };

  // Runs of statements between those that stand apart. False if statements had to be marked.
  bool find_runs() {
    runs_.clear();
    Run run;
    Growing growing(*this);
    bool is_any_marked = false;
    const auto end = [&] {
      if (!run.empty()) runs_.push_back(run);
      run.clear();
      growing.clear();
    };
    for (size_t i = 0; i < body().size(); ++i) {
      if (is_declaration(body()[i])) continue;
      if (is_kept(i) || is_marked(body()[i])) end();
      if (is_kept(i)) continue;
      std::string tensor = growing.changed_with(i);
      if (!tensor.empty()) {
        end();
        tensor = growing.changed_with(i);
      }
      if (!tensor.empty()) {
        keep(i, fmt::format("it reads {0}, which has a value before, and stores to it, and the optimizer would not keep the "
                            "order of the two; store to another tensor",
                            tensor));
        is_any_marked = true;
        continue;
      }
      run.push_back(i);
      if (is(Exclusion::Kind::separate, i)) end();
    }
    end();
    return !is_any_marked;
  }

  // A tile that is used beyond its run is made as written.
  bool marked_for_a_name_across_runs() {
    for (const Run& run : runs_)
      for (size_t i : run)
        for (const std::string& name : uses_[i].declares)
          for (size_t user = i + 1; user < body().size(); ++user)
            if (uses_[user].names.contains(name) && std::find(run.begin(), run.end(), user) == run.end()) {
              keep(i, fmt::format("{} uses {}, a tile of it, and stands apart; hand it over in a tensor", name_for(body()[user]),
                                  name));
              return true;
            }
    return false;
  }

  // ---- the proof of the whole -------------------------------------------------------------------------------------------------

  std::optional<std::string> why_refused(ir::Program& made) const {
    if (const auto findings = ir::verify(made); !findings.empty()) return findings[0].message;
    made = judge_.finished(made);
    return judge_.prover(made);
  }

  static ir::Program without_marks(ir::Program program) {
    ir::for_each_statement(program.body, [](ir::Statement& statement) {
      unmark(statement);
      return true;
    });
    return program;
  }

  // A run whose schedule is refused, though as written it is not, is kept. Whether there is one; a defect in either case.
  bool marked_for_refusal(const std::string& refusal) {
    bool found = false;
    for (const Run& run : runs_) {
      ir::Program made = std::get<Scheduled>(attempts_.at(key_of(run))).program;
      const std::optional<std::string> own = why_refused(made);
      if (!own || judge_.prover(program_of(run))) continue;
      found = true;
      defects_.push_back({"proving what it made", *own, program_.where(body()[run[0]].origin)});
      for (const size_t i : run) keep(i, text_of(defects_.back()));
    }
    if (!found) defects_.push_back({"proving what it made", refusal, {}});
    return found;
  }

  // ---- one run ----------------------------------------------------------------------------------------------------------------

  bool is_loaded_outside(const std::string& tensor, const Run& run) const {
    for (size_t i = 0; i < uses_.size(); ++i)
      if (uses_[i].loads.contains(tensor) && std::find(run.begin(), run.end(), i) == run.end()) return true;
    return false;
  }

  bool is_stored_outside(const std::string& tensor, const Run& run) const {
    for (size_t i = 0; i < uses_.size(); ++i)
      if (uses_[i].stores.contains(tensor) && std::find(run.begin(), run.end(), i) == run.end()) return true;
    return false;
  }

  // The run as a program of its own.
  ir::Program program_of(const Run& run) const {
    std::set<std::string> loads, stores, names;
    for (size_t i : run) {
      loads.insert(uses_[i].loads.begin(), uses_[i].loads.end());
      stores.insert(uses_[i].stores.begin(), uses_[i].stores.end());
      names.insert(uses_[i].names.begin(), uses_[i].names.end());
    }
    ir::Program part;
    part.name = program_.name;
    part.dims = program_.dims;
    part.origins = program_.origins;
    for (ir::Tensor tensor : program_.tensors) {
      if (!loads.contains(tensor.name) && !stores.contains(tensor.name)) continue;
      tensor.role = stores.contains(tensor.name) ? ir::Role::output : ir::Role::input;
      part.tensors.push_back(std::move(tensor));
    }
    // Views of views need those too.
    for (size_t i = body_size(); i-- > 0;)
      if (const auto* view = std::get_if<ir::View>(&program_.body[i].node); view && names.contains(view->name))
        names.insert(view->base);
    for (size_t i = 0; i < body_size(); ++i) {
      if (const auto* create = std::get_if<ir::CreateTensor>(&program_.body[i].node)) {
        ir::Tensor tensor = create->tensor;
        const bool loaded = loads.contains(tensor.name), stored = stores.contains(tensor.name);
        if (!loaded && !stored) continue;
        if (stored && !is_loaded_outside(tensor.name, run)) {
          part.body.push_back(program_.body[i]);
          continue;
        }
        tensor.role = stored ? ir::Role::output : ir::Role::input;
        part.tensors.push_back(std::move(tensor));
      } else if (const auto* view = std::get_if<ir::View>(&program_.body[i].node)) {
        if (names.contains(view->name)) part.body.push_back(program_.body[i]);
      } else if (std::find(run.begin(), run.end(), i) != run.end()) {
        part.body.push_back(program_.body[i]);
        unmark(part.body.back());
      }
    }
    return part;
  }

  size_t body_size() const { return program_.body.size(); }

  // Names that the rest of the program has for sure.
  std::set<std::string> names_outside(const ir::Program& part, const Run& run) const {
    std::set<std::string> names;
    for (const ir::Dim& dim : program_.dims) names.insert(dim.name);
    for (const ir::Tensor& tensor : program_.tensors) names.insert(tensor.name);
    for (const ir::Tensor& tensor : part.tensors) names.insert(tensor.name);
    if (run.size() == static_cast<size_t>(count_of_statements())) return names;
    names.merge(names_declared_in(program_.body));
    names.merge(names_of_schedules());
    return names;
  }

  std::set<std::string> names_of_schedules() const {
    std::set<std::string> names;
    for (const auto& [key, attempt] : attempts_)
      if (const auto* scheduled = std::get_if<Scheduled>(&attempt)) names.merge(names_declared_in(scheduled->program.body));
    return names;
  }

  int64_t count_of_statements() const {
    return std::count_if(program_.body.begin(), program_.body.end(), [](const ir::Statement& s) { return !is_declaration(s); });
  }

  // The run's text, and how many runs before it have the same: their schedules have their own names.
  AttemptKey key_of(const Run& run) const {
    const auto known = std::find(runs_.begin(), runs_.end(), run);
    AttemptKey key{known == runs_.end() ? ir::print(program_of(run)) : texts_[static_cast<size_t>(known - runs_.begin())], 0};
    for (size_t i = 0; i < runs_.size() && runs_[i][0] < run[0]; ++i) key.second += texts_[i] == key.first;
    return key;
  }

  Attempt attempted(const Run& run) {
    const ir::Program part = program_of(run);
    const AttemptKey key = key_of(run);
    if (const auto known = attempts_.find(key); known != attempts_.end()) return known->second;
    Attempt attempt = NotDissolved{};
    Defects failed;
    without_defect("dissolving and scheduling", failed, [&] {
      const Budget budget(kStepsOfSegment);
      try {
        attempt = attempted(part, run);
      } catch (const GivenUp& given_up) {
        attempt = NotDissolved{{}, given_up.reason};
      }
    });
    if (!failed.empty()) attempt = NotDissolved{{}, failed[0].happened, true};
    if (auto* refused = std::get_if<NotDissolved>(&attempt); refused && refused->is_defect) {
      defects_.push_back({"dissolving and scheduling", refused->reason, refused->where});
      refused->reason = text_of(defects_.back());
    }
    attempts_.emplace(key, attempt);
    return attempt;
  }

  Attempt attempted(const ir::Program& part, const Run& run) {
    require(ir::verify(part).empty(), "a segment is a verified program");
    auto dissolved = dissolve(part);
    if (const auto* refused = std::get_if<NotDissolved>(&dissolved)) return *refused;
    for (const Output& output : std::get<Dissolved>(dissolved).outputs) {
      // Elsewhere is stored what this run leaves, or nothing is: the schedule must not touch it.
      const bool is_whole = is_kernel_output(output.tensor) && !is_stored_outside(output.tensor, run);
      if (!is_whole && !output.is_filled)
        return NotDissolved{
            line_of_store(part, output.tensor),
            fmt::format(
                "it stores some elements of {} and leaves others between them, and the optimizer stores ranges of its axes; "
                "store all of it, or one range",
                output.tensor)};
    }
    auto result = schedule_for_ranges(part, std::get<Dissolved>(dissolved), machine_,
                                      {names_outside(part, run), followed(tiles_, part), {}});
    if (auto* refused = std::get_if<NotDissolved>(&result)) return std::move(*refused);
    const std::vector<Diagnostic> findings = ir::verify(std::get<Scheduled>(result).program);
    if (findings.empty()) return std::move(std::get<Scheduled>(result));
    const bool is_too_long =
        std::all_of(findings.begin(), findings.end(), [](const Diagnostic& d) { return d.id == "expression-size"; });
    if (is_too_long)
      return NotDissolved{
          {},
          "written out, it would have longer expressions than a program may have; compute a part of it in a scope with "
          "@no_fusion, which stores it",
          false};
    return NotDissolved{{}, fmt::format("the program that it makes does not verify: {}", findings[0].message), true};
  }

  bool is_kernel_output(const std::string& tensor) const {
    return std::any_of(program_.tensors.begin(), program_.tensors.end(),
                       [&](const ir::Tensor& t) { return t.name == tensor && t.role == ir::Role::output; });
  }

  // ---- who is at fault --------------------------------------------------------------------------------------------------------

  void mark_fault(const Run& run, const NotDissolved& refused) {
    size_t fault = run.size();
    if (refused.where.line > 0) {
      std::vector<size_t> candidates;
      for (size_t k = 0; k < run.size(); ++k)
        if (stands_on(program_, body()[run[k]], refused.where)) candidates.push_back(k);
      // Several statements may come from one line: the first up to which the run is refused.
      for (size_t k : candidates) {
        fault = k;
        if (candidates.size() == 1) break;
        const Attempt until = attempted(Run(run.begin(), run.begin() + static_cast<std::ptrdiff_t>(k) + 1));
        if (std::holds_alternative<NotDissolved>(until)) break;
      }
    }
    if (fault == run.size()) fault = run.size() - 1;
    const Run alone{run[fault]};
    if (fault > 0 && can_stand_alone(alone) && std::holds_alternative<Scheduled>(attempted(alone))) {
      keep(run[fault], refused.reason, Exclusion::Kind::from_here, refused.where);
      return;
    }
    mark_inside(body()[run[fault]], refused);
  }

  // The innermost scope, or parallel loop, that can be set apart from its surroundings.
  void mark_inside(ir::Statement& statement, const NotDissolved& refused) {
    ir::Statement* at_fault = &statement;
    for (ir::Statement* next = at_fault; next != nullptr;) {
      at_fault = next;
      next = nullptr;
      auto* at = std::get_if<ir::At>(&at_fault->node);
      auto* loop = std::get_if<ir::Loop>(&at_fault->node);
      if (!at && !(loop && loop->kind == ir::Loop::Kind::parallel)) break;
      for (ir::Statement& inner : at ? at->body : loop->body) {
        const auto* nested = std::get_if<ir::Loop>(&inner.node);
        const bool separable = std::holds_alternative<ir::At>(inner.node) || (nested && nested->kind == ir::Loop::Kind::parallel);
        if (!separable || refused.where.line == 0 || !stands_on(program_, inner, refused.where)) continue;
        next = &inner;
        break;
      }
    }
    SourceLine where = refused.where.line > 0 ? refused.where : program_.where(at_fault->origin);
    mark(*at_fault, {exclusions_.size()});
    exclusions_.push_back({Exclusion::Kind::as_written, name_for(*at_fault), std::move(where), refused.reason, false});
  }

  // ---- the whole again --------------------------------------------------------------------------------------------------------

  // What its author wrote is a schedule, too: why it is kept in place of what was made of it, if it is. Nothing where the author
  // pinned sizes of the optimizer's.
  std::optional<Choice> better_as_written(const ir::Program& author, const ir::Program& made, const std::string& what,
                                          const SourceLine& where) const {
    if (!followed(tiles_, author).empty()) return {};
    const std::map<std::string, int64_t> sizes = typical_sizes(program_);
    const auto seconds = [&](const ir::Program& program) {
      return total_seconds(estimate_scopes(program, sizes, machine_, true), machine_);
    };
    const double as_written = seconds(author), optimized = seconds(made);
    if (!replaces_schedule(as_written, optimized)) return {};
    std::string at;
    for (const auto& [name, size] : sizes) at += fmt::format("{}{} = {}", at.empty() ? " at " : ", ", name, size);
    return Choice{what,
                  fmt::format("as written, {}{}", milliseconds(as_written), at),
                  fmt::format("as written it is estimated to take {}{}, and optimized {}", milliseconds(as_written), at,
                              milliseconds(optimized)),
                  where,
                  {fmt::format("optimized: {}", milliseconds(optimized))}};
  }

  std::optional<Choice> better_as_written(const Run& run, const Scheduled& schedule) const {
    std::string names;
    for (size_t i : run)
      if (!uses_[i].stores.empty()) names += (names.empty() ? "" : ", ") + name_for(body()[i]);
    return better_as_written(program_of(run), schedule.program, names, program_.where(body()[run[0]].origin));
  }

  // The parts together: each may be a little slower than what its author wrote, and all of them much.
  Segmented assembled() {
    Segmented parts = assembled_parts();
    if (!parts.is_scheduled) return parts;
    auto choice = better_as_written(program_, parts.program, "the whole kernel", {});
    if (!choice) return parts;
    Segmented result;
    result.reason = choice->reason;
    result.choices.push_back(std::move(*choice));
    return result;
  }

  Segmented assembled_parts() {
    Segmented result;
    std::map<size_t, const Scheduled*> scheduled;  // by the first statement of a run
    std::set<size_t> replaced;
    for (const Run& run : runs_) {
      const bool computes = std::any_of(run.begin(), run.end(), [&](size_t i) { return !uses_[i].stores.empty(); });
      if (!computes) continue;
      const Scheduled& schedule = std::get<Scheduled>(attempts_.at(key_of(run)));
      if (auto choice = better_as_written(run, schedule)) {
        if (result.choices.empty()) {
          result.where = choice->where;
          result.reason = choice->reason;
        }
        result.choices.push_back(std::move(*choice));
        continue;
      }
      scheduled[run[0]] = &schedule;
      replaced.insert(run.begin(), run.end());
      result.is_scheduled = true;
    }
    if (scheduled.size() == 1 && replaced.size() == static_cast<size_t>(count_of_statements())) {
      const Scheduled& whole = *scheduled.begin()->second;
      result.program = whole.program;
      result.program.tensors = program_.tensors;
      result.choices = whole.choices;
      return result;
    }
    std::set<std::string> needed;  // names that the parts share or kept statements use
    for (size_t i = body_size(); i-- > 0;) {
      const auto* view = std::get_if<ir::View>(&body()[i].node);
      if (view && needed.contains(view->name)) needed.insert(view->base);
      if (!is_declaration(body()[i]) && !replaced.contains(i)) needed.insert(uses_[i].names.begin(), uses_[i].names.end());
    }
    for (const auto& [first, part] : scheduled)
      for (const ir::Tensor& tensor : part->program.tensors) needed.insert(tensor.name);
    result.program = program_;
    result.program.body.clear();
    const auto push = [&](const ir::Statement& statement) {
      result.program.body.push_back(statement);
      unmark(result.program.body.back());
    };
    const auto is_needed = [&](size_t i) { return needed.contains(*uses_[i].declares.begin()); };
    for (size_t i = 0; i < body_size(); ++i)
      if (is_declaration(body()[i]) && has_known_extents(body()[i]) && is_needed(i)) push(body()[i]);
    for (size_t i = 0; i < body_size(); ++i) {
      if (const auto part = scheduled.find(i); part != scheduled.end()) {
        for (const ir::Statement& statement : part->second->program.body) push(statement);
        result.choices.insert(result.choices.end(), part->second->choices.begin(), part->second->choices.end());
      }
      if (replaced.contains(i)) continue;
      if (!is_declaration(body()[i]) || (!has_known_extents(body()[i]) && is_needed(i))) push(body()[i]);
    }
    return result;
  }

  const ir::Program& original_;
  ir::Program program_;
  std::vector<TilePin> tiles_;
  Machine machine_;
  const Judge& judge_;
  std::vector<Exclusion>& exclusions_;
  Defects& defects_;
  BaseOfView bases_;
  std::vector<Uses> uses_;
  std::vector<Run> runs_;
  std::vector<std::string> texts_;  // of them
  std::map<AttemptKey, Attempt> attempts_;
};

}  // namespace

Segmented optimize_segments(const ir::Program& program, const std::vector<TilePin>& tiles, const Machine& machine,
                            const Judge& judge, std::vector<Exclusion>& exclusions, Defects& defects) {
  return Segments(program, tiles, machine, judge, exclusions, defects).run();
}

}  // namespace imbrex::optimize

#include "imbrex/prove/capacity.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/spelling.h"
#include "imbrex/prove/buffers.h"
#include "imbrex/prove/maximum.h"
#include "imbrex/prove/over_dims.h"
#include "imbrex/prove/simplify.h"
#include "imbrex/prove/traffic.h"
#include "imbrex/target/rates.h"

namespace imbrex::prove {
namespace {

using target::MemoryKind;
using target::OnChipMemory;
using Kind = ir::Index::Kind;

constexpr int64_t kLargestDim = (int64_t{1} << 31) - 1;
constexpr uint64_t kStepsOfASearch = 2000000, kStepsOfAll = 20000000;

// Buffers that are alive at once, in order.
using LiveSet = std::vector<size_t>;

// The sets of buffers of one memory that are alive at once at one place, without those that others contain.
struct Moment {
  size_t place;
  std::vector<LiveSet> live;
};

std::vector<Moment> moments_of(const ProgramBuffers& program, const BufferScope& scope, MemoryKind memory) {
  std::map<int, std::vector<size_t>> begins, ends;
  LiveSet live;
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const TileBuffer& buffer = program.buffers[i];
    if (buffer.memory != memory || !program.has(scope, buffer)) continue;
    begins[std::max(buffer.first, scope.first)].push_back(i);
    ends[buffer.last + 1].push_back(i);
  }
  std::map<size_t, std::vector<LiveSet>> by_place;
  for (int step = scope.first; step <= scope.last; ++step) {
    const auto ending = ends.find(step), beginning = begins.find(step);
    if (ending != ends.end())
      for (const size_t buffer : ending->second) live.erase(std::find(live.begin(), live.end(), buffer));
    if (beginning != begins.end()) live.insert(live.end(), beginning->second.begin(), beginning->second.end());
    std::sort(live.begin(), live.end());
    const size_t place = program.place_of_step[static_cast<size_t>(step)];
    const bool is_entered = step == scope.first || !program.has(scope, step - 1);
    const bool is_new_place = is_entered || program.place_of_step[static_cast<size_t>(step) - 1] != place;
    if (live.empty() || !program.has(scope, step) || (beginning == begins.end() && !is_new_place)) continue;
    std::vector<LiveSet>& known = by_place[place];
    const auto contains = [](const LiveSet& a, const LiveSet& b) {
      return std::includes(a.begin(), a.end(), b.begin(), b.end());
    };
    if (std::any_of(known.begin(), known.end(), [&](const LiveSet& other) { return contains(other, live); })) continue;
    std::erase_if(known, [&](const LiveSet& other) { return contains(live, other); });
    known.push_back(live);
  }
  std::vector<Moment> moments;
  for (auto& [place, sets] : by_place) moments.push_back({place, std::move(sets)});
  return moments;
}

// The largest need of a scope in a memory.
struct Need {
  int64_t at_least = 0, at_most = 0;                                // at a point that was found; at any point
  std::vector<const TileBuffer*> live;                              // there
  std::map<std::string, int64_t> values;                            // of the dimensions, loops and data there
  std::vector<std::pair<std::string, int64_t>> of_dims, of_others;  // what to say of the point
  bool is_of_data = false;                                          // data has a part in it
  bool is_shown() const { return at_least == at_most && !is_of_data; }
};

std::string amount_text(int64_t bytes) { return bytes == Interval::kNoMost ? "4 EiB or more" : bytes_text(bytes); }

struct Judge {
  const ir::Program& program;
  const LoopsByName& loops;
  const Options& options;
  const ProgramBuffers& buffers;
  const Simplifier& simplified;
  DimRanges dims;                 // given, or up to the declared maximum; where there is none, typical values
  std::vector<std::string> open;  // dimensions that are neither given nor have a maximum
  mutable SearchBudget all = {kStepsOfAll};

  // ---- one moment -------------------------------------------------------------------------------------------------------------

  struct Question {
    Domain domain;
    std::vector<Alternative> alternatives;  // of each live set
  };

  Question question(const Moment& moment, const DimRanges& ranges, const TileSizes& tiles) const {
    Question q{Domain(program, loops, buffers.places[moment.place], ranges, tiles), {}};
    if (q.domain.is_empty()) return q;
    SearchBudget unlimited{UINT64_MAX};
    std::map<size_t, int> nodes;
    for (const LiveSet& live : moment.live)
      for (const size_t i : live) nodes[i] = 0, q.domain.node(buffers.buffers[i].rows), q.domain.node(buffers.buffers[i].columns);
    const std::vector<Interval> over_all = q.domain.values(q.domain.whole(), unlimited);
    for (auto& [i, node] : nodes) {
      const TileBuffer& buffer = buffers.buffers[i];
      const auto extent = [&](const ir::IndexExpr& e) {
        const int of = q.domain.node(e);
        return over_all[static_cast<size_t>(of)].least >= 0 ? of : q.domain.binary(Kind::max, of, q.domain.constant(0));
      };
      const int elements = q.domain.binary(Kind::mul, extent(buffer.rows), extent(buffer.columns));
      node =
          q.domain.binary(Kind::mul, elements, q.domain.constant(static_cast<int64_t>(bytes_of(buffer.dtype)) * buffer.copies));
      if (buffer.most_bytes > 0) node = q.domain.binary(Kind::min, node, q.domain.constant(buffer.most_bytes));
    }
    for (const LiveSet& live : moment.live) {
      int sum = q.domain.constant(0);
      for (const size_t i : live) sum = q.domain.binary(Kind::add, sum, nodes[i]);
      q.alternatives.push_back({sum, q.domain.multiplied_out(sum)});
    }
    return q;
  }

  template <class Function>
  auto within_budget(const Function& function) const {
    SearchBudget budget{std::min(kStepsOfASearch, all.steps)};
    const uint64_t before = budget.steps;
    const auto result = function(budget);
    all.take(before - budget.steps);
    return result;
  }

  // ---- a scope in a memory ----------------------------------------------------------------------------------------------------

  Need need_of(const std::vector<Moment>& moments, const DimRanges& ranges, const TileSizes& tiles = {}) const {
    Need need;
    for (const Moment& moment : moments) {
      Question q = question(moment, ranges, tiles);
      const Maximum most =
          within_budget([&](SearchBudget& budget) { return largest(q.domain, q.alternatives, need.at_least, budget); });
      if (most.at_most > need.at_most) {
        need.at_most = most.at_most;
        if (most.at.empty()) describe(need, q, moment, q.domain.whole());  // no point was found: what may be alive
      }
      if (most.at.empty()) continue;
      need.at_least = most.at_least;
      describe(need, q, moment, most.at);
    }
    return need;
  }

  void describe(Need& need, Question& q, const Moment& moment, const Domain::Box& at) const {
    SearchBudget unlimited{UINT64_MAX};
    const std::vector<Interval> values = q.domain.values(at, unlimited);
    size_t best = 0;
    const auto most = [&](size_t i) { return values[static_cast<size_t>(q.alternatives[i].as_written)].most; };
    for (size_t i = 1; i < q.alternatives.size(); ++i)
      if (most(i) > most(best)) best = i;
    need.live.clear(), need.values.clear(), need.of_dims.clear(), need.of_others.clear();
    for (const size_t i : moment.live[best]) need.live.push_back(&buffers.buffers[i]);
    const std::vector<bool> counts = q.domain.variables_in({q.alternatives[best].as_written});
    const std::vector<bool> decides = q.domain.variables_in_conditions();
    need.is_of_data = false;
    for (size_t v = 0; v < at.size(); ++v) need.values[q.domain.variables()[v].name] = at[v].most;
    for (size_t v = 0; v < at.size(); ++v) {
      const Domain::Variable& variable = q.domain.variables()[v];
      const bool is_data = variable.kind == Domain::Variable::Kind::data;
      need.is_of_data |= is_data && (counts[v] || decides[v]);
      need.is_of_data |= counts[v] && q.domain.names_in_unused_conditions().count(variable.name) > 0;
      if (variable.kind == Domain::Variable::Kind::dim)
        need.of_dims.emplace_back(variable.name, at[v].most);
      else if (is_data ? counts[v] : (counts[v] || decides[v]) && at[v].least != first_of(variable, need))
        need.of_others.emplace_back(spelt(variable), at[v].most);
    }
    std::sort(need.of_dims.begin(), need.of_dims.end());
  }

  // The first iteration of a loop, which needs no words.
  int64_t first_of(const Domain::Variable& variable, const Need& need) const {
    const auto loop = loops.find(variable.name);
    if (loop == loops.end() || loop->second->tile > 0) return 0;
    return value_of(resolve(loop->second->begin, loops), need.values).value_or(0);
  }

  std::string spelt(const Domain::Variable& variable) const {
    const auto loop = loops.find(variable.name);
    return loop != loops.end() && loop->second->tile > 0 ? variable.name + ".index" : variable.name;
  }

  int64_t value_at(const ir::IndexExpr& e, const Need& need) const {
    return std::max<int64_t>(0, value_of(resolve(e, loops), need.values).value_or(kLargestDim));
  }

  static int64_t limited(__int128 bytes) { return static_cast<int64_t>(std::min<__int128>(bytes, int64_t{1} << 60)); }
  int64_t bytes_at(const TileBuffer& buffer, const Need& need) const {
    const int64_t elements = limited(__int128{value_at(buffer.rows, need)} * value_at(buffer.columns, need));
    const int64_t bytes = limited(__int128{elements} * static_cast<int64_t>(bytes_of(buffer.dtype)) * buffer.copies);
    return buffer.most_bytes > 0 ? std::min(bytes, buffer.most_bytes) : bytes;
  }

  bool fits(const std::vector<Moment>& moments, const OnChipMemory& memory, const DimRanges& ranges,
            const TileSizes& tiles = {}) const {
    return need_of(moments, ranges, tiles).at_most <= memory.bytes;
  }

  // The largest value of a dimension up to which every value of it fits; at most kLargestDim.
  int64_t largest_dim(const std::vector<Moment>& moments, const OnChipMemory& memory, const std::string& dim) const {
    DimRanges ranges = dims;
    ranges[dim] = {1, kLargestDim};
    return largest_before(moments, memory, ranges, dim, kLargestDim);
  }

  int64_t largest_before(const std::vector<Moment>& moments, const OnChipMemory& memory, const DimRanges& ranges,
                         const std::string& name, int64_t most) const {
    for (const Moment& moment : moments) {
      Question q = question(moment, ranges, {});
      const auto& variables = q.domain.variables();
      for (size_t v = 0; v < variables.size(); ++v) {
        if (variables[v].name != name) continue;
        const auto above =
            within_budget([&](SearchBudget& budget) { return first_above(q.domain, q.alternatives, v, memory.bytes, budget); });
        if (above) most = std::min(most, *above - 1);
      }
    }
    return most;
  }

  // ---- what is said -----------------------------------------------------------------------------------------------------------

  static int64_t in_sixteens(int64_t rows) { return rows >= 16 ? rows - rows % 16 : rows; }  // as these machines have them

  // What would fit: a smaller tile of the first loop whose tile matters, a bound of what is read, or all rows in tiles.
  std::string hint(const BufferScope& scope, const std::vector<Moment>& moments, const OnChipMemory& memory,
                   const Need& need) const {
    const ir::Spelling say(program);
    for (const ir::Loop* loop : scope.loops) {
      if (loop->tile == 0) continue;
      int64_t good = 0, bad = loop->tile;
      while (bad - good > 1) {
        const int64_t middle = good + (bad - good) / 2;
        (fits(moments, memory, dims, {{loop->variable, middle}}) ? good : bad) = middle;
      }
      const int64_t tile = in_sixteens(good);
      if (tile == 0 || (tile != good && !fits(moments, memory, dims, {{loop->variable, tile}}))) continue;
      const std::string of = loop->of_span.empty() ? say.index(loop->extent) : say.name(loop->of_span);
      return fmt::format("use a smaller tile for {}: `{}`", say.name(loop->variable),
                         say.call("tiles", fmt::format("{}, {}", of, tile)));
    }
    for (const auto& [name, value] : need.of_others) {
      if (loops.count(name) || name.find('.') != std::string::npos) continue;
      const int64_t most = largest_before(moments, memory, dims, name, value);
      if (most >= 1 && most < value) {
        const std::string bound = say.assume({{ir::named(name), ir::Compare::le, ir::constant(most)}}),
                          to_bind = say.unnamed_reads({name});
        return to_bind.empty() ? fmt::format("bound what is read: `{}` after its `{}`", bound, say.word("read"))
                               : fmt::format("give what is read a name, {}, and bound it behind that: `{}`", to_bind, bound);
      }
    }
    for (const ir::Dim& dim : program.dims) {
      const int64_t most = largest_dim(moments, memory, dim.name);
      if (most < 1 || most >= dims.at(dim.name).most) continue;
      // The scope may take a part of the dimension at a time: what fits is the rows of its tiles.
      DimRanges ranges = dims;
      ranges[dim.name] = Interval::of(most);
      const Need there = need_of(moments, ranges);
      if (there.live.empty()) continue;  // the scope does not run with so few
      int64_t rows = 1;
      for (const TileBuffer* buffer : there.live) rows = std::max(rows, value_at(buffer->rows, there));
      rows = in_sixteens(rows);
      return fmt::format("take at most {} rows of {} at once: `{}`", rows, dim.name,
                         say.tiled_loop(ir::Loop::Kind::parallel, "t", dim.name, rows));
    }
    return "split the scope, or make its tiles narrower";
  }

  Diagnostic over(const BufferScope& scope, const std::vector<Moment>& moments, const OnChipMemory& memory,
                  const Need& need) const {
    std::vector<const TileBuffer*> live = need.live;
    std::stable_sort(live.begin(), live.end(),
                     [&](const TileBuffer* a, const TileBuffer* b) { return bytes_at(*a, need) > bytes_at(*b, need); });
    std::string where;
    for (const auto* list : {&need.of_dims, &need.of_others})
      for (const auto& [name, value] : *list)
        where += fmt::format("{}{}={}", where.empty() ? ": " : ", ", ir::Spelling(program).name(name), value);
    const bool is_shown = need.at_least > memory.bytes && !need.is_of_data;
    Diagnostic diagnostic{
        "over-capacity",
        program.where(scope.origin),
        is_shown ? fmt::format("scope {} needs {} of {} at once; {} has {}{}", scope.name, bytes_text(need.at_least), memory.name,
                               options.target, bytes_text(memory.bytes), where)
                 : fmt::format("scope {} needs at most {} of {} at once, which cannot be shown to fit; {} has {}{}", scope.name,
                               amount_text(need.at_most), memory.name, options.target, bytes_text(memory.bytes), where),
        hint(scope, moments, memory, need),
        {},
        false};
    for (size_t i = 0; i < live.size() && i < 3; ++i)
      diagnostic.notes.push_back(
          {program.where(live[i]->origin),
           fmt::format("{}: {} [{}, {}]{}, {}", live[i]->name, name_of(live[i]->dtype), value_at(live[i]->rows, need),
                       value_at(live[i]->columns, need), live[i]->copies > 1 ? fmt::format(" in {} copies", live[i]->copies) : "",
                       bytes_text(bytes_at(*live[i], need)))});
    return diagnostic;
  }

  // The bytes as an expression over the dimensions: of each buffer in the iteration where it is largest. Of a size that no such
  // expression bounds, the largest number.
  Quantity bytes_over_dims(const TileBuffer& buffer, size_t index) const {
    const auto rows = most_over_loops(buffer.rows, program, loops), columns = most_over_loops(buffer.columns, program, loops);
    if (!rows || !columns) {
      const Moment alone{buffers.place_of_step[static_cast<size_t>(buffer.first)], {{index}}};
      const Need need = need_of({alone}, dims);
      Quantity number(need.at_most);
      if (!need.is_shown()) number.mark_at_most();
      return number;
    }
    const auto extent = [&](const ir::IndexExpr& e) { return Quantity::of(length(e, program, loops)); };
    const Quantity bytes =
        extent(*rows) * extent(*columns) * Quantity(static_cast<int64_t>(bytes_of(buffer.dtype)) * buffer.copies);
    if (buffer.most_bytes == 0) return bytes;
    Quantity limit(buffer.most_bytes);
    if (const auto known = bytes.at(options.dims)) return *known < buffer.most_bytes ? bytes : limit;
    DimRanges any = dims;
    for (const std::string& dim : open) any[dim] = {1, kLargestDim};
    const Moment alone{buffers.place_of_step[static_cast<size_t>(buffer.first)], {{index}}};
    if (need_of({alone}, any).at_most < buffer.most_bytes) return bytes;
    limit.mark_at_most();
    return limit;
  }

  MemoryUse use(const BufferScope& scope, const std::vector<Moment>& moments, const OnChipMemory& memory,
                const Need& need) const {
    MemoryUse row;
    row.memory = memory.name, row.capacity_bytes = memory.bytes;
    Quantity high_water, sum;
    for (size_t i = 0; i < buffers.buffers.size(); ++i) {
      const TileBuffer& buffer = buffers.buffers[i];
      if (buffer.memory != memory.kind || !buffers.has(scope, buffer)) continue;
      const Quantity bytes = bytes_over_dims(buffer, i);
      sum = sum + bytes;
      if (std::find(need.live.begin(), need.live.end(), &buffer) != need.live.end()) high_water = high_water + bytes;
    }
    DimValues there;
    for (const auto& [name, value] : need.of_dims) there[name] = value;
    const auto here = high_water.at(options.dims);
    if (!need.is_shown() || high_water.at(there) != need.at_least) high_water.mark_at_most();
    row.high_water = simplified(high_water).text(), row.without_reuse = simplified(sum).text();
    if (here && (open.empty() || *here == need.at_most)) row.high_water_bytes = need.at_most;
    row.without_reuse_bytes = sum.at(options.dims);
    row.most_bytes = need.at_most, row.high_water_is_exact = need.is_shown();
    for (const std::string& dim : open) {
      const int64_t most = largest_dim(moments, memory, dim);
      if (most < kLargestDim) row.largest = most, row.largest_of = dim;
    }
    return row;
  }

  // A value of the open dimensions that fits, where the least does not.
  std::optional<int64_t> value_that_fits(const std::vector<Moment>& moments, const OnChipMemory& memory) const {
    for (int64_t value = 1; value <= kLargestDim; value *= 2) {
      DimRanges ranges = dims;
      for (const std::string& dim : open) ranges[dim] = Interval::of(value);
      if (fits(moments, memory, ranges)) return value;
    }
    return std::nullopt;
  }
};

}  // namespace

Findings check_capacity(const ir::Program& program, const Accesses& accesses, const Options& options,
                        const Simplifier& simplified, std::vector<ScopeRow>& scopes) {
  Findings findings;
  const target::Target* target = target::judged_target_named(options.target);
  if (!target)
    throw UserError("unknown-target", fmt::format("there is no target named {}", options.target),
                    fmt::format("one of {}", fmt::join(target::judged_target_names(), ", ")));
  const ProgramBuffers buffers = buffers_of(program, *target);
  Judge judge{program, accesses.loops, options, buffers, simplified, {}, {}};
  for (const ir::Dim& dim : program.dims) {
    const auto given = options.dims.find(dim.name);
    if (given == options.dims.end() && !dim.max) judge.open.push_back(dim.name);
    judge.dims[dim.name] = given != options.dims.end() ? Interval::of(given->second)
                           : dim.max                   ? Interval{1, *dim.max}
                                                       : Interval::of(std::max<int64_t>(1, dim.typical));
  }
  for (const BufferScope& scope : buffers.scopes) {
    if (scope.is_outside && !target->capacity_is_binding()) continue;
    if (!scope.is_outside) {
      ++findings.examined;
      row_named(scopes, scope.name, program.where(scope.origin));
    }
    for (const OnChipMemory& memory : target::memories_of(*target)) {
      const std::vector<Moment> moments = moments_of(buffers, scope, memory.kind);
      const Need need = judge.need_of(moments, judge.dims);
      if (need.at_most == 0) continue;
      MemoryUse& use = row_named(scopes, scope.name, program.where(scope.origin))
                           .memories.emplace_back(judge.use(scope, moments, memory, need));
      if (!target->capacity_is_binding()) continue;
      // Open dimensions are not an error while some value of them fits: the row says up to which.
      DimRanges least = judge.dims;
      for (const std::string& dim : judge.open) least[dim] = Interval::of(1);
      const Need of_least = judge.open.empty() ? need : judge.need_of(moments, least);
      if (of_least.at_most <= memory.bytes) continue;
      if (!judge.open.empty()) use.fits_at = judge.value_that_fits(moments, memory);
      use.fits = use.fits_at.has_value();
      // What is outside of scopes is for the optimizer to cut; an inner scope is a part of an outer one.
      if (!use.fits && !scope.is_outside && scope.is_outermost)
        findings.diagnostics.push_back(judge.over(scope, moments, memory, of_least));
    }
  }
  return findings;
}

}  // namespace imbrex::prove

// Loops, scopes and branches: what is open, and what becomes of it when it is closed.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "imbrex/builder/program_builder.h"
#include "imbrex/ir/linear.h"
#include "imbrex/ir/never_empty.h"
#include "imbrex/ir/parse.h"

namespace imbrex::builder {
namespace {

// The name of a loop variable that the author does not name: a dimension's own in lower case, else one for its kind.
std::string name_for(const std::string& wanted, const ir::IndexExpr& extent, const char* otherwise) {
  if (!wanted.empty()) return wanted;
  if (extent->kind != ir::Index::Kind::name) return otherwise;
  std::string name = extent->name;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name != extent->name && is_name(name) ? name : otherwise;
}

bool is_loop_span(const ir::IndexExpr& begin, const ir::IndexExpr& size) {
  return begin->kind == ir::Index::Kind::span_begin && size->kind == ir::Index::Kind::span_size && begin->name == size->name;
}

}  // namespace

ir::IndexExpr size_between(const ir::IndexExpr& begin, const ir::IndexExpr& end,
                           const std::function<bool(const std::string&)>& is_dimension) {
  const ir::IndexExpr difference = ir::sub(end, begin), combined = ir::combined(difference);
  const ir::IndexExpr& size = ir::index_nodes(combined) < ir::index_nodes(difference) ? combined : difference;
  return ir::is_never_empty(size, is_dimension) ? size : ir::max(size, ir::constant(0));
}

ir::IndexExpr ProgramBuilder::size_between(const ir::IndexExpr& begin, const ir::IndexExpr& end) const {
  return builder::size_between(begin, end, [&](const std::string& name) {
    return std::any_of(program_.dims.begin(), program_.dims.end(), [&](const ir::Dim& dim) { return dim.name == name; });
  });
}

void ProgramBuilder::open(std::optional<ir::Statement> owner, bool is_parallel, const Place& where) {
  frames_.push_back({++frames_opened_, is_parallel, 0, {}, std::move(owner), where});
}

ir::Loop ProgramBuilder::loop_of(const LoopHead& head, const Place& where) const {
  ir::Loop loop;
  loop.kind = head.kind;
  if (head.kind == ir::Loop::Kind::pipeline) {
    if (head.stages < 1 || head.stages > ir::kMaxStages)
      throw UserError(Diagnostic{"pipeline-stages",
                                 where.line,
                                 fmt::format("a pipeline of {} stages", head.stages),
                                 fmt::format("give a number of stages from 1 to {}", ir::kMaxStages),
                                 {}});
    loop.stages = static_cast<int>(head.stages);
  }
  return loop;
}

LoopSpan ProgramBuilder::open_tiles(const LoopHead& head, const ir::IndexExpr& begin, const ir::IndexExpr& size, int64_t tile,
                                    ir::Annotations annotations, const Place& where) {
  if (tile <= 0)
    throw UserError(Diagnostic{
        "tile-size", where.line, fmt::format("tiles of {} indices", tile), "give a positive number of indices per tile", {}});
  ir::Loop loop = loop_of(head, where);
  loop.tile = tile;
  // Tiles of a loop's span are written with its name. Those of another span cover 0 .. its size, moved by where it begins.
  const bool nested = is_loop_span(begin, size);
  loop.begin = nested ? begin : ir::constant(0);
  loop.extent = size;
  if (nested) loop.of_span = begin->name;
  loop.variable = claim_name(name_for(head.name, nested ? ir::named(loop.of_span + "_part") : loop.extent, "s"), false, where);
  const std::string v = loop.variable;
  written_as(v, head.name);
  open(ir::Statement{std::move(loop), std::move(annotations)}, head.kind == ir::Loop::Kind::parallel, where);
  return {nested ? ir::span_begin(v) : ir::add(begin, ir::span_begin(v)), ir::span_size(v), ir::span_index(v)};
}

ir::IndexExpr ProgramBuilder::open_loop(const LoopHead& head, const ir::IndexExpr& begin, const ir::IndexExpr& end,
                                        ir::Annotations annotations, const Place& where) {
  ir::Loop loop = loop_of(head, where);
  loop.begin = begin;
  loop.extent = ir::sub(end, begin);
  loop.variable = claim_name(name_for(head.name, loop.extent, "i"), false, where);
  const std::string v = loop.variable;
  written_as(v, head.name);
  open(ir::Statement{std::move(loop), std::move(annotations)}, head.kind == ir::Loop::Kind::parallel, where);
  return ir::named(v);
}

void ProgramBuilder::open_scope(const std::string& name, ir::Annotations annotations, const Place& where) {
  open(ir::Statement{ir::At{name, {}}, std::move(annotations)}, false, where);
}

void ProgramBuilder::open_if(ir::Condition condition, const Place& where) {
  open(ir::Statement{ir::If{std::move(condition), {}, {}}, {}}, false, where);
}

void ProgramBuilder::open_else() {
  Frame then = std::move(frames_.back());
  require(then.owner && std::holds_alternative<ir::If>(then.owner->node) && !then.is_else, "an else belongs to an open if");
  std::get<ir::If>(then.owner->node).then_block = std::move(then.block);
  frames_.pop_back();
  open(std::move(then.owner), false, then.where);
  frames_.back().is_else = true;
}

void ProgramBuilder::close() {
  require(frames_.size() > 1, "only an open block is closed");
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  ir::Statement& owner = *frame.owner;
  if (auto* loop = std::get_if<ir::Loop>(&owner.node)) loop->body = std::move(frame.block);
  if (auto* scope = std::get_if<ir::At>(&owner.node)) scope->body = std::move(frame.block);
  if (auto* branch = std::get_if<ir::If>(&owner.node))
    (frame.is_else ? branch->else_block : branch->then_block) = std::move(frame.block);
  append(std::move(owner), frame.where);
}

void ProgramBuilder::abandon() {
  require(frames_.size() > 1, "only an open block is abandoned");
  frames_.pop_back();
}

}  // namespace imbrex::builder

#include "imbrex/ir/verify_accumulators.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "imbrex/ir/print.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/visit.h"

namespace imbrex::ir {
namespace {

bool continues_f32_sum(const Expr& e) { return e.op == Op::row_sum_acc && e.dtype == DType::f32; }

bool is_zeros(const Expr& e) { return e.op == Op::constant && e.value == 0; }

// Products of bf16 are summed in blocks of so many elements of k.
constexpr int64_t kBlock = 32;

// What continuing a product means after the chunk of k that a tile's value ends with: `whole` blocks may go on; `ended` had, or
// may have had, an incomplete one; a span had the whole span, which is whole blocks but in the last iteration of the span's loop.
struct Chunk {
  enum class Kind : uint8_t { whole, ended, span };
  Kind kind = Kind::whole;
  std::string span;
  std::string length;  // in words, where it is not whole
  friend bool operator==(const Chunk&, const Chunk&) = default;
};

// Of a tile that holds the one or the other.
Chunk joined(const Chunk& a, const Chunk& b) {
  if (a == b || b.kind == Chunk::Kind::whole) return a;
  return a.kind == Chunk::Kind::whole ? b : Chunk{Chunk::Kind::ended, {}, (a.kind == Chunk::Kind::ended ? a : b).length};
}

using Chunks = std::map<std::string, Chunk>;  // per tile variable; one that is not there is whole

Chunks joined(Chunks a, const Chunks& b) {
  for (const auto& [name, chunk] : b) a[name] = joined(a[name], chunk);
  return a;
}

// Follows what each tile's value ends with through the program, in passes until nothing changes: a loop's body begins with what
// was before the loop or what an iteration left, whatever assignment it came by.
class ProductCheck {
 public:
  ProductCheck(const Program& program, std::vector<Diagnostic>& findings) : program_(program), findings_(findings) {
    for_each_statement(program.body, [&](const Statement& statement) {
      if (const auto* loop = std::get_if<Loop>(&statement.node); loop && loop->tile > 0) spans_[loop->variable] = loop;
      return true;
    });
  }
  void program();

 private:
  void block(const Block& body) {
    for (const Statement& statement : body) visit(statement);
  }
  void visit(const Statement& statement);
  void loop(const Loop& loop);
  void end_span(Chunks& chunks, const std::string& span, const Chunk& becomes) const;
  Chunk chunk_of_extent(const IndexExpr& k) const;
  Chunk chunk_after(const Expr& e) const;
  void check(const Statement& statement, const Expr& e);

  const Program& program_;
  std::vector<Diagnostic>& findings_;
  std::map<std::string, const Loop*> spans_;
  Chunks last_;
  std::map<const Loop*, Chunks> begins_;  // what may stand where an iteration begins, as far as it was found
  bool is_changed_ = false;
  bool reports_ = false;  // once nothing changes any more
};

// Whose value continues to be summed in blocks: what is scaled after its sum does not.
bool is_bf16_product(const Expr& e) {
  return kind_of(e.op) == OpKind::product && e.op != Op::matmul_scaled && multiplied_as(e) == DType::bf16;
}

IndexExpr inner_extent(const Expr& product) {
  const Expr& b = *product.args.back();
  return product.transpose_b ? b.columns : b.rows;
}

Chunk ProductCheck::chunk_of_extent(const IndexExpr& k) const {
  const Chunk ended = {Chunk::Kind::ended, {}, to_text(k) + " elements of k"};
  if (const auto value = constant_value(k)) return *value % kBlock == 0 ? Chunk{} : ended;
  if (k->kind == Index::Kind::mul)
    for (const IndexExpr& factor : {k->a, k->b})
      if (constant_value(factor).value_or(1) % kBlock == 0) return {};
  const auto span = k->kind == Index::Kind::span_size ? spans_.find(k->name) : spans_.end();
  if (span == spans_.end()) return ended;
  const Loop& loop = *span->second;
  const auto extent = constant_value(loop.extent);
  if (loop.tile % kBlock == 0 && extent && *extent % kBlock == 0) return {};
  if (loop.tile % kBlock == 0) return {Chunk::Kind::span, k->name, to_text(k) + " elements of k"};
  return {Chunk::Kind::ended, {}, fmt::format("{} elements of k (tiles of {})", to_text(k), loop.tile)};
}

// Of the value of an expression: a product's own k, a variable's last one.
Chunk ProductCheck::chunk_after(const Expr& e) const {
  if (is_bf16_product(e)) return chunk_of_extent(inner_extent(e));
  const auto found = e.op == Op::variable ? last_.find(e.name) : last_.end();
  return found == last_.end() ? Chunk{} : found->second;
}

void ProductCheck::check(const Statement& statement, const Expr& e) {
  if (!reports_ || e.op != Op::matmul_acc || !is_bf16_product(e)) return;
  const Chunk before = chunk_after(*e.args[0]);
  if (before.kind == Chunk::Kind::whole) return;
  findings_.push_back({"partial-block",
                       program_.where(e.origin >= 0 ? e.origin : statement.origin),
                       fmt::format("this matmul_acc continues {} after a chunk of {}, which may end inside a block of 32; "
                                   "bf16 products are summed in blocks of 32 along k",
                                   print(e.args[0]), before.length),
                       fmt::format("make every chunk of k but the last a multiple of 32: `{}`, or a constant such as 128",
                                   Spelling(program_).call("tiles", "K, 64")),
                       {},
                       false});
}

void ProductCheck::end_span(Chunks& chunks, const std::string& span, const Chunk& becomes) const {
  for (auto& [name, chunk] : chunks)
    if (chunk.kind == Chunk::Kind::span && chunk.span == span) chunk = becomes;
}

void ProductCheck::loop(const Loop& loop) {
  const Chunks before = last_;
  Chunks& begin = begins_[&loop];
  begin = last_ = joined(begin, before);
  block(loop.body);
  Chunks end = last_;
  end_span(end, loop.variable, {});  // before a further iteration, the span was whole
  Chunks next = joined(begin, end);
  if (next != begin) begin = std::move(next), is_changed_ = true;
  end_span(last_, loop.variable, chunk_of_extent(loop.extent));
  last_ = joined(before, last_);
}

void ProductCheck::program() {
  reports_ = false;
  do {
    is_changed_ = false;
    last_.clear();
    block(program_.body);
  } while (is_changed_);
  reports_ = true;
  last_.clear();
  block(program_.body);
}

void ProductCheck::visit(const Statement& statement) {
  for_each_expr(statement, [&](const Expr& e) { check(statement, e); });
  if (const auto* assign = std::get_if<Assign>(&statement.node)) {
    last_[assign->name] = chunk_after(*assign->value);
  } else if (const auto* inner = std::get_if<Loop>(&statement.node)) {
    loop(*inner);
  } else if (const auto* at = std::get_if<At>(&statement.node)) {
    block(at->body);
  } else if (const auto* branch = std::get_if<If>(&statement.node)) {
    const auto before = last_;
    block(branch->then_block);
    const auto after_then = std::exchange(last_, before);
    block(branch->else_block);
    last_ = joined(after_then, last_);
  }
}

}  // namespace

std::set<std::string> row_sum_accumulators(const Program& program) {
  std::set<std::string> accumulators;
  for_each_statement(program.body, [&](const Statement& statement) {
    const auto* assign = std::get_if<Assign>(&statement.node);
    if (assign && continues_f32_sum(*assign->value)) accumulators.insert(assign->name);
    return true;
  });
  return accumulators;
}

void check_sums(const Program& program, std::vector<Diagnostic>& findings) {
  std::set<std::string> accumulators;
  const auto report = [&](const Statement& statement, std::string message, std::string hint) {
    findings.push_back({"accumulator", program.where(statement.origin), std::move(message), std::move(hint), {}, false});
  };
  for_each_statement(program.body, [&](const Statement& statement) {
    const auto* assign = std::get_if<Assign>(&statement.node);
    for_each_expr(statement, [&](const Expr& e) {
      if (!continues_f32_sum(e)) return;
      const bool in_place = assign && !assign->declares && assign->value.get() == &e && e.args[0]->op == Op::variable &&
                            e.args[0]->name == assign->name;
      if (in_place)
        accumulators.insert(assign->name);
      else
        report(statement, "a row_sum_acc may only continue the tile it is assigned to, s = row_sum_acc(s, x)",
               "assign it to its accumulator first, and use the accumulator in the expression");
    });
    return true;
  });
  for_each_statement(program.body, [&](const Statement& statement) {
    const auto* assign = std::get_if<Assign>(&statement.node);
    if (!assign || !accumulators.contains(assign->name)) return true;
    const Expr& value = *assign->value;
    if (!is_zeros(value) && value.op != Op::row_sum && !continues_f32_sum(value))
      report(
          statement,
          fmt::format(
              "'{}' accumulates a row sum, and is assigned {} here; it may only be zeros, a row_sum, or continued by row_sum_acc",
              assign->name, print(assign->value)),
          fmt::format("give this value a tile of its own: `{}`", Spelling(program).let("other", "...")));
    return true;
  });
}

void check_products(const Program& program, std::vector<Diagnostic>& findings) { ProductCheck(program, findings).program(); }

}  // namespace imbrex::ir

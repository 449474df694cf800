#include "imbrex/ir/print.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <utility>

#include "imbrex/base/utf8.h"
#include "imbrex/ir/lexer.h"
#include "imbrex/ir/line_table.h"
#include "imbrex/ir/visit.h"

namespace imbrex::ir {
namespace {

std::string join(const std::vector<IndexExpr>& list) {
  std::string text;
  for (const IndexExpr& e : list) text += (text.empty() ? "" : ", ") + to_text(e);
  return text;
}

std::string text_of(const Annotation::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  const auto& text = std::get<std::string>(value);
  return is_name(text) ? text : quoted(text);
}

std::string text_of(const Annotations& annotations) {
  std::string text;
  for (const Annotation& annotation : annotations) {
    text += " @" + annotation.name;
    if (annotation.values.empty()) continue;
    text += "(";
    for (size_t i = 0; i < annotation.values.size(); ++i) text += (i ? ", " : "") + text_of(annotation.values[i]);
    text += ")";
  }
  return text;
}

// The shortest decimal that reads back as the same float; always recognisable as a float.
std::string text_of_float(double value) {
  if (std::isnan(value)) return "nan";
  std::string text = fmt::format("{}", static_cast<float>(value));
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string text_of_constant(const Expr& e) {
  const bool is_float = imbrex::is_float(e.dtype);
  const std::string number = is_float ? text_of_float(e.value) : std::to_string(static_cast<int64_t>(e.value));
  const bool plain = is_one(e.rows) && is_one(e.columns) && (e.dtype == DType::int32 || (is_float && std::isfinite(e.value)));
  return plain ? number : fmt::format("full({}, [{}, {}], {})", name_of(e.dtype), to_text(e.rows), to_text(e.columns), number);
}

// The index after the last iteration. Where the extent was written as `end - begin`, that end.
IndexExpr end_of(const Loop& loop) {
  const auto equals_begin = [&](const IndexExpr& e) { return to_text(e) == to_text(loop.begin); };
  const IndexExpr& extent = loop.extent;
  const bool difference = extent->kind == Index::Kind::sub && equals_begin(extent->b);
  const bool sum_inside = difference && extent->a->kind == Index::Kind::add && equals_begin(extent->a->a);
  return difference && !sum_inside && !equals_begin(extent->a) ? extent->a : add(loop.begin, extent);
}

class Printer {
 public:
  void program(const Program& p);
  void statement(const Statement& s);
  std::string expression(const ExprPtr& e) const { return expression(e, kSum); }
  std::string slice(const std::string& tensor, const std::vector<Axis>& axes) const;
  // What its tensors' shapes are, for statements of it that are printed alone.
  void know(const Program& p);
  std::vector<PrintedLine> take() { return std::move(lines_); }
  std::string text() const;

 private:
  enum Precedence { kSum = 1, kProduct = 2, kUnary = 3, kPrimary = 4 };

  void line(const std::string& text) {
    lines_.push_back(
        {std::string(2 * static_cast<size_t>(depth_), ' ') + text, statement_, origin_, std::exchange(begins_, false)});
  }
  void block(const Block& body);
  void tensor_declared(const std::string& name, const std::vector<IndexExpr>& shape) { shapes_[name] = shape; }
  std::string type(const Tensor& t) const { return fmt::format("{}: {}[{}]", t.name, name_of(t.dtype), join(t.shape)); }
  std::string axis(const Axis& axis, const IndexExpr& extent) const;
  std::string loop_head(const Loop& loop) const;
  std::string expression(const ExprPtr& e, int least) const;
  std::string infix(const Expr& e, const std::string& symbol, int precedence, int least) const;
  std::string negation(const Expr& e) const;
  std::string call(const Expr& e) const;

  void node(const CreateTensor& x, const std::string& tail);
  void node(const View& x, const std::string& tail);
  void node(const Assign& x, const std::string& tail) {
    line(fmt::format("{}{} = {}{}", x.declares ? "let " : "", x.name, expression(x.value), tail));
  }
  void node(const Store& x, const std::string& tail) {
    line(fmt::format("{} = {}{}", slice(x.tensor, x.slice), expression(x.value), tail));
  }
  void node(const ReadIndex& x, const std::string& tail) {
    line(fmt::format("read {} = {}[{}]{}", x.name, x.tensor, join(x.position), tail));
  }
  void node(const Loop& x, const std::string& tail);
  void node(const At& x, const std::string& tail);
  void node(const If& x, const std::string& tail);
  void node(const Tap& x, const std::string& tail) {
    line(fmt::format("tap {} {}{}", quoted(x.name), expression(x.value), tail));
  }
  void node(const Assume& x, const std::string& tail) { line("assume " + print(x.condition) + tail); }
  void node(const AssumeElements& x, const std::string& tail) { line(print(x) + tail); }

  std::vector<PrintedLine> lines_;
  const Statement* statement_ = nullptr;  // that is being printed
  int origin_ = -1;
  bool begins_ = false;
  int depth_ = 0;
  std::map<std::string, std::vector<IndexExpr>> shapes_;
};

void Printer::program(const Program& p) {
  line("imbrex 1");
  line(fmt::format("kernel {}{} {{", quoted(p.name), text_of(p.annotations)));
  ++depth_;
  for (const Dim& dim : p.dims) {
    origin_ = dim.origin;
    begins_ = true;
    line(fmt::format("dim {}{}{}", dim.name, dim.typical ? fmt::format(" typical {}", dim.typical) : "",
                     dim.max ? fmt::format(" max {}", *dim.max) : ""));
  }
  for (const Tensor& tensor : p.tensors) {
    origin_ = tensor.origin;
    begins_ = true;
    line(fmt::format("{} {}{}", declared_as(tensor), type(tensor), text_of(tensor.annotations)));
    tensor_declared(tensor.name, tensor.shape);
  }
  origin_ = -1;
  if (!p.body.empty()) lines_.emplace_back();
  for (const Statement& s : p.body) statement(s);
  --depth_;
  line("}");
}

void Printer::statement(const Statement& s) {
  const Statement* const around = std::exchange(statement_, &s);
  const int origin_around = std::exchange(origin_, s.origin);
  begins_ = true;
  std::visit([&](const auto& x) { node(x, text_of(s.annotations)); }, s.node);
  statement_ = around;
  origin_ = origin_around;
}

void Printer::block(const Block& body) {
  ++depth_;
  for (const Statement& s : body) statement(s);
  --depth_;
}

void Printer::node(const CreateTensor& x, const std::string& tail) {
  line("create " + type(x.tensor) + tail);
  tensor_declared(x.tensor.name, x.tensor.shape);
}

void Printer::node(const View& x, const std::string& tail) {
  line(fmt::format("view {} = {}: [{}]{}", x.name, x.base, join(x.shape), tail));
  tensor_declared(x.name, x.shape);
}

void Printer::node(const Loop& x, const std::string& tail) {
  line(loop_head(x) + tail + " {");
  block(x.body);
  line("}");
}

void Printer::node(const At& x, const std::string& tail) {
  line("at " + quoted(x.name) + tail + " {");
  block(x.body);
  line("}");
}

void Printer::node(const If& x, const std::string& tail) {
  line("if " + print(x.condition) + tail + " {");
  block(x.then_block);
  if (!x.else_block.empty()) {
    line("} else {");
    block(x.else_block);
  }
  line("}");
}

std::string Printer::loop_head(const Loop& loop) const {
  std::string text = loop.kind == Loop::Kind::parallel ? "parallel" : "range";
  if (loop.kind == Loop::Kind::pipeline) text = fmt::format("pipeline({})", loop.stages);
  text += " " + loop.variable + " in ";
  if (loop.tile == 0) return text + to_text(loop.begin) + " .. " + to_text(end_of(loop));
  return text + fmt::format("tiles({}, {})", loop.of_span.empty() ? to_text(loop.extent) : loop.of_span, loop.tile);
}

void Printer::know(const Program& p) {
  for (const Tensor& tensor : p.tensors) tensor_declared(tensor.name, tensor.shape);
  for_each_statement(p.body, [&](const Statement& s) {
    if (const auto* create = std::get_if<CreateTensor>(&s.node)) tensor_declared(create->tensor.name, create->tensor.shape);
    if (const auto* view = std::get_if<View>(&s.node)) tensor_declared(view->name, view->shape);
    return true;
  });
}

std::string Printer::slice(const std::string& tensor, const std::vector<Axis>& axes) const {
  const auto shape = shapes_.find(tensor);
  std::string text;
  for (size_t i = 0; i < axes.size(); ++i) {
    const bool known = shape != shapes_.end() && i < shape->second.size();
    text += (i ? ", " : "") + axis(axes[i], known ? shape->second[i] : nullptr);
  }
  return tensor + "[" + text + "]";
}

std::string Printer::axis(const Axis& axis, const IndexExpr& extent) const {
  using Kind = Index::Kind;
  if (axis.kind == Axis::Kind::by) return "by " + axis.tile;
  if (axis.kind == Axis::Kind::point) return to_text(axis.begin);
  if (axis.begin->kind == Kind::span_begin && axis.size->kind == Kind::span_size && axis.begin->name == axis.size->name)
    return axis.begin->name;
  if (extent && constant_value(axis.begin) == 0 && to_text(axis.size) == to_text(extent)) return ":";
  return to_text(axis.begin) + " +: " + to_text(axis.size);
}

std::string Printer::expression(const ExprPtr& e, int least) const {
  if (e->op == Op::variable) return e->name;
  if (e->op == Op::load) return slice(e->name, e->slice);
  if (e->op == Op::constant) return text_of_constant(*e);
  const std::string symbol = operation(e->op).symbol;
  if (symbol.empty()) return call(*e);
  return e->args.size() == 1 ? negation(*e) : infix(*e, symbol, symbol == "*" || symbol == "/" ? kProduct : kSum, least);
}

std::string Printer::infix(const Expr& e, const std::string& symbol, int precedence, int least) const {
  const std::string text =
      fmt::format("{} {} {}", expression(e.args[0], precedence), symbol, expression(e.args[1], precedence + 1));
  return precedence < least ? "(" + text + ")" : text;
}

// `-0.5` is the constant; the negation of a constant keeps its parentheses.
std::string Printer::negation(const Expr& e) const {
  const std::string text = expression(e.args[0], kUnary);
  return e.args[0]->op == Op::constant ? "-(" + text + ")" : "-" + text;
}

std::string Printer::call(const Expr& e) const {
  std::string text;
  for (const ExprPtr& arg : e.args) text += (text.empty() ? "" : ", ") + expression(arg, kSum);
  if (e.op == Op::index) text = to_text(e.index);
  if (e.op == Op::iota) text = to_text(e.columns) + (constant_value(e.index) == 0 ? "" : ", " + to_text(e.index));
  if (e.op == Op::cast) text += fmt::format(", {}", name_of(e.dtype));
  if (e.op == Op::cast && e.mode != CastMode::exact) text += fmt::format(", {}", name_of(e.mode));
  if (e.op == Op::reshape) text += fmt::format(", [{}, {}]", to_text(e.rows), to_text(e.columns));
  if (e.op == Op::repeat_rows) text += fmt::format(", {}", to_text(e.index));
  if (e.op == Op::columns) text += fmt::format(", {}, {}", to_text(e.index), to_text(e.columns));
  if (has_scaled_blocks(e.op)) text += fmt::format(", [{}, {}]", e.block.k, e.block.columns);
  if (e.transpose_a) text += ", transpose_a";
  if (e.transpose_b) text += ", transpose_b";
  return fmt::format("{}({})", name_of(e.op), text);
}

std::string Printer::text() const {
  std::string all;
  for (const PrintedLine& line : lines_) all += line.text + "\n";
  return all;
}

}  // namespace

std::string quoted(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return '"' + with_visible_characters(escaped) + '"';
}

std::string print(const Condition& condition) {
  std::string text;
  for (const Comparison& c : condition)
    text += fmt::format("{}{} {} {}", text.empty() ? "" : " and ", to_text(c.left), text_of(c.compare), to_text(c.right));
  return text;
}

std::string print(const AssumeElements& assumed) {
  if (assumed.property == AssumeElements::Property::sorted) return "assume_sorted " + assumed.tile;
  return "assume_distinct " + assumed.tile + (assumed.except ? fmt::format(" except {}", *assumed.except) : "");
}
std::string what_elements_do(const AssumeElements& assumed) {
  if (assumed.property == AssumeElements::Property::sorted) return "never descend";
  return assumed.except ? fmt::format("differ where they are not {}", *assumed.except) : "differ";
}

std::vector<PrintedLine> printed_lines(const Program& program) {
  Printer printer;
  printer.program(program);
  return printer.take();
}

std::string print(const Program& program) {
  Printer printer;
  printer.program(program);
  return printer.text();
}

std::string print_with_lines(const Program& program) {
  const std::vector<PrintedLine> lines = printed_lines(program);
  LineTable table;
  for (size_t i = 0; i < lines.size(); ++i)
    if (const SourceLine where = program.where(lines[i].origin); lines[i].begins && where.line > 0)
      table[static_cast<int>(i) + 1] = where;
  return print(program) + text_of(table);
}

std::string print(const Statement& statement) {
  Printer printer;
  printer.statement(statement);
  return printer.text();
}

std::string print(const Statement& statement, const Program& program) {
  Printer printer;
  printer.know(program);
  printer.statement(statement);
  return printer.text();
}

std::string print(const std::string& tensor, const std::vector<Axis>& slice, const Program& program) {
  Printer printer;
  printer.know(program);
  return printer.slice(tensor, slice);
}

std::string print(const ExprPtr& e) { return Printer().expression(e); }

}  // namespace imbrex::ir

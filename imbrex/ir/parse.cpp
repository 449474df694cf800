#include "imbrex/ir/parse.h"

#include <charconv>
#include <limits>

#include "imbrex/ir/parser.h"

namespace imbrex::ir {

using Kind = Token::Kind;

const char* text_of(Meaning::Kind kind) {
  constexpr const char* kTexts[] = {"a tensor", "a tile", "an index", "a span"};
  return kTexts[static_cast<size_t>(kind)];
}

// ---- tokens -----------------------------------------------------------------------------------------------------------------

void Parser::fail(const std::string& message, const std::string& hint, const char* id) const {
  const Token& token = peek();
  throw UserError(Diagnostic{id, {file_, token.line}, fmt::format("column {}: {}", token.column, message), hint, {}, false});
}

bool Parser::accept(const char* symbol) {
  if (!is_symbol(symbol)) return false;
  take();
  return true;
}

bool Parser::accept_word(const char* word) {
  if (!is_word(word)) return false;
  take();
  return true;
}

void Parser::expect(const char* symbol) {
  if (!accept(symbol)) fail_expected(fmt::format("'{}'", symbol));
}

std::string Parser::expect_name(const char* what) {
  if (peek().kind != Kind::name) fail_expected(what);
  return take().text;
}

std::string Parser::expect_string(const char* what) {
  if (peek().kind != Kind::string) fail_expected(fmt::format("{} in double quotes", what));
  return take().text;
}

int64_t Parser::expect_integer(const char* what, int64_t least, int64_t most) {
  if (peek().kind != Kind::integer) fail_expected(fmt::format("{}, an integer", what));
  const int64_t value = integer_value(peek(), false);
  if (value < least || value > most)
    fail(fmt::format("{} is {}, and goes from {} to {}", what, value, least, most), "give an integer in this range");
  take();
  return value;
}

int64_t Parser::integer_value(const Token& token, bool negative) const {
  const std::string text = (negative ? "-" : "") + token.text;
  int64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
    fail(fmt::format("{} does not fit 64 bits", describe(token)), "give a smaller integer");
  return value;
}

double Parser::float_value(const Token& token) const {
  float value = 0;
  if (std::from_chars(token.text.data(), token.text.data() + token.text.size(), value).ec != std::errc())
    fail(fmt::format("{} is not a value of f32", describe(token)), "give a number from 1.4e-45 to 3.4028234e38");
  return value;
}

int Parser::origin_of_line(int line) {
  const auto [place, added] = origins_.try_emplace(line, static_cast<int>(program_.origins.size()));
  if (added) {
    const auto author = lines_.find(line);
    program_.origins.push_back(author == lines_.end() ? SourceLine{file_, line} : author->second);
  }
  return place->second;
}

Written Parser::here() {
  const int origin = origin_of_line(peek().line);
  return {program_.where(origin), origin};
}

// ---- names ------------------------------------------------------------------------------------------------------------------

void Parser::declare(const std::string& name, int line, Meaning meaning) {
  meaning.line = line;
  const auto [place, added] = names_.try_emplace(name, meaning);
  if (added) return;
  throw UserError(Diagnostic{"duplicate-name",
                             {file_, meaning.line},
                             fmt::format("'{}' names {} already", name, text_of(place->second.kind)),
                             "choose another name; names are unique in the whole program",
                             {{{file_, place->second.line}, "the first one"}},
                             false});
}

const Meaning& Parser::meaning_of(const std::string& name) const {
  if (peek().kind != Kind::name) fail_expected("a name");
  const auto found = names_.find(name);
  if (found == names_.end())
    fail(fmt::format("nothing is called '{}' here", name),
         name == "inf" || name == "nan"
             ? fmt::format("{0} is a number of full alone: `full(f32, [1, 1], {0})`, or with a `-` before {0}", name)
             : "declare it above: dim, input, create, let or a loop",
         "unknown-name");
  return found->second;
}

const Meaning& Parser::meaning_of(const std::string& name, Meaning::Kind kind, const char* hint) const {
  const Meaning& meaning = meaning_of(name);
  if (meaning.kind != kind)
    fail(fmt::format("'{}' is {}, and {} is needed here", name, text_of(meaning.kind), text_of(kind)), hint, "wrong-kind");
  return meaning;
}

// ---- parts ------------------------------------------------------------------------------------------------------------------

// item { "," item } close
template <class Item>
void Parser::list(const char* close, const Item& item) {
  do item();
  while (accept(","));
  if (!accept(close)) fail_expected(fmt::format("',' or '{}'", close));
}

Annotation::Value Parser::annotation_value() {
  const bool negative = accept("-");
  if (peek().kind == Kind::integer) {
    const int64_t value = integer_value(peek(), negative);
    take();
    return value;
  }
  if (negative || (peek().kind != Kind::name && peek().kind != Kind::string)) fail_expected("an integer, a name or a string");
  return take().text;
}

Annotations Parser::annotations() {
  Annotations result;
  while (accept("@")) {
    Annotation annotation{expect_name("the annotation's name"), {}};
    if (accept("(")) list(")", [&] { annotation.values.push_back(annotation_value()); });
    result.push_back(std::move(annotation));
  }
  return result;
}

DType Parser::dtype() {
  const auto found = peek().kind == Kind::name ? dtype_named(peek().text) : std::nullopt;
  if (!found) fail_expected("a type (f32, bf16, f16, e4m3, e8m0, int8, uint8, int32, int64, bool)");
  take();
  return *found;
}

std::vector<IndexExpr> Parser::index_list(const char* close) {
  std::vector<IndexExpr> result;
  if (!accept(close)) list(close, [&] { result.push_back(index()); });
  return result;
}

// NAME ":" type
Tensor Parser::tensor(Role role) {
  Tensor result;
  const int line = peek().line;
  result.origin = here().origin;
  result.role = role;
  result.name = expect_name("the tensor's name");
  expect(":");
  result.dtype = dtype();
  expect("[");
  result.shape = index_list("]");
  declare(result.name, line, {Meaning::Kind::tensor, result.dtype, result.shape});
  return result;
}

Condition Parser::condition() {
  Condition result;
  do {
    Comparison comparison{index(), Compare::lt, nullptr};
    constexpr Compare kAll[] = {Compare::lt, Compare::le, Compare::eq, Compare::ne, Compare::ge, Compare::gt};
    bool found = false;
    for (Compare compare : kAll)
      if (!found && accept(ir::text_of(compare))) {
        comparison.compare = compare;
        found = true;
      }
    if (!found) fail_expected("a comparison (< <= == != >= >)");
    comparison.right = index();
    result.push_back(std::move(comparison));
  } while (accept_word("and"));
  return result;
}

std::vector<Axis> Parser::slice(const std::string& tensor, const Meaning& meaning) {
  expect("[");
  std::vector<Axis> axes;
  const auto one_axis = [&] {
    axes.push_back(axis(axes.size() < meaning.shape.size() ? meaning.shape[axes.size()] : constant(0)));
  };
  if (!accept("]")) list("]", one_axis);
  if (axes.size() != meaning.shape.size())
    fail(fmt::format("the slice of '{}' has {} axes, and the tensor has {}", tensor, axes.size(), meaning.shape.size()),
         "give one span, range, ':' or index for each axis", "slice-rank");
  return axes;
}

Axis Parser::axis(const IndexExpr& extent) {
  Axis result;
  if (accept(":")) return {Axis::Kind::range, constant(0), extent, {}};
  if (is_word("by") && peek(1).kind == Kind::name) {
    take();
    const Meaning& meaning = meaning_of(peek().text, Meaning::Kind::tile, "give an int32 tile of row numbers");
    return {Axis::Kind::by, nullptr, is_one(meaning.shape[1]) ? meaning.shape[0] : meaning.shape[1], take().text};
  }
  const bool alone = peek().kind == Kind::name && (is_symbol(",", 1) || is_symbol("]", 1));
  if (alone && meaning_of(peek().text).kind == Meaning::Kind::span) {
    const std::string span = take().text;
    return {Axis::Kind::range, span_begin(span), span_size(span), {}};
  }
  IndexExpr begin = index();
  if (accept("+:")) return {Axis::Kind::range, begin, index(), {}};
  if (is_symbol(":")) {
    const std::string from = to_text(begin);
    take();
    const std::string end = is_symbol(",") || is_symbol("]") ? to_text(extent) : to_text(index());
    fail(fmt::format("'{}:{}' is no range: after a begin stands '+:' and a size", from, end),
         from == "0" ? fmt::format("0 +: {}", end)
                     : fmt::format("{} +: {} - {}", from, end, from.find(' ') == std::string::npos ? from : "(" + from + ")"));
  }
  return {Axis::Kind::point, begin, constant(1), {}};
}

// ---- statements -------------------------------------------------------------------------------------------------------------

void Parser::declarations() {
  for (;;) {
    if (peek(1).kind != Kind::name) return;
    if (accept_word("dim")) {
      Dim dim;
      const int line = peek().line;
      dim.origin = here().origin;
      dim.name = expect_name("the dimension's name");
      declare(dim.name, line, {});
      if (accept_word("typical")) dim.typical = expect_integer("the typical value", 1, std::numeric_limits<int64_t>::max());
      if (accept_word("max")) dim.max = expect_integer("the maximum", 1, std::numeric_limits<int64_t>::max());
      program_.dims.push_back(std::move(dim));
    } else if (is_word("input") || is_word("weight") || is_word("output") || is_word("inout")) {
      const std::string role = take().text;
      Tensor declared = tensor(role == "output" ? Role::output : role == "inout" ? Role::inout : Role::input);
      declared.is_weight = role == "weight";
      declared.annotations = annotations();
      program_.tensors.push_back(std::move(declared));
    } else {
      return;
    }
  }
}

Block Parser::block() {
  const Level level(*this, "blocks");
  expect("{");
  Block result;
  while (!is_symbol("}")) {
    if (peek().kind == Kind::end) fail_expected("a statement or '}'");
    result.push_back(statement());
  }
  take();
  return result;
}

CreateTensor Parser::create() { return {tensor(Role::temporary)}; }

View Parser::view() {
  View result;
  const int line = peek().line;
  result.name = expect_name("the view's name");
  expect("=");
  const DType dtype = meaning_of(peek().text, Meaning::Kind::tensor, "a view is of a tensor").dtype;
  result.base = expect_name("a tensor");
  expect(":");
  expect("[");
  result.shape = index_list("]");
  declare(result.name, line, {Meaning::Kind::tensor, dtype, result.shape});
  return result;
}

Assign Parser::let() {
  Assign result;
  const int line = peek().line;
  result.declares = true;
  result.name = expect_name("the tile's name");
  expect("=");
  result.value = expression();
  declare(result.name, line, {Meaning::Kind::tile, result.value->dtype, {result.value->rows, result.value->columns}});
  return result;
}

ReadIndex Parser::read() {
  ReadIndex result;
  const int line = peek().line;
  result.name = expect_name("the index's name");
  expect("=");
  meaning_of(peek().text, Meaning::Kind::tensor, "an index is read from an int32 or int64 tensor");
  result.tensor = expect_name("a tensor");
  expect("[");
  result.position = index_list("]");
  declare(result.name, line, {});
  return result;
}

// index ".." index, or tiles(index or span, n). Sets what the loop runs over, and declares its variable.
void Parser::domain(Loop& loop) {
  if (is_word("tiles") && is_symbol("(", 1)) {
    take();
    take();
    const bool alone = peek().kind == Kind::name && is_symbol(",", 1);
    if (alone && meaning_of(peek().text).kind == Meaning::Kind::span) {
      loop.of_span = take().text;
      loop.begin = span_begin(loop.of_span);
      loop.extent = span_size(loop.of_span);
    } else {
      loop.begin = constant(0);
      loop.extent = index();
    }
    expect(",");
    loop.tile = expect_integer("the tile size", 1, std::numeric_limits<int64_t>::max());
    expect(")");
    return;
  }
  loop.begin = index();
  expect("..");
  const IndexExpr end = index();
  const std::string begin_text = to_text(loop.begin);
  const bool sum = end->kind == Index::Kind::add && to_text(end->a) == begin_text;
  loop.extent = to_text(end) == begin_text ? constant(0) : sum ? end->b : sub(end, loop.begin);
}

Statement Parser::loop(Loop::Kind kind) {
  Loop result;
  result.kind = kind;
  if (kind == Loop::Kind::pipeline) {
    expect("(");
    result.stages = static_cast<int>(expect_integer("the number of stages", 1, kMaxStages));
    expect(")");
  }
  const int line = peek().line;
  result.variable = expect_name("the loop's variable");
  if (!accept_word("in")) fail_expected("'in'");
  domain(result);
  declare(result.variable, line, {result.tile > 0 ? Meaning::Kind::span : Meaning::Kind::index, DType::int32, {}});
  Annotations written = annotations();
  result.body = block();
  return {std::move(result), std::move(written), -1};
}

Statement Parser::branch() {
  If result;
  result.condition = condition();
  Annotations written = annotations();
  result.then_block = block();
  if (is_word("else") && is_symbol("{", 1)) {
    take();
    result.else_block = block();
  }
  return {std::move(result), std::move(written), -1};
}

// A rebinding or a store.
Statement Parser::assignment() {
  const std::string name = peek().text;
  if (is_symbol("=", 1)) {
    meaning_of(name, Meaning::Kind::tile, "a store names its slice, y[t, :] = x");
    take();
    take();
    return {Assign{name, expression(), false}, {}, -1};
  }
  const Meaning meaning = meaning_of(name, Meaning::Kind::tensor, "only tensors are stored to");
  take();
  Store store{name, slice(name, meaning), nullptr};
  expect("=");
  store.value = expression();
  return {std::move(store), {}, -1};
}

Statement Parser::bare_statement() {
  if (peek().kind != Kind::name) fail_expected("a statement");
  if (is_symbol("=", 1) || is_symbol("[", 1)) return assignment();
  if (accept_word("create")) return {create(), {}, -1};
  if (accept_word("view")) return {view(), {}, -1};
  if (accept_word("let")) return {let(), {}, -1};
  if (accept_word("read")) return {read(), {}, -1};
  if (accept_word("parallel")) return loop(Loop::Kind::parallel);
  if (accept_word("range")) return loop(Loop::Kind::range);
  if (accept_word("pipeline")) return loop(Loop::Kind::pipeline);
  if (accept_word("if")) return branch();
  if (accept_word("assume")) {
    in_assume_ = true;
    Condition assumed = condition();
    in_assume_ = false;
    return {Assume{std::move(assumed)}, {}, -1};
  }
  if (accept_word("at")) {
    std::string name = expect_string("the scope's name");
    Annotations written = annotations();
    return {At{std::move(name), block()}, std::move(written), -1};
  }
  if (accept_word("tap")) {
    std::string name = expect_string("the tap's name");
    return {Tap{std::move(name), expression()}, {}, -1};
  }
  if (accept_word("assume_distinct")) {
    meaning_of(peek().text, Meaning::Kind::tile, "give an int32 tile");
    AssumeElements assumed{expect_name("a tile")};
    const bool is_next_statement = is_symbol("=", 1) || is_symbol("[", 1);
    if (!is_next_statement && accept_word("except")) {
      const int64_t sign = accept("-") ? -1 : 1;
      assumed.except = sign * expect_integer("the magnitude of the excepted number", 0,
                                             int64_t{std::numeric_limits<int32_t>::max()} + (sign < 0));
    }
    return {assumed, {}, -1};
  }
  if (accept_word("assume_sorted")) {
    meaning_of(peek().text, Meaning::Kind::tile, "give an int32 tile");
    return {AssumeElements{expect_name("a tile"), AssumeElements::Property::sorted}, {}, -1};
  }
  fail_expected("a statement");
}

Statement Parser::statement() {
  const int origin = here().origin;
  Statement result = bare_statement();
  result.origin = origin;
  if (is_symbol("@")) result.annotations = annotations();
  return result;
}

Program Parser::run() {
  if (!accept_word("imbrex")) fail_expected("'imbrex 1' in the first line");
  expect_integer("the version of the text", 1, 1);
  if (!accept_word("kernel")) fail_expected("'kernel'");
  program_.name = expect_string("the kernel's name");
  program_.annotations = annotations();
  expect("{");
  declarations();
  while (!is_symbol("}")) {
    if (peek().kind == Kind::end) fail_expected("a statement or '}'");
    program_.body.push_back(statement());
  }
  take();
  if (peek().kind != Kind::end) fail_expected("the end of the file behind the kernel's '}'");
  return std::move(program_);
}

int index_nodes(const IndexExpr& e) {
  int count = 0;
  const std::function<void(const IndexExpr&)> visit = [&](const IndexExpr& x) {
    if (!x || ++count > kMaxIndexNodes) return;
    visit(x->a);
    visit(x->b);
  };
  visit(e);
  return count;
}

Program parse(const std::string& text, const std::string& file_name) { return Parser(text, file_name).run(); }

}  // namespace imbrex::ir

// The recursive-descent parser behind parse.h. parse.cpp holds statements and what they share, parse_expression.cpp the rest.
#pragma once

#include <fmt/format.h>

#include <map>

#include "imbrex/ir/lexer.h"
#include "imbrex/ir/line_table.h"
#include "imbrex/ir/parse.h"

namespace imbrex::ir {

// What a name stands for.
struct Meaning {
  enum class Kind : uint8_t { tensor, tile, index, span };
  Kind kind = Kind::index;
  DType dtype = DType::int32;
  std::vector<IndexExpr> shape;  // of a tensor; of a tile: rows, columns
  int line = 0;
};

const char* text_of(Meaning::Kind kind);

class Parser {
 public:
  Parser(const std::string& text, std::string file)
      : file_(std::move(file)), tokens_(tokens_of(text, file_)), lines_(line_table_of(text, file_)) {}
  Program run();

 private:
  // One more level of nesting while it lives.
  class Level {
   public:
    Level(Parser& parser, const char* what) : parser_(parser) {
      if (++parser_.nesting_ > kMaxNesting)
        parser_.fail(fmt::format("{} nested more than {} deep", what, kMaxNesting), "name the parts with `let`");
    }
    ~Level() { --parser_.nesting_; }
    Level(const Level&) = delete;

   private:
    Parser& parser_;
  };

  // ---- tokens ----
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_.back(); }
  bool is_symbol(const char* text, size_t ahead = 0) const {
    return peek(ahead).kind == Token::Kind::symbol && peek(ahead).text == text;
  }
  bool is_word(const char* text) const { return peek().kind == Token::Kind::name && peek().text == text; }
  bool accept(const char* symbol);
  bool accept_word(const char* word);
  void expect(const char* symbol);
  std::string expect_name(const char* what);
  int64_t expect_integer(const char* what, int64_t least, int64_t most);
  std::string expect_string(const char* what);
  [[noreturn]] void fail(const std::string& message, const std::string& hint, const char* id = "tile-syntax") const;
  [[noreturn]] void fail_expected(const std::string& what) const {
    fail(fmt::format("expected {}, and got {}", what, describe(peek())),
         fmt::format("before or in place of {}, what is expected; docs/language.md shows each statement and operation",
                     describe(peek())));
  }

  Written here();
  int origin_of_line(int line);

  // ---- names ----
  void declare(const std::string& name, int line, Meaning meaning);
  const Meaning& meaning_of(const std::string& name) const;
  const Meaning& meaning_of(const std::string& name, Meaning::Kind kind, const char* hint) const;

  // ---- parts ----
  template <class Item>
  void list(const char* close, const Item& item);
  Annotations annotations();
  Annotation::Value annotation_value();
  DType dtype();
  Tensor tensor(Role role);
  std::vector<IndexExpr> index_list(const char* close);
  Condition condition();
  std::vector<Axis> slice(const std::string& tensor, const Meaning& meaning);
  Axis axis(const IndexExpr& extent);

  // ---- index expressions ----
  IndexExpr index();
  IndexExpr index_sum();
  IndexExpr index_product();
  IndexExpr index_primary();
  IndexExpr index_name();

  // ---- expressions ----
  ExprPtr expression();
  ExprPtr sum();
  ExprPtr product();
  ExprPtr unary();
  ExprPtr primary();
  ExprPtr number(bool negative);
  ExprPtr call(Op op);
  ExprPtr call_with_tiles(Op op, const Written& written);
  ExprPtr full(const Written& written);
  ExprPtr counted(ExprPtr e);
  double float_value(const Token& token) const;
  int64_t integer_value(const Token& token, bool negative) const;

  // ---- statements ----
  void declarations();
  Block block();
  Statement statement();
  Statement bare_statement();
  Statement assignment();
  CreateTensor create();
  View view();
  Assign let();
  ReadIndex read();
  Statement loop(Loop::Kind kind);
  void domain(Loop& loop);
  Statement branch();

  std::string file_;
  std::vector<Token> tokens_;
  LineTable lines_;  // of the author, by lines of this text
  size_t at_ = 0;
  int nesting_ = 0, expression_nodes_ = 0, index_nodes_ = 0;
  Program program_;
  std::map<int, int> origins_;
  std::map<std::string, Meaning> names_;
  bool in_assume_ = false;  // where an int32 tile may stand for each of its elements
};

}  // namespace imbrex::ir

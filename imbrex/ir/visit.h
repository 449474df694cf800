// Walking tile programs. One visitor for all: passes, checks and printers use these, never a switch of their own over blocks.
#pragma once

#include <functional>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// Calls `visit` for every statement, parents before children; `visit` returns false to skip the children.
void for_each_statement(const Block& block, const std::function<bool(const Statement&)>& visit);
void for_each_statement(Block& block, const std::function<bool(Statement&)>& visit);
// Calls `visit` for every expression node of a statement itself (not of the blocks inside it), parents before children.
void for_each_expr(const Statement& statement, const std::function<void(const Expr&)>& visit);
void for_each_expr(const ExprPtr& e, const std::function<void(const Expr&)>& visit);
// Rebuilds an expression bottom-up: `change` gets each node with its arguments already changed, and returns a node.
ExprPtr rewrite(const ExprPtr& e, const std::function<ExprPtr(const ExprPtr&)>& change);
// Replaces index leaves in a statement, in everything inside it, and in expressions.
ExprPtr substitute(const ExprPtr& e, const std::function<std::optional<IndexExpr>(const Index&)>& leaf);
Statement substitute(Statement s, const std::function<std::optional<IndexExpr>(const Index&)>& leaf);
// Structural equality of everything that is printed (annotations included, origins not).
bool equal(const ExprPtr& a, const ExprPtr& b);
bool equal(const Block& a, const Block& b);
bool equal(const Program& a, const Program& b);

}  // namespace imbrex::ir

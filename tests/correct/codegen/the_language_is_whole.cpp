// Every operation, statement, cast mode and type is there four times: in C++, in text, in the interpreter, and in generated code
// on every instruction set of this CPU. A new one fails here until it is in
// all of them. Elementwise operations and types come from their tables.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/visit.h"
#include "imbrex/language/language.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

// What each kernel may use. All have T rows; a body makes what is stored to y[t, :].
struct Args {
  Dim T;
  Tensor x, z, n, b, w, y;  // f32, f32, int32 from 0 to 15, bf16, bf16 [16, 16], f32
};
using Make = std::function<Tile(Args&, Span)>;

Kernel kernel_of(const std::string& name, const Make& make) {
  return kernel("whole_" + name, [&](Builder& k) {
    Dim T = k.dim("T", {.typical = 8});
    Args args{T,
              k.input("x", f32, {T, 16}),
              k.input("z", f32, {T, 16}),
              k.input("numbers", int32, {T, 16}),
              k.input("b", bf16, {T, 16}),
              k.weight("w", bf16, {16, 16}),
              k.output("y", f32, {T, 16})};
    parallel(tiles(T, 4), [&](Span t) { args.y(t, all) = make(args, t); });
  });
}

Tile floats(Operand integers) { return cast(std::move(integers), f32, rint); }

// Those with more to them than a name and tiles.
const std::map<std::string, Make> kOwnForms = {
    {"variable",
     [](Args& a, Span t) {
       Tile v = a.x(t, all);
       return v + v;
     }},
    {"load", [](Args& a, Span t) { return Tile(a.x(t, all)); }},
    {"full",
     [](Args&, Span t) {
       return full(f32, {t, 16}, 0.5);
     }},
    {"int32", [](Args& a, Span t) { return floats(a.n(t, all) + t.begin); }},
    {"iota", [](Args& a, Span t) { return floats(a.n(t, all) + iota(16, 3)); }},
    {"cast", [](Args& a, Span t) { return cast(a.b(t, all), f32); }},
    {"neg", [](Args& a, Span t) { return -a.x(t, all); }},
    {"add", [](Args& a, Span t) { return a.x(t, all) + a.z(t, all); }},
    {"sub", [](Args& a, Span t) { return a.x(t, all) - a.z(t, all); }},
    {"mul", [](Args& a, Span t) { return a.x(t, all) * a.z(t, all); }},
    {"div", [](Args& a, Span t) { return a.x(t, all) / a.z(t, all); }},
    {"eq", [](Args& a, Span t) { return select(a.n(t, all) == 3, a.x(t, all), a.z(t, all)); }},
    {"ne", [](Args& a, Span t) { return select(a.n(t, all) != 3, a.x(t, all), a.z(t, all)); }},
    {"lt", [](Args& a, Span t) { return select(a.x(t, all) < a.z(t, all), a.x(t, all), 1.0f); }},
    {"le", [](Args& a, Span t) { return select(a.x(t, all) <= a.z(t, all), a.x(t, all), 1.0f); }},
    {"gt", [](Args& a, Span t) { return select(a.x(t, all) > a.z(t, all), a.x(t, all), 1.0f); }},
    {"ge", [](Args& a, Span t) { return select(a.x(t, all) >= a.z(t, all), a.x(t, all), 1.0f); }},
    {"select", [](Args& a, Span t) { return select(a.n(t, all) < 7, 0.0f, a.z(t, all)); }},
    {"row_sum", [](Args& a, Span t) { return a.z(t, all) + row_sum(a.x(t, all)); }},
    {"row_max", [](Args& a, Span t) { return a.z(t, all) + row_max(a.x(t, all)); }},
    {"row_min", [](Args& a, Span t) { return a.z(t, all) + row_min(a.x(t, all)); }},
    {"col_sum", [](Args& a, Span t) { return a.z(t, all) + col_sum(a.x(t, all)); }},
    {"col_max", [](Args& a, Span t) { return a.z(t, all) + col_max(a.x(t, all)); }},
    {"col_min", [](Args& a, Span t) { return a.z(t, all) + col_min(a.x(t, all)); }},
    {"row_sum_acc",
     [](Args& a, Span t) {
       Tile sum = zeros(f32, {t, 1});
       range(tiles(16, 6), [&](Span d) { sum += row_sum(a.x(t, d)); });
       return a.z(t, all) + sum;
     }},
    {"col_sum_acc",
     [](Args& a, Span t) {
       Tile sum = zeros(f32, {1, 16});
       range(tiles(t, 3), [&](Span r) { sum += col_sum(a.x(r, all)); });
       return a.z(t, all) + sum;
     }},
    {"matmul", [](Args& a, Span t) { return matmul(a.b(t, all), a.w(all, all), {.b = true}); }},
    {"matmul_acc",
     [](Args& a, Span t) {
       Tile acc = zeros(f32, {t, 16});
       pipeline(2, tiles(16, 32), [&](Span k) { acc += matmul(a.b(t, k), a.w(k, all)); });
       return Tile(acc);
     }},
    {"matmul_scaled",
     [](Args& a, Span t) {
       return matmul_scaled(abs(a.x(t, span(0, 1))), full(f32, {4, 1}, 0.3), cast(a.z(t, all), e4m3, rint),
                            cast(a.w(all, all), e4m3, rint), {.k = 32, .columns = 5, .transpose_b = true});
     }},
    {"matmul_expanded",
     [](Args& a, Span t) {
       return matmul_expanded(full(f32, {4, 1}, 0.3), a.b(t, all), cast(a.w(all, all), e4m3, rint),
                              {.k = 32, .columns = 5, .transpose_b = true});
     }},
    {"reshape",
     [](Args& a, Span t) {
       return reshape(reshape(a.x(t, all), {t.size * 2, 8}), {t, 16});
     }},
    {"transpose", [](Args& a, Span t) { return transpose(transpose(a.x(t, all)) * 2); }},
    {"repeat_rows", [](Args& a, Span t) { return a.x(t, all) + col_sum(repeat_rows(a.z(t, all), 3)); }},
    {"concat_rows", [](Args& a, Span t) { return a.x(t, all) + col_max(concat_rows(a.z(t, all), a.x(t, all))); }},
    {"concat_columns", [](Args& a, Span t) { return concat_columns(a.x(t, span(4, 12)), a.z(t, span(0, 4))); }},
    {"columns",
     [](Args& a, Span t) {
       Tile v = a.x(t, all) * 2;
       return concat_columns(columns(v, 12, 4), columns(v, 0, 12));
     }},
    {"even", [](Args& a, Span t) { return concat_columns(even(a.x(t, all)), even(a.z(t, all))); }},
    {"odd", [](Args& a, Span t) { return concat_columns(odd(a.x(t, all)), odd(a.z(t, all))); }},
    {"interleave", [](Args& a, Span t) { return interleave(odd(a.x(t, all)), even(a.x(t, all))); }},
    {"gather", [](Args& a, Span t) { return gather(a.x(t, all), a.n(t, all)); }},
};

// And from the table those that are functions of one or two tiles.
std::map<std::string, Make> operations() {
  std::map<std::string, Make> made = kOwnForms;
#define IMBREX_FUNCTION_unary(name) made.emplace(#name, [](Args& a, Span t) { return name(a.x(t, all)); });
#define IMBREX_FUNCTION_binary(name) made.emplace(#name, [](Args& a, Span t) { return name(a.x(t, all), a.z(t, all)); });
#define IMBREX_FUNCTION_own(name)
#define IMBREX_ROW(id, name, kind, arity, takes, gives, order, in_cpp, ...) IMBREX_FUNCTION_##in_cpp(id)
  IMBREX_EACH_OPERATION(IMBREX_ROW)
#undef IMBREX_ROW
#undef IMBREX_FUNCTION_unary
#undef IMBREX_FUNCTION_binary
#undef IMBREX_FUNCTION_own
  return made;
}

// In the order of the variant ir::Statement::node, which says how many there are.
const std::vector<std::pair<const char*, Make>> kStatements = {
    {"create",
     [](Args& a, Span t) {
       Tensor scratch = create_tensor("scratch", f32, {t.size, 16});
       scratch(all, all) = a.x(t, all);
       return scratch(all, all) * 2;
     }},
    {"view", [](Args& a, Span t) { return Tile(view("flat", a.x, {a.T * 16})(span(t.begin * 16, 16)) + a.z(t, all)); }},
    {"assign",
     [](Args& a, Span t) {
       Tile v = a.x(t, all);
       v = v * 2;
       v += a.z(t, all);
       return v;
     }},
    {"store", [](Args& a, Span t) { return Tile(a.x(t, all)); }},
    {"read",
     [](Args& a, Span t) {
       Index row = read(a.n, {t.begin, 3});
       assume(row >= 0 && row < 16);
       return floats(a.n(t, all) + row);
     }},
    {"loop",
     [](Args& a, Span t) {
       Tile v = a.x(t, all);
       range(Range(1, 4).named("i"), [&](Index i) { v = v + floats(zeros(int32, {t, 16}) + i); });
       return v;
     }},
    {"at",
     [](Args& a, Span t) {
       Tile v = a.x(t, all);
       at(
           "scope", [&] { v = v * 3; }, as_written() + no_fusion());
       return v;
     }},
    {"when",
     [](Args& a, Span t) {
       Tile v = a.x(t, all);
       when(
           t.index == 0, [&] { v = v * 3; }, [&] { v = v + 1; });
       return v;
     }},
    {"tap",
     [](Args& a, Span t) {
       Tile v = a.x(t, all);
       tap("v", v);
       return v;
     }},
    {"assume",
     [](Args& a, Span t) {
       Tile rows = reshape(a.n(0, span(0, 1)), {1, 1});
       assume_each(0, rows, 1);
       return a.x(t, all) + a.z(by(rows), all);
     }},
    {"assume_distinct",
     [](Args& a, Span t) {
       Tile rows = iota(4, 0);
       assume_distinct(rows);
       assume_distinct(min(rows, 2) - 2, {.except = 0});
       return a.x(t, all) * 2;
     }},
    {"assume_sorted",
     [](Args& a, Span t) {
       Tile rows = iota(4, 0);
       assume_sorted(rows);
       return a.x(t, all) * 2;
     }},
};

const std::vector<std::pair<const char*, Rounding>> kModes = {
    {"rint", rint}, {"round", round}, {"floor", floor}, {"ceil", ceil}, {"trunc", trunc}};

Tensors inputs_for(int64_t T) {
  Tensors inputs = {{"x", Array::zeros(f32, {T, 16})},
                    {"z", Array::zeros(f32, {T, 16})},
                    {"numbers", Array::zeros(int32, {T, 16})},
                    {"b", Array::zeros(bf16, {T, 16})},
                    {"w", Array::zeros(bf16, {16, 16})}};
  for (int64_t i = 0; i < T * 16; ++i) {
    inputs.at("x").as<float>()[i] = 0.37f * static_cast<float>(i % 23) - 3.1f;
    inputs.at("z").as<float>()[i] = 0.21f * static_cast<float>(i % 19) - 1.7f;
    inputs.at("numbers").as<int32_t>()[i] = static_cast<int32_t>(i * 7 % 16);
    inputs.at("b").as<uint16_t>()[i] = static_cast<uint16_t>(0x3f00 + i * 37 % 256);
  }
  for (int64_t i = 0; i < 256; ++i) inputs.at("w").as<uint16_t>()[i] = static_cast<uint16_t>(0xbf00 + i);
  return inputs;
}

std::set<ir::Op> operations_in(const ir::Program& program) {
  std::set<ir::Op> found;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    ir::for_each_expr(statement, [&](const ir::Expr& e) { found.insert(e.op); });
    return true;
  });
  return found;
}

std::set<size_t> statements_in(const ir::Program& program) {
  std::set<size_t> found;
  ir::for_each_statement(program.body,
                         [&](const ir::Statement& statement) { return found.insert(statement.node.index()), true; });
  return found;
}

TEST(TheLanguage, IsWholeInCppTextInterpreterAndGeneratedCode) {
  std::vector<ir::Program> programs;
  const std::map<std::string, Make> operations = test::operations();
  for (const auto& [name, make] : operations) {
    programs.push_back(kernel_of(name, make).program());
    EXPECT_TRUE(operations_in(programs.back()).contains(*ir::op_named(name))) << name << "\n" << ir::print(programs.back());
  }
  for (const ir::Operation& row : ir::kOperations) EXPECT_TRUE(operations.contains(row.name)) << row.name;
  // In the order of the variant, whose last is both assume_distinct and assume_sorted.
  constexpr size_t kNodes = std::variant_size_v<decltype(ir::Statement::node)>;
  ASSERT_EQ(kStatements.size(), kNodes + 1);
  for (size_t i = 0; i < kStatements.size(); ++i) {
    programs.push_back(kernel_of(std::string("statement_") + kStatements[i].first, kStatements[i].second).program());
    EXPECT_TRUE(statements_in(programs.back()).contains(std::min(i, kNodes - 1))) << kStatements[i].first;
  }
  for (const auto& [name, mode] : kModes)
    programs.push_back(kernel_of(std::string("mode_") + name, [mode](Args& a, Span t) {
                         return floats(cast(a.x(t, all), int32, mode)) + cast(cast(a.z(t, all), bf16, mode), f32);
                       }).program());
  for (const ElementType& type : kElementTypes)
    programs.push_back(kernel_of(std::string("stored_") + type.name, [type](Args& a, Span t) {
                         Tensor stored = create_tensor("stored", type.dtype, {t.size, 16});
                         stored(all, all) =
                             type.form == Form::boolean ? a.x(t, all) < a.z(t, all) : cast(a.x(t, all) * 20, type.dtype, rint);
                         return cast(stored(all, all), f32, rint);
                       }).program());

  for (const ir::Program& program : programs) {
    const ir::Program parsed = ir::parse(ir::print(program), "whole.tile");
    EXPECT_TRUE(ir::equal(parsed, program)) << ir::print(program);
  }
  const std::vector<const target::Target*> targets = test::runnable_targets();
  for (const target::Target* target : targets) {
    std::vector<ir::Program> in_turn;
    for (size_t i = 0; i < programs.size(); ++i)
      if (test::is_turn_of(target, targets, i)) in_turn.push_back(programs[i]);
    const GeneratedCode code(in_turn, *target, "-Og");
    ASSERT_EQ(code.error(), "") << target->name;
    for (const ir::Program& program : in_turn)
      for (const int64_t T : {1, 7}) {
        const auto difference =
            difference_from_interpreter(program, code.kernel(program), {{"T", T}}, inputs_for(T), T == 1 ? 1 : 2, 0);
        EXPECT_FALSE(difference) << target->name << ", " << *difference;
      }
  }
}

}  // namespace
}  // namespace imbrex::test

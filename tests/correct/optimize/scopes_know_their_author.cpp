// What the optimizer wrote says what it was made of: the author's scopes and lines.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "correct/optimize/optimized.h"
#include "imbrex/ir/visit.h"
#include "random/random_kernel.h"

namespace imbrex::optimize {
namespace {

// ---- the attention front ------------------------------------------------------------------------------------------------------

// "file:line" of each of these texts, each of which one line of the file holds.
using Lines = std::set<std::string>;
Lines lines_with(const std::string& file, const std::set<std::string>& texts) {
  const std::string path = IMBREX_SOURCE_DIR "/imbrex/kernels/deepseek_v4/" + file;
  std::ifstream in(path);
  std::map<std::string, int> found;
  Lines lines;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number)
    for (const std::string& text : texts)
      if (line.find(text) != std::string::npos) ++found[text], lines.insert(fmt::format("{}:{}", file, number));
  for (const std::string& text : texts) EXPECT_EQ(found[text], 1) << text << " in " << path;
  return lines;
}

std::string place(const SourceLine& where) {
  return fmt::format("{}:{}", std::filesystem::path(where.file).filename().string(), where.line);
}

struct Made {
  std::set<std::string> scopes;
  Lines lines;
};

std::map<std::string, Made> made_of(const ir::Program& program) {
  std::map<std::string, Made> all;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* at = std::get_if<ir::At>(&statement.node))
      for (const ir::Source& source : statement.sources) {
        all[at->name].scopes.insert(source.scope);
        all[at->name].lines.insert(place(program.where(source.origin)));
      }
    return true;
  });
  return all;
}

TEST(Sources, OfTheFrontAreItsAuthorsScopesAndLines) {
  const Optimized after = test::optimized(kernels::build("deepseek_v4/qkv_proj_rope", "unfused", "demo", {}).program);
  ASSERT_TRUE(after.is_scheduled) << after.reason;
  const std::string own = "qkv_proj_rope_unfused.cpp", parts = "parts.cpp";
  const Lines row_rms = lines_with(own, {"sum += row_sum(v * v);", "inverse(t, all) = inverse_rms(sum, n, eps);"}),
              product = lines_with(own, {"acc += matmul(a(t, k), w.weight(k, n));", "out(t, n) = acc;"}),
              inverse = lines_with(parts, {"Tile inverse_rms("}), rotated = lines_with(parts, {"return {e * cosine - o * sine"}),
              as_f32 = lines_with(parts, {"return cast(std::move(x), f32);"}),
              joined = lines_with(own, {"interleave(cast(even_bf16(t, all), f32), cast(odd_bf16(t, all), f32))",
                                        R"(at(stem + "_rope_write", [&] { write(t)"});
  const auto with = [](std::set<std::string> scopes, const std::vector<Lines>& all) {
    Made made{std::move(scopes), {}};
    for (const Lines& lines : all) made.lines.insert(lines.begin(), lines.end());
    return made;
  };
  const std::map<std::string, Made> expected{
      {"x_norm", with({"attn_norm_rms", "attn_norm_apply", "attn_norm_cast"},
                      {row_rms, inverse, as_f32,
                       lines_with(own, {"token_x_fp32(t, c) = cast(f.x(t, c), f32) * inverse(t, all)",
                                        "token_x_bf16(t, c) = cast(token_x_fp32(t, c), bf16, rint)"})})},
      {"qr_proj", with({"qr_proj_matmul"}, {product})},
      {"kv_proj", with({"kv_proj_matmul"}, {product})},
      {"kv", with({"kv_rms", "kv_apply", "kv_rope", "kv_rope_reassemble", "kv_rope_write"},
                  {row_rms, inverse, as_f32, rotated, joined,
                   lines_with(own, {"kv_fp32(t, c) = kv_fp32(t, c) * inverse(t, all)",
                                    "f.kv(t, span(0, nope_dim)) = cast(kv_fp32(t, span(0, nope_dim)), bf16, rint);",
                                    "kv_rot_even_bf16(t, all) = cast(", "kv_rot_odd_bf16(t, all) = cast(",
                                    "f.kv(t, span(nope_dim, rope_dim)) = std::move(value)"})})},
      {"qr", with({"qr_rms", "qr_apply", "qr_cast", "qr_quant", "qr_quant_scale"},
                  {row_rms, inverse, lines_with(parts, {"largest = max(largest, row_max("}),
                   lines_with(own, {"qr_fp32(t, c) = qr_fp32(t, c) * inverse(t, all)",
                                    "qr_bf16(t, c) = cast(qr_fp32(t, c), bf16, rint)", "Tile factor = (127.0f /",
                                    "quant(t, all) = factor;", "f.qr_scale(t, all) = 1.0f / factor;", "f.qr(t, c) = cast("})})},
      {"q",
       with({"qproj_matmul", "qproj_dequant", "q_head_rms", "q_head_rope", "q_rope_reassemble", "q_rope_write"},
            {product, inverse, as_f32, rotated, joined, lines_with(parts, {"return cast(std::move(acc), f32, rint)"}),
             lines_with(own, {"{ q_proj_fp32(t, c) = dequantize(", "q_proj_fp32(t, head) = u * inverse_rms(",
                              "f.q(t, h, span(0, nope_dim)) = cast(", "q_rot_even_bf16(t, all) = cast(",
                              "q_rot_odd_bf16(t, all) = cast(", "f.q(t, h, span(nope_dim, rope_dim)) = std::move(value)"})})}};
  const std::map<std::string, Made> made = made_of(after.program);
  ASSERT_EQ(made.size(), expected.size());
  for (const auto& [scope, wanted] : expected) {
    ASSERT_TRUE(made.contains(scope)) << scope;
    EXPECT_EQ(made.at(scope).scopes, wanted.scopes) << scope;
    EXPECT_EQ(made.at(scope).lines, wanted.lines) << scope;
  }
}

// ---- every kernel ---------------------------------------------------------------------------------------------------------------

// What an author's scope holds, by "name @ place".
struct Author {
  std::map<std::string, std::set<int>> origins;  // of the statements and expressions in it, scopes inside apart
  std::map<std::pair<std::string, int>, std::set<std::string>> stores;  // tensors, by scope and origin
  std::map<std::pair<std::string, int>, std::set<ir::Op>> operations;   // reductions and products, likewise
};

// A reduction whatever loop chunks it, and along the rows of what may be transposed.
ir::Op whole(ir::Op op) {
  switch (op) {
    case ir::Op::row_sum_acc:
    case ir::Op::col_sum:
    case ir::Op::col_sum_acc: return ir::Op::row_sum;
    case ir::Op::col_max: return ir::Op::row_max;
    case ir::Op::col_min: return ir::Op::row_min;
    case ir::Op::matmul_acc: return ir::Op::matmul;
    default: return op;
  }
}

bool is_followed(ir::Op op) {
  const ir::OpKind kind = ir::kind_of(op);
  return kind == ir::OpKind::row_reduction || kind == ir::OpKind::column_reduction || kind == ir::OpKind::product ||
         op == ir::Op::exp || op == ir::Op::log;
}

std::string scope_key(const std::string& name, int origin) { return fmt::format("{} @ {}", name, origin); }

class Authors {
 public:
  explicit Authors(const ir::Program& program) {
    ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
      if (const auto* view = std::get_if<ir::View>(&statement.node)) base_[view->name] = base(view->base);
      return true;
    });
    block(program.body, "", -1);
  }

  std::string base(const std::string& tensor) const { return base_.contains(tensor) ? base_.at(tensor) : tensor; }
  const Author& all() const { return author_; }

 private:
  void block(const ir::Block& block_, const std::string& scope, int origin) {
    const std::string key = scope_key(scope, origin);
    for (const ir::Statement& statement : block_) {
      author_.origins[key].insert(statement.origin);
      if (const auto* store = std::get_if<ir::Store>(&statement.node))
        author_.stores[{key, statement.origin}].insert(base(store->tensor));
      ir::for_each_expr(statement, [&](const ir::Expr& e) {
        const int at = e.origin < 0 ? statement.origin : e.origin;
        author_.origins[key].insert(at);
        if (is_followed(e.op)) author_.operations[{key, at}].insert(whole(e.op));
      });
      if (const auto* at = std::get_if<ir::At>(&statement.node))
        block(at->body, (scope.empty() ? "" : scope + "/") + at->name, statement.origin);
      if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) block(loop->body, scope, origin);
      if (const auto* branch = std::get_if<ir::If>(&statement.node))
        block(branch->then_block, scope, origin), block(branch->else_block, scope, origin);
    }
  }

  Author author_;
  std::map<std::string, std::string> base_;
};

// How many scopes of the optimized program were made of the author's.
int expect_sources_in(const ir::Program& before, const ir::Program& after) {
  const Authors authors(before);
  std::set<std::string> tensors;
  for (const ir::Tensor& tensor : before.tensors) tensors.insert(tensor.name);
  int made = 0;
  ir::for_each_statement(after.body, [&](const ir::Statement& statement) {
    const auto* at = std::get_if<ir::At>(&statement.node);
    if (!at) return true;
    const std::string what = fmt::format("scope {} of\n{}of\n{}", at->name, ir::print(after), ir::print(before));
    if (statement.sources.empty()) {
      bool is_authors = false;
      ir::for_each_statement(before.body, [&](const ir::Statement& each) {
        const auto* own = std::get_if<ir::At>(&each.node);
        is_authors = is_authors || (own && own->name == at->name && each.origin == statement.origin);
        return true;
      });
      EXPECT_TRUE(is_authors) << what;
      return false;
    }
    ++made;
    std::set<std::string> stored;
    std::set<ir::Op> computed;
    for (const ir::Source& source : statement.sources) {
      const std::string key = scope_key(source.scope, source.scope_origin);
      const auto scope = authors.all().origins.find(key);
      EXPECT_TRUE(scope != authors.all().origins.end()) << key << " of " << what;
      if (scope == authors.all().origins.end()) continue;
      EXPECT_TRUE(scope->second.contains(source.origin)) << after.where(source.origin).line << " in " << key << " of " << what;
      const std::pair<std::string, int> place{key, source.origin};
      if (const auto found = authors.all().stores.find(place); found != authors.all().stores.end())
        stored.insert(found->second.begin(), found->second.end());
      if (const auto found = authors.all().operations.find(place); found != authors.all().operations.end())
        computed.insert(found->second.begin(), found->second.end());
    }
    std::set<ir::Source> inside;
    ir::for_each_statement(at->body, [&](const ir::Statement& inner) {
      inside.insert(inner.sources.begin(), inner.sources.end());
      if (const auto* store = std::get_if<ir::Store>(&inner.node); store && tensors.contains(store->tensor)) {
        EXPECT_TRUE(stored.contains(store->tensor)) << store->tensor << " of " << what;
        EXPECT_FALSE(inner.sources.empty()) << what;
      }
      ir::for_each_expr(inner, [&](const ir::Expr& e) {
        if (is_followed(e.op)) {
          EXPECT_TRUE(computed.contains(whole(e.op))) << ir::name_of(e.op) << " of " << what;
        }
      });
      return true;
    });
    EXPECT_EQ(inside, std::set<ir::Source>(statement.sources.begin(), statement.sources.end())) << what;
    return false;
  });
  return made;
}

TEST(Sources, OfEveryKernelAreInWhatItsAuthorWrote) {
  for (const kernels::Entry& entry : kernels::registry()) {
    int made = 0;
    bool is_any_scheduled = false;
    for (const std::string& variant : entry.variants) {
      const ir::Program before = kernels::build(entry.name, variant, "", {}).program;
      const Optimized after = test::optimized(before);
      is_any_scheduled = is_any_scheduled || after.is_scheduled;
      made += expect_sources_in(before, after.program);
    }
    EXPECT_EQ(made > 0, is_any_scheduled) << entry.name;
  }
}

TEST(Sources, OfRandomKernelsAreInWhatWasWritten) {
  int made = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const ir::Program before = ir::parse(ir::print(test::random_case(seed).program), "random.tile");
    made += expect_sources_in(before, test::optimized(before).program);
  }
  EXPECT_GT(made, 40);
}

}  // namespace
}  // namespace imbrex::optimize

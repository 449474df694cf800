#include "imbrex/optimize/check_annotations.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/base/error.h"
#include "imbrex/base/nearest.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/exclusions.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/optimize/stream_stores.h"
#include "imbrex/plan/rows_in_tiles.h"
#include "imbrex/target/rates.h"

namespace imbrex::optimize {
namespace {

// What may stand on one kind of statement, and how many positive integers it takes.
struct Known {
  const char* name;
  size_t least = 0, most = 0;
};
using Words = std::vector<Known>;

const Words kOnKernels = {{"as_written"}, {"no_fusion"}};
const Words kOnLoops = {{"as_written"}, {"no_fusion"}, {"tile", 1, 1}};
const Words kOnScopes = {{"as_written"}, {"no_fusion"}, {"tile", 1, 2}};
const Words kOnStores = {{"stream"}};
const Words kOnCreatedTensors = {{"as_written"}, {"no_fusion"}, {"tiles"}};
const Words kOnOthers = {{"as_written"}, {"no_fusion"}};

std::string text_of(const ir::Annotation& annotation, const ir::Spelling& say) {
  std::string values;
  for (const ir::Annotation::Value& value : annotation.values) {
    const auto* number = std::get_if<int64_t>(&value);
    values += (values.empty() ? "" : ", ") + (number ? std::to_string(*number) : '"' + std::get<std::string>(value) + '"');
  }
  return say.pin(annotation.name, values);
}

// What the author may write, and an example of it.
std::string form_of(const Known& known, const ir::Spelling& say) {
  if (known.most == 0) return say.pin(known.name);
  const std::string one = say.pin(known.name, "n");
  return known.most == 1 ? one + ", n >= 1" : fmt::format("{} or {}, both >= 1", one, say.pin(known.name, "n, m"));
}
std::string example_of(const Known& known, const ir::Spelling& say) {
  return known.most == 0 ? say.pin(known.name) : say.pin(known.name, "32");
}

void check(const ir::Annotations& annotations, const Words& words, const char* place, const SourceLine& where,
           const ir::Spelling& say) {
  for (const ir::Annotation& annotation : annotations) {
    if (annotation.name == kExclusion) continue;
    std::vector<std::string> names;
    for (const Known& word : words) names.emplace_back(word.name);
    const auto known = std::find_if(words.begin(), words.end(), [&](const Known& word) { return annotation.name == word.name; });
    if (known == words.end())
      throw UserError(Diagnostic{"unknown-annotation",
                                 where,
                                 fmt::format("{} is not an annotation of {}", text_of(annotation, say), place),
                                 say.pin(nearest(annotation.name, names)),
                                 {}});
    const bool positive = std::all_of(annotation.values.begin(), annotation.values.end(), [](const ir::Annotation::Value& value) {
      const auto* number = std::get_if<int64_t>(&value);
      return number && *number > 0;
    });
    if (positive && annotation.values.size() >= known->least && annotation.values.size() <= known->most) continue;
    throw UserError(
        Diagnostic{"unknown-annotation",
                   where,
                   fmt::format("{} on {}: wrong arguments; expects {}", text_of(annotation, say), place, form_of(*known, say)),
                   example_of(*known, say),
                   {}});
  }
}

}  // namespace

void check_annotations(const ir::Program& program) {
  const ir::Spelling say(program);
  check(program.annotations, kOnKernels, "a kernel", {}, say);
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    const SourceLine where = program.where(statement.origin);
    if (std::holds_alternative<ir::Loop>(statement.node))
      check(statement.annotations, kOnLoops, "a loop", where, say);
    else if (std::holds_alternative<ir::At>(statement.node))
      check(statement.annotations, kOnScopes, "a scope", where, say);
    else if (std::holds_alternative<ir::Store>(statement.node))
      check(statement.annotations, kOnStores, "a store", where, say);
    else if (std::holds_alternative<ir::CreateTensor>(statement.node))
      check(statement.annotations, kOnCreatedTensors, "a created tensor", where, say);
    else
      check(statement.annotations, kOnOthers, "this statement", where, say);
    return true;
  });
}

void check_effects(const ir::Program& program) {
  const ir::Spelling say(program);
  const auto refuse = [&](const ir::Statement& s, const char* annotation, const std::string& what, const char* rule) {
    throw UserError(Diagnostic{"annotation-without-effect",
                               program.where(s.origin),
                               fmt::format("{} on {} has no effect: {}", say.pin(annotation), what, rule),
                               fmt::format("the same without {}", say.pin(annotation)),
                               {}});
  };
  const plan::TakesTiles takes_tiles = [](DType left, DType) {
    const std::vector<const target::Target*> targets = target::targets_with_code();
    return std::any_of(targets.begin(), targets.end(), [&](const target::Target* target) {
      return target::fastest_kernel(*target, target::product_of(left)).takes_tiles;
    });
  };
  const std::set<int64_t> streamed = streamed_stores(program);
  const std::set<std::string> in_tiles = plan::tensors_in_tiles(as_written(program), takes_tiles);
  int64_t number = 0;
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    const auto* store = std::get_if<ir::Store>(&s.node);
    const auto* create = std::get_if<ir::CreateTensor>(&s.node);
    if (store && find(s.annotations, "stream") && !streamed.contains(number++))
      refuse(s, "stream", "the store to " + store->tensor,
             "a store bypasses the caches only where it stores f32 or bf16, row by row, to an output or inout, from a multiple "
             "of 64 bytes on");
    if (create && find(s.annotations, "tiles") && !in_tiles.contains(create->tensor.name))
      refuse(s, "tiles", "tensor " + create->tensor.name,
             "a tensor lies in tiles only where it is of a type of one byte or of bf16, stored by whole rows, and read by "
             "nothing but matmuls, as their whole left operand");
    return true;
  });
}

}  // namespace imbrex::optimize

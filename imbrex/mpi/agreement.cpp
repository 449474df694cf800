#include "imbrex/mpi/agreement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/mpi/together.h"

namespace imbrex::mpi {
namespace {

constexpr const char* kGiven = "given";
constexpr const char* kNotGiven = "not given";

const char* is_given(bool value) { return value ? kGiven : kNotGiven; }

// Each name and value ends with a zero, which no word of a command line has.
std::string text_of(const Values& values) {
  std::string text;
  for (const auto& [name, value] : values) text += name + '\0' + value + '\0';
  return text;
}

Values values_in(const std::string& text) {
  Values values;
  for (size_t at = 0; at < text.size();) {
    const size_t middle = text.find('\0', at), end = text.find('\0', middle + 1);
    values.emplace(text.substr(at, middle - at), text.substr(middle + 1, end - middle - 1));
    at = end + 1;
  }
  return values;
}

std::vector<Values> values_of_all(const World& world, const Values& mine) {
  std::vector<Values> all;
  for (const std::string& text : world.texts_of_all(text_of(mine))) all.push_back(values_in(text));
  return all;
}

std::string value_of(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? kNotGiven : found->second;
}

std::set<std::string> names_in(const std::vector<Values>& all) {
  std::set<std::string> names;
  for (const Values& values : all)
    for (const auto& [name, value] : values) names.insert(name);
  return names;
}

}  // namespace

void require_agreement(const World& world, const Values& mine, const std::string& hint) {
  const std::vector<Values> all = values_of_all(world, mine);
  together(world, [&] {
    for (const std::string& name : names_in(all)) {
      const std::string expected = value_of(all.front(), name);
      const auto other =
          std::find_if(all.begin(), all.end(), [&](const Values& each) { return value_of(each, name) != expected; });
      if (other == all.end()) continue;
      throw UserError(
          "ranks-differ",
          fmt::format("{} is {} on rank 0 and {} on rank {}", name, expected, value_of(*other, name), other - all.begin()), hint);
    }
  });
}

Values told(const RunOptions& options) {
  return {{"the kernel", options.subject.name},         {"--layer", std::to_string(options.layer)},
          {"--tokens", std::to_string(options.tokens)}, {"--seed", std::to_string(options.seed)},
          {"--repeat", std::to_string(options.repeat)}, {"--share", options.share},
          {"--gather", is_given(options.gathers)},      {"--verify", is_given(options.verifies)},
          {"--save", is_given(!options.save.empty())}};
}

void require_equal_tensors(const World& world, const std::map<std::string, uint64_t>& mine) {
  Values digests;
  for (const auto& [name, digest] : mine) digests.emplace(name, std::to_string(digest));
  const std::vector<Values> all = values_of_all(world, digests);
  together(world, [&] {
    std::set<std::string> names;
    std::vector<size_t> ranks;
    for (size_t rank = 1; rank < all.size(); ++rank) {
      if (all[rank] == all.front()) continue;
      ranks.push_back(rank);
      for (const std::string& name : names_in({all.front(), all[rank]}))
        if (value_of(all[rank], name) != value_of(all.front(), name)) names.insert(name);
    }
    if (ranks.empty()) return;
    throw UserError("ranks-differ",
                    fmt::format("{} {} other bits than rank 0 in {}, which all ranks need alike", text_of_ranks(ranks),
                                ranks.size() == 1 ? "has" : "have", fmt::join(names, ", ")),
                    "the same checkpoint on every rank");
  });
}

std::string by_ranks(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (size_t first = 0; first < texts.size(); ++first) {
    std::vector<size_t> alike;
    for (size_t rank = 0; rank < texts.size(); ++rank)
      if (texts[rank] == texts[first]) alike.push_back(rank);
    if (alike.size() == texts.size()) return texts[first];
    if (alike.front() == first) parts.push_back(fmt::format("{} ({})", texts[first], text_of_ranks(alike)));
  }
  return fmt::format("{}", fmt::join(parts, " and "));
}

}  // namespace imbrex::mpi

// The verdict as people read it.
#include <fmt/format.h>

#include <algorithm>

#include "imbrex/base/utf8.h"
#include "imbrex/equal/equal.h"

namespace imbrex::equal {
namespace {

std::string in_parentheses(const SourceLine& where, const std::string& scope = "") {
  if (where.line <= 0) return "";
  return fmt::format(" ({}{}:{})", scope.empty() ? "" : fmt::format("scope {}, ", scope), with_visible_characters(where.file),
                     where.line);
}

std::string joined(const auto& numbers) {
  std::string text;
  for (const int64_t number : numbers) text += fmt::format("{}{}", text.empty() ? "" : ", ", number);
  return text;
}

class Report {
 public:
  explicit Report(const Result& result) : result_(result) {}

  std::string text() {
    switch (result_.verdict) {
      case Verdict::equal: line("equal", "for " + result_.sizes); break;
      case Verdict::equal_up_to_order: line("equal up to order", "for " + result_.sizes); break;
      case Verdict::different: break;
      case Verdict::not_decided: break;
    }
    for (const Condition& condition : result_.conditions)
      line("", fmt::format("{}where {}, which {} assumes and {} does not", for_sizes(condition.sizes), condition.text,
                           condition.assumed_by, condition.assumed_by == 'A' ? 'B' : 'A'));
    for (const Reordered& sum : result_.reordered)
      line("", fmt::format(
                   "{}A adds {} terms as {}{}, B as {}{}: where nothing overflows or underflows, the two sums differ by at most "
                   "2 n u / (1 - n u) times the sum of the terms' magnitudes, with n = {} - 1 and u = 2^-24",
                   for_sizes(sum.sizes), sum.terms, sum.a.computes, in_parentheses(sum.a.where, sum.a.scope), sum.b.computes,
                   in_parentheses(sum.b.where, sum.b.scope), sum.terms));
    const char* verdict = result_.verdict == Verdict::different ? "different" : "not decided";
    const bool is_equal = result_.verdict == Verdict::equal || result_.verdict == Verdict::equal_up_to_order;
    if (result_.difference && !is_equal) {
      const Difference& d = *result_.difference;
      line(verdict, fmt::format("{}: A computes {}{}", d.output, d.a.computes, in_parentheses(d.a.where, d.a.scope)));
      line("", fmt::format("{}  B computes {}{}", std::string(d.output.size(), ' '), d.b.computes,
                           in_parentheses(d.b.where, d.b.scope)));
    } else if (result_.verdict == Verdict::different) {
      line(verdict, "on the inputs below");
    }
    const bool has_head = result_.difference || result_.verdict != Verdict::not_decided;
    for (size_t i = 0; i < result_.reasons.size(); ++i) line(i == 0 && !has_head ? verdict : "", result_.reasons[i]);
    if (!has_head && result_.reasons.empty()) line(verdict, "");
    if (result_.witness) {
      line("", "shown by " + text_of(*result_.witness));
    } else if (!is_equal && result_.tried > 0 && result_.is_same_in_all_runs) {
      line("", fmt::format("{} runs of both on the same inputs gave the same results", result_.tried));
    }
    if (result_.verdict != Verdict::different) print_kept(is_equal);
    return text_;
  }

 private:
  static std::string for_sizes(const std::string& sizes) { return sizes.empty() ? "" : fmt::format("for {}: ", sizes); }

  static const char* keeps(const std::string& what) {
    if (what.starts_with("scopes ")) return "keep their author's loops";
    return what.starts_with("scope ") || what.starts_with("loop ") ? "keeps its author's loops" : "stays as its author wrote it";
  }

  bool is_kept_by_both(const Kept& kept) const {
    return std::count_if(result_.kept.begin(), result_.kept.end(), [&](const Kept& other) { return other.what == kept.what; }) >
           1;
  }

  void print_kept(bool is_equal) {
    const bool differ = std::any_of(result_.kept.begin(), result_.kept.end(), [](const Kept& kept) { return !kept.is_in_both; });
    for (const Kept& kept : result_.kept) {
      // Those that are the same in both are not what is left undecided.
      if (!is_equal && differ && kept.is_in_both) continue;
      const bool by_both = is_kept_by_both(kept);
      if (!is_equal)
        line("",
             fmt::format("{} of {} {}{}: {}", kept.what, kept.kernel, keeps(kept.what), in_parentheses(kept.where), kept.reason));
      else if (!kept.is_in_both)
        line("", fmt::format("{} of {} {}, and no output depends on it", kept.what, kept.kernel, keeps(kept.what)));
      else if (!by_both || kept.kernel == 'A')
        line("", fmt::format("{}{} {}: equal in both, but for names", kept.what,
                             by_both ? "" : fmt::format(" of {}", kept.kernel), keeps(kept.what)));
    }
  }

  void line(const std::string& head, const std::string& rest) {
    std::string written = fmt::format("{:<12} {}", head, rest);
    written.erase(written.find_last_not_of(' ') + 1);
    text_ += written + "\n";
  }

  const Result& result_;
  std::string text_;
};

}  // namespace

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::equal: return "equal";
    case Verdict::equal_up_to_order: return "equal up to order";
    case Verdict::different: return "different";
    case Verdict::not_decided: return "not decided";
  }
  return "";
}

std::string text_of(const Witness& witness) {
  std::string at;
  for (const auto& [name, value] : witness.dims) at += fmt::format("{}={}, ", name, value);
  return fmt::format("{}seed {}: {}[{}] is {} and {}", at, witness.seed, witness.output, joined(witness.place), witness.a,
                     witness.b);
}

std::string Result::text() const { return Report(*this).text(); }

}  // namespace imbrex::equal

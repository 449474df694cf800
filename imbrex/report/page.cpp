#include "imbrex/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "imbrex/ir/hash.h"
#include "imbrex/report/counterexample_picture.h"
#include "imbrex/report/findings.h"
#include "imbrex/report/graph.h"
#include "imbrex/report/html.h"
#include "imbrex/report/panels.h"
#include "imbrex/report/style.h"
#include "imbrex/report/tables.h"

namespace imbrex::report {
namespace {

constexpr size_t kMostBytes = 1'500'000;  // of a page

std::string section(const char* id, const std::string& title, const std::string& text) {
  return fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", id, title, text);
}

class Page {
 public:
  Page(const ir::Program& program, const PageOptions& options)
      : program_(program), options_(options), author_(program), findings_(program, options), panels_{author_, {}, {}, {}, {}} {
    if (translation_) {
      if (options.measure) measured_ = options.measure();
      panels_.program = lines_of(translation_->program(), author_);
      panels_.generated = runtime::generated_lines(*translation_, options.machine);
      note_choices();
    }
    for (const Diagnostic& d : report_.diagnostics)
      panels_.add({fmt::format("said-{}", ++diagnostics_), "error", d.message,
                   d.hint.empty() ? std::vector<std::string>() : std::vector<std::string>{"try: " + d.hint}},
                  d.where, "");
  }

  std::string html() const {
    const std::string page = html(true);
    return page.size() <= kMostBytes ? page : html(false);
  }

 private:
  const optimize::Optimized& made() const { return translation_->optimized; }

  // In the list of all; in full where there is no line for it.
  void add(const char* kind, const char* style, const std::string& title, std::vector<std::string> details,
           const SourceLine& where, const std::string& scope) {
    const Note note{fmt::format("{}-{}", kind, ++choices_), style, title, std::move(details)};
    const bool has_line = panels_.add(note, where, scope);
    list_ += "<li>" + (has_line ? fmt::format("<a href=\"#{}\">{}</a>", note.id, sentence(title)) : html_of(note)) + "</li>\n";
  }

  void note_choices() {
    using Kind = optimize::Exclusion::Kind;
    for (const optimize::Choice& choice : made().choices) {
      std::vector<std::string> details{choice.reason};
      for (const std::string& rejected : choice.rejected) details.push_back("rejected: " + rejected);
      add("choice", "choice", choice.subject + ": " + choice.decision, std::move(details), choice.where, choice.subject);
    }
    for (const optimize::Exclusion& exclusion : made().exclusions) {
      const char* what = exclusion.kind == Kind::as_written ? "stays as written"
                         : exclusion.kind == Kind::separate ? "is optimized by itself"
                                                            : "is optimized without what stands before it";
      add("kept", "kept", exclusion.what + " " + what, {exclusion.reason}, exclusion.where, "");
    }
    for (const plan::Remark& remark : translation_->plan.remarks) add("slower", "kept", remark.message, {}, remark.where, "");
  }

  // ---- the sections, from top to bottom ---------------------------------------------------------------------------------------------

  std::string head() const {
    std::string facts;
    for (const Fact& fact : facts_of(findings_, options_))
      facts += fmt::format("<div><b class=\"{}\">{}</b><span>{}</span></div>\n", fact.name, fact.value, fact.what);
    return fmt::format("<header>\n<h1>{}</h1>\n<p class=\"soft\">{}</p>\n<div class=\"facts\">\n{}</div>\n</header>\n",
                       escaped(options_.name), escaped(options_.description), facts);
  }

  std::string diagnostics() const {
    std::string text;
    for (size_t i = 0; i < report_.diagnostics.size(); ++i) {
      const Diagnostic& d = report_.diagnostics[i];
      std::string figures;
      for (const prove::Counterexample& c : report_.counterexamples)
        if (c.diagnostic == i) figures += picture_of(c, d.id);
      text += fmt::format(
          "<div class=\"diagnostic{}\" id=\"diagnostic-{}\">\n<p class=\"message\">{}</p>\n<p class=\"soft\">{}{} {}</p>\n",
          d.is_warning ? " warning" : "", i + 1, sentence(d.message), d.is_warning ? "warning, " : "", escaped(d.id),
          place(d.where));
      if (!figures.empty()) text += "<div class=\"figures\">\n" + figures + "</div>\n";
      for (const Diagnostic::Note& note : d.notes)
        text += fmt::format("<p class=\"soft\">{} {}</p>\n", sentence(note.message), place(note.where));
      if (!d.hint.empty()) text += fmt::format("<p><b>Try:</b> {}</p>\n", sentence(d.hint));
      text += "</div>\n";
    }
    return text.empty() ? "" : section("diagnostics", diagnostics_title(), text);
  }
  const char* diagnostics_title() const { return report_.proven ? "Warnings" : "Why it is refused"; }

  // A link to the author's line.
  std::string place(const SourceLine& where) const {
    if (where.line < 1) return "";
    const std::string name = escaped(fmt::format("{}:{}", std::filesystem::path(where.file).filename().string(), where.line));
    const std::vector<AuthorsPlace> places = author_.places_of(where);
    return places.empty() ? name : fmt::format("<a href=\"#{}\">{}</a>", Panels::id_of(places.front()), name);
  }

  std::string programs(bool with_code) const {
    std::string text = panels_.of_author();
    if (translation_) {
      text += made().is_scheduled ? panels_.of_program("Optimized", "")
                                  : panels_.of_program("Lowered", "its author's loops: " + made().reason);
      text += panels_.of_generated(fmt::format("C++ for {}", options_.machine.target->name), with_code);
    }
    return section("programs", "The program",
                   fmt::format("<div class=\"panels{}\">\n{}</div>\n", translation_ ? "" : " one", text));
  }

  std::string graph_of(const ir::Program& program, const std::map<std::string, std::string>& captions) const {
    try {
      const prove::DependenceGraph graph = prove::dependences_of_scopes(program, {.dims = options_.dims});
      return "<div class=\"scroll\">\n" + picture_of(graph, captions) + "</div>\n";
    } catch (const UserError& error) {
      return fmt::format("<p class=\"soft\">{}</p>\n", sentence(error.diagnostics().front().message));
    }
  }

  std::string graph() const {
    if (!translation_) return "";
    std::map<std::string, std::string> captions;
    for (const optimize::ScopeCost& cost : costs_)
      captions[cost.name] = fmt::format("{} ms, {}", milliseconds_text(cost.estimate.seconds), cost.estimate.limit);
    std::string text = fmt::format("<p>What each scope hands to which, at {}, with its estimated time and what limits it.</p>\n",
                                   dims_text(options_)) +
                       graph_of(translation_->program(), captions);
    if (made().is_scheduled && made().scopes_before > 0)
      text += fmt::format("<details><summary>{} that the author wrote</summary>\n{}</details>\n",
                          counted(made().scopes_before, "scope"), graph_of(program_, {}));
    return section("scopes", "Scopes", kArrow + text);
  }

  std::string choices() const {
    if (list_.empty()) return "";
    return section(
        "choices", "Choices",
        "<p>A rule's, unless another is estimated to be more than 5 % faster. Each stands on its line, with its reason and "
        "what was rejected.</p>\n<ul class=\"choices\">\n" +
            list_ + "</ul>\n");
  }

  std::string tensors() const {
    if (!translation_) return "";
    return section(
        "tensors", "Tensors of its own",
        fmt::format(
            "<p>At {}.</p>\n<div class=\"figures\">\n<div><h3>Gone</h3>\n{}</div>\n<div><h3>Kept</h3>\n{}</div>\n</div>\n",
            dims_text(options_), table_of("gone", tensors_.gone), table_of("kept", tensors_.kept)));
  }

  std::string times() const {
    if (costs_.empty()) return "";
    return section(
        "time", "Time",
        fmt::format("<p>On {}, {}, at {}. The limit is what the model of the machine says that a scope takes at least, with what "
                    "the call is given in memory{}.</p>\n",
                    escaped(options_.machine.rates.name), counted(options_.machine.rates.cores, "core"), dims_text(options_),
                    about_measured()) +
            table_of(costs_, measured_, options_.machine));
  }

  std::string about_measured() const {
    if (measured_.empty())
      return "; <code>--measure</code>, in Python <code>measure=True</code>, runs the kernel and puts the measured time beside "
             "it";
    const bool is_below_limit = std::any_of(costs_.begin(), costs_.end(), [&](const optimize::ScopeCost& cost) {
      const auto found = measured_.find(cost.name);
      return found != measured_.end() && found->second < cost.estimate.seconds;
    });
    return std::string("; measured is the least of several runs, of the worker that a scope kept busy longest") +
           (is_below_limit ? ". A scope below its limit found in the caches what the run before had brought there" : "");
  }

  std::string proofs() const {
    std::string text = "<p>For every value of the dimensions.</p>\n" + table_of(report_.checks);
    if (!report_.assumptions.empty()) text += "<h3>Assumed, and checked when it runs</h3>\n<ul>\n";
    for (const std::string& assumption : report_.assumptions)
      text += fmt::format("<li><code>{}</code></li>\n", escaped(assumption));
    if (!report_.assumptions.empty()) text += "</ul>\n";
    if (!report_.scopes.empty())
      text += fmt::format("<h3>What the scopes as written move and compute, at {}</h3>\n", dims_text(options_)) +
              table_of(report_.scopes, [&](const SourceLine& where) { return place(where); });
    return section("proof", "Proof", text);
  }

  std::string html(bool with_code) const {
    std::string sections, links;
    const auto add = [&](const char* id, const char* title, const std::string& text) {
      if (!text.empty()) links += fmt::format("<a href=\"#{}\">{}</a>", id, title);
      sections += text;
    };
    add("diagnostics", diagnostics_title(), diagnostics());
    add("programs", "The program", programs(with_code));
    add("scopes", "Scopes", graph());
    add("choices", "Choices", choices());
    add("tensors", "Tensors", tensors());
    add("time", "Time", times());
    add("proof", "Proof", proofs());
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}<nav><div>{}</div></nav>\n<main>\n{}</main>\n"
        "<footer>Written by Imbrex, of the program {}.</footer>\n<script>{}</script>\n</body>\n</html>\n",
        escaped(options_.name), kStyle, head(), links, sections, ir::content_hash(program_).substr(0, 12), kScript);
  }

  const ir::Program& program_;
  const PageOptions& options_;
  const Author author_;
  const Findings findings_;
  const prove::Report& report_ = findings_.proof;
  const std::optional<runtime::Translation>& translation_ = findings_.translation;
  const std::vector<optimize::ScopeCost>& costs_ = findings_.costs;
  const Temporaries& tensors_ = findings_.tensors;
  std::map<std::string, double> measured_;
  Panels panels_;
  std::string list_;  // of choices
  int choices_ = 0, diagnostics_ = 0;
};

}  // namespace

std::string page_of(const ir::Program& program, const PageOptions& options) { return Page(program, options).html(); }

}  // namespace imbrex::report

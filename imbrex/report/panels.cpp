#include "imbrex/report/panels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "imbrex/report/html.h"

namespace imbrex::report {
namespace {

constexpr size_t kFewestFolded = 8;  // lines of C++

std::string panel(const std::string& title, const std::string& beside, const std::string& text) {
  return fmt::format("<div class=\"panel\"><h3>{} <span>{}</span></h3>\n<div class=\"code\" tabindex=\"0\">\n{}</div></div>\n",
                     escaped(title), escaped(beside), text);
}

// A link to a line of another panel; "" for none.
std::string jump(const std::string& to, const char* arrow) {
  return to.empty() ? "<a class=\"j\"></a>" : fmt::format("<a class=\"j\" href=\"#{}\">{}</a>", to, arrow);
}

struct LineHtml {
  std::string id, attributes, jumps, text;
  int number;
  const char* kind = "l";
};
std::string html_of(const LineHtml& line) {
  return fmt::format("<div class=\"{0}\" id=\"{1}\"{2}><a class=\"n\" href=\"#{1}\">{3}</a>{4}<code>{5}</code></div>\n",
                     line.kind, line.id, line.attributes, line.number, line.jumps, escaped(line.text));
}

template <class Key>
std::string html_of_notes(const std::map<Key, std::vector<Note>>& all, const Key& of) {
  std::string text;
  if (const auto notes = all.find(of); notes != all.end())
    for (const Note& note : notes->second) text += html_of(note);
  return text;
}

std::string name_of(const AuthorsFile& file) { return std::filesystem::path(file.name).filename().string(); }

}  // namespace

std::string html_of(const Note& note) {
  std::string details;
  for (const std::string& each : note.details) details += "<li>" + sentence(each) + "</li>";
  return fmt::format("<details class=\"note {}\" id=\"{}\"><summary>{}</summary>{}</details>\n", note.kind, note.id,
                     sentence(note.title), details.empty() ? "" : "<ul>" + details + "</ul>");
}

std::string Panels::id_of(const AuthorsPlace& place) { return fmt::format("a{}-{}", place.file, place.line); }

bool Panels::add(const Note& note, const SourceLine& where, const std::string& scope) {
  const std::vector<AuthorsPlace> places = author.places_of(where);
  if (!places.empty()) {
    author_notes[places.front()].push_back(note);
    return true;
  }
  for (size_t i = 0; i < program.size(); ++i) {
    const auto* at = program[i].statement ? std::get_if<ir::At>(&program[i].statement->node) : nullptr;
    if (!at || at->name != scope) continue;
    program_notes[i + 1].push_back(note);
    return true;
  }
  return false;
}

std::string Panels::of_author() const {
  std::map<AuthorsPlace, size_t> first;  // line of the program that comes from it
  for (size_t i = 0; i < program.size(); ++i)
    for (const AuthorsPlace& place : program[i].from) first.emplace(place, i + 1);
  const std::vector<AuthorsFile>& files = author.files();
  std::string text;
  for (size_t f = 0; f < files.size(); ++f) {
    if (files.size() > 1) text += fmt::format("<h4>{}</h4>\n", escaped(name_of(files[f])));
    text += "<div class=\"lines\">\n";
    for (const AuthorsLine& line : files[f].lines) {
      if (line.number == 0) {
        text += "<div class=\"l gap\">⋯</div>\n";
        continue;
      }
      const AuthorsPlace place{f, line.number};
      const auto to = first.find(place);
      text +=
          html_of({id_of(place), "", jump(to == first.end() ? "" : fmt::format("o{}", to->second), "›"), line.text, line.number});
      text += html_of_notes(author_notes, place);
    }
    text += "</div>\n";
  }
  return panel("As written", files.size() == 1 ? name_of(files[0]) : counted(static_cast<int64_t>(files.size()), "file"), text);
}

std::string Panels::of_program(const std::string& title, const std::string& beside) const {
  std::map<int, size_t> first;  // line of the C++ that is written for it
  for (size_t i = 0; i < generated.size(); ++i)
    for (const int line : generated[i].program_lines) first.emplace(line, i + 1);
  std::string text = "<div class=\"lines\">\n";
  for (size_t i = 0; i < program.size(); ++i) {
    std::vector<std::string> from;
    for (const AuthorsPlace& place : program[i].from) from.push_back(id_of(place));
    const int number = static_cast<int>(i) + 1;
    const auto to = first.find(number);
    text +=
        html_of({fmt::format("o{}", number), from.empty() ? "" : fmt::format(" data-from=\"{}\"", fmt::join(from, " ")),
                 jump(from.empty() ? "" : from.front(), "‹") + jump(to == first.end() ? "" : fmt::format("g{}", to->second), "›"),
                 program[i].text, number});
    text += html_of_notes(program_notes, i + 1);
  }
  return panel(title, beside, text + "</div>\n");
}

std::string Panels::of_generated(const std::string& title, bool with_code) const {
  if (!with_code)
    return panel(title, "",
                 fmt::format("<p class=\"note\">{} lines, too many for a page: <code>imbrex emit</code> prints them.</p>\n",
                             generated.size()));
  std::string text = "<div class=\"lines\">\n";
  size_t joined = 0, fold_end = 0;  // of the lines that are folded, where some are
  for (size_t i = 0; i < generated.size(); ++i) {
    size_t end = i;
    while (end < generated.size() && generated[end].program_lines.empty()) ++end;
    if (fold_end == 0 && end >= i + kFewestFolded) {
      fold_end = end;
      text += fmt::format("<details class=\"fold\"><summary>lines {} to {}, of the kernel as a whole</summary>\n", i + 1, end);
    }
    std::vector<std::string> from;
    for (const int line : generated[i].program_lines) from.push_back(fmt::format("o{}", line));
    joined += !from.empty();
    text += html_of({fmt::format("g{}", i + 1), from.empty() ? "" : fmt::format(" data-from=\"{}\"", fmt::join(from, " ")),
                     jump(from.empty() ? "" : from.front(), "‹"), generated[i].text, static_cast<int>(i) + 1,
                     from.empty() ? "l frame" : "l"});
    if (i + 1 != fold_end) continue;
    text += "</details>\n";
    fold_end = 0;
  }
  return panel(title, fmt::format("{} of {} lines are written for a line of the program", joined, generated.size()),
               text + "</div>\n");
}

}  // namespace imbrex::report

#include "imbrex/report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "imbrex/report/html.h"

namespace imbrex::report {
namespace {

std::string cell(const std::string& html) { return "<td>" + html + "</td>"; }
std::string number(const std::string& html) { return "<td class=\"r\">" + html + "</td>"; }
std::string code(const std::string& text) { return "<code>" + escaped(text) + "</code>"; }

std::string table(const std::vector<std::string>& heads, const std::string& rows) {
  std::string head;
  for (const std::string& each : heads)  // numbers stand to the right
    head += each.starts_with('>') ? "<th class=\"r\">" + each.substr(1) + "</th>" : "<th>" + each + "</th>";
  return "<div class=\"scroll\"><table>\n" + (head.empty() ? "" : "<tr>" + head + "</tr>\n") + rows + "</table></div>\n";
}

std::string amount(const prove::Amount& amount) {
  if (!amount.value) return number(escaped(amount.expression));
  return fmt::format("<td class=\"r\" data-value=\"{}\" title=\"{}\">{}</td>", *amount.value, escaped(amount.expression),
                     count_text(static_cast<double>(*amount.value)));
}

}  // namespace

std::string table_of(const char* what, const std::vector<Temporary>& tensors) {
  if (tensors.empty()) return "<p class=\"soft\">None.</p>\n";
  std::string rows;
  int64_t total = 0;
  for (const Temporary& tensor : tensors) {
    rows += fmt::format("<tr data-{}=\"{}\">{}{}</tr>\n", what, escaped(tensor.tensor), cell(code(tensor.tensor)),
                        number(bytes_cell(tensor.bytes)));
    total += tensor.bytes;
  }
  return table({}, rows + "<tr class=\"total\">" + cell("total") + number(bytes_cell(total)) + "</tr>\n");
}

std::string table_of(const std::vector<optimize::ScopeCost>& costs, const std::map<std::string, double>& measured,
                     const target::Machine& machine) {
  struct Row {
    const optimize::ScopeCost* cost;
    std::optional<double> measured;
    double lost = 0;
  };
  std::vector<Row> all;
  double longest = 0, total_measured = 0, total_lost = 0;
  for (const optimize::ScopeCost& cost : costs) {
    Row row{&cost, {}};
    if (const auto found = measured.find(cost.name); found != measured.end()) row.measured = found->second;
    row.lost = std::max(0.0, row.measured.value_or(0) - cost.estimate.seconds);
    longest = std::max({longest, cost.estimate.seconds, row.measured.value_or(0)});
    total_measured += row.measured.value_or(0);
    total_lost += row.lost;
    all.push_back(row);
  }
  const bool is_measured = !measured.empty();
  std::stable_sort(all.begin(), all.end(), [&](const Row& a, const Row& b) {
    return is_measured ? a.lost > b.lost : a.cost->estimate.seconds > b.cost->estimate.seconds;
  });
  const auto part = [&](double seconds) {
    return fmt::format("<i style=\"width:{:.1f}%\"></i>", longest > 0 ? 100 * seconds / longest : 0);
  };
  std::string rows;
  for (const Row& row : all) {
    const optimize::ScopeCost& cost = *row.cost;
    rows += fmt::format("<tr data-time=\"{}\">", escaped(cost.name)) + cell(code(cost.name)) +
            number(fmt::format("{}", cost.work.tasks)) + number(count_text(cost.operations)) + number(bytes_text(cost.bytes)) +
            number(milliseconds_text(cost.estimate.seconds));
    if (is_measured)
      rows +=
          number(row.measured ? milliseconds_text(*row.measured) : "") + number(row.measured ? milliseconds_text(row.lost) : "");
    rows += cell(escaped(cost.estimate.limit)) +
            cell("<div class=\"bar\">" + part(cost.estimate.seconds) + part(row.lost) + "</div>") + "</tr>\n";
  }
  rows += "<tr class=\"total\">" + cell("total, with barriers") + cell("") + cell("") + cell("") +
          number(milliseconds_text(optimize::total_seconds(costs, machine)));
  if (is_measured) rows += number(milliseconds_text(total_measured)) + number(milliseconds_text(total_lost));
  rows += cell("") + cell("") + "</tr>\n";
  std::vector<std::string> heads{"scope", ">tasks", ">operations", ">from memory", ">limit, ms"};
  if (is_measured) heads.insert(heads.end(), {">measured, ms", ">over the limit, ms"});
  heads.insert(heads.end(), {"limited by", is_measured ? "limit, and over it" : ""});
  return table(heads, rows);
}

std::string table_of(const std::vector<prove::Check>& checks) {
  std::string rows;
  for (const prove::Check& check : checks)
    rows += fmt::format("<tr data-check=\"{}\" data-examined=\"{}\" data-errors=\"{}\">", escaped(check.name), check.examined,
                        check.errors) +
            cell(escaped(check.name)) + number(fmt::format("{}", check.examined)) + cell(escaped(check.unit)) +
            (check.errors > 0 ? "<td class=\"refused\">" + counted(static_cast<int64_t>(check.errors), "error")
                              : std::string("<td class=\"proven\">holds")) +
            "</td></tr>\n";
  return table({"check", ">examined", "", ""}, rows);
}

std::string table_of(const std::vector<prove::ScopeRow>& scopes, const std::function<std::string(const SourceLine&)>& place) {
  std::string rows;
  for (const prove::ScopeRow& row : scopes)
    rows += fmt::format("<tr data-scope=\"{}\">", escaped(row.name)) + cell(code(row.name)) + cell(place(row.where)) +
            amount(row.tasks) + amount(row.bytes_read) + amount(row.bytes_written) + amount(row.operations) + "</tr>\n";
  return table({"scope", "", ">tasks", ">bytes read", ">bytes written", ">operations"}, rows);
}

}  // namespace imbrex::report

// The report as text and as JSON.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "imbrex/base/utf8.h"
#include "imbrex/prove/prove.h"
#include "imbrex/prove/quantity.h"
#include "imbrex/prove/traffic.h"
#include "imbrex/target/target.h"

namespace imbrex::prove {
namespace {

std::string json_text(const std::string& text) {
  std::string result = "\"";
  for (size_t i = 0; i < text.size();) {
    const Utf8Character character = utf8_character(std::string_view(text).substr(i));
    const size_t length = std::max<size_t>(character.length, 1);
    if (text[i] == '"' || text[i] == '\\')
      result += std::string("\\") + text[i];
    else if (text[i] == '\n')
      result += "\\n";
    else if (character.length == 0)
      result += "\\ufffd";  // JSON is UTF-8
    else if (character.value < 0x20)
      result += fmt::format("\\u{:04x}", character.value);
    else
      result += text.substr(i, length);
    i += length;
  }
  return result + "\"";
}

template <class Items, class Function>
std::string json_list(const Items& items, const Function& of) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ",") + of(item);
  return "[" + text + "]";
}

std::string json_number(const std::optional<int64_t>& value) { return value ? std::to_string(*value) : "null"; }

std::string json_amount(const Amount& amount) {
  return fmt::format("{{\"expression\":{},\"value\":{}}}", json_text(amount.expression), json_number(amount.value));
}

std::string json_of(const SourceLine& where) { return fmt::format("\"file\":{},\"line\":{}", json_text(where.file), where.line); }

std::string json_of(const Diagnostic& d) {
  return fmt::format("{{\"id\":{},{},\"message\":{},\"hint\":{},\"warning\":{},\"notes\":{}}}", json_text(d.id), json_of(d.where),
                     json_text(d.message), json_text(d.hint), d.is_warning, json_list(d.notes, [](const Diagnostic::Note& note) {
                       return fmt::format("{{{},\"message\":{}}}", json_of(note.where), json_text(note.message));
                     }));
}

std::string json_numbers(const std::vector<int64_t>& numbers) { return fmt::format("[{}]", fmt::join(numbers, ",")); }

std::string json_boxes(const std::vector<ElementBox>& boxes) {
  return json_list(boxes, [](const ElementBox& box) {
    return fmt::format("{{\"first\":{},\"last\":{}}}", json_numbers(box.first), json_numbers(box.last));
  });
}

template <class Pairs>
std::string json_object(const Pairs& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) text += fmt::format("{}{}:{}", text.empty() ? "" : ",", json_text(name), value);
  return "{" + text + "}";
}

std::string json_of(const Counterexample& c) {
  return fmt::format(
      "{{\"diagnostic\":{},\"dims\":{},\"tensor\":{},\"shape\":{},\"elements\":{},\"is_exact\":{},\"touches\":{}}}", c.diagnostic,
      json_object(c.dims), json_text(c.tensor), json_numbers(c.shape), json_boxes(c.elements), c.is_exact,
      json_list(c.touches, [](const Counterexample::Touch& touch) {
        return fmt::format("{{{},\"slice\":{},\"writes\":{},\"iteration\":{},\"elements\":{}}}", json_of(touch.where),
                           json_text(touch.slice), touch.writes, json_object(touch.iteration), json_boxes(touch.elements));
      }));
}

std::string json_of(const MemoryUse& m) {
  return fmt::format(
      "{{\"memory\":{},\"high_water\":{},\"high_water_bytes\":{},\"without_reuse\":{},\"without_reuse_bytes\":{},"
      "\"most_bytes\":{},\"high_water_is_exact\":{},\"fits\":{},\"capacity_bytes\":{},\"largest\":{},\"largest_of\":{},\"fits_"
      "at\":{}}}",
      json_text(m.memory), json_text(m.high_water), json_number(m.high_water_bytes), json_text(m.without_reuse),
      json_number(m.without_reuse_bytes), m.most_bytes, m.high_water_is_exact, m.fits, m.capacity_bytes, json_number(m.largest),
      json_text(m.largest_of), json_number(m.fits_at));
}

std::string json_of(const ScopeRow& row) {
  return fmt::format(
      "{{\"name\":{},{},\"tasks\":{},\"bytes_read\":{},\"bytes_written\":{},\"operations\":{},\"exchanges\":{},"
      "\"operations_per_byte\":{},\"memories\":{}}}",
      json_text(row.name), json_of(row.where), json_amount(row.tasks), json_amount(row.bytes_read),
      json_amount(row.bytes_written), json_amount(row.operations), json_amount(row.exchanges),
      row.operations_per_byte ? fmt::format("{:.6g}", *row.operations_per_byte) : "null",
      json_list(row.memories, [](const MemoryUse& m) { return json_of(m); }));
}

std::string shown(const Amount& amount) {
  return amount.value && std::to_string(*amount.value) != amount.expression
             ? fmt::format("{} = {}", amount.expression, *amount.value)
             : amount.expression;
}

std::string memory_line(const MemoryUse& m) {
  const auto bytes = [](const std::optional<int64_t>& value, const std::string& expression) {
    return value ? bytes_text(*value) : expression + " B";
  };
  std::string text = fmt::format(
      "    {:<6} {}{} of {}; without reuse {}", m.memory, m.high_water_bytes && !m.high_water_is_exact ? "at most " : "",
      bytes(m.high_water_bytes, m.high_water), bytes_text(m.capacity_bytes), bytes(m.without_reuse_bytes, m.without_reuse));
  if (!m.fits)
    text += "; does not fit";
  else if (m.fits_at)
    text += fmt::format("; does not fit at {}=1, fits at {}", m.largest_of, *m.fits_at);
  else if (m.largest)
    text += fmt::format("; fits up to {}={}", m.largest_of, *m.largest);
  return text + "\n";
}

// Statements outside of scopes whose tiles do not fit for every value of the dimensions: no error, and no proof.
bool is_too_large_outside(const ScopeRow& row) {
  return row.name == kOutsideScopes && std::any_of(row.memories.begin(), row.memories.end(), [](const MemoryUse& memory) {
           return !memory.fits || memory.fits_at || memory.largest;
         });
}

// What of a proven program was not judged for capacity, or holds for some dimensions alone; "" if nothing.
std::string exceptions_of(const Report& report) {
  const target::Target* judged = target::judged_target_named(report.target);
  if (!judged || !judged->capacity_is_binding()) return "";
  std::string text;
  std::map<std::string, int64_t> largest;
  for (const ScopeRow& row : report.scopes)
    for (const MemoryUse& memory : row.memories) {
      if (!memory.largest || row.name == kOutsideScopes) continue;
      const int64_t most = memory.fits_at ? 0 : *memory.largest;
      const auto known = largest.try_emplace(memory.largest_of, most).first;
      known->second = std::min(known->second, most);
    }
  for (const auto& [dim, most] : largest)
    text += most > 0 ? fmt::format(", with capacity for {} up to {}", dim, most)
                     : fmt::format(", with capacity for some {} (see the scopes)", dim);
  if (std::any_of(report.scopes.begin(), report.scopes.end(), is_too_large_outside))
    text += ", except capacity outside scopes (not checked)";
  return text;
}

}  // namespace

std::string Report::verdict() const {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += render(diagnostic) + "\n";
  const std::string result = proven ? "proven" + exceptions_of(*this) : "refused";
  return text + fmt::format("{}: {}\n", with_visible_characters(program), result);
}

std::string Report::text() const {
  std::string text = verdict();
  for (const Check& check : checks)
    text += fmt::format("  {:<15} {:>5} {:<9} {:<10} {:>8.2f} ms\n", check.name, check.examined, check.unit,
                        check.errors == 0 ? "ok" : fmt::format("{} error{}", check.errors, check.errors == 1 ? "" : "s"),
                        check.milliseconds);
  if (!assumptions.empty()) text += "assumptions, checked at run time:\n";
  for (const std::string& assumption : assumptions) text += "  " + assumption + "\n";
  if (!scopes.empty()) text += fmt::format("scopes on {}:\n", target);
  for (const ScopeRow& row : scopes) {
    text += fmt::format("  {}: tasks {}; reads {} B, writes {} B; operations {}", with_visible_characters(row.name),
                        shown(row.tasks), shown(row.bytes_read), shown(row.bytes_written), shown(row.operations));
    if (row.operations_per_byte) text += fmt::format("; {:.3g} operations per byte", *row.operations_per_byte);
    if (row.exchanges.expression != "0") text += fmt::format("; cube and vector exchange {} B", shown(row.exchanges));
    text += "\n";
    for (const MemoryUse& memory : row.memories) text += memory_line(memory);
    const target::Target* judged = target::judged_target_named(target);
    if (judged && judged->capacity_is_binding() && is_too_large_outside(row))
      text += "    not checked for capacity: put it into a scope, `at`\n";
  }
  return text;
}

std::string diagnostics_as_json(const std::vector<Diagnostic>& diagnostics) {
  return json_list(diagnostics, [](const Diagnostic& d) { return json_of(d); });
}

std::string Report::json() const {
  return fmt::format(
      "{{\"program\":{},\"hash\":{},\"target\":{},\"proven\":{},\"checks\":{},\"diagnostics\":{},"
      "\"counterexamples\":{},\"assumptions\":{},\"scopes\":{}}}\n",
      json_text(program), json_text(hash), json_text(target), proven,
      json_list(checks,
                [](const Check& c) {
                  return fmt::format("{{\"name\":{},\"examined\":{},\"unit\":{},\"errors\":{},\"milliseconds\":{:.3f}}}",
                                     json_text(c.name), c.examined, json_text(c.unit), c.errors, c.milliseconds);
                }),
      diagnostics_as_json(diagnostics), json_list(counterexamples, [](const Counterexample& c) { return json_of(c); }),
      json_list(assumptions, json_text), json_list(scopes, [](const ScopeRow& row) { return json_of(row); }));
}

}  // namespace imbrex::prove

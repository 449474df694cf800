#include "imbrex/ir/spelling.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/place.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/rename.h"

namespace imbrex::ir {
namespace {

Language language_of(const Program& program) {
  // Lines of the text stand among those of the author where the table of the author's has none for them.
  const auto author = std::find_if(program.origins.begin(), program.origins.end(),
                                   [](const SourceLine& line) { return line.language != Language::text; });
  return author == program.origins.end() ? Language::text : author->language;
}

const char* name_of(Loop::Kind kind) { return kind == Loop::Kind::parallel ? "parallel" : "range"; }

}  // namespace

Spelling::Spelling(const Program& program) : language_(language_of(program)), program_(&program) {}

template <class... Arguments>
std::string Spelling::form(const char* text, const char* cpp, const char* python, const Arguments&... arguments) const {
  const char* const forms[] = {text, cpp, python};
  return fmt::format(fmt::runtime(forms[static_cast<size_t>(language_)]), arguments...);
}

bool Spelling::is_named(const std::string& name) const {
  if (!program_ || language_ != Language::python) return true;
  const auto found = program_->written_names.find(name);
  return found == program_->written_names.end() || !found->second.empty();
}
std::string Spelling::name(const std::string& name) const {
  if (!program_ || !is_named(name)) return name;
  const auto found = program_->written_names.find(name);
  return found == program_->written_names.end() || found->second.empty() ? name : found->second;
}
std::string Spelling::unnamed_reads(const std::set<std::string>& names) const {
  std::string text;
  if (!std::all_of(names.begin(), names.end(), [&](const std::string& each) { return is_named(each); }))
    for_each_place(*program_, [&](const Statement& statement, const Place&) {
      const auto* read = std::get_if<ReadIndex>(&statement.node);
      if (!read || !names.count(read->name) || is_named(read->name)) return;
      std::string position;
      for (const IndexExpr& each : read->position) position += (position.empty() ? "" : ", ") + index(each);
      text += fmt::format("{}`{}`", text.empty() ? "" : ", ", this->read(read->name, read->tensor, position));
    });
  return text;
}

std::string Spelling::index(const IndexExpr& written) const {
  const IndexExpr e =
      substitute(written, [&](const Index& leaf) -> std::optional<IndexExpr> { return renamed(leaf, name(leaf.name)); });
  return to_text(e, {form("//", "/", "//"), form("min", "min", "ib.min"), form("max", "max", "ib.max")});
}
std::string Spelling::condition(const Condition& condition) const {
  std::string text;
  for (const Comparison& c : condition)
    text += fmt::format("{}{} {} {}", text.empty() ? "" : form(" and ", " && ", " and "), index(c.left), text_of(c.compare),
                        index(c.right));
  return text;
}

std::string Spelling::word(const std::string& name) const { return form("{0}", "{0}", "ib.{0}", name); }
std::string Spelling::call(const std::string& function, const std::string& arguments) const {
  return fmt::format("{}({})", word(function), arguments);
}

std::string Spelling::whole_axis() const { return form(":", "all", ":"); }
std::string Spelling::axis(const IndexExpr& begin, const IndexExpr& size) const {
  return form("{0} +: {1}", "span({0}, {1})", "{0} : {2}", index(begin), index(size), index(add(begin, size)));
}
std::string Spelling::by(const std::string& tile) const { return form("by {0}", "by({0})", "ib.by({0})", name(tile)); }
std::string Spelling::slice(const std::string& tensor, const std::string& axes) const {
  return form("{0}[{1}]", "{0}({1})", "{0}[{1}]", name(tensor), axes);
}
std::string Spelling::let(const std::string& name, const std::string& value) const {
  return form("let {0} = {1}", "Tile {0} = {1}", "{0} = {1}", name, value);
}
std::string Spelling::whole(const std::string& tensor) const { return slice(tensor, whole_axis()); }
std::string Spelling::cast(const std::string& x, DType to, CastMode mode) const {
  if (mode == CastMode::exact) return form("cast({0}, {1})", "cast({0}, {1})", "ib.cast({0}, ib.{1})", x, imbrex::name_of(to));
  return form("cast({0}, {1}, {2})", "cast({0}, {1}, {2})", "ib.cast({0}, ib.{1}, \"{2}\")", x, imbrex::name_of(to),
              ir::name_of(mode));
}
std::string Spelling::conversion(const std::string& x, DType from, DType to) const {
  if (to != DType::boolean) return cast(x, to, is_exact_cast(from, to) ? CastMode::exact : CastMode::rint);
  const bool is_number = from == DType::int32 || from == DType::f32;
  return form("ne({0}, {1})", "{0} != {1}", "{0} != {1}", is_number ? x : cast(x, DType::f32),
              from == DType::int32 ? "0" : "0.0");
}

std::string Spelling::dim(const std::string& name, std::optional<int64_t> max) const {
  const std::string written = this->name(name);
  if (!max) return form("dim {0}", "k.dim(\"{0}\")", "{1} = ib.dim(\"{0}\")", name, written);
  return form("dim {0} max {1}", "k.dim(\"{0}\", {{.max = {1}}})", "{2} = ib.dim(\"{0}\", max={1})", name, *max, written);
}
std::string Spelling::when(const Condition& c) const { return form("if {0}", "when({0}, ...)", "if {0}:", condition(c)); }
std::string Spelling::tiled_loop(Loop::Kind kind, const std::string& variable, const std::string& extent, int64_t tile) const {
  return form("{0} {1} in tiles({2}, {3})", "{0}(tiles({2}, {3}), [&](Span {1}) {{ ... }})",
              "for {1} in ib.{0}(ib.tiles({2}, {3})):", name_of(kind), variable, extent, tile);
}
std::string Spelling::loop(Loop::Kind kind, const std::string& variable, const std::string& count) const {
  return form("{0} {1} in 0 .. {2}", "{0}({2}, [&](Index {1}) {{ ... }})", "for {1} in ib.{0}({2}):", name_of(kind), variable,
              count);
}
std::string Spelling::store_zeros(const Tensor& tensor) const {
  std::set<std::string> taken;
  if (program_) {
    for (const Dim& dim : program_->dims) taken.insert(dim.name);
    for (const Tensor& each : program_->tensors) taken.insert(each.name);
    for_each_name(program_->body, [&](const std::string& name) { taken.insert({name, this->name(name)}); });
  }
  const size_t rank = tensor.shape.size(), looped = rank > 2 ? rank - 2 : 0;
  std::string axes, loops, ends;
  for (size_t axis = 0; axis < looped; ++axis) {
    std::string i = "i";
    for (int number = 2; !taken.insert(i).second; ++number) i = fmt::format("i_{}", number);
    axes += i + ", ";
    loops += form("range {0} in 0 .. {1} {{ ", "range({1}, [&](Index {0}) {{ ", "for {0} in ib.range({1}):", i,
                  index(tensor.shape[axis]));
    // Python has no loop in a loop on one line.
    loops += form("", "", "{0}", axis + 1 == looped ? std::string(" ") : "\n" + std::string(4 * (axis + 1), ' '));
    ends += form(" }}", " }});", "");
  }
  axes += rank > 1 ? whole_axis() + ", " + whole_axis() : rank > 0 ? whole_axis() : "";
  const std::string rows = rank > 1 ? index(tensor.shape[rank - 2]) : "1",
                    columns = rank > 0 ? index(tensor.shape[rank - 1]) : "1";
  const bool is_integer = element_type(tensor.dtype).form == Form::integer;
  const DType made = is_integer ? tensor.dtype : DType::f32;
  const std::string zeros = form("full({0}, [{1}, {2}], {3})", "zeros({0}, {{{1}, {2}}})", "ib.zeros(ib.{0}, {1}, {2})",
                                 imbrex::name_of(made), rows, columns, is_integer ? "0" : "0.0");
  const std::string value = made == tensor.dtype ? zeros : conversion(zeros, made, tensor.dtype);
  return loops + slice(tensor.name, axes) + " = " + value + (looped ? form("", ";", "") : "") + ends;
}
std::string Spelling::read(const std::string& name, const std::string& tensor, const std::string& position) const {
  return form("read {0} = {1}[{2}]", "Index {0} = read({1}, {{{2}}})", "{0} = ib.read({1}, {2})", name, this->name(tensor),
              position);
}
std::string Spelling::assume(const Condition& c) const {
  return form("assume {0}", "assume({0})", "ib.assume({0})", condition(c));
}
std::string Spelling::assume_each(const std::string& tile, const IndexExpr& end) const {
  return form("assume 0 <= {0} and {0} < {1}", "assume_each(0, {0}, {1})", "ib.assume_each(0, {0}, {1})", name(tile), index(end));
}
std::string Spelling::assume(const AssumeElements& elements) const {
  if (elements.property == AssumeElements::Property::sorted)
    return form("assume_sorted {0}", "assume_sorted({0})", "ib.assume_sorted({0})", name(elements.tile));
  if (!elements.except)
    return form("assume_distinct {0}", "assume_distinct({0})", "ib.assume_distinct({0})", name(elements.tile));
  return form("assume_distinct {0} except {1}", "assume_distinct({0}, {{.except = {1}}})", "ib.assume_distinct({0}, but={1})",
              name(elements.tile), *elements.except);
}
std::string Spelling::pin(const std::string& name, const std::string& arguments) const {
  if (arguments.empty()) return form("@{0}", "{0}()", "{0}=True", name);
  return form("@{0}({1})", "{0}({1})", "{0}={1}", name, arguments);
}

}  // namespace imbrex::ir

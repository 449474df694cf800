// Programs: read, looked at, proven, optimized, compared, exported.
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "errors.h"
#include "module.h"

namespace imbrex::python {
namespace {

std::vector<TensorInfo> tensors_of(const Program& self) {
  std::vector<TensorInfo> tensors;
  for (size_t i = 0; i < imbrex_program_tensor_count(self.program.get()); ++i) {
    const imbrex_tensor_description t = imbrex_program_tensor(self.program.get(), i);
    tensors.push_back({t.name, imbrex_dtype_name(t.dtype), t.kind, {t.shape, t.shape + t.rank}});
  }
  return tensors;
}

const char* null_or(const std::optional<std::string>& text) { return text ? text->c_str() : nullptr; }

std::string report_of(const Program& self, const std::optional<std::string>& target, const std::map<std::string, int64_t>& dims,
                      bool json) {
  std::vector<imbrex_dim_value> values;
  for (const auto& [name, value] : dims) values.push_back({name.c_str(), value});
  char* report = nullptr;
  call_unlocked(imbrex_prove, self.program.get(), null_or(target), values.data(), values.size(), int(json), &report);
  return taken(report);
}

template <class Function, class... Options>
std::string said(Function function, const Program& self, const std::optional<std::string>& target,
                 const std::map<std::string, int64_t>& dims, Options... options) {
  std::vector<imbrex_dim_value> values;
  for (const auto& [name, value] : dims) values.push_back({name.c_str(), value});
  char* text = nullptr;
  call_unlocked(function, self.program.get(), null_or(target), values.data(), values.size(), options..., &text);
  return taken(text);
}
std::string explain(const Program& self, const std::optional<std::string>& target, const std::map<std::string, int64_t>& dims) {
  return said(imbrex_explain, self, target, dims);
}
std::string report(const Program& self, const std::optional<std::string>& target, const std::map<std::string, int64_t>& dims,
                   bool measure) {
  return said(imbrex_report, self, target, dims, int(measure));
}
std::string card(const Program& self, const std::optional<std::string>& target, const std::map<std::string, int64_t>& dims) {
  return said(imbrex_card, self, target, dims);
}

Program optimized(const Program& self, const std::optional<std::string>& target) {
  imbrex_program* made = nullptr;
  call_unlocked(imbrex_optimize, self.program.get(), null_or(target), &made);
  return program_of(made);
}

std::string generated_code(const Program& self, const std::optional<std::string>& target, bool optimize) {
  char* source = nullptr;
  call_unlocked(imbrex_generate, self.program.get(), null_or(target), int(optimize), &source);
  return taken(source);
}

nb::tuple equal(const Program& self, const Program& other) {
  imbrex_verdict verdict{};
  char* report = nullptr;
  call_unlocked(imbrex_equal, self.program.get(), other.program.get(), &verdict, &report);
  const char* names[] = {"equal", "equal up to order", "different", "not decided"};
  return nb::make_tuple(names[verdict], taken(report));
}

std::vector<std::string> exported(const Program& self, const std::string& directory, const std::vector<std::string>& targets,
                                  const std::optional<std::string>& symbol) {
  std::vector<const char*> names;
  for (const std::string& target : targets) names.push_back(target.c_str());
  char* files = nullptr;
  call_unlocked(imbrex_export_library, self.program.get(), null_or(symbol), directory.c_str(), names.data(), names.size(),
                &files);
  std::vector<std::string> list;
  std::string file;
  for (const char c : taken(files)) {
    if (c != '\n')
      file += c;
    else
      list.push_back(std::move(file)), file.clear();
  }
  return list;
}

Program parse(const std::string& text, const std::string& file) {
  imbrex_program* program = nullptr;
  call(imbrex_parse, text.c_str(), file.c_str(), &program);
  return program_of(program);
}

Program registered_program(const std::string& name, const std::string& variant, const std::string& preset,
                           const nb::dict& options) {
  std::vector<std::string> names, values;
  for (const auto& [option, value] : options) {
    names.push_back(nb::cast<std::string>(nb::str(option)));
    values.push_back(nb::cast<std::string>(nb::str(value)));
  }
  std::vector<const char*> name_pointers, value_pointers;
  for (const std::string& each : names) name_pointers.push_back(each.c_str());
  for (const std::string& each : values) value_pointers.push_back(each.c_str());
  imbrex_program* program = nullptr;
  call(imbrex_registered, name.c_str(), variant.c_str(), preset.c_str(), name_pointers.data(), value_pointers.data(),
       names.size(), &program);
  return program_of(program);
}

nb::object from_json(char* text) { return nb::module_::import_("json").attr("loads")(taken(text)); }

}  // namespace

nb::class_<Program> add_program(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<TensorInfo>(m, "TensorInfo")
      .def_ro("name", &TensorInfo::name)
      .def_ro("dtype", &TensorInfo::dtype)
      .def_ro("role", &TensorInfo::role)
      .def_ro("shape", &TensorInfo::shape);
  nb::class_<Program> program(m, "Program");
  program.def_prop_ro("name", [](const Program& self) { return imbrex_program_name(self.program.get()); })
      .def_prop_ro("dims",
                   [](const Program& self) {
                     std::vector<std::string> dims;
                     for (size_t i = 0; i < imbrex_program_dim_count(self.program.get()); ++i)
                       dims.emplace_back(imbrex_program_dim(self.program.get(), i));
                     return dims;
                   })
      .def_prop_ro("tensors", tensors_of)
      .def_prop_ro("text", [](const Program& self) { return taken(imbrex_program_text(self.program.get())); })
      .def_prop_ro("text_with_lines",
                   [](const Program& self) { return taken(imbrex_program_text_with_lines(self.program.get())); })
      .def("__reduce__",
           [](const Program& self) {
             return nb::make_tuple(nb::module_::import_("imbrex").attr("_parsed"),
                                   nb::make_tuple(taken(imbrex_program_text_with_lines(self.program.get()))));
           })
      .def_prop_ro("hash", [](const Program& self) { return taken(imbrex_program_hash(self.program.get())); })
      .def("optimize", optimized, "target"_a = nb::none())
      .def(
          "check",
          [](const Program& self, const std::optional<std::string>& target, const std::map<std::string, int64_t>& dims) {
            return report_of(self, target, dims, false);
          },
          "target"_a = nb::none(), "dims"_a = nb::dict())
      .def(
          "check_json",
          [](const Program& self, const std::optional<std::string>& target, const std::map<std::string, int64_t>& dims) {
            return report_of(self, target, dims, true);
          },
          "target"_a = nb::none(), "dims"_a = nb::dict())
      .def("explain", explain, "target"_a = nb::none(), "dims"_a = nb::dict())
      .def("report", report, "target"_a = nb::none(), "dims"_a = nb::dict(), "measure"_a = false)
      .def("card", card, "target"_a = nb::none(), "dims"_a = nb::dict())
      .def("generated_code", generated_code, "target"_a = nb::none(), "optimize"_a = true)
      .def("equal", equal, "other"_a)
      .def("export", exported, "directory"_a, "targets"_a = nb::list(), "symbol"_a = nb::none());
  m.def("parse", parse, "text"_a, "file"_a = "<text>");
  m.def("registered", [] { return from_json(imbrex_registered_list()); });
  m.def("registered_program", registered_program, "name"_a, "variant"_a = "", "preset"_a = "", "options"_a = nb::dict());
  m.def("operations", [] { return from_json(imbrex_operation_list()); });
  m.def("version", [] { return std::string(IMBREX_VERSION); });
  return program;
}

}  // namespace imbrex::python

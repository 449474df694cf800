// Programs: made from text or the registry, looked at, proven, optimized, compared, written ahead of time.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "imbrex/base/nearest.h"
#include "imbrex/c/objects.h"
#include "imbrex/c/targets.h"
#include "imbrex/equal/equal.h"
#include "imbrex/inputs/made_inputs.h"
#include "imbrex/ir/hash.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/report/explanation.h"
#include "imbrex/report/measure_scopes.h"
#include "imbrex/report/page.h"
#include "imbrex/runtime/aot.h"
#include "imbrex/runtime/aot_library.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/runtime/kernel.h"

imbrex_program::imbrex_program(imbrex::ir::Program made) : program(std::move(made)) {
  for (const imbrex::ir::Tensor& tensor : program.tensors) {
    std::vector<std::string>& texts = extents.emplace_back();
    for (const imbrex::ir::IndexExpr& extent : tensor.shape) texts.push_back(to_text(extent));
  }
  for (const std::vector<std::string>& texts : extents) {
    std::vector<const char*>& pointers = shapes.emplace_back();
    for (const std::string& text : texts) pointers.push_back(text.c_str());
  }
}

namespace imbrex::c {

target::Machine machine_for(const char* name) {
  if (!name) return target::this_machine();
  const target::Target* target = target::target_with_code_named(name);
  if (!target) {
    std::vector<std::string> names;
    for (const target::Target* each : target::targets_with_code()) names.push_back(each->name);
    throw UserError("unknown-isa",
                    fmt::format("there is no instruction set '{}'; expected one of {}", name, fmt::join(names, ", ")),
                    fmt::format("{}, or none for the best of this machine", nearest(name, names)));
  }
  if (!imbrex_is_of_this_architecture(&target->needs)) return *target;
  return {*target, target::rates_of_this_machine()};
}

std::map<std::string, int64_t> values_of(const imbrex_dim_value* dims, size_t count, const ir::Program& program) {
  std::map<std::string, int64_t> values;
  for (size_t i = 0; i < count; ++i) {
    const std::string name = &needed(needed(dims, "dims").name ? dims[i].name : nullptr, "dims.name");
    bool is_there = false;
    for (const ir::Dim& dim : program.dims) is_there |= dim.name == name;
    if (!is_there)
      throw UserError("unknown-dim", fmt::format("kernel '{}' has no dimension '{}'", program.name, name),
                      "give dimensions by the names that the kernel declares");
    values[name] = dims[i].value;
  }
  return values;
}

namespace {

// A value for each dimension: the given one, else the typical one.
std::map<std::string, int64_t> all_values(const imbrex_dim_value* dims, size_t count, const ir::Program& program) {
  std::map<std::string, int64_t> values = values_of(dims, count, program);
  for (const ir::Dim& dim : program.dims) {
    const int64_t value = values.emplace(dim.name, dim.usual()).first->second;
    if (value < 1 || value > dim.most())
      throw UserError("dimension-value",
                      fmt::format("dimension {} = {} of '{}': expected 1 to {}", dim.name, value, program.name, dim.most()),
                      fmt::format("{} = {}", dim.name, dim.usual()));
  }
  return values;
}

std::string judged_target(const char* name) {
  if (!name) return "host";
  if (target::judged_target_named(name)) return name;
  const std::vector<std::string> known = target::judged_target_names();
  throw UserError(
      "unknown-target",
      fmt::format("there is no target '{}' to judge a kernel against; expected one of {}", name, fmt::join(known, ", ")),
      fmt::format("{}, or none for the host", nearest(name, known)));
}

runtime::Translation translated(const ir::Program& program, const char* target, bool optimize) {
  return runtime::translate(program, {.machine = machine_for(target), .optimize = optimize});
}

report::PageOptions page_options(const ir::Program& program, const char* target, const imbrex_dim_value* dims, size_t dim_count) {
  return {.name = program.name,
          .description = "",
          .machine = machine_for(target),
          .dims = all_values(dims, dim_count, program),
          .measure = {}};
}

// On seeded inputs, by the threads of the process's pool.
std::map<std::string, double> measured_scopes(const ir::Program& program, const report::PageOptions& page) {
  const runtime::CompiledKernel kernel = runtime::compile(
      program, {.target = page.machine.target, .rates = page.machine.rates, .prove = false, .cache = {}, .flags = {}});
  const auto inputs = inputs::shapes_of(program, page.dims, {ir::Role::input, ir::Role::inout});
  std::map<std::string, Array> arrays =
      inputs::made_inputs(program, inputs, page.dims, 1, "measure it with other dimensions, or not at all");
  for (const inputs::TensorShape& output : inputs::shapes_of(program, page.dims, {ir::Role::output}))
    arrays.emplace(output.name, Array::zeros(output.dtype, output.shape));
  runtime::Executor& executor = runtime::Executor::shared();
  return report::measured_scopes(kernel, page.dims, arrays, executor, executor.threads());
}

nlohmann::json json_of(const kernels::OptionValue& value) {
  return std::visit([](auto number) { return nlohmann::json(number); }, value);
}

nlohmann::json json_of(const kernels::Entry& entry) {
  nlohmann::json presets = nlohmann::json::array(), options = nlohmann::json::array();
  for (const kernels::Preset& preset : entry.presets) {
    nlohmann::json values = nlohmann::json::object();
    for (const auto& [name, value] : preset.options) values[name] = json_of(value);
    presets.push_back({{"name", preset.name}, {"description", preset.description}, {"options", values}});
  }
  for (const kernels::OptionInfo& option : entry.options)
    options.push_back({{"name", option.name},
                       {"description", option.description},
                       {"type", option.is_integer() ? "int" : "float"},
                       {"rule", option.rule()}});
  return {{"name", entry.name},
          {"description", entry.description},
          {"variants", entry.variants},
          {"presets", presets},
          {"options", options}};
}

const char* kind_text(ir::OpKind kind) {
  switch (kind) {
    case ir::OpKind::leaf: return "leaf";
    case ir::OpKind::elementwise: return "elementwise";
    case ir::OpKind::row_reduction: return "row_reduction";
    case ir::OpKind::column_reduction: return "column_reduction";
    case ir::OpKind::product: return "product";
    case ir::OpKind::row_movement: return "row_movement";
    case ir::OpKind::movement: return "movement";
  }
  throw InternalError("every kind of operation has a name");
}

// The kernel alone, under a header of its name.
runtime::AotRequest request_of(const imbrex_program* program, const char* symbol, const char* directory,
                               const char* const* targets, size_t target_count) {
  runtime::AotRequest request;
  const ir::Program& subject = needed(program, "program").program;
  for (size_t i = 0; i < target_count; ++i)
    request.targets.push_back(machine_for(&needed((&needed(targets, "targets"))[i], "targets[i]")).target);
  if (target_count == 0) request.targets = target::targets_of(IMBREX_THIS_ARCHITECTURE);
  const std::string given = text_or_empty(symbol), name = given.empty() ? runtime::usable_symbol(subject.name) : given;
  request.kernels.push_back({subject, name, subject.name});
  request.header = name + ".h";
  request.directory = &needed(directory, "directory");
  return request;
}

std::string lines_of(const std::vector<std::filesystem::path>& paths) {
  std::string list;
  for (const std::filesystem::path& path : paths) list += path.string() + "\n";
  return list;
}

}  // namespace
}  // namespace imbrex::c

using namespace imbrex;
using namespace imbrex::c;

imbrex_outcome imbrex_parse(const char* text, const char* file, imbrex_program** program, imbrex_error** error) {
  return guarded(error, [&] {
    needed(program, "program") = nullptr;
    ir::Program parsed = ir::parse(&needed(text, "text"), file ? file : "<text>");
    ir::verify_or_throw(parsed);
    *program = new imbrex_program(std::move(parsed));
  });
}

imbrex_outcome imbrex_registered(const char* name, const char* variant, const char* preset, const char* const* option_names,
                                 const char* const* option_values, size_t option_count, imbrex_program** program,
                                 imbrex_error** error) {
  return guarded(error, [&] {
    needed(program, "program") = nullptr;
    const std::string kernel = &needed(name, "name");
    std::map<std::string, std::string> texts;
    for (size_t i = 0; i < option_count; ++i)
      texts[&needed((&needed(option_names, "option_names"))[i], "option_names[i]")] =
          &needed((&needed(option_values, "option_values"))[i], "option_values[i]");
    const kernels::Options options = kernels::read_options(kernel, text_or_empty(preset), texts);
    *program = new imbrex_program(kernels::build(kernel, text_or_empty(variant), text_or_empty(preset), options).program);
  });
}

char* imbrex_registered_list(void) {
  nlohmann::json all = nlohmann::json::array();
  for (const kernels::Entry& entry : kernels::registry()) all.push_back(json_of(entry));
  return string_of(all.dump());
}

char* imbrex_operation_list(void) {
  nlohmann::json all = nlohmann::json::array();
  for (const ir::Operation& operation : ir::kOperations)
    all.push_back({{"name", operation.name}, {"kind", kind_text(operation.kind)}, {"operands", operation.arity}});
  return string_of(all.dump());
}

void imbrex_program_free(imbrex_program* program) { delete program; }
const char* imbrex_program_name(const imbrex_program* program) { return program->program.name.c_str(); }
size_t imbrex_program_dim_count(const imbrex_program* program) { return program->program.dims.size(); }
const char* imbrex_program_dim(const imbrex_program* program, size_t index) {
  return program->program.dims.at(index).name.c_str();
}
size_t imbrex_program_tensor_count(const imbrex_program* program) { return program->program.tensors.size(); }

imbrex_tensor_description imbrex_program_tensor(const imbrex_program* program, size_t index) {
  const ir::Tensor& tensor = program->program.tensors.at(index);
  return {tensor.name.c_str(), ir::declared_as(tensor), dtype_of(tensor.dtype), tensor.shape.size(),
          program->shapes[index].data()};
}

char* imbrex_program_text(const imbrex_program* program) { return string_of(ir::print(program->program)); }
char* imbrex_program_text_with_lines(const imbrex_program* program) { return string_of(ir::print_with_lines(program->program)); }
char* imbrex_program_hash(const imbrex_program* program) { return string_of(ir::content_hash(program->program)); }

imbrex_outcome imbrex_prove(const imbrex_program* program, const char* target, const imbrex_dim_value* dims, size_t dim_count,
                            int as_json, char** report, imbrex_error** error) {
  return guarded(error, [&] {
    if (report) *report = nullptr;
    const ir::Program& subject = needed(program, "program").program;
    prove::Options options;
    options.target = judged_target(target);
    options.dims = values_of(dims, dim_count, subject);
    const prove::Report found = runtime::judge(subject, options);
    if (!found.proven) throw UserError(found.diagnostics);
    if (report) *report = string_of(as_json ? found.json() : found.text());
  });
}

imbrex_outcome imbrex_optimize(const imbrex_program* program, const char* target, imbrex_program** optimized,
                               imbrex_error** error) {
  return guarded(error, [&] {
    needed(optimized, "optimized") = nullptr;
    *optimized = new imbrex_program(translated(needed(program, "program").program, target, true).program());
  });
}

imbrex_outcome imbrex_generate(const imbrex_program* program, const char* target, int optimize, char** source,
                               imbrex_error** error) {
  return guarded(error, [&] {
    needed(source, "source") = nullptr;
    *source = string_of(translated(needed(program, "program").program, target, optimize != 0).source);
  });
}

imbrex_outcome imbrex_explain(const imbrex_program* program, const char* target, const imbrex_dim_value* dims, size_t dim_count,
                              char** text, imbrex_error** error) {
  return guarded(error, [&] {
    needed(text, "text") = nullptr;
    const ir::Program& subject = needed(program, "program").program;
    const target::Machine machine = machine_for(target);
    const runtime::Translation translation = runtime::translate(subject, {.machine = machine});
    *text = string_of(report::explanation_of(subject, translation, machine, all_values(dims, dim_count, subject)));
  });
}

imbrex_outcome imbrex_report(const imbrex_program* program, const char* target, const imbrex_dim_value* dims, size_t dim_count,
                             int measure, char** html, imbrex_error** error) {
  return guarded(error, [&] {
    needed(html, "html") = nullptr;
    const ir::Program& subject = needed(program, "program").program;
    report::PageOptions page = page_options(subject, target, dims, dim_count);
    if (measure) page.measure = [&] { return measured_scopes(subject, page); };
    *html = string_of(report::page_of(subject, page));
  });
}

imbrex_outcome imbrex_card(const imbrex_program* program, const char* target, const imbrex_dim_value* dims, size_t dim_count,
                           char** html, imbrex_error** error) {
  return guarded(error, [&] {
    needed(html, "html") = nullptr;
    const ir::Program& subject = needed(program, "program").program;
    *html = string_of(report::card_of(subject, page_options(subject, target, dims, dim_count)));
  });
}

imbrex_outcome imbrex_equal(const imbrex_program* a, const imbrex_program* b, imbrex_verdict* verdict, char** report,
                            imbrex_error** error) {
  return guarded(error, [&] {
    if (report) *report = nullptr;
    const equal::Result result = equal::compare(needed(a, "a").program, needed(b, "b").program);
    switch (result.verdict) {
      case equal::Verdict::equal: needed(verdict, "verdict") = IMBREX_EQUAL; break;
      case equal::Verdict::equal_up_to_order: needed(verdict, "verdict") = IMBREX_EQUAL_UP_TO_ORDER; break;
      case equal::Verdict::different: needed(verdict, "verdict") = IMBREX_DIFFERENT; break;
      case equal::Verdict::not_decided: needed(verdict, "verdict") = IMBREX_NOT_DECIDED; break;
    }
    if (report) *report = string_of(result.text());
  });
}

imbrex_outcome imbrex_export(const imbrex_program* program, const char* symbol, const char* directory, const char* const* targets,
                             size_t target_count, char** files, imbrex_error** error) {
  return guarded(error, [&] {
    if (files) *files = nullptr;
    const runtime::AotRequest request = request_of(program, symbol, directory, targets, target_count);
    const std::string list = lines_of(runtime::write_ahead_of_time(request).sources);
    if (files) *files = string_of(list);
  });
}

imbrex_outcome imbrex_export_library(const imbrex_program* program, const char* symbol, const char* directory,
                                     const char* const* targets, size_t target_count, char** files, imbrex_error** error) {
  return guarded(error, [&] {
    if (files) *files = nullptr;
    const runtime::BuiltLibrary built = runtime::build_library(request_of(program, symbol, directory, targets, target_count));
    if (files) *files = string_of(lines_of({built.library, built.header}) + lines_of(built.sources));
  });
}

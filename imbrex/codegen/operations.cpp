// The table from elementwise operations to the functions of the instruction set's header. One name serves vectors and single
// values.
#include <fmt/format.h>

#include <cmath>

#include "imbrex/codegen/row_loops.h"

namespace imbrex::codegen {
namespace {

using ir::DType;
using ir::Expr;
using ir::Op;

// "" where the value in the register stays as it is.
std::string cast_function(const Expr& e) {
  const DType from = e.args[0]->dtype, to = e.dtype;
  const std::string mode = name_of(e.mode);
  if (from == to) return "";
  if (from == DType::boolean) return is_float(to) ? "f32_of" : "i32_of";
  if (is_float(from)) {
    if (is_float(to) && e.mode == ir::CastMode::exact) return "";
    if (is_float(to)) return std::string("round_") + storage_suffix(to) + "_" + mode;
    return "to_i32_" + mode;
  }
  if (is_float(to)) {
    if (e.mode == ir::CastMode::exact) return "f32_exact";
    return to == DType::f32 ? "to_f32_" + mode : std::string("i32_to_") + storage_suffix(to) + "_" + mode;
  }
  return "";
}

}  // namespace

const char* storage_suffix(DType dtype) { return element_type(dtype).suffix; }

const char* register_type(DType dtype) {
  switch (element_type(dtype).form) {
    case Form::floating: return "vf";
    case Form::integer: return "vi";
    case Form::boolean: return "vm";
  }
  throw InternalError("a type of no form");
}
const char* scalar_type(DType dtype) {
  switch (element_type(dtype).form) {
    case Form::floating: return "float";
    case Form::integer: return "int32_t";
    case Form::boolean: return "bool";
  }
  throw InternalError("a type of no form");
}

std::string number_text(const Expr& constant) {
  if (!is_float(constant.dtype)) {
    const auto value = static_cast<int64_t>(constant.value);
    return value == INT32_MIN ? "INT32_MIN" : std::to_string(value);
  }
  const float value = static_cast<float>(constant.value);
  if (std::isnan(value)) return "__builtin_nanf(\"\")";
  if (std::isinf(value)) return value > 0 ? "__builtin_inff()" : "-__builtin_inff()";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "f";
}

// Arguments in place of "{}". What narrows a value to eight bits saturates after it was rounded.
std::string function_of(const Expr& e) { return e.op == Op::cast ? cast_function(e) : ir::operation(e.op).function; }

}  // namespace imbrex::codegen

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

bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16; }

// "" where the value in the register stays as it is.
std::string cast_function(const Expr& e) {
  const DType from = e.args[0]->dtype, to = e.dtype;
  const std::string mode = name_of(e.mode);
  if (from == to) return "";
  if (from == DType::boolean) return is_float(to) ? "f32_of" : "i32_of";
  if (is_float(from)) {
    if (to == DType::f32) return "";
    if (to == DType::bf16 || to == DType::f16) return std::string("round_") + storage_suffix(to) + "_" + mode;
    return "to_i32_" + mode;
  }
  if (is_float(to)) {
    if (e.mode == ir::CastMode::exact) return "f32_exact";
    return to == DType::f32 ? "to_f32_" + mode : std::string("i32_to_") + storage_suffix(to) + "_" + mode;
  }
  return "";
}

}  // namespace

const char* storage_suffix(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::bf16: return "bf16";
    case DType::f16: return "f16";
    case DType::int8: return "i8";
    case DType::uint8: return "u8";
    case DType::int32: return "i32";
    case DType::boolean: return "mask";
  }
  throw InternalError("a type without a storage form");
}

const char* register_type(DType dtype) { return is_float(dtype) ? "vf" : dtype == DType::boolean ? "vm" : "vi"; }
const char* scalar_type(DType dtype) { return is_float(dtype) ? "float" : dtype == DType::boolean ? "bool" : "int32_t"; }

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
std::string function_of(const Expr& e) {
  switch (e.op) {
    case Op::abs: return "abs_";
    case Op::sqrt: return "sqrt_";
    case Op::exp: return "exp_";
    case Op::log: return "log_";
    case Op::cast: return cast_function(e);
    default: return name_of(e.op);
  }
}

}  // namespace imbrex::codegen

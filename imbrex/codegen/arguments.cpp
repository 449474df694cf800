#include "imbrex/codegen/arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "imbrex/base/checked.h"
#include "imbrex/codegen/text.h"

namespace imbrex::codegen {
namespace {

using Kind = ir::Index::Kind;

// a + factor * b, in 64 bits.
std::optional<LinearExtent> combine(LinearExtent a, const LinearExtent& b, int64_t factor) {
  const auto add = [factor](int64_t& to, int64_t value) {
    const auto term = checked_mul(factor, value);
    const auto sum = term ? checked_add(to, *term) : std::nullopt;
    to = sum.value_or(0);
    return sum.has_value();
  };
  bool fits = add(a.offset, b.offset);
  for (size_t dim = 0; dim < a.factors.size(); ++dim) fits = add(a.factors[dim], b.factors[dim]) && fits;
  return fits ? std::optional(std::move(a)) : std::nullopt;
}

const char* abi_role(ir::Role role) {
  return role == ir::Role::input ? "IMBREX_INPUT" : role == ir::Role::output ? "IMBREX_OUTPUT" : "IMBREX_INOUT";
}

// The factors of all linear extents, each list once: kFactors[k].
class Factors {
 public:
  explicit Factors(const ir::Program& program) : dims_(program.dims) {
    for (const ir::Tensor& tensor : program.tensors)
      for (const ir::IndexExpr& extent : tensor.shape)
        if (const auto linear = linear_extent(extent, dims_)) number_of(linear->factors);
  }

  void write(Writer& out) const {
    if (lists_.empty()) return;
    out.line(fmt::format("constexpr int64_t kFactors[][{}] = {{", std::max<size_t>(dims_.size(), 1)));
    for (const std::vector<int64_t>& factors : lists_) out.line(fmt::format("    {{{}}},", fmt::join(factors, ", ")));
    out.line("};");
  }

  std::string text(const ir::IndexExpr& extent) {
    const auto linear = linear_extent(extent, dims_);
    const std::string written = literal(ir::to_text(extent));
    return linear ? fmt::format("{{{}, kFactors[{}], {}}}", written, number_of(linear->factors), linear->offset)
                  : fmt::format("{{{}, nullptr, 0}}", written);
  }

 private:
  size_t number_of(const std::vector<int64_t>& factors) {
    const auto found = std::find(lists_.begin(), lists_.end(), factors);
    if (found == lists_.end()) return lists_.push_back(factors), lists_.size() - 1;
    return static_cast<size_t>(found - lists_.begin());
  }

  const std::vector<ir::Dim>& dims_;
  std::vector<std::vector<int64_t>> lists_;
};

}  // namespace

std::optional<LinearExtent> linear_extent(const ir::IndexExpr& e, const std::vector<ir::Dim>& dims) {
  LinearExtent none{std::vector<int64_t>(dims.size(), 0), 0};
  switch (e->kind) {
    case Kind::constant: none.offset = e->value; return none;
    case Kind::name:
      for (size_t dim = 0; dim < dims.size(); ++dim) none.factors[dim] = dims[dim].name == e->name ? 1 : 0;
      return none;
    case Kind::add:
    case Kind::sub:
    case Kind::mul: break;
    default: return std::nullopt;
  }
  const auto a = linear_extent(e->a, dims), b = linear_extent(e->b, dims);
  if (!a || !b) return std::nullopt;
  if (e->kind == Kind::add) return combine(*a, *b, 1);
  if (e->kind == Kind::sub) return combine(*a, *b, -1);
  if (const auto factor = ir::constant_value(e->a)) return combine(none, *b, *factor);
  if (const auto factor = ir::constant_value(e->b)) return combine(none, *a, *factor);
  return std::nullopt;
}

void write_extent_function(const ir::Program& program, const Symbols& symbols, Writer& out) {
  size_t most_axes = 1;
  std::vector<ir::IndexExpr> used;
  std::vector<std::string> rows;
  for (const ir::Tensor& tensor : program.tensors) {
    std::string row;
    for (const ir::IndexExpr& extent : tensor.shape) row += (row.empty() ? "" : ", ") + symbols.text(extent);
    rows.push_back(fmt::format("    {{{}}},  // {}", row, comment(tensor.name)));
    used.insert(used.end(), tensor.shape.begin(), tensor.shape.end());
    most_axes = std::max(most_axes, tensor.shape.size());
  }
  out.line("");
  out.line("// The elements of a tensor along an axis.");
  out.open(
      "int64_t extent([[maybe_unused]] int32_t tensor, [[maybe_unused]] int32_t axis, [[maybe_unused]] const int64_t* dims)");
  if (program.tensors.empty()) {
    out.line("return 0;");
  } else {
    write_sizes_of_dims(program, symbols, used, out);
    out.line(fmt::format("const Size shapes[][{}] = {{", most_axes));
    for (const std::string& row : rows) out.line(row);
    out.line("};");
    out.line("return elements_of(shapes[tensor][axis]);");
  }
  out.close();
}

void write_argument_tables(const ir::Program& program, const std::vector<PackedForm>& packed, Writer& out) {
  if (!program.dims.empty()) {
    std::string names, maxima;
    for (const ir::Dim& dim : program.dims) {
      names += (names.empty() ? "" : ", ") + literal(dim.name);
      maxima += (maxima.empty() ? "" : ", ") + std::to_string(dim.most());
    }
    out.line("constexpr const char* kDimNames[] = {" + names + "};");
    out.line("constexpr int64_t kDimMax[] = {" + maxima + "};");
  }
  Factors factors(program);
  factors.write(out);
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    const ir::Tensor& tensor = program.tensors[i];
    std::string extents;
    for (const ir::IndexExpr& extent : tensor.shape) extents += (extents.empty() ? "" : ", ") + factors.text(extent);
    if (!extents.empty())
      out.line(fmt::format("constexpr imbrex_extent kShape{}[] = {{{}}};  // {}", i, extents, comment(tensor.name)));
  }
  if (program.tensors.empty()) return;
  out.line("constexpr imbrex_tensor_info kTensors[] = {");
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    const ir::Tensor& tensor = program.tensors[i];
    out.line(fmt::format("    {{{}, {}, {}, {}, {}, {}, {}}},", literal(tensor.name), element_type(tensor.dtype).abi,
                         abi_role(tensor.role), tensor.shape.size(),
                         tensor.shape.empty() ? "nullptr" : fmt::format("kShape{}", i), packed[i].bytes, packed[i].layout));
  }
  out.line("};");
}

}  // namespace imbrex::codegen

// What must hold of memory that is bound to a kernel, so that the kernel touches that memory and nothing else. Each function
// throws a UserError that names the tensor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "imbrex/runtime/kernel.h"

namespace imbrex::runtime {

DType dtype_of(imbrex_dtype dtype);

// The view with its strides written out. Checks all that can be said of one tensor alone: there is memory, it is aligned for its
// type, it may be written if the kernel does, type and shape are what the kernel wants (for any dimensions), the strides
// reach no element twice if the kernel writes, and its bytes are fewer than 2^62. `any_strides`: the source of a packed weight.
TensorView checked_view(const imbrex_kernel& kernel, size_t tensor, TensorView view, bool any_strides);

// "bf16 [T, 4096]"
std::string wanted_text(const imbrex_kernel& kernel, size_t tensor);

// Collects the value of each dimension from shapes, and says where two tensors disagree: an extent that is one dimension alone
// gives its value at once; then each linear extent of which one dimension is still unknown gives that one. What is left is
// compared.
class DimInference {
 public:
  explicit DimInference(const imbrex_kernel& kernel)
      : kernel_(kernel), values_(static_cast<size_t>(kernel.dim_count)), sources_(static_cast<size_t>(kernel.dim_count)) {}
  void add(size_t tensor, const std::vector<int64_t>& shape);  // of a checked view; it must outlive this
  void add(size_t dim, int64_t value);                         // given by hand
  std::vector<int64_t> finish();                               // all values

 private:
  struct Bound {
    size_t tensor;
    const std::vector<int64_t>& shape;
  };
  void set(size_t dim, int64_t value, const std::string& source);
  bool solve(const imbrex_extent& extent, int64_t size, const std::string& source);
  void compare(const Bound& bound, const std::vector<int64_t>& dims) const;
  void require_nothing_to_write_if_zero(const std::vector<int64_t>& dims) const;
  const imbrex_kernel& kernel_;
  std::vector<Bound> bound_;
  std::vector<std::optional<int64_t>> values_;
  std::vector<std::string> sources_;
};

}  // namespace imbrex::runtime

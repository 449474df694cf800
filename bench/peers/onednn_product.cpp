#include "bench/peers/onednn_product.h"

#include <array>

namespace imbrex::peers {

using dnnl::memory;

Product::Product(const dnnl::engine& engine, const ProductShape& s)
    : source_({s.rows, s.k}, s.source, memory::format_tag::ab), result_({s.rows, s.columns}, s.result, memory::format_tag::ab) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (s.column_scales != nullptr) attributes.set_output_scales(1 << 1, {s.column_scales->begin(), s.column_scales->end()});
  const memory::desc any({s.k, s.columns}, s.weights, memory::format_tag::any);
  const dnnl::matmul::primitive_desc description({source_, any, result_}, attributes, engine);
  weights_ = description.weights_desc();
  scratch_ = description.scratchpad_desc();
  primitive_ = dnnl::matmul(description);
}

Product::Caller::Caller(const dnnl::engine& engine, const Product& product)
    : primitive_(product.primitive_),
      scratch_(product.scratch_.get_size()),
      source_(product.source_, engine, nullptr),
      weights_(product.weights_, engine, nullptr),
      result_(product.result_, engine, nullptr),
      scratch_memory_(product.scratch_, engine, scratch_.data()) {}

void Product::Caller::run(const dnnl::stream& stream, const void* source, const void* weights, void* result) const {
  source_.set_data_handle(const_cast<void*>(source));
  weights_.set_data_handle(const_cast<void*>(weights));
  result_.set_data_handle(result);
  const std::array<dnnl_exec_arg_t, 4> arguments = {{{DNNL_ARG_SRC, source_.get()},
                                                     {DNNL_ARG_WEIGHTS, weights_.get()},
                                                     {DNNL_ARG_DST, result_.get()},
                                                     {DNNL_ARG_SCRATCHPAD, scratch_memory_.get()}}};
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive_.get(), stream.get(), static_cast<int>(arguments.size()), arguments.data()),
      "oneDNN did not execute a product");
}

void pack(const dnnl::engine& engine, const void* weights, const memory::desc& layout, void* result) {
  memory from({layout.dims(), layout.data_type(), memory::format_tag::ab}, engine, const_cast<void*>(weights));
  memory to(layout, engine, result);
  dnnl::stream stream(engine);
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
}

}  // namespace imbrex::peers

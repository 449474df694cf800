// A product of matrices by oneDNN, and the memory that it works in.
#pragma once

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

#include "imbrex/base/memory.h"
#include "imbrex/runtime/buffer.h"

namespace imbrex::peers {

using Type = dnnl::memory::data_type;

// [rows, k] . [k, columns], all dense; where there are scales of the columns, times these.
struct ProductShape {
  int64_t rows, k, columns;
  Type source, weights, result;
  const AlignedVector<float>* column_scales = nullptr;
};

// Runs on one thread, or on as many as OpenMP had when it was made.
class Product {
 public:
  Product() = default;
  Product(const dnnl::engine& engine, const ProductShape& shape);

  const dnnl::memory::desc& weights_layout() const { return weights_; }

  // What one caller at a time runs it with.
  class Caller {
   public:
    Caller(const dnnl::engine& engine, const Product& product);
    void run(const dnnl::stream& stream, const void* source, const void* weights, void* result) const;

   private:
    dnnl::matmul primitive_;
    runtime::Buffer scratch_;
    dnnl::memory source_, weights_, result_, scratch_memory_;
  };

 private:
  dnnl::matmul primitive_;
  dnnl::memory::desc source_, weights_, result_, scratch_;
};

// Dense weights, [k, columns], in another layout.
void pack(const dnnl::engine& engine, const void* weights, const dnnl::memory::desc& layout, void* result);

}  // namespace imbrex::peers

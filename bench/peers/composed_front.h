// What the compositions of oneDNN's products have in common: the front's sizes, its norms as f32, and threads of OpenMP.
#pragma once

#include "bench/peers/arrays.h"
#include "bench/peers/glue.h"
#include "bench/peers/onednn_product.h"
#include "imbrex/tools/layer_folder.h"

namespace imbrex::peers {

class ComposedFront {
 public:
  const tools::Tensors& outputs() const { return outputs_; }  // by the kernel's names

 protected:
  ComposedFront(const tools::Tensors& inputs, float eps, const Glue& glue, int threads);

  float eps_;
  const Glue& glue_;
  int threads_;
  int64_t tokens_, hidden_, q_lora_, columns_;
  dnnl::engine engine_;
  AlignedVector<float> norm_w_, gamma_q_, gamma_kv_, scales_;
  tools::Tensors outputs_;
};

}  // namespace imbrex::peers

#include "bench/peers/composed_front.h"

#include <omp.h>

namespace imbrex::peers {

ComposedFront::ComposedFront(const tools::Tensors& inputs, float eps, const Glue& glue, int threads)
    : eps_(eps),
      glue_(glue),
      threads_(threads),
      tokens_(inputs.at("x").shape[0]),
      hidden_(inputs.at("x").shape[1]),
      q_lora_(inputs.at("wq_a").shape[1]),
      columns_(inputs.at("wq_b").shape[1]),
      engine_(dnnl::engine::kind::cpu, 0),
      norm_w_(floats_of(inputs.at("norm_w"))),
      gamma_q_(floats_of(inputs.at("gamma_cq"))),
      gamma_kv_(floats_of(inputs.at("gamma_ckv"))),
      scales_(floats_of(inputs.at("wq_b_scale"))) {
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
}

}  // namespace imbrex::peers

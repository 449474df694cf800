// How far a peer's outputs are from a kernel's.
#pragma once

#include <string>

#include "imbrex/tools/layer_folder.h"

namespace imbrex::peers {

// For a reader who must know whether times of equal work are compared: q and kv outside 1e-4 + |e| / 128, q only in rows whose qr
// is equal, because sums in another order may round one of them the other way, and then every q of the row differs. A peer whose
// int8 products saturate shows here.
std::string accuracy_text(const tools::Tensors& actual, const tools::Tensors& expected);
// Of q, the latent and an fp8 cache. The peer rounds to bf16 between its calls, which moves integers of the quantized latent and with
// them whole rows of q: said is the root mean square of the differences, in percent of that of the expected numbers.
std::string engine_accuracy_text(const tools::Tensors& actual, const tools::Tensors& expected);

}  // namespace imbrex::peers

// Stored matrices as a kernel takes them: bf16, or int8 with a scale a row. Rows stay rows: [out, in].
#pragma once

#include <cstdint>

#include "imbrex/checkpoint/front_layer.h"
#include "imbrex/checkpoint/workers.h"

namespace imbrex::checkpoint {

// out: bf16 [rows, columns].
// fp8: weight times scale, exactly. UserError "weight-not-exact" names the first block where it is not: a weight that is no number, or
// a product other than 0 that is no normal bf16.
// int8: the f32 product of weight and scale, rounded to nearest even.
void to_bf16(const StoredMatrix& matrix, uint16_t* out, const Workers& workers);

// The same errors, for fp8 that stays as it is.
void require_exact(const StoredMatrix& matrix, const Workers& workers);

// out: int8 [rows, columns], scales: f32 [rows]; a weight is nearly out * scale.
// int8 stays as it is, with its scales. Of the others, amax is a row's largest magnitude, or 1e-4 where that is larger, its scale is
// amax / 127, and a weight becomes w * (127 / amax) in f32, rounded half to even, which is from -127 to 127. It is then off by at
// most half a scale and the roundings of these operations: |w - out * scale| <= scale * (1/2 + 127 * 3 * 2^-24).
// UserError "weight-not-exact" as above, and for a bf16 row with a weight that is not finite.
void to_int8(const StoredMatrix& matrix, int8_t* out, float* scales, const Workers& workers);

// The same of rows [begin, end) alone, on the calling thread: `out` and `scales` are of row `begin`.
void to_bf16(const StoredMatrix& matrix, int64_t begin, int64_t end, uint16_t* out);
void to_int8(const StoredMatrix& matrix, int64_t begin, int64_t end, int8_t* out, float* scales);

}  // namespace imbrex::checkpoint

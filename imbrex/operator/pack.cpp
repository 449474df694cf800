// Weights of a caller or a checkpoint, as a front's kernel takes them. A panel of columns at a time, so that what is converted on
// the way needs no more memory than a panel.
//
// A part that packs a panel marks it with a digest of all of the front's weights, which each part computes by itself. A call takes
// packed memory if all marks are the same: so it takes none of which a part is missing, whichever that is, nor one in which a part
// is still what was packed from other weights before; and parts may be packed in any order, at once, and again.
#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <exception>
#include <new>
#include <vector>

#include "imbrex/base/digest.h"
#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/checkpoint/convert.h"
#include "imbrex/operator/front.h"
#include "imbrex/runtime/check_call.h"

namespace imbrex::v4 {
namespace {

using checkpoint::MatrixForm;
using checkpoint::StoredMatrix;

long long number(int64_t value) { return static_cast<long long>(value); }

// What a caller called it, and what it must be.
struct Named {
  const char* name;
  const imbrex_v4_matrix& matrix;
  int64_t rows, columns;
  bool may_have_more_rows = false;
};

int64_t row_bytes_of(const imbrex_v4_matrix& m) {
  return m.row_bytes != 0 ? m.row_bytes : m.columns * (m.type == IMBREX_V4_BF16 ? 2 : 1);
}

// How many blocks of so many: of any number, which may be all that 64 bits hold.
int64_t blocks(int64_t of, int64_t block) { return (of - 1) / block + 1; }

int64_t scale_bytes_of(const imbrex_v4_matrix& m) {
  if (m.type == IMBREX_V4_BF16) return 0;
  return m.type == IMBREX_V4_INT8 ? m.rows * 4 : blocks(m.rows, m.block_rows) * blocks(m.columns, m.block_columns);
}

imbrex_v4_status check_matrix(const imbrex_v4_form& form, const Named& given, bool is_kept, Message message) {
  const imbrex_v4_matrix& m = given.matrix;
  const bool is_extra = std::strcmp(given.name, "extra") == 0;
  if (m.data == nullptr) return say(message, IMBREX_V4_NULL, "%s.data is null", given.name);
  if (is_kept && m.type != IMBREX_V4_E4M3)
    return say(message, IMBREX_V4_BAD_VALUE,
               "%s.type is %d; the mode IMBREX_V4_%s%s keeps weights as they are: expected IMBREX_V4_E4M3", given.name, m.type,
               name_of_mode(form.mode), keeps_wq_b(form) ? "" : " with keep_fp8");
  if (m.type != IMBREX_V4_BF16 && (is_extra || (m.type != IMBREX_V4_E4M3 && m.type != IMBREX_V4_INT8)))
    return say(message, IMBREX_V4_BAD_VALUE, "%s.type is %d; expected IMBREX_V4_BF16%s", given.name, m.type,
               is_extra ? "" : ", IMBREX_V4_E4M3 or IMBREX_V4_INT8");
  if (m.rows < given.rows || (m.rows > given.rows && !given.may_have_more_rows) || m.columns != given.columns)
    return say(message, IMBREX_V4_BAD_VALUE, "%s is [%lld, %lld]; expected [%lld, %lld]%s", given.name, number(m.rows),
               number(m.columns), number(given.rows), number(given.columns), given.may_have_more_rows ? ", or more rows" : "");
  const int64_t least = (m.type == IMBREX_V4_BF16 ? 2 : 1) * m.columns, row_bytes = row_bytes_of(m);
  if (row_bytes < least)
    return say(message, IMBREX_V4_BAD_STRIDE, "%s.row_bytes is %lld; its rows have %lld", given.name, number(m.row_bytes),
               number(least));
  if (row_bytes > (IMBREX_TOO_MANY_BYTES - 1) / m.rows)
    return say(message, IMBREX_V4_BAD_VALUE, "%s has %lld rows, %lld bytes apart; expected less than 2^62 bytes", given.name,
               number(m.rows), number(row_bytes));
  if (m.type == IMBREX_V4_BF16) return IMBREX_V4_OK;
  if (m.scale == nullptr) return say(message, IMBREX_V4_NULL, "%s.scale is null", given.name);
  if (m.type == IMBREX_V4_E4M3 && (m.block_rows < 1 || m.block_columns < 1))
    return say(message, IMBREX_V4_BAD_VALUE, "%s has blocks of %lld by %lld", given.name, number(m.block_rows),
               number(m.block_columns));
  if (is_kept && (m.block_rows != form.weight_block || m.block_columns != form.weight_block))
    return say(message, IMBREX_V4_BAD_VALUE, "%s has blocks of %lld by %lld; the form's weight_block is %lld", given.name,
               number(m.block_rows), number(m.block_columns), number(form.weight_block));
  return IMBREX_V4_OK;
}

imbrex_v4_status check_vector(const char* name, const imbrex_v4_vector& vector, int64_t size, Message message) {
  if (vector.data == nullptr) return say(message, IMBREX_V4_NULL, "%s.data is null", name);
  if (vector.type != IMBREX_V4_BF16 && vector.type != IMBREX_V4_F32)
    return say(message, IMBREX_V4_BAD_VALUE, "%s.type is %d; expected IMBREX_V4_BF16 or IMBREX_V4_F32", name, vector.type);
  if (vector.size != size)
    return say(message, IMBREX_V4_BAD_VALUE, "%s has %lld elements; expected %lld", name, number(vector.size), number(size));
  return IMBREX_V4_OK;
}

StoredMatrix stored(const Named& given) {
  const imbrex_v4_matrix& m = given.matrix;
  StoredMatrix matrix;
  matrix.form = m.type == IMBREX_V4_BF16   ? MatrixForm::bf16
                : m.type == IMBREX_V4_INT8 ? MatrixForm::int8_rows
                                           : MatrixForm::fp8_blocks;
  matrix.rows = m.rows;
  matrix.columns = m.columns;
  matrix.row_bytes = m.row_bytes;
  matrix.weight.name = given.name;
  matrix.weight.file = "memory of the caller";
  matrix.weight.data = static_cast<const std::byte*>(m.data);
  matrix.weight.bytes = m.rows * m.columns * (m.type == IMBREX_V4_BF16 ? 2 : 1);
  if (m.type == IMBREX_V4_BF16) return matrix;
  matrix.scale.emplace();
  matrix.scale->name = std::string(given.name) + ".scale";
  matrix.scale->dtype = m.type == IMBREX_V4_INT8 ? "F32" : "F8_E8M0";
  matrix.scale->data = static_cast<const std::byte*>(m.scale);
  matrix.block = {m.block_rows, m.block_columns};
  if (m.type == IMBREX_V4_E4M3) matrix.scale->shape = {blocks(m.rows, m.block_rows), blocks(m.columns, m.block_columns)};
  return matrix;
}

// Conversions round to nearest and keep subnormals, whatever the calling thread does.
class UsualFloats {
 public:
  UsualFloats() {
    std::fegetenv(&before_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~UsualFloats() { std::fesetenv(&before_); }
  UsualFloats(const UsualFloats&) = delete;
  UsualFloats& operator=(const UsualFloats&) = delete;

 private:
  std::fenv_t before_;
};

enum class Stored : uint8_t { bf16, int8, as_it_is };

// The panels of one matrix. `first_row`: of the matrix, that of the first column of the packed operand.
struct Job {
  Named source;
  int32_t tensor;
  size_t at;  // in packed memory
  int64_t first_row;
  Stored to;
  size_t scales;  // of int8 or of blocks, in packed memory
  int64_t panels() const { return panels_of(source.rows - first_row); }
};

void check_row_scales(const StoredMatrix& matrix, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end && matrix.form == MatrixForm::int8_rows; ++row)
    if (const float scale = row_scale(matrix, row); !std::isfinite(scale) || scale <= 0)
      throw UserError("weight-not-exact", matrix.scale->name + "[" + std::to_string(row) + "] is no finite number above 0", "");
}

void pack_panel(const imbrex_v4_front& front, const Job& job, int64_t panel, char* packed, std::vector<uint16_t>& rows) {
  const StoredMatrix matrix = stored(job.source);
  const int64_t begin = panel * IMBREX_PACK_COLUMNS, columns = matrix.columns;
  const int64_t count = std::min<int64_t>(IMBREX_PACK_COLUMNS, job.source.rows - job.first_row - begin);
  const int64_t row = job.first_row + begin;
  check_row_scales(matrix, row, row + count);
  rows.resize(static_cast<size_t>(IMBREX_PACK_COLUMNS * columns));
  size_t element = sizeof(uint16_t);
  if (job.to == Stored::as_it_is) {
    to_bf16(matrix, row, row + count, rows.data());  // for its errors: the kernel expects weights that bf16 has
    const int64_t out_in[] = {1, matrix.row_bytes != 0 ? matrix.row_bytes : columns};
    front.kernel->pack(job.tensor, matrix.row(job.first_row), out_in, packed + job.at, static_cast<int32_t>(panel),
                       static_cast<int32_t>(job.panels()));
    return;
  }
  if (job.to == Stored::int8) {
    element = 1;
    auto* const scales = reinterpret_cast<float*>(packed + job.scales) + begin;
    to_int8(matrix, row, row + count, reinterpret_cast<int8_t*>(rows.data()), scales);
  } else {
    to_bf16(matrix, row, row + count, rows.data());
    for (int64_t i = 0; i < count * columns; ++i)
      if (!std::isfinite(float_of_bf16(rows[static_cast<size_t>(i)])))
        throw UserError("weight-not-exact",
                        std::string(job.source.name) + "[" + std::to_string(row + i / columns) + ", " +
                            std::to_string(i % columns) + "] is no finite bf16 number",
                        "");
  }
  // Where the whole operand would begin, of which these rows are the part that is read.
  const uintptr_t whole = reinterpret_cast<uintptr_t>(rows.data()) - static_cast<uintptr_t>(begin * columns) * element;
  const int64_t out_in[] = {1, columns};
  front.kernel->pack(job.tensor, reinterpret_cast<const void*>(whole), out_in, packed + job.at, static_cast<int32_t>(panel),
                     static_cast<int32_t>(job.panels()));
}

// A number that stands for `digest` and what it is followed by.
uint64_t followed_by(uint64_t digest, const void* bytes, size_t size) {
  const uint64_t both[] = {digest, digest_of(bytes, size)};
  return digest_of(both, sizeof both);
}

uint64_t followed_by_panel(uint64_t digest, const Job& job, int64_t panel) {
  const imbrex_v4_matrix& m = job.source.matrix;
  const int64_t begin = job.first_row + panel * IMBREX_PACK_COLUMNS;
  const int64_t end = std::min<int64_t>(begin + IMBREX_PACK_COLUMNS, job.source.rows);
  const auto row_bytes = static_cast<size_t>(m.columns * (m.type == IMBREX_V4_BF16 ? 2 : 1));
  for (int64_t row = begin; row < end; ++row)
    digest = followed_by(digest, static_cast<const char*>(m.data) + row * row_bytes_of(m), row_bytes);
  return digest;
}

// Of everything that is packed but panels.
uint64_t digest_of_small(const imbrex_v4_front& front, const std::vector<Job>& jobs, const imbrex_v4_weights& weights) {
  uint64_t digest = digest_of(front.label, sizeof front.label);
  for (const Job& job : jobs)
    if (const int64_t bytes = scale_bytes_of(job.source.matrix); bytes > 0)
      digest = followed_by(digest, job.source.matrix.scale, static_cast<size_t>(bytes));
  const auto follow = [&](const imbrex_v4_vector& vector) {
    digest = followed_by(digest, vector.data, static_cast<size_t>(vector.size) * (vector.type == IMBREX_V4_BF16 ? 2 : 4));
  };
  if (front.form.x_is_normalized == 0) follow(weights.attn_norm);
  follow(weights.q_norm);
  if (front.form.without_kv == 0) follow(weights.kv_norm);
  return digest;
}

// The marks of a part: of its panels, and of what is small, which part 0 has.
struct PartMarks {
  uint64_t* marks;
  const std::vector<Job>& jobs;
  int ith, nth;

  void set(uint64_t mark) const {
    int64_t at = 1;
    if (ith == 0) marks[0] = mark;
    for (const Job& job : jobs) {
      for (int64_t panel = job.panels() * ith / nth; panel < job.panels() * (ith + 1) / nth; ++panel) marks[at + panel] = mark;
      at += job.panels();
    }
  }
};

// Scales of blocks lie as the kernel's weight does, [in, out].
void pack_scales(const imbrex_v4_front& front, const Job& job, char* packed) {
  const imbrex_v4_matrix& m = job.source.matrix;
  const int64_t inner = blocks_of(front, m.columns), outer = blocks_of(front, job.source.rows - job.first_row);
  const auto* const from = static_cast<const char*>(m.scale) + job.first_row / front.form.weight_block * inner;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) packed[job.scales + static_cast<size_t>(i * outer + o)] = from[o * inner + i];
}

float element_of(const imbrex_v4_vector& vector, int64_t i) {
  uint16_t bits;
  float value;
  if (vector.type == IMBREX_V4_F32) {
    std::memcpy(&value, static_cast<const char*>(vector.data) + i * 4, sizeof value);
    return value;
  }
  std::memcpy(&bits, static_cast<const char*>(vector.data) + i * 2, sizeof bits);
  return float_of_bf16(bits);
}

imbrex_v4_status to_bf16_exactly(const char* name, const imbrex_v4_vector& vector, char* out, Message message) {
  for (int64_t i = 0; i < vector.size; ++i) {
    const float value = element_of(vector, i);
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if ((bits & 0xffff) != 0)
      return say(message, IMBREX_V4_BAD_WEIGHT, "%s[%lld] is %g, which is no bf16 number", name, number(i),
                 static_cast<double>(value));
    const auto high = static_cast<uint16_t>(bits >> 16);
    std::memcpy(out + i * 2, &high, sizeof high);
  }
  return IMBREX_V4_OK;
}

imbrex_v4_status check_weights(const imbrex_v4_front& front, const std::vector<Job>& jobs, const imbrex_v4_weights& weights,
                               const void* packed, size_t packed_bytes, int ith, int nth, Message message) {
  if (nth < 1 || ith < 0 || ith >= nth) return say(message, IMBREX_V4_BAD_THREAD, "part ith = %d of nth = %d", ith, nth);
  if (packed == nullptr) return say(message, IMBREX_V4_NULL, "packed is null");
  if (!imbrex_is_aligned(packed, 64)) return say(message, IMBREX_V4_MISALIGNED, "packed is not aligned to 64 bytes");
  if (packed_bytes < front.packed.bytes)
    return say(message, IMBREX_V4_TOO_SMALL, "packed has %zu bytes; %zu are needed", packed_bytes, front.packed.bytes);
  imbrex_v4_status status = IMBREX_V4_OK;
  const auto shares = [&](const void* data, int64_t bytes) {
    const auto first = reinterpret_cast<uintptr_t>(data), begin = reinterpret_cast<uintptr_t>(packed);
    return bytes > 0 && first < begin + front.packed.bytes && begin < first + static_cast<uintptr_t>(bytes);
  };
  for (const Job& job : jobs) {
    if ((status = check_matrix(front.form, job.source, job.to == Stored::as_it_is, message)) != IMBREX_V4_OK) return status;
    const imbrex_v4_matrix& m = job.source.matrix;
    if (shares(m.data, row_bytes_of(m) * m.rows))
      return say(message, IMBREX_V4_OVERLAP, "packed shares memory with %s", job.source.name);
    if (shares(m.scale, scale_bytes_of(m)))
      return say(message, IMBREX_V4_OVERLAP, "packed shares memory with %s.scale", job.source.name);
  }
  const imbrex_v4_form& form = front.form;
  const auto check_norm = [&](const char* name, const imbrex_v4_vector& vector, int64_t size) {
    if (const auto wrong = check_vector(name, vector, size, message); wrong != IMBREX_V4_OK) return wrong;
    if (shares(vector.data, size * (vector.type == IMBREX_V4_BF16 ? 2 : 4)))
      return say(message, IMBREX_V4_OVERLAP, "packed shares memory with %s", name);
    for (int64_t i = 0; i < size; ++i)
      if (!std::isfinite(element_of(vector, i)))
        return say(message, IMBREX_V4_BAD_WEIGHT, "%s[%lld] is no finite number", name, number(i));
    return IMBREX_V4_OK;
  };
  if (!form.x_is_normalized && (status = check_norm("attn_norm", weights.attn_norm, form.hidden)) != IMBREX_V4_OK) return status;
  if ((status = check_norm("q_norm", weights.q_norm, form.q_lora)) != IMBREX_V4_OK) return status;
  return form.without_kv ? IMBREX_V4_OK : check_norm("kv_norm", weights.kv_norm, kHeadColumns);
}

// Part 0 has what is small.
imbrex_v4_status pack_vectors(const imbrex_v4_front& front, const imbrex_v4_weights& weights, char* packed, Message message) {
  for (int64_t i = 0; !front.form.x_is_normalized && i < front.form.hidden; ++i) {
    const float value = element_of(weights.attn_norm, i);
    std::memcpy(packed + front.packed.norm_w + static_cast<size_t>(i) * sizeof value, &value, sizeof value);
  }
  const imbrex_v4_status status = to_bf16_exactly("q_norm", weights.q_norm, packed + front.packed.gamma_cq, message);
  if (status != IMBREX_V4_OK || front.form.without_kv != 0) return status;
  return to_bf16_exactly("kv_norm", weights.kv_norm, packed + front.packed.gamma_ckv, message);
}

imbrex_v4_status pack(const imbrex_v4_front& front, const imbrex_v4_weights& weights, void* memory, size_t packed_bytes, int ith,
                      int nth, Message message) {
  const imbrex_v4_form& form = front.form;
  const PackedLayout& at = front.packed;
  const Stored of_x = keeps_wq_a_and_wkv(form) ? Stored::as_it_is : Stored::bf16,
               of_latent = keeps_wq_b(form) ? Stored::as_it_is : Stored::int8;
  const int64_t first = form.head_begin * kHeadColumns, end = form.head_end * kHeadColumns;
  std::vector<Job> jobs = {
      {{"wq_a", weights.wq_a, form.q_lora, form.hidden}, front.tensors.wq_a, at.wq_a, 0, of_x, at.wq_a_scale},
      {{"wq_b", weights.wq_b, end, form.q_lora, /*may_have_more_rows=*/true},
       front.tensors.wq_b,
       at.wq_b,
       first,
       of_latent,
       at.wq_b_scale}};
  if (form.without_kv == 0)
    jobs.push_back({{"wkv", weights.wkv, kHeadColumns, form.hidden}, front.tensors.wkv, at.wkv, 0, of_x, at.wkv_scale});
  if (form.extra > 0)
    jobs.push_back({{"extra", weights.extra, form.extra, form.hidden}, front.tensors.w_extra, at.w_extra, 0, Stored::bf16, 0});
  if (const auto status = check_weights(front, jobs, weights, memory, packed_bytes, ith, nth, message); status != IMBREX_V4_OK)
    return status;
  auto* const packed = static_cast<char*>(memory);
  const PartMarks marks = {reinterpret_cast<uint64_t*>(packed + at.marks), jobs, ith, nth};
  marks.set(0);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // before anything else is written, wherever this is ended
  if (ith == 0) {
    std::memcpy(packed, front.label, sizeof front.label);
    if (const auto status = pack_vectors(front, weights, packed, message); status != IMBREX_V4_OK) return status;
    for (const Job& job : jobs)
      if (job.to == Stored::as_it_is) pack_scales(front, job, packed);
  }
  const UsualFloats floats;
  std::vector<uint16_t> rows;
  uint64_t digest = digest_of_small(front, jobs, weights);
  for (const Job& job : jobs) {
    const int64_t panels = job.panels(), begin = panels * ith / nth, end = panels * (ith + 1) / nth;
    for (int64_t panel = 0; panel < panels; ++panel) {
      if (panel >= begin && panel < end) pack_panel(front, job, panel, packed, rows);
      digest = followed_by_panel(digest, job, panel);
    }
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  marks.set(std::max<uint64_t>(digest, 1));
  return IMBREX_V4_OK;
}

}  // namespace

bool is_complete(const imbrex_v4_front& front, const void* packed) {
  const auto* const marks = reinterpret_cast<const uint64_t*>(static_cast<const char*>(packed) + front.packed.marks);
  uint64_t unlike = 0;
  for (int64_t i = 1; i < front.packed.mark_count; ++i) unlike |= marks[i] ^ marks[0];
  return unlike == 0 && marks[0] != 0;
}

}  // namespace imbrex::v4

extern "C" imbrex_v4_status imbrex_v4_pack(const imbrex_v4_front* front, const imbrex_v4_weights* weights, void* packed,
                                           size_t packed_bytes, int ith, int nth, char* text, size_t text_bytes) {
  using namespace imbrex::v4;
  const Message message = {text, text_bytes};
  if (front == nullptr || weights == nullptr) return say(message, IMBREX_V4_NULL, "the front or its weights are null");
  try {
    return pack(*front, *weights, packed, packed_bytes, ith, nth, message);
  } catch (const imbrex::UserError& error) {
    return say(message, IMBREX_V4_BAD_WEIGHT, "%s", error.diagnostics().front().message.c_str());
  } catch (const std::bad_alloc&) {
    return say(message, IMBREX_V4_NO_MEMORY, "no memory for rows that are converted");
  } catch (const std::exception& error) {
    return say(message, IMBREX_V4_BAD_WEIGHT, "%s", error.what());
  }
}

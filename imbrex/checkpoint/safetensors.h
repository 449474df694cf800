// Safetensors files: eight bytes of header length (little endian), a JSON header that gives each tensor's dtype, shape and place,
// and the tensors' bytes. A file comes from anybody, so nothing in it is believed before it is checked; what is wrong is a
// UserError that says what was expected, what came, and where.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"

namespace imbrex::checkpoint {

struct StoredTensor {
  std::string dtype;  // as the file spells it: "BF16", "F32", "I8", ...
  std::vector<int64_t> shape;
  int64_t begin = 0, end = 0;  // bytes in the file
};

// Whether the size of this type's elements is known, so that a tensor's shape and bytes were compared.
bool is_known_dtype(const std::string& dtype);

class SafetensorsFile {
 public:
  // Reads and checks the header only. Errors: "file-unreadable", "safetensors-malformed".
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return path_; }
  int64_t file_bytes() const { return file_bytes_; }
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // Reads one tensor. BF16 F16 F32 F8_E4M3 F8_E8M0 I8 U8 I32 I64 keep their type; F8_E5M2 is read as the raw uint8 it is
  // stored in. Errors: "tensor-missing", "tensor-dtype", "file-unreadable".
  Array read(const std::string& name) const;

 private:
  std::string path_;
  int64_t file_bytes_ = 0;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Every tensor of a file.
std::map<std::string, Array> read_safetensors(const std::string& path);

// Writes all of the file or nothing: under another name in the same folder first, renamed when it is complete and on the disk.
// Error: "file-unwritable".
void write_safetensors(const std::string& path, const std::map<std::string, Array>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace imbrex::checkpoint

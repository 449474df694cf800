// Content addresses: the SHA-256 (FIPS 180-4) of text, in hexadecimal.
#pragma once

#include <string>
#include <string_view>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// Of the printed text: equal programs have equal hashes, wherever they were written.
std::string content_hash(const Program& program);
std::string sha256_hex(std::string_view bytes);

}  // namespace imbrex::ir

// The instruction sets that code is generated for.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace imbrex::target {

enum class Isa { scalar, avx2, avx512 };  // avx512 means F, BW, DQ, VL, VNNI and BF16

const char* name_of(Isa isa);         // "scalar", "avx2", "avx512": what --isa takes and the C header uses
const char* description_of(Isa isa);  // "avx512-vnni-bf16" and the like: what screens print
std::optional<Isa> isa_named(const std::string& name);
std::vector<Isa> supported_isas();  // of this CPU and operating system, best last; asks cpuid and xgetbv only
Isa best_isa();
// What generated code means depends on these: "-ffp-contract=off", "-fwrapv" (index arithmetic that overflows wraps, as in the
// interpreter), ..., "-mavx512f", ... The optimization level is left to whoever compiles.
std::vector<std::string> compiler_flags(Isa isa);

}  // namespace imbrex::target

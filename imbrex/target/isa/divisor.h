// One value that divides many: div(a, Divisor(b)) has the bits of div(a, broadcast(b)). Here it is that division.
#pragma once

#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

struct Divisor {
  vf value;
  IMBREX_OP explicit Divisor(float b) : value(broadcast(b)) {}
};
IMBREX_OP vf div(vf a, const Divisor& b) { return div(a, b.value); }

}  // namespace
}  // namespace imbrex::isa

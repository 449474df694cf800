// Every element of every output is written ("output-not-written"), and so is every element of an output or a temporary before it
// is read ("uninitialised-read"). Inputs and inouts come with values; an inout may be written in part. A value that is overwritten before
// anything could read it is a warning ("overwritten-unread").
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

Findings check_outputs_written(const Subject& subject);
Findings check_initialised(const Subject& subject);
Findings check_overwritten(const Subject& subject);

}  // namespace imbrex::prove

// Fields of config.json that change the maths and that graft does not obey.
// Entry points: check_unsupported, check_quantisation. Private to formats.
#pragma once

#include "formats/hf/family_internal.h"
#include "formats/hf/json_fields_internal.h"

namespace graft {

// Adds a problem for every such field that the family does not read and that
// has another value than the neutral one.
void check_unsupported(const JsonFields& fields, const Family& family);

// Adds a problem that names the method of a quantised checkpoint.
void check_quantisation(const JsonFields& fields);

}  // namespace graft

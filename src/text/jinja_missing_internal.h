// What Jinja and Python have and this interpreter lacks: named, where it would
// pass for undefined and print nothing. Entry points: the functions.
#pragma once

#include <string_view>

#include "text/jinja_value_internal.h"

namespace graft::text::jinja {

// Throws Fault when Jinja has a global function of this name that is not here.
void refuse_missing_function(std::string_view name);

// Throws Fault when Python's object has an attribute of this name, which does
// not begin with underscores, that is not here.
void refuse_missing_attribute(const Value& value, std::string_view name);

}  // namespace graft::text::jinja

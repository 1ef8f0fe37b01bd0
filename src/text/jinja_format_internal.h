// "%s" % x and "{}".format(x). Entry points: format_percent, format_braces.
#pragma once

#include <string_view>

#include "text/jinja_budget_internal.h"

namespace graft::text::jinja {

Value format_percent(const Value& form, const Value& arguments, Budget& budget);
Value format_braces(const Value& form, const Arguments& arguments,
                    Budget& budget);

// One value by Python's format specification ("<8", "05.2f", ",").
std::string format_value(const Value& value, std::string_view specification,
                         Budget& budget);

}  // namespace graft::text::jinja

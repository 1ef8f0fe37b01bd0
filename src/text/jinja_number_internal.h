// Numbers from text and rounding, as Python's int, float and round. Entry
// points: parse_whole, parse_real, round_number.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "text/jinja_value_internal.h"

namespace graft::text::jinja {

// nullopt where Python raises ValueError; Fault past 64 bits.
std::optional<std::int64_t> parse_whole(std::string_view text, int base);
std::optional<double> parse_real(std::string_view text);

// Half to even, on the decimal value.
Value round_number(const Value& value, std::int64_t digits);

}  // namespace graft::text::jinja

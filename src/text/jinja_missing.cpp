// Names by type of value.
#include "text/jinja_missing_internal.h"

#include <algorithm>
#include <span>
#include <string>

namespace graft::text::jinja {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::string_view kFunctions[] = {"cycler", "lipsum"};
constexpr std::string_view kText[] = {"encode",       "format_map",
                                      "isidentifier", "isprintable",
                                      "maketrans",    "translate"};
constexpr std::string_view kMarkup[] = {
    "encode",    "escape",    "format_map", "isidentifier", "isprintable",
    "maketrans", "striptags", "translate",  "unescape"};
constexpr std::string_view kWhole[] = {
    "as_integer_ratio", "bit_count",  "bit_length", "conjugate",
    "denominator",      "from_bytes", "imag",       "is_integer",
    "numerator",        "real",       "to_bytes"};
constexpr std::string_view kReal[] = {
    "as_integer_ratio", "conjugate", "fromhex", "hex", "imag",
    "is_integer",       "real"};
constexpr std::string_view kRange[] = {"start", "step", "stop"};
constexpr std::string_view kView[] = {"isdisjoint", "mapping"};
constexpr std::string_view kDict[] = {"fromkeys"};
constexpr std::string_view kIterator[] = {"close", "send", "throw"};
// Of a macro and of a joiner.
constexpr std::string_view kCallable[] = {
    "arguments",       "caller", "catch_kwargs", "catch_varargs",
    "explicit_caller", "name",   "sep",          "used"};

Names names_of(const Sequence& sequence) {
  switch (sequence.kind) {
    case SequenceKind::kRange:
      return kRange;
    case SequenceKind::kKeys:
    case SequenceKind::kValues:
    case SequenceKind::kItems:
      return kView;
    default:
      return {};
  }
}

Names names_of(const Value& value) {
  if (value.as_dict()) return kDict;
  if (value.as_text()) return value.is_markup() ? Names(kMarkup) : Names(kText);
  if (const Sequence* sequence = value.as_sequence()) {
    return names_of(*sequence);
  }
  if (value.is_number()) {
    return value.is_whole() ? Names(kWhole) : Names(kReal);
  }
  if (value.as_callable()) return kCallable;
  return value.as_iterator() ? Names(kIterator) : Names();
}

bool holds(Names names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

void refuse_missing_function(std::string_view name) {
  if (!holds(kFunctions, name)) return;
  throw Fault("Jinja's function '" + std::string(name) +
              "' is not supported here");
}

void refuse_missing_attribute(const Value& value, std::string_view name) {
  if (!holds(names_of(value), name)) return;
  throw Fault("attribute '" + std::string(name) + "' of '" + value.type_name() +
              "' is not supported here");
}

}  // namespace graft::text::jinja

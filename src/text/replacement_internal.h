// The `Replace` step of normalizers and decoders, and the patterns of parts.
// Entry points: Replacement, read_part_pattern. Private to text.
#pragma once

#include <string>
#include <string_view>

#include "text/part_internal.h"
#include "text/regex_internal.h"

namespace graft::text {

// `pattern` of a part: {"String": ...} or {"Regex": ...}. Throws FileError.
Regex read_part_pattern(const Part& part);

// {"pattern", "content"}: every match becomes the content as it is. Immutable
// and thread-safe.
class Replacement {
 public:
  explicit Replacement(const Part& part);
  std::string apply(std::string_view text) const;

 private:
  Regex regex_;
  std::string content_;
};

}  // namespace graft::text

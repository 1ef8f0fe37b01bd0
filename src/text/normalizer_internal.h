// What happens to the text before anything else looks at it. Entry point:
// make_normalizer; a new kind is one class and one row in the .cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/part_internal.h"

namespace graft::text {

// Immutable and thread-safe.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // `text` is valid UTF-8.
  virtual std::string normalize(std::string_view text) const = 0;
};

// Throws FileError for a kind that is not supported.
std::unique_ptr<const Normalizer> make_normalizer(const Part& part);

}  // namespace graft::text

// Tokens back to text. Entry point: make_decoder; a new kind is one class and
// one row in the .cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/part_internal.h"

namespace graft::text {

// Immutable and thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // The results of the last step are joined.
  virtual std::vector<std::string> decode(
      std::vector<std::string> tokens) const = 0;
  // The bytes that one token stands for inside of a text.
  virtual std::string token_bytes(std::string token) const { return token; }
};

// Throws FileError for a kind that is not supported.
std::unique_ptr<const Decoder> make_decoder(const Part& part);

}  // namespace graft::text

// Cuts text into the pieces that the model tokenises one by one. Entry point:
// make_pre_tokenizer; a new kind is one class and one row in the .cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/part_internal.h"
#include "text/regex_internal.h"

namespace graft::text {

// A buffer and the pieces inside it, in order and without overlaps; what lies
// in no piece was removed.
struct Pieces {
  std::string text;
  std::vector<ByteRange> ranges;
  bool begins_text = false;  // nothing stands before it, no added token either

  std::string_view piece(const ByteRange& range) const {
    return std::string_view(text).substr(range.begin, range.end - range.begin);
  }
};

// Immutable and thread-safe.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

// Throws FileError for a kind that is not supported.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Part& part);

}  // namespace graft::text

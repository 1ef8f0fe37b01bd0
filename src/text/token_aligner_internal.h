// Which tokens hold a stretch of the text that they encode. Entry point:
// TokenAligner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "graft/text/chat_template.h"
#include "graft/text/tokenized_rows.h"

namespace graft {

class TokenAligner {
 public:
  // `ids` is the encoding of `text` without special tokens around; all three
  // outlive the aligner.
  TokenAligner(const Tokenizer& tokenizer, std::string_view text,
               const std::vector<std::int64_t>& ids);

  // The tokens with at least one byte of the stretch.
  TokenSpan tokens_of(const TextSpan& span) const;
  // How many tokens end at or before `byte`.
  std::size_t tokens_before(std::size_t byte) const {
    return boundary(byte).token;
  }
  // The first token of the stretch begins before it.
  bool straddles(const TextSpan& span) const;

  // The byte where the token begins; text.size() for ids.size(). Only where
  // is_exact().
  std::size_t byte_of(std::size_t token) const { return offsets_[token]; }
  // The tokens spell the text byte by byte: no normalizer changed it.
  bool is_exact() const { return !offsets_.empty(); }

 private:
  struct Boundary {
    std::size_t token = 0;  // that holds the byte, or follows it
    bool inside = false;    // of that token
  };
  Boundary boundary(std::size_t byte) const;
  void align();

  const Tokenizer& tokenizer_;
  std::string_view text_;
  const std::vector<std::int64_t>& ids_;
  std::vector<std::size_t> offsets_;
};

}  // namespace graft

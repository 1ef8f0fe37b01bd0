// Adds up what the tokens spell. Where a normalizer changed the text, a
// boundary is where the encoding of what lies before it stops agreeing.
#include "text/token_aligner_internal.h"

#include <algorithm>

#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft {

TokenAligner::TokenAligner(const Tokenizer& tokenizer, std::string_view text,
                           const std::vector<std::int64_t>& ids)
    : tokenizer_(tokenizer), text_(text), ids_(ids) {
  align();
}

// Added tokens may have taken white space beside them: it belongs to them. A
// space in front of a stretch may be the tokenizer's own.
void TokenAligner::align() {
  std::size_t at = 0;
  for (const std::int64_t id : ids_) {
    offsets_.push_back(at);
    auto bytes = tokenizer_.token_bytes(id);
    std::size_t begin = at;
    const bool own_space = bytes && bytes->starts_with(' ') &&
                           !text_.substr(begin).starts_with(*bytes) &&
                           text_.substr(begin).starts_with(bytes->substr(1));
    if (own_space) bytes->erase(0, 1);
    while (bytes && !text_.substr(begin).starts_with(*bytes) &&
           begin < text_.size()) {
      const text::DecodedChar next = text::decode_char(text_, begin);
      if (!text::python::is_space(next.value)) break;
      begin += next.length;
    }
    if (!bytes || !text_.substr(begin).starts_with(*bytes)) {
      return offsets_.clear();
    }
    at = begin + bytes->size();
  }
  const auto rest = text::python::strip(text_.substr(at));
  if (!rest.empty()) return offsets_.clear();
  offsets_.push_back(text_.size());
}

TokenAligner::Boundary TokenAligner::boundary(std::size_t byte) const {
  if (is_exact()) {
    const auto after =
        std::upper_bound(offsets_.begin(), offsets_.end() - 1, byte);
    if (after == offsets_.begin()) return {};
    const auto token = static_cast<std::size_t>(after - offsets_.begin()) - 1;
    if (byte >= text_.size()) return {ids_.size(), false};
    return {token, offsets_[token] < byte};
  }
  const auto before = tokenizer_.encode(text_.substr(0, byte), false);
  const auto [mine, theirs] =
      std::mismatch(before.begin(), before.end(), ids_.begin(), ids_.end());
  return {static_cast<std::size_t>(theirs - ids_.begin()),
          mine != before.end()};
}

TokenSpan TokenAligner::tokens_of(const TextSpan& span) const {
  if (span.begin >= span.end) return {};
  const Boundary begin = boundary(span.begin);
  const Boundary end = boundary(span.end);
  return {begin.token, std::min(end.token + (end.inside ? 1 : 0), ids_.size())};
}

bool TokenAligner::straddles(const TextSpan& span) const {
  return boundary(span.begin).inside;
}

}  // namespace graft

// Finds stop texts, whole or begun, at the end of growing text. Entry point:
// TextStream.
#include "graft/generate/text_stream.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"

namespace graft {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Bytes at the end of `text` that begin `stop`.
std::size_t begun(std::string_view text, std::string_view stop) {
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.ends_with(stop.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace

TextStream::TextStream(std::vector<std::string> stops)
    : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) {
    if (!stop.empty()) continue;
    throw ConfigError(ErrorText{.operation = "generate",
                                .what = "stop",
                                .got = "an empty text",
                                .expected = "a text to end before"});
  }
}

std::string TextStream::advance(std::string_view text) {
  if (stopped_) return {};
  text_ = text;
  std::size_t end = text_.size();
  for (const std::string& stop : stops_) {
    const std::size_t at = text_.find(stop);
    if (at == text_.npos) continue;
    end = std::min(end, at);
    stopped_ = true;
  }
  if (stopped_) {
    text_.resize(end);
    return finish();
  }
  // The bytes of one character may come with several tokens.
  if (text_.ends_with(kReplacement)) return {};
  std::size_t held = 0;
  for (const std::string& stop : stops_) {
    held = std::max(held, begun(text_, stop));
  }
  end -= held;
  if (end <= shown_) return {};
  const std::string out = text_.substr(shown_, end - shown_);
  shown_ = end;
  return out;
}

std::string TextStream::finish() {
  if (text_.size() <= shown_) return {};
  const std::string out = text_.substr(shown_);
  shown_ = text_.size();
  return out;
}

}  // namespace graft

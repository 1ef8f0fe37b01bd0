// Text that grows token by token, up to a stop text. Entry point: TextStream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

// Gives out what is certain: nothing that may turn out to begin a stop text,
// and no half of a character.
class TextStream {
 public:
  // Throws ConfigError for an empty stop text.
  explicit TextStream(std::vector<std::string> stops = {});

  // `text`: all text so far, which starts with what was given out. Returns
  // what may be shown next; nothing once a stop text has come.
  std::string advance(std::string_view text);
  // What was held back when no more text comes.
  std::string finish();
  // The text ends before a stop text.
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string text_;
  std::size_t shown_ = 0;
  bool stopped_ = false;
};

}  // namespace graft

// What a template prints around a message does not depend on the words of it;
// so the rendering with a mark instead says what stands before and behind.
#include "text/answer_place_internal.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "text/chat_internal.h"

namespace graft {
namespace {

// What stands around a mark.
struct Surroundings {
  std::string before;
  std::string behind;
};

// A word that does not occur in `text`.
std::string unused_word(std::string_view text) {
  std::string out = "TheAnswerIsHere";
  while (text.find(out) != text.npos) out += 'e';
  return out;
}

std::string without_white_space(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](unsigned char c) { return c <= ' '; });
  return out;
}

bool has_reasoning(const Chat& chat, std::size_t message) {
  static constexpr std::array kNames = {"reasoning_content", "thinking",
                                        "reasoning"};
  const auto& dict = *chat.state().messages.at(message).as_dict();
  return std::ranges::any_of(kNames, [&](const char* name) {
    const auto* found = dict.find(name);
    return found != nullptr && found->truth();
  });
}

class PlaceFinder {
 public:
  PlaceFinder(const Chat& chat, std::size_t message, std::string_view whole,
              ChatRenderer& chats)
      : chat_(chat),
        message_(message),
        whole_(whole),
        chats_(chats),
        mark_(unused_word(whole)) {}

  AnswerPlace find() {
    const auto marked = with_content(chat_, message_, mark_);
    if (!marked) return problem("has no text of its own to look for");
    const auto around = surroundings(*marked, std::nullopt);
    if (!around) return problem("is not printed once, as it is");
    const std::size_t head = around->before.size();
    const std::size_t tail = around->behind.size();
    if (head + tail > whole_.size() || !whole_.starts_with(around->before) ||
        !whole_.ends_with(around->behind)) {
      return problem("changes what the template prints around it");
    }
    AnswerPlace out{{head, whole_.size() - tail}, 0, {}};
    if (out.content.begin == out.content.end) {
      return problem("is not printed");
    }
    if (!is_shown_as_written(out.content)) {
      return problem("is cut once other messages follow");
    }
    out.end = out.content.end + closing(*marked, around->behind);
    return out;
  }

 private:
  static AnswerPlace problem(const char* text) { return {{}, 0, text}; }

  std::string render(const Chat& chat, std::optional<std::size_t> messages) {
    return chats_
        .render(chat, {.messages = messages, .add_generation_prompt = false})
        .text;
  }

  // nullopt unless the template prints the mark once, or when it refuses it.
  std::optional<Surroundings> surroundings(
      const Chat& marked, std::optional<std::size_t> messages) {
    std::string text;
    try {
      text = render(marked, messages);
    } catch (const FileError&) {
      return std::nullopt;
    }
    const std::size_t at = text.find(mark_);
    if (at == text.npos || text.find(mark_, at + 1) != text.npos) {
      return std::nullopt;
    }
    return Surroundings{text.substr(0, at), text.substr(at + mark_.size())};
  }

  // As when it was the newest message, or with all that its author wrote.
  bool is_shown_as_written(const TextSpan& content) {
    const bool is_whole =
        !has_reasoning(chat_, message_) &&
        shows_all(chat_, message_,
                  whole_.substr(content.begin, content.end - content.begin));
    return is_whole || render(chat_, message_ + 1)
                           .starts_with(whole_.substr(0, content.end));
  }

  // What follows the answer whether or not other messages do.
  std::size_t closing(const Chat& marked, std::string_view behind) {
    const auto newest = surroundings(marked, message_ + 1);
    if (!newest) return 0;
    const auto differs = std::ranges::mismatch(newest->behind, behind);
    return static_cast<std::size_t>(differs.in2 - behind.begin());
  }

  const Chat& chat_;
  std::size_t message_;
  std::string_view whole_;
  ChatRenderer& chats_;
  std::string mark_;
};

}  // namespace

AnswerPlace find_answer_place(const Chat& chat, std::size_t message,
                              std::string_view whole, ChatRenderer& chats) {
  return PlaceFinder(chat, message, whole, chats).find();
}

bool shows_all(const Chat& chat, std::size_t message, std::string_view shown) {
  const auto content = chat.text(message);
  return !content || without_white_space(shown).find(
                         without_white_space(*content)) != std::string::npos;
}

}  // namespace graft

// A conversation as chat templates see it: messages and other variables, with
// the order of their keys. Entry points: Chat::parse, Chat::of.
// docs/formats/chat.md has the rules.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

struct ChatMessage {
  std::string role;
  std::string content;
};

// Immutable; copies share their data.
class Chat {
 public:
  // One JSON object: "messages" is a list of objects, every other key is a
  // variable of the template; the keys of "variables" and of
  // "chat_template_kwargs" are variables of their own. `place` only names the
  // place in errors (FileError).
  static Chat parse(std::string_view json, const std::string& place);
  static Chat of(const std::vector<ChatMessage>& messages);

  std::size_t size() const;  // messages
  // Empty when the message has none, or one that is no string.
  std::string_view role(std::size_t index) const;
  // The words of a message: its content, or the only text part of it. nullopt
  // when it has none, or several.
  std::optional<std::string> text(std::size_t index) const;
  bool has_tools() const;  // a "tools" that is neither null nor empty

  // What templates compute with; for the library alone.
  struct State;
  explicit Chat(std::shared_ptr<const State> state);
  const State& state() const { return *state_; }

 private:
  std::shared_ptr<const State> state_;
};

}  // namespace graft

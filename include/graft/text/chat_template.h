// Hugging Face chat templates: Jinja, as transformers sets it up, with limits
// on what a template may use. Entry point: ChatTemplate::compile.
// docs/formats/chat.md says what of Jinja is there.
#pragma once

#include <cstddef>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/text/chat.h"
#include "graft/text/tokenizer.h"

namespace graft {

// Bytes [begin, end) of a text.
struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool operator==(const TextSpan&) const = default;
};

struct RenderedChat {
  std::string text;
  std::vector<TextSpan> generations;  // of {% generation %} blocks
  // A generation block lay in a macro or a set: its place is not known.
  bool lost_generation = false;
};

struct RenderOptions {
  // The first so many messages; nullopt: all.
  std::optional<std::size_t> messages;
  // nullopt: what the chat's variable says, else false.
  std::optional<bool> add_generation_prompt;
  // As apply_chat_template of transformers: keys of messages that are null are
  // dropped, the names of reasoning are made one, no messages are an error.
  // Off: messages as they are.
  bool as_transformers = true;
  // bos_token and its kin; variables of the chat win.
  std::vector<std::pair<std::string, std::string>> tokens;
  // What strftime_now prints; empty: the local time.
  std::function<std::tm()> clock;
};

// Immutable and thread-safe; copies share the parsed template.
class ChatTemplate {
 public:
  // `name` stands for the template in errors. Throws FileError for a template
  // that cannot be parsed, with its line.
  static ChatTemplate compile(std::string_view source, std::string name);

  // Throws FileError with template and line: what Jinja refuses, what the
  // template itself raises, and what goes past the limits.
  RenderedChat render(const Chat& chat, const RenderOptions& options) const;

  bool has_generation() const;  // {% generation %} occurs

 private:
  struct State;
  explicit ChatTemplate(std::shared_ptr<const State> state);

  std::shared_ptr<const State> state_;
};

// The templates of one tokenizer with its tokens, and one time for all of its
// renderings. A template is compiled when the first chat needs it.
class ChatRenderer {
 public:
  explicit ChatRenderer(const Tokenizer& tokenizer,
                        std::function<std::tm()> clock = {});

  // The one for tools when the chat has some and the model has one. Throws
  // ConfigError when there is no template.
  const ChatTemplate& template_of(const Chat& chat);
  // `options.tokens` and `options.clock` are the renderer's.
  RenderedChat render(const Chat& chat, RenderOptions options = {});

 private:
  TokenizerConfig config_;
  std::tm time_;
  std::optional<ChatTemplate> plain_;
  std::optional<ChatTemplate> for_tools_;
};

// bos_token, eos_token and the others that are set.
std::vector<std::pair<std::string, std::string>> template_tokens(
    const TokenizerConfig& config);

}  // namespace graft

// Text to token ids and back, from a Hugging Face tokenizer.json. Entry point:
// Tokenizer::open. The formats read are in docs/formats/tokenizer.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

// What tokenizer_config.json, beside tokenizer.json, says about tokens and
// chats; all absent without that file.
struct TokenizerConfig {
  std::optional<std::string> bos_token;
  std::optional<std::string> eos_token;
  std::optional<std::string> pad_token;
  std::optional<std::string> unk_token;
  std::optional<std::string> sep_token;
  std::optional<std::string> cls_token;
  std::optional<std::string> mask_token;
  // Jinja; chat_template.jinja beside it wins over the file's own. Of several
  // named ones: `default`, and `tool_use` for chats with tools.
  std::optional<std::string> chat_template;
  std::optional<std::string> tool_template;
};

// Immutable and thread-safe; copies share their tables.
class Tokenizer {
 public:
  // `path`: tokenizer.json, the directory that holds it, or a GGUF file. Throws
  // FileError that names the file and the damaged or unsupported part.
  static Tokenizer open(const std::filesystem::path& path);

  // Special tokens inside `text` are recognised either way; `add_special`
  // puts those of the post-processor around it. Throws ConfigError when `text`
  // is not valid UTF-8.
  std::vector<std::int64_t> encode(std::string_view text,
                                   bool add_special) const;

  // Ids that stand for no token are passed over. Always valid UTF-8: one
  // U+FFFD stands for every invalid part.
  std::string decode(std::span<const std::int64_t> ids,
                     bool skip_special) const;

  // The largest id + 1.
  std::size_t vocab_size() const;
  std::optional<std::int64_t> token_id(std::string_view token) const;
  // The token as the vocabulary spells it (an added one that is looked for in
  // normalised text: normalised).
  std::optional<std::string> token(std::int64_t id) const;
  // The bytes of text that the token stands for, as far as its spelling says
  // it; nullopt when there is no such token.
  std::optional<std::string> token_bytes(std::int64_t id) const;
  bool is_special(std::int64_t id) const;
  std::vector<std::int64_t> special_ids() const;  // ascending

  // What encode(..., true) puts before and after the ids of any text.
  const std::vector<std::int64_t>& special_prefix() const;
  const std::vector<std::int64_t>& special_suffix() const;

  const TokenizerConfig& config() const;
  // The id of config().eos_token, when both are known.
  std::optional<std::int64_t> eos_id() const;

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state);

  std::shared_ptr<const State> state_;
};

}  // namespace graft

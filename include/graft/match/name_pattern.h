// One compiled pattern over a whole name. Entry points: NamePattern::glob,
// NamePattern::megatron, NamePattern::peft_suffix, NamePattern::peft_regex.
// Grammar: docs/matching.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace graft {

class NamePattern {
 public:
  // graft's glob: literal dots, `*` any text, `?` one character, `[0-3]`
  // classes, `{a,b}` alternatives, `{0..7}` and `{24..}` integer ranges.
  // Throws ConfigError "looks like a regular expression" on ( ) | + \ ^ $
  // and `.*`, and on malformed classes and braces.
  static NamePattern glob(std::string_view text);
  // The reference, bit for bit: `*` becomes `(.*)`, the rest is a regular
  // expression over code points, anchored. Throws ConfigError when malformed.
  static NamePattern megatron(std::string_view text);
  // HF PEFT list entry: equal, or a dotted ending.
  static NamePattern peft_suffix(std::string_view text);
  // HF PEFT string: a regular expression that matches the whole path.
  static NamePattern peft_regex(std::string_view text);

  ~NamePattern();
  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;

  // Const and thread-safe. Throws ConfigError when a regular expression hits
  // its match limit.
  bool matches(std::string_view name) const;
  const std::string& text() const { return text_; }

 private:
  class Program;
  NamePattern(std::string text, std::unique_ptr<const Program> program);
  std::string text_;
  std::unique_ptr<const Program> program_;
};

}  // namespace graft

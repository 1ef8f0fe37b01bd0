// What stands between round brackets in Python's `re`: groups, look-around,
// conditions, flags, comments.
#include <algorithm>
#include <utility>

#include "match/python_regex_parser_internal.h"

namespace graft {
namespace {

bool is_name(const std::string& name) {
  if (name.empty() || is_ascii_digit(static_cast<unsigned char>(name[0]))) {
    return false;
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool fits = byte >= 0x80 || c == '_' || is_ascii_digit(byte) ||
                      is_ascii_letter(byte);
    if (!fits) return false;
  }
  return true;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 6 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

// Those of Python's flags that PCRE2 spells alike.
std::string pcre2_flags(const std::string& flags) {
  std::string out;
  for (const char flag : flags) {
    if (flag == 'i' || flag == 'm' || flag == 's') out += flag;
  }
  return out;
}

// Sets a value for as long as the object lives.
template <typename Value>
class Restored {
 public:
  Restored(Value& place, Value value)
      : place_(place), before_(std::exchange(place, value)) {}
  ~Restored() { place_ = before_; }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  Value& place_;
  Value before_;
};

}  // namespace

std::optional<RegexPart> PythonRegexParser::parse_group(bool at_start) {
  if (depth_ == kMaxDepth) scanner_.refuse("groups this deep");
  const Restored deeper(depth_, depth_ + 1);
  if (!scanner_.take_if(U'?')) return parse_capture("");
  if (scanner_.done()) scanner_.fail("unexpected end of pattern");
  return parse_extension(at_start);
}

std::optional<RegexPart> PythonRegexParser::parse_extension(bool at_start) {
  const std::size_t start = scanner_.position();
  switch (scanner_.take()) {
    case U'P':
      return parse_python_name();
    case U':':
      return parse_body("(?:");
    case U'>':
      return parse_body("(?>");
    case U'#':
      scanner_.take_until(U')', "missing ), unterminated comment");
      return std::nullopt;
    case U'=':
      return parse_look(false, false);
    case U'!':
      return parse_look(false, true);
    case U'<':
      if (scanner_.take_if(U'=')) return parse_look(true, false);
      if (scanner_.take_if(U'!')) return parse_look(true, true);
      scanner_.fail("unknown extension ?<");
    case U'(':
      return parse_condition();
    default:
      scanner_.seek(start);
      return parse_flags(at_start);
  }
}

void PythonRegexParser::close_group(std::size_t opened_at) {
  if (scanner_.take_if(U')')) return;
  scanner_.seek(opened_at);
  scanner_.fail("missing ), unterminated subpattern");
}

RegexPart PythonRegexParser::parse_capture(const std::string& name) {
  const std::size_t opened_at = scanner_.position() - 1;
  const std::size_t index = groups_.size();
  groups_.emplace_back();
  if (!name.empty() && !names_.emplace(name, index + 1).second) {
    scanner_.fail("redefinition of group name '" + name + "'");
  }
  RegexPart body = parse_alternatives(false);
  close_group(opened_at);
  groups_[index] = {true, body.min_width, body.max_width};
  body.text = '(' + body.text + ')';
  return body;
}

RegexPart PythonRegexParser::parse_python_name() {
  if (scanner_.take_if(U'<')) return parse_capture(take_name(U'>'));
  if (!scanner_.take_if(U'=')) scanner_.fail("unknown extension ?P");
  const std::string name = take_name(U')');
  const auto found = names_.find(name);
  if (found == names_.end()) scanner_.fail("unknown group name '" + name + "'");
  return reference_to(found->second);
}

std::string PythonRegexParser::take_name(char32_t end) {
  const std::string name = scanner_.take_until(end, "unterminated name");
  if (name.empty()) scanner_.fail("missing group name");
  if (!is_name(name)) {
    scanner_.fail("bad character in group name '" + name + "'");
  }
  return name;
}

RegexPart PythonRegexParser::parse_body(const std::string& opening) {
  const std::size_t opened_at = scanner_.position();
  RegexPart body = parse_alternatives(false);
  close_group(opened_at);
  body.text = opening + body.text + ')';
  return body;
}

// Zero width, but repeatable, as in Python.
RegexPart PythonRegexParser::parse_look(bool behind, bool negative) {
  const bool outermost = behind && lookbehind_groups_ == SIZE_MAX;
  const Restored limit(lookbehind_groups_,
                       outermost ? groups_.size() : lookbehind_groups_);
  const std::string opening =
      std::string("(?") + (behind ? "<" : "") + (negative ? "!" : "=");
  RegexPart body = parse_body(opening);
  if (behind && body.min_width != body.max_width) {
    scanner_.fail("look-behind requires fixed-width pattern");
  }
  return {body.text, RegexPart::Kind::kItem, 0, 0};
}

// (?(1)yes|no), (?(name)yes)
RegexPart PythonRegexParser::parse_condition() {
  const std::size_t opened_at = scanner_.position();
  const std::string name =
      scanner_.take_until(U')', "missing ), unterminated name");
  std::size_t group = 0;
  if (const auto found = names_.find(name); found != names_.end()) {
    group = found->second;
  } else if (is_number(name)) {
    group = std::stoul(name);
    if (group == 0) scanner_.fail("bad group number");
  } else {
    scanner_.fail(is_name(name) ? "unknown group name '" + name + "'"
                                : "bad character in group name '" + name + "'");
  }
  if (lookbehind_groups_ != SIZE_MAX) reference_to(group);
  conditions_.push_back(group);
  RegexPart body = parse_sequence(false);
  RegexPart other;
  if (scanner_.take_if(U'|')) {
    other = parse_sequence(false);
    if (scanner_.peek() == U'|') {
      scanner_.fail("conditional backref with more than two branches");
    }
  }
  close_group(opened_at);
  const std::string condition = "(?(" + std::to_string(group) + ')';
  return {condition + body.text + '|' + other.text + ')',
          RegexPart::Kind::kItem, std::min(body.min_width, other.min_width),
          std::max(body.max_width, other.max_width)};
}

// "aiLmsux-imsx" and its end.
PythonRegexParser::FlagText PythonRegexParser::take_flags() {
  FlagText flags;
  bool off = false;
  while (!scanner_.done()) {
    const char32_t c = scanner_.take();
    if (c == U':' || (c == U')' && !off)) {
      if (off && flags.off.empty()) scanner_.fail("missing flag");
      flags.end = c;
      return flags;
    }
    if (c == U'-' && !off) {
      off = true;
      continue;
    }
    const std::u32string_view known = off ? U"imsx" : U"aimsux";
    if (known.find(c) == std::u32string_view::npos) {
      scanner_.fail("unknown flag");
    }
    (off ? flags.off : flags.on) += static_cast<char>(c);
  }
  scanner_.fail("missing -, : or )");
}

std::optional<RegexPart> PythonRegexParser::parse_flags(bool at_start) {
  const FlagText flags = take_flags();
  const auto holds = [](const std::string& text, char flag) {
    return text.find(flag) != std::string::npos;
  };
  if (holds(flags.on, 'a') && holds(flags.on, 'u')) {
    scanner_.fail("flags 'a', 'u' and 'L' are incompatible");
  }
  if (holds(flags.on, 'a') && holds(flags.on, 'i')) {
    scanner_.refuse("the flags a and i together");
  }
  for (const char flag : flags.off) {
    if (holds(flags.on, flag)) scanner_.fail("flag turned on and off");
  }
  RegexFlags inner = flags_;
  if (holds(flags.on, 'i')) inner.ignore_case = true;
  if (holds(flags.off, 'i')) inner.ignore_case = false;
  if (holds(flags.on, 'x')) inner.verbose = true;
  if (holds(flags.off, 'x')) inner.verbose = false;
  if (holds(flags.on, 'a')) inner.ascii = true;
  if (holds(flags.on, 'u')) inner.ascii = false;
  const std::string on = pcre2_flags(flags.on);
  const std::string off = pcre2_flags(flags.off);
  if (flags.end == U')') {
    if (!at_start) {
      scanner_.fail("global flags not at the start of the expression");
    }
    flags_ = inner;
    if (!on.empty()) global_flags_ += "(?" + on + ')';
    return std::nullopt;
  }
  const Restored scope(flags_, inner);
  return parse_body("(?" + on + (off.empty() ? "" : "-" + off) + ":");
}

}  // namespace graft

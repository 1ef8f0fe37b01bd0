// Reads a glob. Entry points: parse_glob, is_glob_literal.
#include <array>
#include <charconv>
#include <string>

#include "graft/base/error.h"
#include "match/glob_internal.h"
#include "match/pattern_mark_internal.h"
#include "match/utf8_internal.h"

namespace graft {
namespace {

using Kind = PatternItem::Kind;

constexpr int kMaxNesting = 32;

// A test of one look-up: find_first_of takes longer than all else here.
class ByteSet {
 public:
  constexpr explicit ByteSet(std::string_view bytes) {
    for (const char c : bytes) holds_[static_cast<unsigned char>(c)] = true;
  }
  constexpr std::size_t find_in(std::string_view text) const {
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (holds_[static_cast<unsigned char>(text[at])]) return at;
    }
    return std::string_view::npos;
  }

 private:
  std::array<bool, 256> holds_{};
};

constexpr ByteSet kRegexBytes("()|+\\^$");
constexpr ByteSet kSpecialBytes("*?[]{}()|+\\^$");

// `.*` is a whole dotted component in a glob ("*.layers.0.*.linear_qkv") and
// any text in a regular expression (".*proj"). Only what the first reading
// explains is taken for a glob. Returns where it reads as the second, or npos.
std::size_t find_regex_dot_star(std::string_view text) {
  for (std::size_t at = text.find(".*"); at != std::string_view::npos;
       at = text.find(".*", at + 1)) {
    const std::size_t after = text.find_first_not_of('*', at + 1);
    const bool ends =
        after == std::string_view::npos ||
        std::string_view(".,}").find(text[after]) != std::string_view::npos;
    if (at == 0 || !ends) return at;
  }
  return std::string_view::npos;
}

void refuse_regex(std::string_view text) {
  std::size_t at = kRegexBytes.find_in(text);
  if (at == std::string_view::npos) at = find_regex_dot_star(text);
  if (at == std::string_view::npos) return;
  throw ConfigError(ErrorText{
      .operation = "match",
      .what = quoted_pattern(text) +
              " looks like a regular expression: use syntax megatron or peft",
      .hint = "In a glob, dots are literal, `*` is any text, and `{a,b}`, "
              "`[0-3]` and `{0..7}` are the choices." +
              marked_pattern(text, at)});
}

class GlobParser {
 public:
  GlobParser(std::string_view text, PatternTree& tree)
      : text_(text), tree_(tree) {}

  void parse() {
    refuse_regex(text_);
    parse_sequence(0);
    if (at_ < text_.size()) fail("unmatched '}'");
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw ConfigError(ErrorText{
        .operation = "match",
        .what = "glob " + quoted_pattern(text_) + " is malformed at byte " +
                std::to_string(at_ + 1) + ": " + problem,
        .hint = "The grammar is in docs/matching.md." +
                marked_pattern(text_, at_)});
  }

  bool starts_at(std::string_view word) const {
    return text_.substr(at_).starts_with(word);
  }

  char32_t take_point() {
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x80) {
      ++at_;
      return byte;
    }
    const CodePoint point = decode_code_point(text_, at_);
    if (point.value > 0x10FFFF) fail("it is not UTF-8");
    at_ += point.size;
    return point.value;
  }

  void parse_sequence(int depth) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '}' || (c == ',' && depth > 0)) return;
      parse_item(c, depth);
    }
  }

  void parse_item(char c, int depth) {
    switch (c) {
      case '*':
        ++at_;
        if (tree_.items.empty() || tree_.items.back().kind != Kind::kText) {
          tree_.add(Kind::kText);
        }
        return;
      case '?':
        ++at_;
        return tree_.add(Kind::kAny);
      case '[':
        return parse_class();
      case ']':
        fail("unmatched ']'");
      case '{':
        return parse_braces(depth);
      default:
        tree_.add(Kind::kPoint, take_point());
    }
  }

  char32_t next_of_class(std::size_t opening) {
    if (at_ < text_.size()) return take_point();
    at_ = opening;
    fail("the class has no ']'");
  }

  void parse_class() {
    const std::size_t opening = at_++;
    PointClass points;
    if (starts_at("!")) {
      points.negated = true;
      ++at_;
    }
    if (starts_at("]")) fail("the class is empty");
    while (!starts_at("]")) {
      const std::size_t start = at_;
      const char32_t first = next_of_class(opening);
      char32_t last = first;
      if (starts_at("-") && !starts_at("-]")) {
        ++at_;
        last = next_of_class(opening);
      }
      if (last < first) {
        at_ = start;
        fail("the range of the class runs backwards");
      }
      points.ranges.emplace_back(first, last);
    }
    ++at_;
    tree_.add(Kind::kClass, static_cast<char32_t>(tree_.classes.size()));
    tree_.classes.push_back(std::move(points));
  }

  // The end of the digits at `from`.
  std::size_t digits_end(std::size_t from) const {
    const std::size_t end = text_.find_first_not_of("0123456789", from);
    return end == std::string_view::npos ? text_.size() : end;
  }

  std::uint64_t number(std::size_t from, std::size_t end) const {
    std::uint64_t value = 0;
    const char* last = text_.data() + end;
    if (std::from_chars(text_.data() + from, last, value).ec != std::errc()) {
      fail("the number is too large");
    }
    return value;
  }

  // `{0..7}` or `{24..}`; false when the braces hold something else.
  bool parse_range() {
    const std::size_t low = at_ + 1;
    const std::size_t low_end = digits_end(low);
    if (text_.substr(low_end, 2) != "..") return false;
    const std::size_t high = low_end + 2;
    const std::size_t high_end = digits_end(high);
    const bool closed = high_end < text_.size() && text_[high_end] == '}';
    if (low_end == low || !closed) fail("a range is {0..7} or {24..}");
    NumberRange range;
    range.low = number(low, low_end);
    range.high = high == high_end ? UINT64_MAX : number(high, high_end);
    if (range.high < range.low) fail("the range runs backwards");
    tree_.add(Kind::kNumber, static_cast<char32_t>(tree_.numbers.size()));
    tree_.numbers.push_back(range);
    at_ = high_end + 1;
    return true;
  }

  void parse_braces(int depth) {
    if (parse_range()) return;
    if (depth == kMaxNesting) fail("braces are nested too deeply");
    const std::size_t opening = at_;
    int branches = 0;
    do {
      ++at_;
      tree_.add(branches++ == 0 ? Kind::kOpen : Kind::kOr);
      parse_sequence(depth + 1);
    } while (starts_at(","));
    const bool closed = starts_at("}");
    if (!closed || branches < 2) {
      at_ = opening;
      fail(closed ? "braces hold alternatives {a,b} or a range {0..7}"
                  : "the brace has no '}'");
    }
    ++at_;
    tree_.add(Kind::kClose);
  }

  std::string_view text_;
  PatternTree& tree_;
  std::size_t at_ = 0;
};

}  // namespace

void parse_glob(std::string_view text, PatternTree& tree) {
  tree.clear();
  GlobParser(text, tree).parse();
}

bool is_glob_literal(std::string_view text) {
  return kSpecialBytes.find_in(text) == std::string_view::npos;
}

}  // namespace graft

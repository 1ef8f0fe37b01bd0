// Parses a glob into its program. Entry point: GlobMatcher's constructor.
#include <charconv>
#include <optional>

#include "graft/base/error.h"
#include "match/glob_internal.h"
#include "match/utf8_internal.h"

namespace graft {
namespace {

using Op = GlobInstruction::Op;

constexpr int kMaxNesting = 32;

std::string shown(std::string_view text) {
  return "'" + std::string(text) + "'";
}

// `.*` is a whole dotted component in a glob ("*.layers.0.*.linear_qkv") and
// any text in a regular expression (".*proj"). Only what the first reading
// explains is taken for a glob.
bool has_regex_dot_star(std::string_view text) {
  for (std::size_t at = text.find(".*"); at != std::string_view::npos;
       at = text.find(".*", at + 1)) {
    const std::size_t after = text.find_first_not_of('*', at + 1);
    const bool ends =
        after == std::string_view::npos ||
        std::string_view(".,}").find(text[after]) != std::string_view::npos;
    if (at == 0 || !ends) return true;
  }
  return false;
}

void refuse_regex(std::string_view text) {
  const bool special = text.find_first_of("()|+\\^$") != std::string_view::npos;
  if (!special && !has_regex_dot_star(text)) return;
  throw ConfigError(ErrorText{
      .operation = "match",
      .what = shown(text) +
              " looks like a regular expression: use syntax megatron or peft",
      .hint = "In a glob, dots are literal, `*` is any text, and `{a,b}`, "
              "`[0-3]` and `{0..7}` are the choices."});
}

class GlobParser {
 public:
  explicit GlobParser(std::string_view text) : text_(text) {}

  std::vector<GlobInstruction> parse() {
    refuse_regex(text_);
    if (!decode_utf8(text_)) fail("it is not UTF-8");
    parse_sequence(0);
    if (at_ < text_.size()) fail("unmatched '}'");
    emit(Op::kAccept);
    return std::move(program_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw ConfigError(
        ErrorText{.operation = "match",
                  .what = "glob " + shown(text_) + " is malformed at byte " +
                          std::to_string(at_ + 1) + ": " + problem,
                  .hint = "The grammar is in docs/matching.md."});
  }

  GlobInstruction& emit(Op op) {
    program_.emplace_back().op = op;
    return program_.back();
  }

  bool starts_at(std::string_view word) const {
    return text_.substr(at_).starts_with(word);
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
        if (program_.empty() || program_.back().op != Op::kStar) {
          emit(Op::kStar);
        }
        ++at_;
        return;
      case '?':
        emit(Op::kAny);
        ++at_;
        return;
      case '[':
        return parse_class();
      case ']':
        fail("unmatched ']'");
      case '{':
        return parse_braces(depth);
      default:
        parse_text(c);
    }
  }

  void parse_text(char c) {
    if (program_.empty() || program_.back().op != Op::kText) emit(Op::kText);
    program_.back().text += c;
    ++at_;
  }

  char32_t next_of_class() {
    if (at_ >= text_.size()) fail("the class has no ']'");
    const CodePoint point = decode_code_point(text_, at_);
    at_ += point.size;
    return point.value;
  }

  void parse_class() {
    GlobInstruction& instruction = emit(Op::kClass);
    ++at_;
    if (starts_at("!")) {
      instruction.negated = true;
      ++at_;
    }
    if (starts_at("]")) fail("the class is empty");
    while (!starts_at("]")) {
      const char32_t first = next_of_class();
      char32_t last = first;
      if (starts_at("-") && !starts_at("-]")) {
        ++at_;
        last = next_of_class();
      }
      if (last < first) fail("the range of the class runs backwards");
      instruction.ranges.emplace_back(first, last);
    }
    ++at_;
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
    if (low_end == low || !closed) {
      fail("a range is {0..7} or {24..}");
    }
    GlobInstruction& instruction = emit(Op::kNumber);
    instruction.low = number(low, low_end);
    instruction.high = high == high_end ? UINT64_MAX : number(high, high_end);
    if (instruction.high < instruction.low) fail("the range runs backwards");
    at_ = high_end + 1;
    return true;
  }

  // Split, then each alternative with a jump to the end.
  void parse_braces(int depth) {
    if (parse_range()) return;
    if (depth == kMaxNesting) fail("braces are nested too deeply");
    const std::size_t opening = at_;
    const std::size_t split = program_.size();
    emit(Op::kSplit);
    std::vector<std::size_t> starts;
    std::vector<std::size_t> jumps;
    do {
      ++at_;
      starts.push_back(program_.size());
      parse_sequence(depth + 1);
      jumps.push_back(program_.size());
      emit(Op::kJump);
    } while (starts_at(","));
    if (!starts_at("}")) {
      at_ = opening;
      fail("the brace has no '}'");
    }
    if (starts.size() < 2) {
      at_ = opening;
      fail("braces hold alternatives {a,b} or a range {0..7}");
    }
    ++at_;
    program_[split].targets = starts;
    for (const std::size_t jump : jumps) {
      program_[jump].targets = {program_.size()};
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<GlobInstruction> program_;
};

}  // namespace

GlobMatcher::GlobMatcher(std::string_view text)
    : program_(GlobParser(text).parse()) {}

}  // namespace graft

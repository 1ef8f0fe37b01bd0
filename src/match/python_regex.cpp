// Reads the grammar of Python's `re` (3.11) by recursive descent and writes
// PCRE2. Entry point: translate_python_regex. Groups are in
// python_regex_group.cpp.
#include "match/python_regex_internal.h"

#include <algorithm>

#include "match/python_regex_parser_internal.h"

namespace graft {
namespace {

// Products and sums of widths stick at kUnlimited.
std::uint64_t saturating_mul(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kUnlimited : product;
}
std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kUnlimited : sum;
}

bool is_space(char32_t c) { return c == U' ' || (c >= U'\t' && c <= U'\r'); }

std::uint64_t repeat_count(const std::string& digits, RegexScanner& scanner) {
  constexpr std::size_t kMaxDigits = 5;
  constexpr std::uint64_t kMaxRepeat = 65535;  // PCRE2's
  const std::uint64_t value =
      digits.size() > kMaxDigits ? kUnlimited : std::stoull(digits);
  if (value > kMaxRepeat) scanner.refuse("more than 65535 repetitions");
  return value;
}

// In translated text every bracket opens a group.
bool holds_capture(const std::string& text) {
  for (std::size_t at = text.find('('); at != std::string::npos;
       at = text.find('(', at + 1)) {
    if (text.compare(at, 2, "(?") != 0) return true;
  }
  return false;
}

}  // namespace

RegexPart PythonRegexParser::parse_alternatives(bool outermost) {
  RegexPart all;
  bool first = true;
  do {
    RegexPart branch = parse_sequence(outermost && first);
    if (first) {
      all = std::move(branch);
    } else {
      all.text += '|' + branch.text;
      all.min_width = std::min(all.min_width, branch.min_width);
      all.max_width = std::max(all.max_width, branch.max_width);
    }
    first = false;
  } while (scanner_.take_if(U'|'));
  return all;
}

RegexPart PythonRegexParser::parse_sequence(bool at_start) {
  std::vector<RegexPart> parts;
  while (!scanner_.done() && scanner_.peek() != U'|' &&
         scanner_.peek() != U')') {
    const char32_t c = scanner_.take();
    if (flags_.verbose && skip_verbose(c)) continue;
    if (c == U'(') {
      std::optional<RegexPart> group = parse_group(at_start && parts.empty());
      if (group) parts.push_back(std::move(*group));
    } else if (!parse_repeat(c, parts)) {
      parts.push_back(parse_single(c));
    }
  }
  RegexPart all;
  for (RegexPart& part : parts) {
    all.text += part.text;
    all.min_width = saturating_add(all.min_width, part.min_width);
    all.max_width = saturating_add(all.max_width, part.max_width);
  }
  return all;
}

// White space and comments of the x flag.
bool PythonRegexParser::skip_verbose(char32_t c) {
  if (is_space(c)) return true;
  if (c != U'#') return false;
  while (!scanner_.done() && scanner_.take() != U'\n') {
  }
  return true;
}

RegexPart PythonRegexParser::parse_single(char32_t c) {
  const auto item = [](std::string text) {
    return RegexPart{std::move(text), RegexPart::Kind::kItem, 1, 1};
  };
  switch (c) {
    case U'.':
      return item(".");
    case U'^':
    case U'$':
      return {std::string(1, static_cast<char>(c)), RegexPart::Kind::kPosition};
    case U'[':
      return item(take_class(scanner_, flags_));
    case U'\\':
      return parse_escape();
    default:
      return item(regex_literal(c, flags_));
  }
}

RegexPart PythonRegexParser::parse_escape() {
  const RegexEscape escape = take_escape(scanner_, false);
  switch (escape.kind) {
    case RegexEscape::Kind::kReference:
      return reference_to(escape.reference);
    case RegexEscape::Kind::kPosition:
      return {position_text(escape.value), RegexPart::Kind::kPosition};
    case RegexEscape::Kind::kClass:
      return {class_text(escape.value, flags_.ascii), RegexPart::Kind::kItem, 1,
              1};
    case RegexEscape::Kind::kLiteral:
      break;
  }
  return {regex_literal(escape.value, flags_), RegexPart::Kind::kItem, 1, 1};
}

// \B of Python 3.11 never holds in an empty text.
std::string PythonRegexParser::position_text(char32_t letter) const {
  if (letter == U'A') return "\\A";
  if (letter == U'Z') return "\\z";
  const std::string word = class_text(U'w', flags_.ascii);
  const std::string edge =
      "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))";
  if (letter == U'b') return edge;
  return "(?!\\A\\z)(?!" + edge + ")";
}

RegexPart PythonRegexParser::reference_to(std::size_t group) {
  const bool known = group > 0 && group <= groups_.size();
  if (!known) scanner_.fail("invalid group reference");
  const Group& target = groups_[group - 1];
  if (!target.closed) scanner_.fail("cannot refer to an open group");
  if (group > lookbehind_groups_) {
    scanner_.fail(
        "cannot refer to group defined in the same lookbehind subpattern");
  }
  return {"\\g{" + std::to_string(group) + "}", RegexPart::Kind::kItem,
          target.min_width, target.max_width};
}

// `{` opens a repeat only when all of it reads as one; otherwise it is a
// literal and nothing is taken.
std::optional<PythonRegexParser::Repeat> PythonRegexParser::take_braces() {
  if (scanner_.peek() == U'}') return std::nullopt;
  const std::size_t start = scanner_.position();
  const std::string low = scanner_.take_digits();
  std::string high = low;
  if (scanner_.take_if(U',')) high = scanner_.take_digits();
  if (!scanner_.take_if(U'}')) {
    scanner_.seek(start);
    return std::nullopt;
  }
  Repeat repeat{0, kUnlimited};
  if (!low.empty()) repeat.min = repeat_count(low, scanner_);
  if (!high.empty()) repeat.max = repeat_count(high, scanner_);
  if (repeat.max < repeat.min) {
    scanner_.fail("min repeat greater than max repeat");
  }
  return repeat;
}

std::optional<PythonRegexParser::Repeat> PythonRegexParser::take_repeat(
    char32_t c) {
  switch (c) {
    case U'?':
      return Repeat{0, 1};
    case U'*':
      return Repeat{0, kUnlimited};
    case U'+':
      return Repeat{1, kUnlimited};
    case U'{':
      return take_braces();
    default:
      return std::nullopt;
  }
}

// Applies a repeat to the last part; false when `c` opens none.
bool PythonRegexParser::parse_repeat(char32_t c,
                                     std::vector<RegexPart>& parts) {
  const std::optional<Repeat> repeat = take_repeat(c);
  if (!repeat) return false;
  if (parts.empty() || parts.back().kind == RegexPart::Kind::kPosition) {
    scanner_.fail("nothing to repeat");
  }
  RegexPart& last = parts.back();
  if (last.kind == RegexPart::Kind::kRepeat) scanner_.fail("multiple repeat");
  std::string count = '{' + std::to_string(repeat->min) + ',';
  if (repeat->max != kUnlimited) count += std::to_string(repeat->max);
  count += '}';
  if (scanner_.take_if(U'?')) {
    count += '?';
  } else if (scanner_.take_if(U'+')) {
    count += '+';
  }
  const bool has_width = last.max_width > 0 && repeat->max > 0;
  if (has_width || holds_capture(last.text)) {
    last.text += count;
  } else if (repeat->min == 0) {
    // Nothing taken, nothing asked. PCRE2 cannot measure a look-behind with
    // a repeat of no width, so none is written.
    last.text.clear();
  }
  last.kind = RegexPart::Kind::kRepeat;
  last.min_width = saturating_mul(last.min_width, repeat->min);
  last.max_width = saturating_mul(last.max_width, repeat->max);
  return true;
}

TranslatedRegex PythonRegexParser::parse() {
  const RegexPart all = parse_alternatives(true);
  if (!scanner_.done()) scanner_.fail("unbalanced parenthesis");
  for (const std::size_t group : conditions_) {
    if (group > groups_.size()) scanner_.fail("invalid group reference");
  }
  return {global_flags_ + all.text, std::move(names_)};
}

TranslatedRegex translate_python_regex(std::string_view pattern,
                                       std::string_view entry) {
  return PythonRegexParser(pattern, entry).parse();
}

}  // namespace graft

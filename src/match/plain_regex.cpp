// Reads plain regular expressions by recursive descent; gives up, without an
// error, at the first thing that is not plain.
#include "match/plain_regex_internal.h"

#include <algorithm>
#include <string>

#include "match/utf8_internal.h"

namespace graft {
namespace {

using Kind = PatternItem::Kind;

constexpr int kMaxDepth = 20;
// An item repeated by `+` is built twice, so nests of them double in size.
constexpr int kMaxRepeats = 3;

bool is_ascii_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

// \d, \w or \s on ASCII, as Python's str has them.
std::vector<std::pair<char32_t, char32_t>> letter_ranges(char letter) {
  switch (letter) {
    case 'd':
      return {{U'0', U'9'}};
    case 'w':
      return {{U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}};
    default:
      return {{0x09, 0x0D}, {0x1C, 0x20}};
  }
}

class PlainReader {
 public:
  PlainReader(std::string_view text, PatternTree& tree)
      : text_(text), tree_(tree) {}

  bool read() { return read_choice(0) && at_ == text_.size(); }
  bool is_outer_choice() const { return outer_choice_; }

 private:
  bool done() const { return at_ == text_.size(); }
  // The next byte; NUL at the end, which no caller looks for.
  char peek() const { return done() ? '\0' : text_[at_]; }

  bool take_point(char32_t& value) {
    const CodePoint point = decode_code_point(text_, at_);
    at_ += point.size;
    value = point.value;
    return point.value <= 0x10FFFF;
  }

  // Branches up to the end or a closing bracket.
  bool read_choice(int depth) {
    const std::size_t opening = tree_.items.size();
    tree_.add(Kind::kOpen);
    bool choice = false;
    while (true) {
      if (!read_sequence(depth)) return false;
      if (peek() != '|') break;
      ++at_;
      tree_.add(Kind::kOr);
      choice = true;
    }
    if (depth == 0) outer_choice_ = choice;
    if (choice) {
      tree_.add(Kind::kClose);
    } else {
      tree_.items.erase(tree_.items.begin() +
                        static_cast<std::ptrdiff_t>(opening));
    }
    return true;
  }

  bool read_sequence(int depth) {
    while (!done() && peek() != '|' && peek() != ')') {
      const std::size_t start = tree_.items.size();
      if (!read_atom(depth) || !read_repeat(start)) return false;
    }
    return true;
  }

  bool read_atom(int depth) {
    switch (peek()) {
      case '(':
        return read_group(depth);
      case '[':
        return read_class();
      case '\\':
        return read_escape();
      case '.':
        ++at_;
        tree_.add(Kind::kDot);
        return true;
      case '*':
      case '+':
      case '?':
      case '{':
      case '}':
      case ']':
      case '^':
      case '$':
        return false;
      default:
        break;
    }
    char32_t value = 0;
    if (!take_point(value)) return false;
    tree_.add(Kind::kPoint, value);
    return true;
  }

  bool read_group(int depth) {
    if (depth == kMaxDepth) return false;
    ++at_;
    if (peek() == '?') {
      if (text_.substr(at_, 2) != "?:") return false;
      at_ += 2;
    }
    if (!read_choice(depth + 1) || peek() != ')') return false;
    ++at_;
    return true;
  }

  bool read_escape() {
    ++at_;
    const char c = peek();
    if (done() || static_cast<unsigned char>(c) >= 0x80) return false;
    if (!is_ascii_word(c)) {
      ++at_;
      tree_.add(Kind::kPoint, static_cast<char32_t>(c));
      return true;
    }
    PointClass points;
    if (!add_letter(c, points)) return false;
    points.negated = c < 'a';
    add_class(std::move(points));
    return true;
  }

  // The class escape of `c`, which is taken; false for any other letter.
  bool add_letter(char c, PointClass& points) {
    const char lower = static_cast<char>(c | 0x20);
    if (lower != 'd' && lower != 'w' && lower != 's') return false;
    ++at_;
    for (const auto& range : letter_ranges(lower)) {
      points.ranges.push_back(range);
    }
    tree_.ascii_only = true;
    return true;
  }

  void add_class(PointClass points) {
    points.valid_only = true;
    tree_.add(Kind::kClass, static_cast<char32_t>(tree_.classes.size()));
    tree_.classes.push_back(std::move(points));
  }

  // One end of a range between brackets. Characters that warn in Python, or
  // that are read in another way there, are not plain.
  bool take_member(char32_t& value) {
    if (done()) return false;
    const char c = peek();
    if (c == '\\') {
      ++at_;
      const bool mark = !done() && !is_ascii_word(peek()) &&
                        static_cast<unsigned char>(peek()) < 0x80;
      if (!mark) return false;
    } else if (std::string_view("[]&|~").find(c) != std::string_view::npos) {
      return false;
    }
    return take_point(value);
  }

  bool read_class() {
    ++at_;
    PointClass points;
    if (peek() == '^') {
      points.negated = true;
      ++at_;
    }
    do {
      if (text_.substr(at_, 2) == "\\d" || text_.substr(at_, 2) == "\\w") {
        ++at_;
        add_letter(peek(), points);
        if (peek() == '-') return false;
        continue;
      }
      char32_t first = 0;
      if (!take_member(first)) return false;
      char32_t last = first;
      if (peek() == '-' && text_.substr(at_, 2) != "-]") {
        ++at_;
        if (!take_member(last) || last < first) return false;
      }
      points.ranges.emplace_back(first, last);
    } while (peek() != ']');
    ++at_;
    add_class(std::move(points));
    return true;
  }

  // What repeats the items from `start` on.
  bool read_repeat(std::size_t start) {
    const char c = peek();
    if (c != '*' && c != '+' && c != '?') return c != '{';
    ++at_;
    const char next = peek();
    if (next == '*' || next == '+' || next == '?' || next == '{') return false;
    auto& items = tree_.items;
    const auto from = items.begin() + static_cast<std::ptrdiff_t>(start);
    const bool dot =
        items.size() == start + 1 && items.back().kind == Kind::kDot;
    if (c == '?') {
      items.insert(from, {Kind::kOpen, 0});
      tree_.add(Kind::kOr);
      tree_.add(Kind::kClose);
    } else if (dot) {
      if (c == '*') items.pop_back();
      tree_.add(Kind::kLine);
    } else {
      const auto loops = std::count_if(
          from, items.end(),
          [](const PatternItem& item) { return item.kind == Kind::kLoop; });
      if (loops >= kMaxRepeats) return false;
      items.insert(from, {Kind::kLoop, c == '+' ? 1u : 0u});
      tree_.add(Kind::kLoopEnd);
    }
    return true;
  }

  std::string_view text_;
  PatternTree& tree_;
  std::size_t at_ = 0;
  bool outer_choice_ = false;
};

bool is_special(char32_t point) {
  switch (point) {
    case U'(':
    case U')':
    case U'[':
    case U']':
    case U'{':
    case U'}':
    case U'|':
    case U'+':
    case U'?':
    case U'\\':
    case U'^':
    case U'$':
      return true;
    default:
      return false;
  }
}

// Dots, stars and text without any other special character: the common case,
// read without being rewritten first.
bool read_stars(std::string_view pattern, PatternTree& tree) {
  for (std::size_t at = 0; at < pattern.size();) {
    const CodePoint point = decode_code_point(pattern, at);
    if (point.value > 0x10FFFF || is_special(point.value)) return false;
    at += point.size;
    if (point.value == U'*') {
      const bool again =
          !tree.items.empty() && tree.items.back().kind == Kind::kLine;
      if (!again) tree.add(Kind::kLine);
    } else if (point.value == U'.') {
      tree.add(Kind::kDot);
    } else {
      tree.add(Kind::kPoint, point.value);
    }
  }
  return true;
}

}  // namespace

bool read_plain_megatron(std::string_view pattern, PatternTree& tree) {
  tree.clear();
  if (read_stars(pattern, tree)) return true;
  tree.clear();
  std::string rewritten;
  for (const char c : pattern) {
    if (c == '*') {
      rewritten += "(.*)";
    } else {
      rewritten += c;
    }
  }
  // A `|` outside of groups splits the reference's anchors.
  PlainReader reader(rewritten, tree);
  return reader.read() && !reader.is_outer_choice();
}

bool read_plain_regex(std::string_view pattern, PatternTree& tree) {
  tree.clear();
  return PlainReader(pattern, tree).read();
}

}  // namespace graft

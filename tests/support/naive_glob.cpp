// Code points, brace expansion, backtracking.
#include "support/naive_glob.h"

#include <string>
#include <utility>
#include <vector>

namespace graft::test {
namespace {

using Text = std::u32string;

// Length of the well-formed UTF-8 sequence at `at`, or 0.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                           : first >= 0xE0 && first <= 0xEF ? 3
                           : first >= 0xF0 && first <= 0xF4 ? 4
                                                            : 0;
  for (std::size_t i = 1; i < size; ++i) {
    unsigned low = 0x80, high = 0xBF;
    if (i == 1 && first == 0xE0) low = 0xA0;
    if (i == 1 && first == 0xED) high = 0x9F;
    if (i == 1 && first == 0xF0) low = 0x90;
    if (i == 1 && first == 0xF4) high = 0x8F;
    if (byte(at + i) < low || byte(at + i) > high) return 0;
  }
  return size;
}

// A byte that is not UTF-8 is a character of its own above U+10FFFF.
Text decoded(std::string_view text) {
  Text out;
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t size = sequence_length(text, at);
    char32_t value = size == 0 ? 0x110000u + first : first;
    if (size > 1) value = first & (0x7Fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
      value = (value << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
    }
    out += value;
    at += size == 0 ? 1 : size;
  }
  return out;
}

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

// The bracket that closes the one at `at`; classes hide brackets.
std::size_t closing(const Text& text, std::size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == U'[') {
      at = text.find(U']', at + 1);
    } else if (text[at] == U'{') {
      ++depth;
    } else if (text[at] == U'}' && --depth == 0) {
      break;
    }
  }
  return at;
}

std::vector<Text> branches(const Text& inside) {
  std::vector<Text> out(1);
  for (std::size_t at = 0; at < inside.size(); ++at) {
    std::size_t end = at;
    if (inside[at] == U'[') end = inside.find(U']', at + 1);
    if (inside[at] == U'{') end = closing(inside, at);
    if (inside[at] == U',') {
      out.emplace_back();
    } else {
      out.back() += inside.substr(at, end + 1 - at);
    }
    at = end;
  }
  return out;
}

// False when there are more than `limit`.
bool expand(const Text& done, const Text& rest, std::size_t limit,
            std::vector<Text>& out) {
  for (std::size_t at = 0; at < rest.size(); ++at) {
    if (rest[at] == U'[') at = rest.find(U']', at + 1);
    if (rest[at] != U'{') continue;
    const std::size_t end = closing(rest, at);
    const Text inside = rest.substr(at + 1, end - at - 1);
    if (inside.find(U"..") != Text::npos && is_digit(inside[0]) &&
        inside.find(U',') == Text::npos) {
      at = end;
      continue;
    }
    for (const Text& branch : branches(inside)) {
      const bool fits = expand(done + rest.substr(0, at),
                               branch + rest.substr(end + 1), limit, out);
      if (!fits) return false;
    }
    return true;
  }
  out.push_back(done + rest);
  return out.size() <= limit;
}

bool class_holds(const Text& body, char32_t c) {
  const bool negated = body[0] == U'!';
  for (std::size_t i = negated ? 1 : 0; i < body.size(); ++i) {
    char32_t last = body[i];
    const char32_t first = last;
    if (i + 2 < body.size() && body[i + 1] == U'-') {
      last = body[i + 2];
      i += 2;
    }
    if (first <= c && c <= last) return !negated;
  }
  return negated;
}

// Both without leading zeros.
bool is_at_most(const Text& a, const Text& b) {
  return a.size() != b.size() ? a.size() < b.size() : a <= b;
}

Text without_zeros(const Text& digits) {
  const std::size_t first = digits.find_first_not_of(U'0');
  return first == Text::npos ? Text() : digits.substr(first);
}

class Backtracking {
 public:
  Backtracking(const Text& pattern, const Text& name)
      : pattern_(pattern),
        name_(name),
        tried_((pattern.size() + 1) * (name.size() + 1), false) {}

  bool at(std::size_t p, std::size_t n) {
    const std::size_t place = p * (name_.size() + 1) + n;
    if (tried_[place]) return false;
    tried_[place] = true;
    if (p == pattern_.size()) return n == name_.size();
    const char32_t c = pattern_[p];
    if (c == U'*') return at(p + 1, n) || (n < name_.size() && at(p, n + 1));
    if (c == U'{') return at_number(p, n);
    if (n == name_.size()) return false;
    if (c == U'?') return at(p + 1, n + 1);
    if (c != U'[') return c == name_[n] && at(p + 1, n + 1);
    const std::size_t end = pattern_.find(U']', p + 1);
    return class_holds(pattern_.substr(p + 1, end - p - 1), name_[n]) &&
           at(end + 1, n + 1);
  }

 private:
  bool at_number(std::size_t p, std::size_t n) {
    if (n > 0 && is_digit(name_[n - 1])) return false;
    std::size_t end = n;
    while (end < name_.size() && is_digit(name_[end])) ++end;
    if (end == n) return false;
    const Text value = without_zeros(name_.substr(n, end - n));
    const std::size_t dots = pattern_.find(U"..", p);
    const std::size_t close = pattern_.find(U'}', p);
    const Text low = without_zeros(pattern_.substr(p + 1, dots - p - 1));
    const Text high_text = pattern_.substr(dots + 2, close - dots - 2);
    const bool inside =
        is_at_most(low, value) &&
        (high_text.empty() || is_at_most(value, without_zeros(high_text)));
    return inside && at(close + 1, end);
  }

  const Text& pattern_;
  const Text& name_;
  std::vector<bool> tried_;
};

}  // namespace

std::optional<bool> naive_glob_matches(std::string_view pattern,
                                       std::string_view name,
                                       std::size_t limit) {
  std::vector<Text> patterns;
  if (!expand({}, decoded(pattern), limit, patterns)) return std::nullopt;
  const Text text = decoded(name);
  for (const Text& one : patterns) {
    if (Backtracking(one, text).at(0, 0)) return true;
  }
  return false;
}

}  // namespace graft::test

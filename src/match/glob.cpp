// Runs a parsed glob over a name: all paths at once, each (instruction,
// position) at most once. Parsing is in glob_parser.cpp.
#include <utility>
#include <vector>

#include "match/glob_internal.h"
#include "match/utf8_internal.h"

namespace graft {
namespace {

using Op = GlobInstruction::Op;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_continuation(char c) { return (c & 0xC0) == 0x80; }

bool class_holds(const GlobInstruction& instruction, char32_t value) {
  for (const auto& [first, last] : instruction.ranges) {
    if (first <= value && value <= last) return !instruction.negated;
  }
  return instruction.negated;
}

// End of the run of digits at `at` when the run is whole and its value lies in
// the range; otherwise npos.
std::size_t number_end(const GlobInstruction& instruction,
                       std::string_view name, std::size_t at) {
  if (at > 0 && is_digit(name[at - 1])) return std::string_view::npos;
  std::size_t end = at;
  std::uint64_t value = 0;
  for (; end < name.size() && is_digit(name[end]); ++end) {
    const auto digit = static_cast<std::uint64_t>(name[end] - '0');
    const bool overflow = __builtin_mul_overflow(value, 10, &value) ||
                          __builtin_add_overflow(value, digit, &value);
    if (overflow) value = UINT64_MAX;
  }
  const bool inside = instruction.low <= value && value <= instruction.high;
  return end > at && inside ? end : std::string_view::npos;
}

// One run over one name.
class GlobRun {
 public:
  GlobRun(const std::vector<GlobInstruction>& program, std::string_view name)
      : program_(program),
        name_(name),
        seen_(program.size() * (name.size() + 1), false) {}

  bool accepts() {
    push(0, 0);
    while (!open_.empty()) {
      const auto [index, at] = open_.back();
      open_.pop_back();
      if (step(index, at)) return true;
    }
    return false;
  }

 private:
  void push(std::size_t index, std::size_t at) {
    std::vector<bool>::reference seen = seen_[index * (name_.size() + 1) + at];
    if (seen) return;
    seen = true;
    open_.emplace_back(index, at);
  }

  // True when the pattern is done at the end of the name.
  bool step(std::size_t index, std::size_t at) {
    const GlobInstruction& instruction = program_[index];
    switch (instruction.op) {
      case Op::kAccept:
        return at == name_.size();
      case Op::kText:
        if (name_.compare(at, instruction.text.size(), instruction.text) == 0) {
          push(index + 1, at + instruction.text.size());
        }
        return false;
      case Op::kAny:
      case Op::kClass:
        step_one(index, at);
        return false;
      case Op::kStar:
        step_star(index, at);
        return false;
      case Op::kNumber:
        if (const std::size_t end = number_end(instruction, name_, at);
            end != std::string_view::npos) {
          push(index + 1, end);
        }
        return false;
      case Op::kSplit:
      case Op::kJump:
        for (const std::size_t target : instruction.targets) push(target, at);
        return false;
    }
    return false;
  }

  void step_one(std::size_t index, std::size_t at) {
    if (at == name_.size()) return;
    const CodePoint point = decode_code_point(name_, at);
    const GlobInstruction& instruction = program_[index];
    if (instruction.op == Op::kAny || class_holds(instruction, point.value)) {
      push(index + 1, at + point.size);
    }
  }

  // A star seen at `at` has already reached every later position.
  void step_star(std::size_t index, std::size_t at) {
    const GlobInstruction& next = program_[index + 1];
    if (next.op == Op::kAccept) return push(index + 1, name_.size());
    const bool to_text = next.op == Op::kText;
    const std::size_t row = index * (name_.size() + 1);
    for (std::size_t p = at; p <= name_.size(); ++p) {
      if (p > at && seen_[row + p]) return;
      seen_[row + p] = true;
      if (p < name_.size() && is_continuation(name_[p])) continue;
      const bool hopeless =
          to_text && (p == name_.size() || name_[p] != next.text.front());
      if (!hopeless) push(index + 1, p);
    }
  }

  const std::vector<GlobInstruction>& program_;
  std::string_view name_;
  std::vector<bool> seen_;
  std::vector<std::pair<std::size_t, std::size_t>> open_;
};

}  // namespace

bool GlobMatcher::matches(std::string_view name) const {
  // Most names fail on the pattern's fixed beginning or ending.
  const GlobInstruction& first = program_.front();
  if (first.op == Op::kText && !name.starts_with(first.text)) return false;
  if (program_.size() > 1) {
    const GlobInstruction& last = program_[program_.size() - 2];
    if (last.op == Op::kText && !name.ends_with(last.text)) return false;
  }
  return GlobRun(program_, name).accepts();
}

bool is_glob_literal(std::string_view text) {
  return text.find_first_of("*?[]{}()|+\\^$") == std::string_view::npos;
}

}  // namespace graft

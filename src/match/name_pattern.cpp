// One pattern as a set of its own. Entry points: NamePattern's factories.
#include "graft/match/name_pattern.h"

#include <utility>
#include <variant>

#include "match/pattern_set_internal.h"

namespace graft {
namespace {

// Equal to `text`, or ending in "." + `text`.
struct DottedEnding {
  std::string text;

  bool matches(std::string_view name) const {
    if (!name.ends_with(text)) return false;
    const std::size_t before = name.size() - text.size();
    return before == 0 || name[before - 1] == '.';
  }
};

struct SinglePattern {
  PatternSet set;

  bool matches(std::string_view name) const {
    return set.first_hit(name) != PatternSet::kNoHit;
  }
};

}  // namespace

class NamePattern::Program {
 public:
  using Engine = std::variant<SinglePattern, DottedEnding>;
  explicit Program(Engine engine) : engine_(std::move(engine)) {}

  bool matches(std::string_view name) const {
    return std::visit(
        [name](const auto& engine) { return engine.matches(name); }, engine_);
  }

 private:
  Engine engine_;
};

NamePattern::NamePattern(std::string text,
                         std::unique_ptr<const Program> program)
    : text_(std::move(text)), program_(std::move(program)) {}
NamePattern::~NamePattern() = default;
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;

NamePattern NamePattern::glob(std::string_view text) {
  SinglePattern pattern;
  pattern.set.add_glob(text, 0);
  return {std::string(text), std::make_unique<Program>(std::move(pattern))};
}

NamePattern NamePattern::megatron(std::string_view text) {
  SinglePattern pattern;
  pattern.set.add_megatron(text, 0);
  return {std::string(text), std::make_unique<Program>(std::move(pattern))};
}

NamePattern NamePattern::peft_suffix(std::string_view text) {
  return {std::string(text),
          std::make_unique<Program>(DottedEnding{std::string(text)})};
}

NamePattern NamePattern::peft_regex(std::string_view text) {
  SinglePattern pattern;
  pattern.set.add_regex(text, 0);
  return {std::string(text), std::make_unique<Program>(std::move(pattern))};
}

bool NamePattern::matches(std::string_view name) const {
  return program_->matches(name);
}

}  // namespace graft

// Which engine takes which pattern, and the scanner that idles between calls.
#include "match/pattern_set_internal.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "match/glob_internal.h"
#include "match/pattern_graph_internal.h"
#include "match/pattern_mark_internal.h"
#include "match/pattern_regex_internal.h"
#include "match/pattern_scanner_internal.h"
#include "match/plain_regex_internal.h"

namespace graft {
namespace {

using Extent = PatternRegex::Extent;
using End = PatternGraph::End;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80;
  });
}

// What an expression looks like to PCRE2.
struct Expression {
  std::string text;
  std::string entry;
  Extent extent = Extent::kWhole;

  PatternRegex compile() const { return {text, extent, entry}; }
};

// An expression that the automaton knows for ASCII names only.
struct WideExpression {
  std::size_t index = 0;
  Expression expression;
  std::once_flag once;
  std::optional<PatternRegex> regex;

  bool matches(std::string_view name) {
    std::call_once(once, [this] { regex.emplace(expression.compile()); });
    return regex->matches(name);
  }
};

}  // namespace

struct PatternSet::State {
  PatternGraph graph;
  std::vector<std::pair<std::size_t, PatternRegex>> regexes;
  std::vector<std::unique_ptr<WideExpression>> wide;
  PatternTree tree;  // of the pattern being added
  // The first thread that asks keeps a scanner to itself; others share one
  // that is taken while it is in use.
  std::atomic<std::uint64_t> home = 0;
  std::unique_ptr<PatternScanner> home_scanner;
  std::atomic<PatternScanner*> idle = nullptr;

  ~State() { delete idle.load(); }

  void add_tree(std::string_view pattern, std::size_t index, End end);
  void add_expression(Expression expression, bool plain, std::size_t index,
                      End end);
};

namespace {

// Never the same for two threads.
std::uint64_t thread_number() {
  static std::atomic<std::uint64_t> last = 0;
  thread_local const std::uint64_t number = ++last;
  return number;
}

}  // namespace

// A scanner of this thread's own for as long as the object lives.
class PatternSet::Lease {
 public:
  explicit Lease(State& state) : state_(state) {
    const std::uint64_t thread = thread_number();
    std::uint64_t home = state.home.load(std::memory_order_relaxed);
    if (home == 0 && state.home.compare_exchange_strong(home, thread)) {
      home = thread;
      state.home_scanner = std::make_unique<PatternScanner>(state.graph);
    }
    if (home == thread && state.home_scanner) {
      scanner_ = state.home_scanner.get();
      return;
    }
    borrowed_.reset(state.idle.exchange(nullptr));
    if (!borrowed_) borrowed_ = std::make_unique<PatternScanner>(state.graph);
    scanner_ = borrowed_.get();
  }
  ~Lease() {
    PatternScanner* none = nullptr;
    if (borrowed_ &&
        state_.idle.compare_exchange_strong(none, borrowed_.get())) {
      borrowed_.release();
    }
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  PatternScanner* operator->() const { return scanner_; }

 private:
  State& state_;
  PatternScanner* scanner_ = nullptr;
  std::unique_ptr<PatternScanner> borrowed_;
};

PatternSet::PatternSet() : state_(std::make_unique<State>()) {}
PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet&&) noexcept = default;
PatternSet& PatternSet::operator=(PatternSet&&) noexcept = default;

void PatternSet::State::add_tree(std::string_view pattern, std::size_t index,
                                 End end) {
  if (graph.add(tree, static_cast<std::uint32_t>(index), end)) return;
  throw ConfigError(
      ErrorText{.operation = "match",
                .what = quoted_pattern(pattern) +
                        " makes the patterns too large to be compiled together",
                .hint = "Use fewer or shorter patterns"});
}

void PatternSet::State::add_expression(Expression expression, bool plain,
                                       std::size_t index, End end) {
  if (!plain) {
    regexes.emplace_back(index, expression.compile());
    return;
  }
  add_tree(expression.entry, index, end);
  if (!tree.ascii_only) return;
  wide.push_back(std::make_unique<WideExpression>());
  wide.back()->index = index;
  wide.back()->expression = std::move(expression);
}

void PatternSet::reserve(std::size_t text) { state_->graph.reserve(text); }

void PatternSet::add_glob(std::string_view pattern, std::size_t index) {
  parse_glob(pattern, state_->tree);
  state_->add_tree(pattern, index, End::kText);
}

void PatternSet::add_megatron(std::string_view pattern, std::size_t index) {
  const bool plain = read_plain_megatron(pattern, state_->tree);
  if (plain && !state_->tree.ascii_only) {
    return state_->add_tree(pattern, index, End::kLine);
  }
  state_->add_expression(
      {megatron_regex(pattern), std::string(pattern), Extent::kStart}, plain,
      index, End::kLine);
}

void PatternSet::add_regex(std::string_view pattern, std::size_t index) {
  const bool plain = read_plain_regex(pattern, state_->tree);
  state_->add_expression(
      {std::string(pattern), std::string(pattern), Extent::kWhole}, plain,
      index, End::kText);
}

void PatternSet::add_peft_key(std::string_view key, std::size_t index) {
  const std::string ending = "(.*\\.)?(" + std::string(key) + ")";
  // What is no expression by itself may become one between the brackets.
  const bool plain = read_plain_regex(key, state_->tree) &&
                     read_plain_regex(ending, state_->tree);
  state_->add_expression({ending + '$', std::string(key), Extent::kStart},
                         plain, index, End::kLine);
}

bool PatternSet::empty() const {
  return state_->graph.empty() && state_->regexes.empty();
}

std::size_t PatternSet::first_hit(std::string_view name) const {
  const State& state = *state_;
  std::size_t first = kNoHit;
  if (!state.wide.empty() && !is_ascii(name)) {
    std::vector<std::size_t> hits;
    collect(name, hits);
    return hits.empty() ? kNoHit : *std::min_element(hits.begin(), hits.end());
  }
  if (!state.graph.empty()) {
    const Lease scanner(*state_);
    const std::uint32_t hit = scanner->first_hit(name);
    if (hit != PatternScanner::kNoPattern) first = hit;
  }
  for (const auto& [index, regex] : state.regexes) {
    if (index >= first) break;
    if (regex.matches(name)) return index;
  }
  return first;
}

void PatternSet::collect(std::string_view name,
                         std::vector<std::size_t>& hits) const {
  const State& state = *state_;
  const std::size_t before = hits.size();
  if (!state.graph.empty()) {
    const Lease scanner(*state_);
    scanner->collect(name, hits);
  }
  if (!state.wide.empty() && !is_ascii(name)) {
    for (const auto& wide : state.wide) {
      hits.erase(std::remove(hits.begin() + static_cast<std::ptrdiff_t>(before),
                             hits.end(), wide->index),
                 hits.end());
    }
    for (const auto& wide : state.wide) {
      if (wide->matches(name)) hits.push_back(wide->index);
    }
  }
  for (const auto& [index, regex] : state.regexes) {
    if (regex.matches(name)) hits.push_back(index);
  }
}

}  // namespace graft

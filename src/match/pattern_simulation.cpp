// The sets of states after each code point of a name.
#include "match/pattern_simulation_internal.h"

#include <algorithm>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "match/pattern_mark_internal.h"
#include "match/utf8_internal.h"

namespace graft {
namespace {

using EdgeKind = PatternGraph::EdgeKind;
constexpr std::uint32_t kNone = PatternGraph::kNone;

bool is_digit(char32_t point) { return point >= U'0' && point <= U'9'; }

}  // namespace

void throw_match_limit(std::string_view name) {
  throw ConfigError(
      ErrorText{.operation = "match",
                .what = "the patterns take too long on " + quoted_pattern(name),
                .hint = "Write them with fewer stars and repeats"});
}

void PatternSimulation::start_set() {
  if (++set_ != 0) return;
  std::fill(marks_.begin(), marks_.end(), 0);
  set_ = 1;
}

void PatternSimulation::add_closed(std::uint32_t state, bool after_digit) {
  open_.push_back(state);
  while (!open_.empty()) {
    const std::uint32_t at = open_.back();
    open_.pop_back();
    if (marks_[at] == set_) continue;
    marks_[at] = set_;
    next_.push_back(at);
    std::uint32_t index = graph_.states()[at].edges;
    for (; index != kNone; index = graph_.edges()[index].next) {
      const PatternGraph::Edge& edge = graph_.edges()[index];
      const bool number = edge.kind == EdgeKind::kNumber && !after_digit;
      if (number || PatternGraph::is_free(edge)) open_.push_back(edge.target);
      ++work_;
    }
  }
}

void PatternSimulation::pass_guards() {
  // next_ grows behind `current_`, in the same set.
  next_.swap(current_);
  for (std::size_t i = 0; i < next_.size(); ++i) {
    std::uint32_t index = graph_.states()[next_[i]].edges;
    for (; index != kNone; index = graph_.edges()[index].next) {
      const PatternGraph::Edge& edge = graph_.edges()[index];
      if (edge.kind == EdgeKind::kGuard) add_closed(edge.target, true);
    }
  }
  next_.swap(current_);
}

void PatternSimulation::step(char32_t point) {
  start_set();
  next_.clear();
  const bool digit = is_digit(point);
  for (const std::uint32_t at : current_) {
    const PatternGraph::State& state = graph_.states()[at];
    const bool stays =
        state.star != kNone &&
        (!state.star_of_line || (point != U'\n' && point <= 0x10FFFF));
    if (stays) add_closed(at, digit);
    std::uint32_t index = state.edges;
    for (; index != kNone; index = graph_.edges()[index].next) {
      const PatternGraph::Edge& edge = graph_.edges()[index];
      if (graph_.takes(edge, point)) add_closed(edge.target, digit);
    }
    ++work_;
  }
  current_.swap(next_);
}

void PatternSimulation::add_accepts(bool at_final_newline,
                                    std::vector<std::size_t>& hits) const {
  for (const std::uint32_t at : current_) {
    std::uint32_t index = graph_.states()[at].accepts;
    for (; index != kNone; index = graph_.accepts()[index].next) {
      const PatternGraph::Accept& accept = graph_.accepts()[index];
      const bool here =
          !at_final_newline || accept.end == PatternGraph::End::kLine;
      if (here) hits.push_back(accept.pattern);
    }
  }
}

void PatternSimulation::collect(std::string_view name,
                                std::vector<std::size_t>& hits) {
  marks_.resize(graph_.states().size(), 0);
  work_ = 0;
  start_set();
  next_.clear();
  add_closed(PatternGraph::kRoot, false);
  current_.swap(next_);
  for (std::size_t at = 0; at < name.size() && !current_.empty();) {
    const CodePoint point = decode_code_point(name, at);
    at += point.size;
    if (!is_digit(point.value)) pass_guards();
    if (at == name.size() && point.value == U'\n') add_accepts(true, hits);
    step(point.value);
    if (work_ > kMaxMatchWork) throw_match_limit(name);
  }
  pass_guards();
  add_accepts(false, hits);
}

}  // namespace graft

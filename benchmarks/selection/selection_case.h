// What the matchers are asked: the names of a model of 61 layers and 256
// experts, and lists of patterns, each as graft and as a regular expression
// says it. Entry points: make_names, make_case.
#pragma once

#include <string>
#include <vector>

namespace graft::bench {

// 61 * (4 + 256 * 3) = 47,092 Hugging Face names, in the model's order.
std::vector<std::string> make_names();

struct SelectionCase {
  std::string mix;
  bool megatron = false;              // syntax of `patterns`
  std::vector<std::string> patterns;  // for graft
  std::vector<std::string> regexes;   // the same, without anchors
};

// "wildcards": four families of the reference's wildcards, dots any character:
// layer and expert, expert, layer and expert below a fixed beginning, layer and
// half a name. "globs": dots literal; those four with alternatives, ranges of
// layers and of experts, whole paths and last names. "regexes": "wildcards"
// with one in 64 (at least one) a true regular expression, with a counted
// repeat, which no automaton of graft's takes.
SelectionCase make_case(const std::string& mix, int count);

}  // namespace graft::bench

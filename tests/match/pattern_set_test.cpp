// Lists of random patterns on random names: the automaton against a naive
// matcher, in any order of names, with tables that overflow, on many threads.
#include "match/pattern_set_internal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "graft/base/error.h"
#include "match/glob_internal.h"
#include "match/pattern_graph_internal.h"
#include "match/pattern_regex_internal.h"
#include "match/pattern_scanner_internal.h"
#include "support/naive_glob.h"

namespace graft {
namespace {

using Random = std::mt19937;
using Strings = std::vector<std::string>;

const std::string& pick(Random& random, const Strings& from) {
  return from[random() % from.size()];
}

std::string joined(Random& random, const Strings& pieces, std::size_t most) {
  std::string out;
  for (std::size_t i = random() % (most + 1); i > 0; --i) {
    out += pick(random, pieces);
  }
  return out;
}

// Few letters, so that patterns and names meet often.
const Strings kGlobPieces = {
    "a",     "b",      ".",       "1",       "2",     "*",
    "*",     "?",      "a.",      ".b",      "[ab]",  "[!a]",
    "[1-2]", "{a,b}",  "{,a.}",   "{1..12}", "{2..}", "{a*,{b,1}?}",
    "12",    "{0..2}", "*{1..2}", "é"};
const Strings kRegexPieces = {"a",  "b",     ".",    "1",      "\\.", ".*",
                              "a+", "[ab]",  "[^a]", "(a|b)",  "b?",  "(a.)*",
                              "1",  "(?:b)", "\\d",  "(|ab)+", "é",   "(.*)"};
const Strings kMegatronPieces = {"a",     "b", ".",   "*",   "1",  "(a|b)",
                                 "[1-2]", "2", "\\d", "\\.", "b?", "é"};
const Strings kNamePieces = {"a", "b",  ".",   "1",  "2",
                             "0", "ab", "a.b", "12", "a.1.b"};
const Strings kOddPieces = {
    "a", "b",           ".",    "1",    "é",
    "2", "\n",          "\xC3", "\xA9", std::string(1, '\0'),
    "a", "\xED\xA0\x80"};

Strings random_names(Random& random, std::size_t count) {
  Strings names;
  for (std::size_t i = 0; i < count; ++i) {
    const bool odd = random() % 8 == 0;
    names.push_back(joined(random, odd ? kOddPieces : kNamePieces, 8));
  }
  // Neighbours with common beginnings, as in a model, and without.
  if (random() % 2 == 0) std::sort(names.begin(), names.end());
  return names;
}

Strings random_globs(Random& random, std::size_t count) {
  Strings patterns;
  while (patterns.size() < count) {
    std::string pattern = joined(random, kGlobPieces, 6);
    try {
      PatternTree tree;
      parse_glob(pattern, tree);
      patterns.push_back(std::move(pattern));
    } catch (const ConfigError&) {
      // ".*" and the like.
    }
  }
  return patterns;
}

std::vector<std::size_t> sorted(std::vector<std::size_t> hits) {
  std::sort(hits.begin(), hits.end());
  hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
  return hits;
}

std::vector<std::size_t> naive_hits(const Strings& patterns,
                                    const std::string& name) {
  std::vector<std::size_t> hits;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (test::naive_glob_matches(patterns[i], name).value()) hits.push_back(i);
  }
  return hits;
}

void expect_hits(const PatternSet& set, const std::string& name,
                 const std::vector<std::size_t>& expected,
                 const Strings& patterns) {
  std::vector<std::size_t> hits;
  set.collect(name, hits);
  const std::string label =
      testing::PrintToString(name) + " on " + testing::PrintToString(patterns);
  EXPECT_EQ(sorted(hits), expected) << label;
  EXPECT_EQ(set.first_hit(name),
            expected.empty() ? PatternSet::kNoHit : expected.front())
      << label;
}

TEST(PatternSet, answers_as_the_naive_glob) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    Random random(seed);
    const std::size_t count = seed % 3 == 0 ? 64 : 1 + random() % 8;
    const Strings patterns = random_globs(random, count);
    PatternSet set;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      set.add_glob(patterns[i], i);
    }
    for (const std::string& name : random_names(random, 60)) {
      expect_hits(set, name, naive_hits(patterns, name), patterns);
      if (HasFailure()) return;
    }
  }
}

// PCRE2 says what each expression means, one by one.
void check_expressions(const Strings& pieces, bool megatron) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    Random random(seed);
    PatternSet set;
    Strings patterns;
    std::vector<PatternRegex> regexes;
    for (std::size_t i = 0; i < 1 + seed % 16; ++i) {
      patterns.push_back(joined(random, pieces, 5));
      const std::string& text = patterns.back();
      if (megatron) {
        set.add_megatron(text, i);
        regexes.emplace_back(megatron_regex(text),
                             PatternRegex::Extent::kStart);
      } else {
        set.add_regex(text, i);
        regexes.emplace_back(text, PatternRegex::Extent::kWhole);
      }
    }
    for (const std::string& name : random_names(random, 60)) {
      std::vector<std::size_t> expected;
      for (std::size_t i = 0; i < regexes.size(); ++i) {
        if (regexes[i].matches(name)) expected.push_back(i);
      }
      expect_hits(set, name, expected, patterns);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(PatternSet, answers_as_pcre2_on_regular_expressions) {
  check_expressions(kRegexPieces, false);
}

TEST(PatternSet, answers_as_pcre2_on_megatron_patterns) {
  check_expressions(kMegatronPieces, true);
}

TEST(PatternSet, tables_that_overflow_change_no_answer) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const Strings patterns = random_globs(random, 12);
    PatternGraph graph;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      PatternTree tree;
      parse_glob(patterns[i], tree);
      graph.add(tree, static_cast<std::uint32_t>(i), PatternGraph::End::kText);
    }
    PatternScanner scanner(graph, 40 + 100 * (seed % 5));
    for (const std::string& name : random_names(random, 200)) {
      std::vector<std::size_t> hits;
      scanner.collect(name, hits);
      EXPECT_EQ(sorted(hits), naive_hits(patterns, name))
          << name << " on " << testing::PrintToString(patterns);
    }
  }
}

TEST(PatternSet, threads_share_one_set) {
  Random random(7);
  const Strings patterns = random_globs(random, 32);
  const Strings names = random_names(random, 400);
  PatternSet set;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    set.add_glob(patterns[i], i);
  }
  std::vector<std::size_t> expected;
  for (const std::string& name : names) expected.push_back(set.first_hit(name));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < names.size(); ++i) {
        if (set.first_hit(names[i]) != expected[i]) ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace graft

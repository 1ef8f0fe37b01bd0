// NamePattern::megatron against recorded answers of Python's `re`.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "graft/base/error.h"
#include "graft/match/name_pattern.h"
#include "support/shared_data.h"

namespace graft {
namespace {

constexpr const char* kSchema = "graft.matcher.wildcard/1";

// What graft may refuse of Python's language; docs/matching.md lists it.
constexpr std::array<const char*, 2> kRefusals = {
    "which graft does not support", "lookbehind assertion is not fixed length"};

// '1' or '0' for each name; all 'E' for a pattern that is rejected, 'R' for
// one that uses a part of the language that graft refuses.
std::string answers(const std::string& pattern, const nlohmann::json& names) {
  std::string out;
  try {
    const NamePattern compiled = NamePattern::megatron(pattern);
    for (const auto& name : names) {
      out += compiled.matches(name.get_ref<const std::string&>()) ? '1' : '0';
    }
  } catch (const ConfigError& error) {
    const bool refused =
        std::any_of(kRefusals.begin(), kRefusals.end(), [&](const char* text) {
          return std::string_view(error.what()).find(text) !=
                 std::string_view::npos;
        });
    out.assign(names.size(), refused ? 'R' : 'E');
  }
  return out;
}

std::string joined(const nlohmann::json& results) {
  if (results.is_string()) return results.get<std::string>();
  std::string out;
  for (const auto& result : results) {
    out += result.is_string() ? result.get<std::string>() : result.dump();
  }
  return out;
}

// At most one exotic pattern in a hundred may be refused, none of the core.
void run_group(const nlohmann::json& group, test::CaseCounter& counter) {
  const auto& patterns = group.at("patterns");
  std::size_t refused = 0;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const std::string pattern = patterns[i];
    const std::string expected = joined(group.at("results")[i]);
    const std::string actual = answers(pattern, group.at("names"));
    if (group.at("tier") != "core" && actual.starts_with('R')) {
      counter.skipped("uses what docs/matching.md lists as not supported");
      ++refused;
      continue;
    }
    EXPECT_EQ(actual, expected) << group.at("id") << " '" << pattern << "'";
    counter.ran();
  }
  EXPECT_LE(refused, 1 + patterns.size() / 100) << group.at("id");
}

void run_file(const std::filesystem::path& path, test::CaseCounter& counter) {
  const nlohmann::json data = test::read_json(path);
  if (data.value("schema", "") != kSchema) return;
  for (const auto& group : data.at("groups")) run_group(group, counter);
}

TEST(NamePattern, vector_wildcard_pairs) {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  test::CaseCounter counter("wildcard patterns");
  for (const auto& path : test::files_below(*vectors, ".json")) {
    run_file(path, counter);
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

// Random patterns of Python's whole language, letters of many scripts.
TEST(NamePattern, golden_patterns) {
  test::CaseCounter counter("golden patterns");
  run_file(test::source_path("tests/golden/match/pattern_golden.json"),
           counter);
  EXPECT_GT(counter.ran_count(), 200u);
}

}  // namespace
}  // namespace graft

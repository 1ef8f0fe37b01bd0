// NamePattern::megatron against recorded answers of Python's `re`.
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/match/name_pattern.h"
#include "support/shared_data.h"

namespace graft {
namespace {

constexpr const char* kSchema = "graft.matcher.wildcard/1";

// '1' or '0' for each name; all 'E' for a pattern that is rejected.
std::string answers(const std::string& pattern, const nlohmann::json& names) {
  std::string out;
  try {
    const NamePattern compiled = NamePattern::megatron(pattern);
    for (const auto& name : names) {
      out += compiled.matches(name.get_ref<const std::string&>()) ? '1' : '0';
    }
  } catch (const ConfigError&) {
    out.assign(names.size(), 'E');
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

void run_group(const nlohmann::json& group, test::CaseCounter& counter) {
  const bool core = group.at("tier") == "core";
  const auto& patterns = group.at("patterns");
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const std::string pattern = patterns[i];
    const std::string expected = joined(group.at("results")[i]);
    const std::string actual = answers(pattern, group.at("names"));
    const bool refused = actual.find('E') != std::string::npos &&
                         expected.find('E') == std::string::npos;
    if (!core && refused) {
      counter.skipped("exotic pattern refused");
      continue;
    }
    EXPECT_EQ(actual, expected) << group.at("id") << " '" << pattern << "'";
    counter.ran();
  }
}

TEST(NamePattern, vector_wildcard_pairs) {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  test::CaseCounter counter("wildcard patterns");
  for (const auto& path : test::files_below(*vectors, ".json")) {
    const nlohmann::json data = test::read_json(path);
    if (data.value("schema", "") != kSchema) continue;
    for (const auto& group : data.at("groups")) run_group(group, counter);
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft

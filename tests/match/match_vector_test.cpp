// Selector::match_one in syntax megatron against the reference's matcher, on
// the calls that need no module kind. ModuleMatcher.vector_match_cases, which
// has modules, runs all of them.
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/match/selector.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "graft.matcher.cases/1";

// Patterns in the order in which the reference tries them.
std::vector<std::string> patterns_of(const Json& config) {
  std::vector<std::string> out;
  for (const auto& [pattern, components] :
       config.value("canonical_mapping", Json::array())
           .get<std::vector<std::pair<std::string, Json>>>()) {
    out.push_back(pattern);
  }
  if (!out.empty()) return out;
  const Json targets = config.value("target_modules", Json());
  if (targets.is_null()) return out;
  return targets.get<std::vector<std::string>>();
}

std::string full_name_of(const Json& call) {
  const Json prefix = call.value("prefix", Json());
  const std::string name = call.at("name");
  const bool empty = prefix.is_null() || prefix == "";
  return empty ? name : prefix.get<std::string>() + "." + name;
}

void run_call(const Selector& selector, const Json& call, const std::string& id,
              test::CaseCounter& counter) {
  const Json& expect = call.at("expect");
  const bool error = expect.is_object();
  if (call.at("name").is_null() || error) {
    counter.skipped(error ? "call that fails" : "call without a name");
    return;
  }
  const std::string full_name = full_name_of(call);
  const auto entry =
      selector.match_one(0, call.at("name").get<std::string>(), full_name);
  Json actual;
  if (entry) actual = {selector.rules()[0].targets[*entry], full_name};
  EXPECT_EQ(actual, expect) << id << " " << call.dump();
  counter.ran();
}

void run_case(const Json& test_case, test::CaseCounter& counter) {
  const Json& config = test_case.at("config");
  const std::string id = test_case.at("id");
  Rule rule;
  rule.syntax = PatternSyntax::kMegatron;
  rule.targets = patterns_of(config);
  const bool excludes = !config.value("exclude_modules", Json::array()).empty();
  if (rule.targets.empty() || excludes) {
    counter.skipped("case in exclude mode: needs kinds");
    return;
  }
  try {
    const Selector selector = Selector::compile({rule});
    for (const auto& call : test_case.at("calls")) {
      run_call(selector, call, id, counter);
    }
  } catch (const ConfigError& error) {
    // Compiled when first tried in the reference, all at once in a Selector;
    // ModuleMatcher.vector_match_cases runs these cases too.
    EXPECT_NE(std::string(error.what()).find("is malformed"), std::string::npos)
        << id << ": " << error.what();
    counter.skipped("case with a malformed pattern");
  }
}

TEST(Selector, vector_match_calls) {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  test::CaseCounter counter("match calls");
  for (const auto& path : test::files_below(*vectors, ".json")) {
    const Json data = test::read_ordered_json(path);
    if (data.value("schema", "") != kSchema) continue;
    for (const auto& test_case : data.at("cases")) run_case(test_case, counter);
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft

// ModuleMatcher against recorded calls of the reference.
#include <gtest/gtest.h>

#include <map>

#include "graft/base/error.h"
#include "graft/peft/expert_names.h"
#include "graft/peft/lora.h"
#include "graft/peft/module_matcher.h"
#include "peft/stand_in.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using Json = nlohmann::ordered_json;
using test::hit_json;
using test::string_or_null;

const torch::nn::Module& shared_stand_in(const std::string& kind) {
  static std::map<std::string, std::shared_ptr<torch::nn::Module>> modules;
  auto& module = modules[kind];
  if (!module) module = test::make_stand_in(kind);
  return *module;
}

void check_call(ModuleMatcher& matcher, const Json& call) {
  const std::optional<std::string> name = string_or_null(call.at("name"));
  const std::optional<std::string> prefix = string_or_null(call.at("prefix"));
  const torch::nn::Module& module = shared_stand_in(call.at("kind"));
  const Json& expect = call.at("expect");
  try {
    const std::optional<Match> match = matcher.match(module, name, prefix);
    ASSERT_FALSE(expect.is_object()) << "no error: " << call.dump();
    EXPECT_EQ(hit_json(match), expect) << call.dump();
  } catch (const ConfigError& error) {
    ASSERT_TRUE(expect.is_object()) << error.what() << " " << call.dump();
    if (expect.at("error") == "AssertionError") {
      EXPECT_EQ(error.what(), expect.at("message").get<std::string>());
    } else {
      EXPECT_EQ(expect.at("error"), "re.error");
    }
  }
}

TEST(ModuleMatcher, vector_match_cases) {
  for (const Json& file : test::vector_files("graft.matcher.cases/1")) {
    test::CaseCounter counter("match " + file.value("set", ""));
    for (const Json& item : file.at("cases")) {
      SCOPED_TRACE(item.at("id").get<std::string>());
      ModuleMatcher matcher;
      test::configure(matcher, item.at("config"));
      test::LogCapture log;
      matcher.init_target_match_state();
      for (const Json& call : item.at("calls")) check_call(matcher, call);
      matcher.validate_target_matches();
      EXPECT_EQ(test::take_warning(log), item.at("unmatched_warning"));
      counter.ran();
    }
  }
}

void expect_canonical(const CanonicalLora& method, const Json& expect) {
  Json mapping = Json::array();
  for (const auto& [pattern, components] : method.canonical_mapping) {
    mapping.push_back({pattern, components});
  }
  EXPECT_EQ(mapping, expect.at("canonical_mapping"));
  EXPECT_EQ(Json(method.alias_to_pattern()), expect.at("aliases"));
}

void check_canonical_case(const Json& item) {
  CanonicalLora method;
  method.syntax = PatternSyntax::kMegatron;
  method.target_modules = test::string_list(item.at("target_modules"));
  test::LogCapture log;
  const Json& expect = item.at("expect");
  try {
    method.init_target_match_state();
    if (item.contains("reassigned_target_modules")) {
      method.target_modules =
          test::string_list(item.at("reassigned_target_modules"));
      method.init_target_match_state();
    }
  } catch (const ConfigError& error) {
    ASSERT_TRUE(expect.contains("error")) << error.what();
    EXPECT_EQ(error.what(), expect.at("message").get<std::string>());
    return;
  }
  ASSERT_FALSE(expect.contains("error"));
  expect_canonical(method, expect);
  if (!item.contains("calls")) return;
  for (const Json& call : item.at("calls")) check_call(method, call);
  method.validate_target_matches();
  EXPECT_EQ(test::take_warning(log), item.at("unmatched_warning"));
}

TEST(CanonicalLora, vector_canonical_cases) {
  for (const Json& file : test::vector_files("graft.matcher.canonical/1")) {
    test::CaseCounter counter("canonical " + file.value("set", ""));
    for (const Json& item : file.at("cases")) {
      SCOPED_TRACE(item.at("id").get<std::string>());
      check_canonical_case(item);
      counter.ran();
    }
  }
}

TEST(ExpertNames, vector_name_predicates) {
  for (const Json& file :
       test::vector_files("graft.matcher.name_predicates/1")) {
    test::CaseCounter counter("name predicates " + file.value("set", ""));
    std::map<std::string, bool (*)(std::string_view)> predicates{
        {"is_expert_linear", is_expert_linear},
        {"is_grouped_expert_linear", is_grouped_expert_linear},
        {"canonical_fc1_stays_unsplit", keeps_fc1_whole}};
    const Json& columns = file.at("columns");
    for (const Json& row : file.at("rows")) {
      const std::string name = row.at(0);
      for (std::size_t i = 1; i < columns.size(); ++i) {
        const auto predicate = predicates.at(columns.at(i));
        EXPECT_EQ(predicate(name), row.at(i).get<bool>())
            << name << " " << columns.at(i);
      }
      counter.ran();
    }
  }
}

}  // namespace
}  // namespace graft

// The alias bookkeeping against recorded operations of the reference.
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/peft/module_matcher.h"
#include "peft/stand_in.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using Json = nlohmann::ordered_json;
using test::string_or_null;

// The matcher, its operations by name, and what the last one returned.
struct Session {
  ModuleMatcher matcher;
  test::LogCapture log;

  Json run(const Json& operation) {
    const std::string name = operation.at(0);
    if (name == "match") return match(operation);
    if (name == "validate") {
      matcher.validate_target_matches();
      return test::take_warning(log);
    }
    if (name == "init") matcher.init_target_match_state();
    if (name == "reset") matcher.reset_target_match_state();
    if (name == "set_targets") {
      matcher.target_modules = test::string_list(operation.at(1));
    }
    if (name == "register") {
      matcher.register_target_alias(string_or_null(operation.at(1)),
                                    string_or_null(operation.at(2)));
    }
    if (name == "record") {
      matcher.record_match(operation.at(1).get<std::string>(),
                           string_or_null(operation.at(2)));
    }
    return nullptr;
  }

  // An error is compared by its kind: the texts of re.error are Python's.
  Json match(const Json& operation) {
    const auto module = test::make_stand_in(operation.at(1));
    try {
      return test::hit_json(matcher.match(*module,
                                          string_or_null(operation.at(2)),
                                          string_or_null(operation.at(3))));
    } catch (const ConfigError& error) {
      const std::string text = error.what();
      const bool pattern = text.find("is malformed") != text.npos;
      return {{"error", pattern ? "re.error" : "AssertionError"}};
    }
  }
};

TEST(ModuleMatcher, vector_alias_operations) {
  for (const Json& file : test::vector_files("graft.matcher.alias_ops/1")) {
    test::CaseCounter counter("alias operations " + file.value("set", ""));
    for (const Json& item : file.at("cases")) {
      SCOPED_TRACE(item.at("id").get<std::string>());
      Session session;
      test::configure(session.matcher, item.at("config"));
      Json results = Json::array();
      for (const Json& operation : item.at("ops")) {
        results.push_back(session.run(operation));
      }
      Json expected = item.at("results");
      for (Json& result : expected) {
        if (result.is_object()) result.erase("message");
      }
      EXPECT_EQ(results, expected);
      const Json& state = item.at("state");
      EXPECT_EQ(Json(session.matcher.alias_to_pattern()),
                state.at("alias_to_pattern"));
      EXPECT_EQ(Json(session.matcher.pattern_to_alias()),
                state.at("pattern_to_aliases"));
      EXPECT_EQ(Json(session.matcher.alias_matches()),
                state.at("alias_matches"));
      counter.ran();
    }
  }
}

}  // namespace
}  // namespace graft

// Names and patterns that no honest person writes, through the command: each a
// right answer or an error, and soon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "cli/program.h"
#include "cli/small_model.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> paths_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::vector<std::string> out;
  const json plan = json::parse(outcome.out);
  for (const auto& site : plan.at("sites")) out.push_back(site.at("path"));
  return out;
}

Outcome plan_of_names(const std::vector<std::string>& targets,
                      const std::string& names, bool as_json = true) {
  Invocation call{.args = {"plan", "-"},
                  .input = names,
                  .timeout = std::chrono::seconds(20)};
  if (as_json) call.args.push_back("--json");
  for (const std::string& target : targets) {
    call.args.insert(call.args.end(), {"--target", target});
  }
  return run_program(call);
}

TEST(HostilePlan, odd_names_on_standard_input) {
  const std::string zero("a\0b.up", 6);
  const std::string names = zero + "\na.\xFF.up\nzw\xC3\xB6lf.up\n\ta .up\n";
  EXPECT_THAT(paths_of(plan_of_names({"up"}, names)),
              testing::ElementsAre(zero, "a.\xEF\xBF\xBD.up", "zw\xC3\xB6lf.up",
                                   "\ta .up"));
  EXPECT_THAT(paths_of(plan_of_names({"a?b.*"}, names)),
              testing::ElementsAre(zero));
  EXPECT_THAT(paths_of(plan_of_names({"a.?.up"}, names)),
              testing::ElementsAre("a.\xEF\xBF\xBD.up"));
}

TEST(HostilePlan, names_do_not_steer_the_terminal) {
  const Outcome outcome = plan_of_names({"*"},
                                        "a.\x1b[31mup\nb.\xC2\x9b"
                                        "2J\n",
                                        false);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("\\x1b[31mup"));
  EXPECT_THAT(outcome.out, HasSubstr("\\x9b2J"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b")));
  const Outcome typo = plan_of_names({"uq"}, "a.\x1b[31mup\na.up\n", false);
  EXPECT_EQ(typo.code, 2);
  EXPECT_THAT(typo.err, Not(HasSubstr("\x1b")));
}

TEST(HostilePlan, names_of_a_hundred_thousand_characters) {
  const std::string longest = std::string(100'000, 'x') + ".up";
  EXPECT_THAT(paths_of(plan_of_names({"*.up"}, longest + "\n")),
              testing::ElementsAre(longest));
  EXPECT_EQ(plan_of_names({"*x*y*x*"}, longest + "\n").code, 2);
  std::string deep = "up";
  while (deep.size() < 100'000) deep += ".up";
  expect_error(plan_of_names({"up"}, deep + "\n"), 3, {"more than 64 parts"});
}

TEST(HostilePlan, mixed_kinds_and_forms_in_one_list) {
  std::string names;
  for (const char* layer : {"0", "1", "10"}) {
    const std::string base = "model.layers." + std::string(layer);
    for (const char* end :
         {".self_attn.q_proj", ".self_attn.o_proj", ".mlp.experts.0.up_proj",
          ".mlp.experts.1.up_proj", ".mlp.shared_expert.up_proj"}) {
      names += base + end + "\n";
    }
  }
  names += "lm_head\n";
  const Outcome outcome =
      plan_of_names({"kind=expert:*.layers.{1..}.*", "kind=head", "o_proj",
                     "*.layers.[0-1].*.q_proj",
                     "model.layers.10.self_attn.q_proj", "kind=shared_expert"},
                    names);
  const auto paths = paths_of(outcome);
  EXPECT_EQ(paths.size(), 14u);
  const json entries = json::parse(outcome.out).at("entries");
  std::vector<int> hits;
  for (const auto& entry : entries) hits.push_back(entry.at("hits"));
  EXPECT_THAT(hits, testing::ElementsAre(4, 1, 3, 2, 1, 3));
}

TEST(HostilePlan, a_megabyte_of_pattern_in_a_recipe) {
  const TemporaryDirectory folder;
  std::string pattern;
  while (pattern.size() < 1'000'000) pattern += "ab*c.";
  const std::string head = "model: \"" + tiny_model().string() +
                           "\"\nadapter: {targets: [o_proj, \"";
  const auto recipe = folder.write("r.yaml", head + pattern + "\"]}\n");
  const Outcome outcome = run_graft({"plan", recipe});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("selects no module"));
  EXPECT_LT(outcome.err.size(), 5000u);
  const auto bad = folder.write("b.yaml", head + pattern + "[\"]}\n");
  const Outcome malformed = run_graft({"plan", bad});
  EXPECT_EQ(malformed.code, 2);
  EXPECT_THAT(malformed.err, HasSubstr("the class has no ']'"));
  EXPECT_LT(malformed.err.size(), 5000u);
}

TEST(HostilePlan, a_newline_in_a_tensor_name) {
  const TemporaryDirectory model;
  const std::string header =
      R"({"a\nb.up.weight":{"dtype":"F32","shape":[1,2],)"
      R"("data_offsets":[0,8]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  model.write("model.safetensors", bytes + header + std::string(8, 'x'));
  const std::string folder = model.path().string();
  for (const char* target : {"up", "a?b.*", "*b.up"}) {
    EXPECT_THAT(
        paths_of(run_graft({"plan", folder, "--json", "--target", target})),
        testing::ElementsAre("a\nb.up"));
  }
  // A star of the reference ends at a newline.
  EXPECT_EQ(
      run_graft({"plan", folder, "--syntax", "megatron", "--target", "a*up"})
          .code,
      2);
}

TEST(HostilePlan, keys_of_peft_need_its_syntax) {
  const std::string model = tiny_model().string();
  expect_error(run_graft({"plan", model, "--rank-pattern", "{q_proj: 4}"}), 2,
               {"--rank-pattern: adapter.rank_pattern needs syntax: peft"});
  const Outcome outcome = run_graft(
      {"plan", model, "--json", "--syntax", "peft", "--target", "q_proj",
       "--layers-to-transform", "0,1", "--rank-pattern", "{0.*q_proj: 4}",
       "--modules-to-save", "lm_head", "--modules-to-save", "embed_tokens"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json plan = json::parse(outcome.out);
  ASSERT_EQ(plan.at("sites").size(), 2u);
  EXPECT_EQ(plan.at("sites").at(0).at("adapter").at("rank"), 4);
  EXPECT_EQ(plan.at("sites").at(1).at("adapter").at("rank"), 32);
  EXPECT_EQ(plan.at("full_copies").size(), 2u);
}

TEST(HostilePlan, a_model_without_tensors) {
  const TemporaryDirectory model;
  model.write("model.safetensors", std::string("\2\0\0\0\0\0\0\0{}", 10));
  const Outcome named = run_graft({"plan", model.path(), "--target", "q_proj"});
  EXPECT_EQ(named.code, 2);
  EXPECT_THAT(named.err, HasSubstr("'q_proj' selects no module"));
  const Outcome plain = run_graft({"plan", model.path()});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, HasSubstr("0 adapters"));
}

}  // namespace
}  // namespace graft::test

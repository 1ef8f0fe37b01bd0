// `graft match`: names in, hits out. The recorded answers of the reference are
// in the vectors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "cli/program.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::size_t kSample = 30;  // patterns of a group, about
constexpr char kNames[] =
    "model.layers.0.self_attn.q_proj\nmodel.layers.1.mlp.up_proj\n"
    "model.layers.10.self_attn.q_proj\nlm_head\n";

std::string hits(std::vector<std::string> words, const std::string& names) {
  words.insert(words.begin(), "match");
  const Outcome outcome = run_graft(std::move(words), names);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return outcome.out;
}

TEST(Match, prints_pattern_tab_name_in_order) {
  EXPECT_EQ(hits({"--target", "q_proj", "--target", "*.layers.1.*"}, kNames),
            "q_proj\tmodel.layers.0.self_attn.q_proj\n"
            "*.layers.1.*\tmodel.layers.1.mlp.up_proj\n"
            "q_proj\tmodel.layers.10.self_attn.q_proj\n");
}

TEST(Match, excludes) {
  EXPECT_EQ(hits({"--target", "q_proj", "--exclude", "*.layers.10.*"}, kNames),
            "q_proj\tmodel.layers.0.self_attn.q_proj\n");
}

// Names alone say what is an expert, attention or a head.
TEST(Match, kinds) {
  const std::string names =
      "m.layers.0.mlp.experts.3.up\nm.layers.0.self_attn.q\nlm_head\n";
  EXPECT_EQ(hits({"--target", "kind=expert", "--target", "kind=head"}, names),
            "kind=expert\tm.layers.0.mlp.experts.3.up\nkind=head\tlm_head\n");
  EXPECT_EQ(hits({"--target", "*", "--exclude", "kind=linear"}, names),
            "*\tlm_head\n");
  expect_error(run_graft({"match", "--target", "kind=exprt"}, names), 2,
               {"unknown kind", "Nearest: kind=expert"});
}

// Dots are literal in a glob and any character in the reference's syntax.
TEST(Match, syntaxes_differ_where_they_should) {
  const std::string pattern = "*.layers.1.*";
  EXPECT_EQ(hits({"--target", pattern}, kNames),
            pattern + "\tmodel.layers.1.mlp.up_proj\n");
  EXPECT_EQ(hits({"--target", pattern, "--syntax", "megatron"}, kNames),
            pattern + "\tmodel.layers.1.mlp.up_proj\n" + pattern +
                "\tmodel.layers.10.self_attn.q_proj\n");
  const std::string regex = R"(.*\.layers\.\d\..*)";
  EXPECT_EQ(hits({"--target", regex, "--syntax", "peft"}, kNames),
            regex + "\tmodel.layers.0.self_attn.q_proj\n" + regex +
                "\tmodel.layers.1.mlp.up_proj\n");
}

TEST(Match, warns_of_a_target_without_hit) {
  const Outcome outcome =
      run_graft({"match", "--target", "q_proj", "--target", "zzz"}, kNames);
  EXPECT_EQ(outcome.code, 0);
  ASSERT_EQ(warnings_of(outcome).size(), 1u);
  EXPECT_THAT(outcome.err, HasSubstr("'zzz'"));
}

TEST(Match, odd_input) {
  EXPECT_EQ(hits({"--target", "*"}, ""), "");
  EXPECT_EQ(hits({"--target", "*"}, "\n"), "*\t\n");
  EXPECT_EQ(hits({"--target", "b"}, "a.b"), "b\ta.b\n");
  EXPECT_EQ(hits({"--target", "b"}, "a.b\r\n"), "b\ta.b\n");
  EXPECT_EQ(hits({"--target", "*ö*"}, "a.ö.b\n"), "*ö*\ta.ö.b\n");
  EXPECT_EQ(hits({"--target", "*"}, std::string("a\0b\n", 4)),
            std::string("*\ta\0b\n", 6));
  const std::string longest(1 << 20, 'a');
  EXPECT_EQ(hits({"--target", "*b*a*b*"}, longest + "\n"), "");
}

TEST(Match, bad_patterns) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"glob", "a|b"},    {"glob", "[a"},    {"glob", "{a,b"},
      {"megatron", "[a"}, {"megatron", "("}, {"peft", "(a"}};
  for (const auto& [syntax, pattern] : rows) {
    SCOPED_TRACE(pattern);
    expect_error(
        run_graft({"match", "--syntax", syntax, "--target", pattern}, "a\n"), 2,
        {"'" + pattern + "'"});
  }
}

std::string last_component(const std::string& name) {
  return name.substr(name.rfind('.') + 1);
}

// What the command can be asked at all.
bool fits_on_a_line(const std::string& name) {
  return name.find_first_of("\r\n") == name.npos;
}

// An entry is a pattern of the whole path, or equal to the last component.
std::string expected_hits(const std::string& pattern, const std::string& row,
                          const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!fits_on_a_line(names[i])) continue;
    if (row[i] == '1' || last_component(names[i]) == pattern) {
      out += pattern + "\t" + names[i] + "\n";
    }
  }
  return out;
}

void check_pattern(const std::string& pattern, const std::string& row,
                   const std::vector<std::string>& names) {
  SCOPED_TRACE(pattern);
  std::string input;
  for (const std::string& name : names) {
    if (fits_on_a_line(name)) input += name + "\n";
  }
  const Outcome outcome = run_graft(
      {"match", "--syntax", "megatron", "--target=" + pattern}, input);
  if (row.find('E') != row.npos) {
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    return;
  }
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, expected_hits(pattern, row, names));
}

TEST(Match, vector_wildcard_core) {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "no vectors beside the source tree\n";
    return;
  }
  CaseCounter counter("patterns through graft match");
  for (const auto& file :
       files_below(*vectors / "matcher_reference", ".json")) {
    const json set = read_json(file);
    if (set.value("schema", "") != "graft.matcher.wildcard/1") continue;
    for (const json& group : set.at("groups")) {
      const auto names = group.at("names").get<std::vector<std::string>>();
      // The matcher's own tests run every pattern; here a start costs more.
      const std::size_t count = group.at("patterns").size();
      for (std::size_t i = 0; i < count; i += 1 + count / kSample) {
        if (group.at("tier") != "core") {
          counter.skipped("tier exotic may be refused");
          continue;
        }
        check_pattern(group.at("patterns")[i], group.at("results")[i], names);
        counter.ran();
      }
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft::test

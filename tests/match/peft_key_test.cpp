// Keys of rank_pattern on the automaton against the expression that HF PEFT
// makes of each, one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/match/selector.h"
#include "match/model_inventory.h"
#include "match/pattern_regex_internal.h"
#include "match/pattern_set_internal.h"

namespace graft {
namespace {

const std::vector<std::string> kKeys = {"q_proj",
                                        "self_attn.q_proj",
                                        "layers\\.1\\..*",
                                        "layers.1.*",
                                        "(q|k)_proj",
                                        "q_proj|k_proj",
                                        "a)|(b",
                                        "\\bq_proj",
                                        "q_proj$",
                                        "^model.*",
                                        "",
                                        ".*",
                                        "[qk]_proj",
                                        "q_proj\n",
                                        "\\w+",
                                        "layers\\.(?:0|11)\\..*proj",
                                        "model.layers.0.self_attn.q_proj"};
const std::vector<std::string> kPaths = {"",
                                         "q_proj",
                                         "xq_proj",
                                         "a.q_proj",
                                         "a",
                                         "b",
                                         "ab",
                                         "ba",
                                         "a.b",
                                         "x.a",
                                         "model.layers.0.self_attn.q_proj",
                                         "model.layers.1.self_attn.k_proj",
                                         "model.layers.11.mlp.up_proj",
                                         "q_proj\n",
                                         "a.q_proj\n",
                                         "a\n.q_proj",
                                         "Q_PROJ",
                                         "a.Q_proj",
                                         "x.\xC3\xA9.q_proj",
                                         "\xC3\xA9",
                                         "a.\xFFq_proj"};

TEST(PeftKey, matches_as_the_expression_that_peft_makes_of_it) {
  PatternSet all;
  for (std::size_t i = 0; i < kKeys.size(); ++i) all.add_peft_key(kKeys[i], i);
  for (const std::string& path : kPaths) {
    std::vector<std::size_t> hits;
    all.collect(path, hits);
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
      const PatternRegex one("(.*\\.)?(" + kKeys[i] + ")$",
                             PatternRegex::Extent::kStart);
      const bool hit = std::find(hits.begin(), hits.end(), i) != hits.end();
      EXPECT_EQ(hit, one.matches(path)) << kKeys[i] << " on " << path;
    }
  }
}

TEST(PeftKey, malformed_ones_show_what_was_written) {
  PatternSet set;
  try {
    set.add_peft_key("(q_proj", 0);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("'(q_proj'"), std::string::npos)
        << error.what();
  }
}

TEST(PeftKey, one_for_each_expert_is_quick) {
  Rule rule = test::make_rule({"up_proj"}, {}, PatternSyntax::kPeft);
  Inventory inventory;
  for (int i = 0; i < 20'000; ++i) {
    ModuleInfo info;
    info.path = "model.layers." + std::to_string(i / 128) + ".mlp.experts." +
                std::to_string(i % 128) + ".up_proj";
    info.kind = LayerKind::kLinear;
    info.in = info.out = 4;
    rule.peft.rank_pattern.emplace_back(info.path, 1 + i % 7);
    inventory.modules.push_back(std::move(info));
  }
  // One by one these are 400 million matches: minutes.
  const Plan plan = test::select(inventory, {rule});
  ASSERT_EQ(plan.sites.size(), inventory.modules.size());
  for (std::size_t i = 0; i < plan.sites.size(); ++i) {
    ASSERT_EQ(plan.sites[i].adapter.rank, 1 + static_cast<int>(i) % 7);
  }
}

}  // namespace
}  // namespace graft

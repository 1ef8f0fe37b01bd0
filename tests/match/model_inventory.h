// Inventories for tests. Entry points: make_llama_inventory,
// make_hf_names_inventory, make_moe_inventory, make_expert_inventory,
// make_rule, site_paths, expect_golden.
#pragma once

#include <string>
#include <vector>

#include "graft/match/plan.h"

namespace graft::test {

// A Llama with a family table: hidden 8, two query heads and one key head of
// 4, MLP of 12, an own head.
Inventory make_llama_inventory(std::int64_t layers);

// The same known by Hugging Face names only.
Inventory make_hf_names_inventory(std::int64_t layers);

// Four layers, known by Hugging Face names: a dense MLP in layer 0; a router,
// four experts and a shared expert in the others. Hidden 8, experts of 4.
Inventory make_moe_inventory();

// Two layers of a Mixtral with a family table: hidden 8, attention as above, a
// router, four experts of 6 as grouped layers.
Inventory make_expert_inventory();

// Names of unknown shape.
Inventory make_bare_inventory(const std::vector<std::string>& names);

Rule make_rule(std::vector<std::string> targets,
               std::vector<std::string> excludes = {},
               PatternSyntax syntax = PatternSyntax::kGlob);

Plan select(const Inventory& inventory, std::vector<Rule> rules);

// Paths of the sites, in plan order, joined by spaces and with the parts that
// every path shares ("decoder.layers.", "self_attention.", "mlp.") left out:
// "0.linear_q 0.linear_fc2".
std::string site_paths(const Plan& plan);

// The text is that of tests/golden/match/NAME, which is what graft printed: a
// changed format is reviewed by the file's diff (GRAFT_UPDATE_GOLDEN=1 writes).
void expect_golden(const std::string& text, const std::string& name);

}  // namespace graft::test

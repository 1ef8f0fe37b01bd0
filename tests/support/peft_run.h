// One run of the peft_selection vectors as graft sees it. Entry points:
// make_hf_inventory, outside_reason, make_peft_rule.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "graft/match/module_info.h"
#include "graft/match/rule.h"

namespace graft::test {

using Json = nlohmann::ordered_json;

// The model of the file with its modules as an inventory of HF names.
Inventory make_hf_inventory(const Json& model, const Json& config);

// The same with q, k, v and gate, up of each block as one fused layer, as a
// family table gives it: containers have no HF names then.
Inventory make_fused_inventory(const Inventory& hf);

// Whether graft has adapters for a kind word of the vectors.
bool takes_adapters(const std::string& kind);

// What a Rule cannot say of the run's settings; empty: it says all.
std::string outside_reason(const Json& run);

Rule make_peft_rule(const Json& config);

}  // namespace graft::test

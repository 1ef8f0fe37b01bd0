// The model of an inspection in words and as JSON. Entry points: model_rows,
// model_to_json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "graft/merge/inspect.h"

namespace graft {

// Label and text, in reading order; empty for what is no model. `inspection`
// is complete.
std::vector<std::pair<std::string, std::string>> model_rows(
    const Inspection& inspection);

// null for what is no model. Keys: docs/commands.md.
nlohmann::ordered_json model_to_json(const Inspection& inspection);

}  // namespace graft

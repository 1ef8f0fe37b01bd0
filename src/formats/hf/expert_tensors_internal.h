// Adapters on parameters as PEFT's files hold them: names of nested wrappers,
// and B with its columns by rank, then by expert. Entry points:
// parameter_tensor_paths, to_rank_major, to_expert_major. Format:
// docs/formats/hf_adapter.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/base/host_tensor.h"
#include "graft/match/plan.h"

namespace graft {

// What stands before ".lora_A.weight" for each site with an hf_parameter; empty
// for the others. PEFT wraps a module once for each parameter, the first
// registered one innermost: "...mlp.experts.base_layer" is gate_up_proj beside
// down_proj.
std::vector<std::string> parameter_tensor_paths(const std::vector<Site>& sites);

// B of all experts, one below another (experts * rows, rank), as (rows, rank *
// experts): column rank * experts + expert. The same for one expert.
HostTensor to_rank_major(const HostTensor& b, std::int64_t experts);
// The inverse: (rows, rank * experts) -> (experts * rows, rank).
HostTensor to_expert_major(const HostTensor& b, std::int64_t experts);

// Rows of a matrix, without a copy.
HostTensor slice_rows(const HostTensor& matrix, RowSet rows);

}  // namespace graft

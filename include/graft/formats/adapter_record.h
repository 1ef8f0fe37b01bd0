// The only form in which adapters travel between dialects, the merge and the
// live model. Entry points: AdapterRecord, AdapterFile.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/host_tensor.h"
#include "graft/match/plan.h"

namespace graft {

// The tensors of one site of a plan. a: (rank, in), b: (rows, rank); any
// computable dtype. magnitude: (rows), DoRA only.
struct AdapterRecord {
  HostTensor a;
  HostTensor b;
  std::optional<HostTensor> magnitude;
};

// A whole adapter: plan and tensors belong together, records[i] is of
// plan.sites[i].
struct AdapterFile {
  Plan plan;
  std::vector<AdapterRecord> records;
  std::vector<std::string> warnings;      // for the user, one sentence each
  std::optional<std::string> base_model;  // base_model_name_or_path
};

}  // namespace graft

// How a checkpoint's tensors stand to the family's table: which of the known
// layouts they are in, and where they do not fit. Entry points: fit_layout,
// compare_tensors. Private to formats.
#pragma once

#include <string>
#include <vector>

#include "graft/formats/hf/model_config.h"
#include "graft/io/sharded_safetensors.h"

namespace graft {

// `config` with the prefix of names, and the packing of experts, under which
// the fewest tensors of the table are missing; the usual one when several are
// equal. Every name of the index counts, not one that looks like a prefix.
ModelConfig fit_layout(const ShardedSafetensors& weights, ModelConfig config);

struct TensorFit {
  std::vector<std::string> missing;
  // Within the layers, where every tensor takes part in the computation.
  std::vector<std::string> unknown;
  std::vector<std::string> shapes;  // "NAME is [...] instead of [...]"
  // Elsewhere: vision towers, other heads. Not read, kept on export, as are
  // caches and a tied head that is stored, which are not listed.
  std::vector<std::string> extra;

  bool fits() const {
    return missing.empty() && unknown.empty() && shapes.empty();
  }
};
TensorFit compare_tensors(const ShardedSafetensors& weights,
                          const ModelConfig& config);

}  // namespace graft

// What a model refuses unless it says otherwise.
#include "graft/nn/causal_lm.h"

#include "graft/base/error.h"

namespace graft::nn {

void CausalLm::set_checkpoint_activations(bool on) {
  if (!on) return;
  throw ConfigError(ErrorText{"model",
                              "compute.checkpoint_activations",
                              "on",
                              "off: this model has no recomputed blocks",
                              {}});
}

}  // namespace graft::nn

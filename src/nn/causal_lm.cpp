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

void CausalLm::set_router_loss(bool on) {
  if (!on) return;
  throw ConfigError(ErrorText{"model",
                              "training.router_aux_loss_coef",
                              "a number above 0",
                              "0: this model has no routers",
                              {}});
}

at::Tensor CausalLm::router_loss(double) {
  throw ConfigError(ErrorText{"model",
                              "the load-balancing loss",
                              "none",
                              "a hidden() with gradients after set_router_loss",
                              {}});
}

}  // namespace graft::nn

// When an input can be made again at no cost in memory. Entry point:
// remade_input.
#include "graft/nn/linear_input.h"

#include <ATen/core/grad_mode.h>

namespace graft::nn {

LinearInput remade_input(at::Tensor value, std::vector<at::Tensor> sources,
                         LinearInput::Make make) {
  if (!at::GradMode::is_enabled() || !value.requires_grad()) return {value};
  return {std::move(value), std::move(sources), std::move(make)};
}

}  // namespace graft::nn

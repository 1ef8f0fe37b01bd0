// A part of a model that keeps its input alone for backward and is computed
// again there. Entry point: recomputed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace graft::nn {

struct RecomputedPart {
  // A function of x, the parameters and the state alone; the result shares no
  // memory with x. Kept, with all that it refers to, until backward.
  std::function<at::Tensor(const at::Tensor& x)> compute;
  // What compute reads and may need a gradient.
  std::vector<at::Tensor> parameters;
  // A number that changes when anything else changes on which the result
  // depends: backward refuses to work on another state. Null: there is none.
  std::function<std::uint64_t()> state;
  // Called when the part has been computed, and when it has been
  // differentiated: what it reads may leave memory until it is needed again.
  // Null: nothing is to be done.
  std::function<void()> done;
};

// compute(x), with gradients to x and the parameters that are exactly those of
// compute under autograd. Runs compute once when nothing needs a gradient, a
// second time in backward otherwise; what that saves is gone when the part's
// backward ends.
at::Tensor recomputed(const at::Tensor& x, RecomputedPart part);

}  // namespace graft::nn

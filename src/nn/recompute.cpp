// An autograd function around a function: forward without a graph, backward
// builds the graph of this part, differentiates it and drops it.
#include "graft/nn/recompute.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>

#include "graft/base/error.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kPart = "part";

// Kept by the graph until its backward.
struct HeldPart : public torch::CustomClassHolder {
  RecomputedPart part;
  std::uint64_t state = 0;
};

std::uint64_t state_of(const RecomputedPart& part) {
  return part.state ? part.state() : 0;
}

void finish(const RecomputedPart& part) {
  if (part.done) part.done();
}

bool needs_gradient(const at::Tensor& tensor) { return tensor.requires_grad(); }

[[noreturn]] void refuse_changed_state() {
  throw ConfigError(
      ErrorText{"backward of a recomputed block", "what the block computes",
                "adapters, dropout counter or mode changed since forward",
                "the same as in forward",
                "Call backward before changing them, or set "
                "compute.checkpoint_activations to off."});
}

struct RecomputeFunction : torch::autograd::Function<RecomputeFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            at::TensorList parameters,
                            const c10::intrusive_ptr<HeldPart>& held) {
    // Saved for the check that nobody writes to them before backward.
    variable_list saved{x};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    ctx->save_for_backward(std::move(saved));
    ctx->saved_data[kPart] = c10::IValue::make_capsule(held);
    at::Tensor y = held->part.compute(x);
    finish(held->part);
    return y;
  }

  // Gradients of x, of the parameters, and nothing for the part.
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    variable_list out(saved.size() + 1);
    if (!grads[0].defined()) return out;
    const auto capsule = ctx->saved_data[kPart].toCapsule();
    const auto& held = static_cast<const HeldPart&>(*capsule);
    if (state_of(held.part) != held.state) refuse_changed_state();

    const at::AutoGradMode with_graph(true);
    variable_list inputs = saved;
    inputs[0] = saved[0].detach();
    inputs[0].requires_grad_(ctx->needs_input_grad(0));
    const at::Tensor y = held.part.compute(inputs[0]);
    variable_list wanted;
    std::ranges::copy_if(inputs, std::back_inserter(wanted), needs_gradient);
    if (wanted.empty() || !y.requires_grad()) return out;
    const variable_list found =
        torch::autograd::grad({y}, wanted, {grads[0]}, /*retain_graph=*/false,
                              /*create_graph=*/false, /*allow_unused=*/true);
    finish(held.part);
    std::size_t next = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (needs_gradient(inputs[i])) out[i] = found[next++];
    }
    return out;
  }
};

}  // namespace

at::Tensor recomputed(const at::Tensor& x, RecomputedPart part) {
  std::erase_if(part.parameters,
                [](const at::Tensor& p) { return !p.requires_grad(); });
  const bool tracked = at::GradMode::is_enabled() &&
                       (x.requires_grad() || !part.parameters.empty());
  if (!tracked) {
    at::Tensor y = part.compute(x);
    finish(part);
    return y;
  }
  auto held = c10::make_intrusive<HeldPart>();
  held->state = state_of(part);
  held->part = std::move(part);
  return RecomputeFunction::apply(x, at::TensorList(held->part.parameters),
                                  held);
}

}  // namespace graft::nn

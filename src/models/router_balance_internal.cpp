// Sums by layer, and an identity whose backward adds the loss' gradient.
#include "models/router_balance_internal.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <numeric>
#include <utility>

namespace graft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct BalancedFunction : torch::autograd::Function<BalancedFunction> {
  static at::Tensor forward(AutogradContext* ctx,
                            const at::Tensor& probabilities,
                            const c10::intrusive_ptr<RouterBalance>& balance) {
    ctx->saved_data["balance"] = c10::IValue::make_capsule(balance);
    ctx->save_for_backward({probabilities});
    return probabilities.clone();
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto capsule = ctx->saved_data["balance"].toCapsule();
    const auto& balance = static_cast<const RouterBalance&>(*capsule);
    const at::Tensor own = balance.gradient(ctx->get_saved_variables()[0]);
    return {grads[0].defined() ? grads[0] + own : own, at::Tensor()};
  }
};

}  // namespace

RouterBalance::RouterBalance(std::int64_t layers, std::int64_t experts,
                             at::Tensor token_weights)
    : experts_(experts),
      weights_(std::move(token_weights)),
      chosen_(static_cast<std::size_t>(layers)),
      probabilities_(static_cast<std::size_t>(layers)),
      tokens_(static_cast<std::size_t>(layers), 0.0) {}

at::Tensor RouterBalance::attach(std::int64_t layer,
                                 const at::Tensor& probabilities,
                                 const at::Tensor& chosen) {
  {
    const at::NoGradGuard no_grad;
    const auto place = static_cast<std::size_t>(layer);
    const at::Tensor weights =
        weights_.defined()
            ? weights_
            : at::ones({probabilities.size(0)}, probabilities.options());
    const at::Tensor of_choices =
        weights.unsqueeze(1).expand_as(chosen).reshape({-1});
    chosen_[place] = at::zeros({experts_}, probabilities.options())
                         .index_add_(0, chosen.reshape({-1}), of_choices);
    probabilities_[place] = at::mv(probabilities.t(), weights);
    tokens_[place] = weights.sum().item<double>();
  }
  const bool tracked =
      at::GradMode::is_enabled() && probabilities.requires_grad();
  if (!tracked) return probabilities;
  return BalancedFunction::apply(
      probabilities, c10::intrusive_ptr<RouterBalance>::reclaim_copy(this));
}

at::Tensor RouterBalance::mean(const std::vector<at::Tensor>& sums) const {
  at::Tensor out;
  for (const at::Tensor& sum : sums) {
    if (sum.defined()) out = out.defined() ? out + sum : sum;
  }
  const double tokens = std::accumulate(tokens_.begin(), tokens_.end(), 0.0);
  return tokens > 0 ? out / tokens : out;
}

at::Tensor RouterBalance::loss() const {
  const at::NoGradGuard no_grad;
  return at::dot(mean(chosen_), mean(probabilities_)) *
         static_cast<double>(experts_);
}

at::Tensor RouterBalance::gradient(const at::Tensor& probabilities) const {
  const double tokens = std::accumulate(tokens_.begin(), tokens_.end(), 0.0);
  const double scale =
      tokens > 0 ? factor * static_cast<double>(experts_) / tokens : 0.0;
  const at::Tensor row = (mean(chosen_) * scale).unsqueeze(0);
  if (!weights_.defined()) return row.expand_as(probabilities);
  return weights_.unsqueeze(1) * row;
}

}  // namespace graft

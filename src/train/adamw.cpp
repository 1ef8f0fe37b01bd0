// AdamW by LibTorch's fused kernel, one call a step for each rate. Entry
// point: AdamW.
#include "graft/train/adamw.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <utility>

#include "graft/base/error.h"

namespace graft {
namespace {

constexpr char kFirst[] = "adamw/first/";
constexpr char kSecond[] = "adamw/second/";
constexpr char kCount[] = "adamw/count";

void copy_state(const nn::NamedState& state, const std::string& name,
                at::Tensor& target) {
  const auto found = state.tensors.find(name);
  if (found == state.tensors.end() || found->second.sizes() != target.sizes()) {
    throw FileError(ErrorText{
        .operation = "resume",
        .what = "the saved state does not fit: tensor '" + name + "'",
        .got = found == state.tensors.end() ? "none" : "another shape"});
  }
  target.copy_(found->second);
}

// The tensors of one kernel call.
struct Group {
  std::vector<at::Tensor> values, gradients, first, second, counts;
};

}  // namespace

AdamW::AdamW(std::vector<TrainedParameter> parameters,
             const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const TrainedParameter& parameter : parameters_) {
    first_.push_back(at::zeros_like(parameter.tensor.detach()));
    second_.push_back(at::zeros_like(parameter.tensor.detach()));
  }
}

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_gradient;
  ++count_;
  std::map<double, Group> groups;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const TrainedParameter& parameter = parameters_[i];
    if (!parameter.tensor.grad().defined()) continue;
    Group& group = groups[parameter.rate_factor];
    group.values.push_back(parameter.tensor.detach());
    group.gradients.push_back(parameter.tensor.grad());
    group.first.push_back(first_[i]);
    group.second.push_back(second_[i]);
    // The kernel wants the number of this step as a float tensor.
    group.counts.push_back(at::full({}, static_cast<double>(count_),
                                    at::TensorOptions()
                                        .device(parameter.tensor.device())
                                        .dtype(at::kFloat)));
  }
  for (auto& [factor, group] : groups) {
    at::_fused_adamw_(group.values, group.gradients, group.first, group.second,
                      {}, group.counts, learning_rate * factor, options_.beta1,
                      options_.beta2, options_.weight_decay, options_.eps,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
}

void AdamW::clear_gradients() {
  for (TrainedParameter& parameter : parameters_) {
    parameter.tensor.mutable_grad().reset();
  }
}

void AdamW::save_to(nn::NamedState& state) const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    state.tensors[kFirst + parameters_[i].name] = first_[i];
    state.tensors[kSecond + parameters_[i].name] = second_[i];
  }
  state.integers[kCount] = count_;
}

void AdamW::load_from(const nn::NamedState& state) {
  const at::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    copy_state(state, kFirst + parameters_[i].name, first_[i]);
    copy_state(state, kSecond + parameters_[i].name, second_[i]);
  }
  const auto count = state.integers.find(kCount);
  if (count == state.integers.end()) {
    throw FileError(ErrorText{.operation = "resume",
                              .what = "the saved state has no adamw/count"});
  }
  count_ = count->second;
}

}  // namespace graft

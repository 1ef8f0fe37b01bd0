// One recomputed part per chunk of rows.
#include "graft/nn/capped_head_loss.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "graft/nn/head_loss.h"
#include "graft/nn/recompute.h"

namespace graft::nn {

at::Tensor soft_capped(const at::Tensor& x, double cap) {
  return at::tanh(x / cap) * cap;
}

namespace {

// A tied weight is registered elsewhere.
std::vector<at::Tensor> parameters_of(const LinearSlot& head) {
  std::vector<at::Tensor> out = head.parameters();
  const at::Tensor& weight = head.weight();
  const auto is_weight = [&](const at::Tensor& parameter) {
    return parameter.is_same(weight);
  };
  if (weight.defined() && std::ranges::none_of(out, is_weight)) {
    out.push_back(weight);
  }
  return out;
}

}  // namespace

at::Tensor capped_head_loss(const at::Tensor& x,
                            const std::shared_ptr<LinearSlot>& head,
                            const at::Tensor& targets, double cap) {
  at::Tensor sum = at::zeros({}, x.options().dtype(at::kFloat));
  const std::int64_t most =
      head_loss_rows(head->out(), static_cast<std::int64_t>(sizeof(float)));
  for (std::int64_t first = 0; first < x.size(0); first += most) {
    const std::int64_t rows = std::min(most, x.size(0) - first);
    const at::Tensor wanted = targets.narrow(0, first, rows);
    const auto compute = [head, wanted, cap](const at::Tensor& chunk) {
      const at::Tensor logits =
          soft_capped(head->forward(chunk).to(at::kFloat), cap);
      return at::nll_loss(at::log_softmax(logits, 1), wanted, {},
                          at::Reduction::Sum);
    };
    const auto state = [head]() -> std::uint64_t {
      return head->op() ? head->op()->state_key() : 0;
    };
    sum = sum + recomputed(x.narrow(0, first, rows),
                           {compute, parameters_of(*head), state});
  }
  return sum;
}

}  // namespace graft::nn

// Per chunk of rows: logits into one reused buffer, softmax in place, dx from
// it. Backward only scales.
#include "graft/nn/head_loss.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "nn/row_tensor_internal.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct HeadLoss {
  at::Tensor loss;  // scalar, fp32
  at::Tensor dx;    // undefined unless asked for
};

// Logits of one chunk take about 64 MiB in fp32; below 128 rows the products
// get slow.
std::int64_t chunk_rows(std::int64_t vocabulary) {
  constexpr std::int64_t kElements = std::int64_t{16} << 20;
  return std::clamp<std::int64_t>(kElements / vocabulary, 128, 1024);
}

// Turns `logits` (n, vocabulary) into the gradient; returns the loss.
double chunk_loss(at::Tensor& logits, const at::Tensor& targets,
                  bool gradient) {
  const std::int64_t n = logits.size(0);
  const std::int64_t width = logits.size(1);
  if (!has_row_kernels(logits)) {
    const at::Tensor log_p = at::log_softmax(logits.to(at::kFloat), 1);
    const at::Tensor places = targets.unsqueeze(1);
    const double loss = -log_p.gather(1, places).sum().item<double>();
    if (gradient) {
      logits.copy_(log_p.exp().scatter_add_(
          1, places, at::full_like(places, -1.0, log_p.options())));
    }
    return loss;
  }
  std::vector<double> losses(static_cast<std::size_t>(n));
  for_row_ranges(logits, n, width, [&]<typename T>(T, auto begin, auto end) {
    cross_entropy_rows(
        {row_data<std::int64_t>(targets) + begin, end - begin, width, gradient},
        mutable_row_data<T>(logits) + begin * width, losses.data() + begin);
  });
  double sum = 0.0;
  for (const double loss : losses) sum += loss;
  return sum;
}

HeadLoss head_loss(const at::Tensor& x, const FrozenWeight& head,
                   const at::Tensor& targets, bool gradient) {
  const std::int64_t n = x.size(0);
  const std::int64_t step = std::min(chunk_rows(head.out()), n);
  at::Tensor buffer = at::empty({step, head.out()}, x.options());
  HeadLoss out;
  if (gradient) out.dx = at::empty_like(x);
  double sum = 0.0;
  for (std::int64_t begin = 0; begin < n; begin += step) {
    const std::int64_t count = std::min(step, n - begin);
    at::Tensor logits = buffer.narrow(0, 0, count);
    head.multiply_out(x.narrow(0, begin, count), logits);
    sum += chunk_loss(logits, targets.narrow(0, begin, count), gradient);
    if (gradient) {
      at::Tensor dx = out.dx.narrow(0, begin, count);
      head.multiply_transposed_out(logits, dx);
    }
  }
  out.loss = at::full({}, sum, x.options().dtype(at::kFloat));
  return out;
}

struct HeadLossFunction : torch::autograd::Function<HeadLossFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const c10::intrusive_ptr<FrozenWeight>& head,
                            const at::Tensor& targets) {
    HeadLoss out = head_loss(x, *head, targets, true);
    ctx->save_for_backward({out.dx});
    return out.loss;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list out(3);
    if (!grads[0].defined()) return out;
    const at::Tensor dx = ctx->get_saved_variables()[0];
    out[0] = dx * grads[0];
    return out;
  }
};

}  // namespace

at::Tensor frozen_head_loss(const at::Tensor& x,
                            const c10::intrusive_ptr<FrozenWeight>& head,
                            const at::Tensor& targets) {
  const at::Tensor rows = x.contiguous();
  const at::Tensor wanted = targets.contiguous();
  if (at::GradMode::is_enabled() && rows.requires_grad()) {
    return HeadLossFunction::apply(rows, head, wanted);
  }
  const at::NoGradGuard no_grad;
  return head_loss(rows, *head, wanted, false).loss;
}

}  // namespace graft::nn

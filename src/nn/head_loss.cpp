// Per chunk of rows: logits into one buffer, softmax in place, gradients of x
// and of the head's parameters from it. Backward only scales.
#include "graft/nn/head_loss.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "nn/head_loss_internal.h"
#include "nn/row_tensor_internal.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A few rows of the input. `dx` is written whole when it is defined.
struct HeadChunk {
  at::Tensor x;
  at::Tensor targets;
  at::Tensor dx;
  bool gradient = false;  // of anything
};

// Loss of a chunk; adds to the gradients of parameters.
using ChunkLoss = std::function<double(HeadChunk& chunk)>;

// One kind of head at work.
struct HeadWork : public torch::CustomClassHolder {
  std::int64_t rows = 1;  // of a chunk
  ChunkLoss chunk_loss;
  variable_list gradients;  // of the parameters, fp32
};
using HeadWorkPtr = c10::intrusive_ptr<HeadWork>;

// Turns `logits` (n, vocabulary) into their gradient; returns the loss.
double softmax_loss(at::Tensor& logits, const at::Tensor& targets,
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

// Without row kernels the softmax takes a few fp32 copies of the chunk.
std::int64_t rows_of_chunk(const at::Tensor& x, std::int64_t vocabulary) {
  constexpr std::int64_t kCopies = 16;  // bytes
  return head_chunk_rows(vocabulary,
                         has_row_kernels(x)
                             ? static_cast<std::int64_t>(x.element_size())
                             : kCopies);
}

// Summed loss, and the gradient of x into `dx` when it is defined.
double run(const HeadWork& work, const at::Tensor& x, const at::Tensor& targets,
           const at::Tensor& dx, bool gradient) {
  const std::int64_t n = x.size(0);
  double sum = 0.0;
  for (std::int64_t begin = 0; begin < n; begin += work.rows) {
    const std::int64_t count = std::min(work.rows, n - begin);
    HeadChunk chunk{x.narrow(0, begin, count), targets.narrow(0, begin, count),
                    dx.defined() ? dx.narrow(0, begin, count) : at::Tensor(),
                    gradient};
    sum += work.chunk_loss(chunk);
  }
  return sum;
}

at::Tensor scalar_of(double sum, const at::Tensor& x) {
  return at::full({}, sum, x.options().dtype(at::kFloat));
}

struct HeadLossFunction : torch::autograd::Function<HeadLossFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            at::TensorList, const at::Tensor& targets,
                            const HeadWorkPtr& work) {
    const at::Tensor dx = x.requires_grad() ? at::empty_like(x) : at::Tensor();
    const double sum = run(*work, x, targets, dx, true);
    variable_list saved{dx};
    std::ranges::move(std::exchange(work->gradients, {}),
                      std::back_inserter(saved));
    ctx->save_for_backward(std::move(saved));
    return scalar_of(sum, x);
  }

  // Gradients of x, of the parameters, and nothing for targets and work.
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    variable_list out(saved.size() + 2);
    if (!grads[0].defined()) return out;
    for (std::size_t i = 0; i < saved.size(); ++i) {
      if (saved[i].defined()) out[i] = saved[i] * grads[0];
    }
    return out;
  }
};

at::Tensor loss_of(const at::Tensor& x, at::TensorList parameters,
                   const at::Tensor& targets, const HeadWorkPtr& work) {
  const at::Tensor wanted = targets.contiguous();
  const bool tracked =
      at::GradMode::is_enabled() && (x.requires_grad() || !parameters.empty());
  if (tracked) return HeadLossFunction::apply(x, parameters, wanted, work);
  const at::NoGradGuard no_grad;
  return scalar_of(run(*work, x, wanted, {}, false), x);
}

// The buffer for logits, `count` rows of it.
class LogitBuffer {
 public:
  LogitBuffer(const at::Tensor& x, std::int64_t rows, std::int64_t width)
      : all_(at::empty({rows, width}, x.options())) {}
  at::Tensor rows(std::int64_t count) const { return all_.narrow(0, 0, count); }

 private:
  at::Tensor all_;
};

bool is_cpu_half(const at::Tensor& x) {
  return x.is_cpu() && x.element_size() == 2;
}

// x with zeros below it, in all `rows`.
at::Tensor with_rows(const at::Tensor& x, std::int64_t rows) {
  if (x.size(0) == rows) return x;
  at::Tensor out = at::zeros({rows, x.size(1)}, x.options());
  out.narrow(0, 0, x.size(0)).copy_(x);
  return out;
}

// An own weight: its gradient grows by one product a chunk, in place.
HeadWorkPtr own_weight_work(const at::Tensor& x, const at::Tensor& weight,
                            bool gradient) {
  auto work = c10::make_intrusive<HeadWork>();
  work->rows = rows_of_chunk(x, weight.size(0));
  const at::Tensor values = weight.detach();
  at::Tensor total;
  if (gradient) {
    total = at::zeros_like(values);
    work->gradients.push_back(total);
  }
  const LogitBuffer buffer(x, std::min(work->rows, x.size(0)), weight.size(0));
  work->chunk_loss = [=](HeadChunk& chunk) mutable {
    at::Tensor logits = buffer.rows(chunk.x.size(0));
    at::mm_out(logits, chunk.x, values.t());
    const double loss = softmax_loss(logits, chunk.targets, chunk.gradient);
    if (chunk.dx.defined()) at::mm_out(chunk.dx, logits, values);
    if (total.defined()) total.addmm_(logits.t(), chunk.x);
    return loss;
  };
  return work;
}

// Any operation: the graph of one chunk at a time is built and differentiated.
// Half types multiply few numbers of rows, as the frozen head does.
HeadWorkPtr operation_work(const at::Tensor& x, LinearSlot& head,
                           const variable_list& parameters) {
  auto work = c10::make_intrusive<HeadWork>();
  work->rows = rows_of_chunk(x, head.out());
  for (const at::Tensor& parameter : parameters) {
    work->gradients.push_back(at::zeros_like(parameter.detach()));
  }
  const variable_list totals = work->gradients;
  const std::int64_t limit = work->rows;
  work->chunk_loss = [=, &head](HeadChunk& chunk) {
    const at::AutoGradMode graph(chunk.gradient);
    const std::int64_t count = chunk.x.size(0);
    const std::int64_t all = multiplied_rows(count, limit, is_cpu_half(x));
    const at::Tensor input = with_rows(chunk.x.detach(), all).detach();
    input.requires_grad_(chunk.dx.defined());
    const at::Tensor logits = head.forward(input).contiguous();
    // The gradient takes the place of the logits; whoever saved them for
    // backward is told by the version.
    at::Tensor values = logits.detach();
    values.unsafeGetTensorImpl()->bump_version();
    at::Tensor real = values.narrow(0, 0, count);
    const double loss = softmax_loss(real, chunk.targets, chunk.gradient);
    if (!chunk.gradient) return loss;
    values.narrow(0, count, all - count).zero_();
    variable_list wanted = parameters;
    if (chunk.dx.defined()) wanted.push_back(input);
    const variable_list found =
        torch::autograd::grad({logits}, wanted, {values}, false, false, true);
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < totals.size(); ++i) {
      if (found[i].defined()) totals[i].add_(found[i]);
    }
    if (chunk.dx.defined()) chunk.dx.copy_(found.back().narrow(0, 0, count));
    return loss;
  };
  return work;
}

variable_list trained_parameters_of(const LinearSlot& head) {
  variable_list out;
  for (const at::Tensor& parameter : head.parameters()) {
    if (parameter.requires_grad()) out.push_back(parameter);
  }
  return out;
}

}  // namespace

at::Tensor frozen_head_loss(const at::Tensor& x,
                            const c10::intrusive_ptr<FrozenWeight>& head,
                            const at::Tensor& targets) {
  const at::Tensor rows = x.contiguous();
  auto work = c10::make_intrusive<HeadWork>();
  work->rows = rows_of_chunk(rows, head->out());
  const bool half = is_cpu_half(rows);
  const std::int64_t limit = work->rows;
  const LogitBuffer buffer(
      rows, multiplied_rows(std::min(limit, rows.size(0)), limit, half),
      head->out());
  work->chunk_loss = [=](HeadChunk& chunk) {
    const std::int64_t count = chunk.x.size(0);
    const std::int64_t all = multiplied_rows(count, limit, half);
    at::Tensor logits = buffer.rows(all);
    head->multiply_out(with_rows(chunk.x, all), logits);
    at::Tensor real = logits.narrow(0, 0, count);
    const double loss = softmax_loss(real, chunk.targets, chunk.gradient);
    if (!chunk.dx.defined()) return loss;
    logits.narrow(0, count, all - count).zero_();
    if (all == count) {
      head->multiply_transposed_out(logits, chunk.dx);
    } else {
      at::Tensor dx = at::empty({all, head->in()}, chunk.dx.options());
      head->multiply_transposed_out(logits, dx);
      chunk.dx.copy_(dx.narrow(0, 0, count));
    }
    return loss;
  };
  return loss_of(rows, {}, targets, work);
}

at::Tensor head_loss(const at::Tensor& x, LinearSlot& head,
                     const at::Tensor& targets) {
  if (!head.op() && !head.bias().defined()) {
    if (head.is_frozen()) return frozen_head_loss(x, head.frozen(), targets);
    const at::Tensor& weight = head.weight();
    const bool trained = at::GradMode::is_enabled() && weight.requires_grad();
    const at::Tensor rows = x.contiguous();
    return loss_of(rows, trained ? at::TensorList(weight) : at::TensorList(),
                   targets, own_weight_work(rows, weight, trained));
  }
  const at::Tensor rows = x.contiguous();
  const variable_list parameters = at::GradMode::is_enabled()
                                       ? trained_parameters_of(head)
                                       : variable_list();
  return loss_of(rows, parameters, targets,
                 operation_work(rows, head, parameters));
}

std::int64_t head_loss_rows(std::int64_t vocabulary,
                            std::int64_t element_bytes) {
  return head_chunk_rows(vocabulary, element_bytes);
}

}  // namespace graft::nn

// LibTorch's flash kernel on slices of one buffer: neighbouring segments of one
// length are one call, as rows of a batch. One autograd function for all of
// them, because a slice under autograd costs a whole zeroed gradient.
#include "graft/nn/segment_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// `count` segments of `length` tokens, from token `begin` on.
struct Run {
  std::int64_t begin = 0;
  std::int64_t count = 0;
  std::int64_t length = 0;
};

std::vector<Run> runs_of(at::IntArrayRef lengths) {
  std::vector<Run> runs;
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    if (runs.empty() || runs.back().length != length) {
      runs.push_back({begin, 0, length});
    }
    ++runs.back().count;
    begin += length;
  }
  return runs;
}

// (1, heads, T, d) -> the run's (count, heads, length, d), without a copy.
at::Tensor slice(const at::Tensor& x, const Run& run) {
  return x.narrow(2, run.begin, run.count * run.length)
      .unflatten(2, {run.count, run.length})
      .squeeze(0)
      .transpose(0, 1);
}

// An empty (1, heads, T, d) that lies in memory as (1, T, heads, d).
at::Tensor empty_heads(const at::Tensor& like) {
  return at::empty({1, like.size(2), like.size(1), like.size(3)},
                   like.options())
      .transpose(1, 2);
}

struct SegmentFunction : torch::autograd::Function<SegmentFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q,
                            const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& lengths) {
    at::Tensor out = empty_heads(q);
    variable_list saved{q, k, v, out};
    for (const Run& run : runs_of(lengths)) {
      auto [part, logsumexp] = at::_scaled_dot_product_flash_attention_for_cpu(
          slice(q, run), slice(k, run), slice(v, run), 0.0, true);
      slice(out, run).copy_(part);
      saved.push_back(std::move(logsumexp));
    }
    ctx->save_for_backward(std::move(saved));
    ctx->saved_data["lengths"] = lengths;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list gradients(4);
    if (!grads[0].defined()) return gradients;
    const variable_list saved = ctx->get_saved_variables();
    const auto lengths = ctx->saved_data["lengths"].toIntVector();
    for (std::size_t i = 0; i < 3; ++i) gradients[i] = empty_heads(saved[i]);
    std::size_t next = 4;
    for (const Run& run : runs_of(lengths)) {
      const auto [dq, dk, dv] =
          at::_scaled_dot_product_flash_attention_for_cpu_backward(
              slice(grads[0], run), slice(saved[0], run), slice(saved[1], run),
              slice(saved[2], run), slice(saved[3], run), saved[next++], 0.0,
              true);
      slice(gradients[0], run).copy_(dq);
      slice(gradients[1], run).copy_(dk);
      slice(gradients[2], run).copy_(dv);
    }
    return gradients;
  }
};

// Anywhere but on the CPU: plain operations under autograd.
at::Tensor by_operations(const SplitHeads& in, at::IntArrayRef lengths) {
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    const auto part = [&](const at::Tensor& x) {
      return x.narrow(2, begin, length);
    };
    parts.push_back(at::scaled_dot_product_attention(
        part(in.q), part(in.k), part(in.v), {}, 0.0, true, std::nullopt,
        in.q.size(1) != in.k.size(1)));
    begin += length;
  }
  return at::cat(parts, 2);
}

}  // namespace

at::Tensor segment_attention(const SplitHeads& in,
                             const std::vector<std::int64_t>& lengths) {
  const at::Tensor out = in.q.is_cpu()
                             ? SegmentFunction::apply(in.q, in.k, in.v, lengths)
                             : by_operations(in, lengths);
  return out.transpose(1, 2).flatten(2);
}

}  // namespace graft::nn

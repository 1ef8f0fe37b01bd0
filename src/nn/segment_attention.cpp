// LibTorch's flash kernel on slices of one buffer: neighbouring segments of one
// length are one call, as rows of a batch. One autograd function for all of
// them, because a slice under autograd costs a whole zeroed gradient. In half
// types the kernel compiles code for each length that it meets and keeps it, so
// there segments are copied into rows of few lengths.
#include "graft/nn/segment_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Segment {
  std::int64_t begin = 0;
  std::int64_t length = 0;
};

// Neighbours that are computed as rows of `length` tokens.
struct Run {
  std::vector<Segment> segments;
  std::int64_t length = 0;

  bool cut = false;  // a segment is shorter than the rows
};

std::vector<Run> runs_of(at::IntArrayRef lengths, at::ScalarType type) {
  const std::int64_t grain = type == at::kFloat || type == at::kDouble ? 1 : 32;
  std::vector<Run> runs;
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    const std::int64_t rounded = (length + grain - 1) / grain * grain;
    if (runs.empty() || runs.back().length != rounded) {
      runs.push_back({{}, rounded});
    }
    runs.back().segments.push_back({begin, length});
    runs.back().cut |= length != rounded;
    begin += length;
  }
  return runs;
}

// (1, heads, T, d) -> the segment's (heads, length, d).
at::Tensor slice(const at::Tensor& x, const Segment& segment) {
  return x.squeeze(0).narrow(1, segment.begin, segment.length);
}

// The run's (count, heads, length, d): a view, or a copy with zeros behind the
// segments. No token sees a later one, so the zeros change nothing.
at::Tensor gathered(const at::Tensor& x, const Run& run) {
  const auto count = static_cast<std::int64_t>(run.segments.size());
  if (!run.cut) {
    return x.squeeze(0)
        .narrow(1, run.segments.front().begin, count * run.length)
        .unflatten(1, {count, run.length})
        .transpose(0, 1);
  }
  const at::Tensor rows =
      at::zeros({count, run.length, x.size(1), x.size(3)}, x.options())
          .transpose(1, 2);
  for (std::int64_t i = 0; i < count; ++i) {
    const Segment& segment = run.segments[static_cast<std::size_t>(i)];
    rows[i].narrow(1, 0, segment.length).copy_(slice(x, segment));
  }
  return rows;
}

// The reverse of gathered.
void scatter(const at::Tensor& rows, const Run& run, const at::Tensor& x) {
  if (!run.cut) {
    gathered(x, run).copy_(rows);
    return;
  }
  for (std::size_t i = 0; i < run.segments.size(); ++i) {
    const Segment& segment = run.segments[i];
    slice(x, segment)
        .copy_(rows[static_cast<std::int64_t>(i)].narrow(1, 0, segment.length));
  }
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
    for (const Run& run : runs_of(lengths, q.scalar_type())) {
      auto [part, logsumexp] = at::_scaled_dot_product_flash_attention_for_cpu(
          gathered(q, run), gathered(k, run), gathered(v, run), 0.0, true);
      scatter(part, run, out);
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
    for (const Run& run : runs_of(lengths, saved[0].scalar_type())) {
      const auto [dq, dk, dv] =
          at::_scaled_dot_product_flash_attention_for_cpu_backward(
              gathered(grads[0], run), gathered(saved[0], run),
              gathered(saved[1], run), gathered(saved[2], run),
              gathered(saved[3], run), saved[next++], 0.0, true);
      scatter(dq, run, gradients[0]);
      scatter(dk, run, gradients[1]);
      scatter(dv, run, gradients[2]);
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

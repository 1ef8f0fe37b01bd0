// Blocks of queries against the keys that their window reaches, by matrix
// products. The query heads of one key-value head are rows of one product.
#include "graft/nn/blocked_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Work {
  SplitHeads in;
  ScoreOptions options;
  at::Tensor groups;

  std::int64_t queries() const { return in.q.size(2); }
  std::int64_t past() const { return in.k.size(2) - queries(); }
  std::int64_t group() const { return in.q.size(1) / in.k.size(1); }
  at::ScalarType wide() const {
    return in.q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  }
};

// Queries [first, last) and the keys [key_first, key_last) that they may see.
struct Block {
  std::int64_t first;
  std::int64_t last;
  std::int64_t key_first;
  std::int64_t key_last;
};

// Queries of a block: its scores take at most about 16 MiB.
std::int64_t block_size(const Work& work) {
  constexpr std::int64_t kScores = std::int64_t{1} << 22;
  const std::int64_t keys =
      work.options.window > 0
          ? std::min(work.options.window + 128, work.in.k.size(2))
          : work.in.k.size(2);
  const std::int64_t row =
      std::max<std::int64_t>(work.in.q.size(0) * work.in.q.size(1) * keys, 1);
  return std::clamp<std::int64_t>(kScores / row, 16, 128);
}

template <typename Visit>
void for_blocks(const Work& work, Visit visit) {
  const std::int64_t size = block_size(work);
  for (std::int64_t first = 0; first < work.queries(); first += size) {
    const std::int64_t last = std::min(first + size, work.queries());
    const std::int64_t reach = first + work.past() - work.options.window + 1;
    visit(Block{first, last,
                work.options.window > 0 ? std::max<std::int64_t>(reach, 0) : 0,
                last + work.past()});
  }
}

// (B, heads, T, d) -> (B, kv_heads, group * n, d) of the block's queries.
at::Tensor query_rows(const Work& work, const at::Tensor& x,
                      const Block& block) {
  return x.narrow(2, block.first, block.last - block.first)
      .unflatten(1, {x.size(1) / work.group(), work.group()})
      .to(work.wide())
      .flatten(2, 3);
}

at::Tensor key_rows(const Work& work, const at::Tensor& x, const Block& block) {
  return x.narrow(2, block.key_first, block.key_last - block.key_first)
      .to(work.wide());
}

// The reverse of query_rows, without the conversion.
at::Tensor as_heads(const Work& work, const at::Tensor& rows) {
  return rows.unflatten(2, {work.group(), rows.size(2) / work.group()})
      .flatten(1, 2);
}

// True where a key is hidden: (n, keys), or (B, 1, 1, n, keys) with groups.
at::Tensor hidden_keys(const Work& work, const Block& block) {
  const auto options = at::TensorOptions(work.in.q.device()).dtype(at::kLong);
  const at::Tensor key = at::arange(block.key_first, block.key_last, options);
  const at::Tensor query =
      at::arange(block.first + work.past(), block.last + work.past(), options)
          .unsqueeze(1);
  at::Tensor hidden = key.gt(query);
  if (work.options.window > 0) {
    hidden.logical_or_(key.le(query - work.options.window));
  }
  if (!work.groups.defined()) return hidden;
  const at::Tensor of_keys =
      work.groups.narrow(1, block.key_first, block.key_last - block.key_first)
          .unsqueeze(1);
  const at::Tensor of_queries =
      work.groups.narrow(1, block.first + work.past(), block.last - block.first)
          .unsqueeze(2);
  const at::Tensor apart = of_keys.ne(of_queries)
                               .logical_or_(of_keys.lt(0))
                               .logical_and_(key.ne(query));
  return hidden.logical_or(apart).unsqueeze(1).unsqueeze(1);
}

struct Scores {
  at::Tensor softmax;  // (B, kv_heads, group * n, keys)
  at::Tensor tanh;     // of score / cap; undefined without a cap
};

Scores scores_of(const Work& work, const at::Tensor& q, const at::Tensor& k,
                 const Block& block) {
  Scores out;
  at::Tensor scores = at::matmul(q, k.transpose(2, 3)).mul_(work.options.scale);
  if (work.options.soft_cap > 0) {
    out.tanh = scores.div_(work.options.soft_cap).tanh_();
    scores = out.tanh * work.options.soft_cap;
  }
  const std::int64_t n = block.last - block.first;
  scores.unflatten(2, {work.group(), n})
      .masked_fill_(hidden_keys(work, block),
                    -std::numeric_limits<double>::infinity());
  out.softmax = at::softmax(scores, -1);
  return out;
}

// An empty (B, heads, T, d) that lies in memory as (B, T, heads, d).
at::Tensor empty_heads(const at::Tensor& like) {
  return at::empty({like.size(0), like.size(2), like.size(1), like.size(3)},
                   like.options())
      .transpose(1, 2);
}

at::Tensor forward_all(const Work& work) {
  const at::Tensor out = empty_heads(work.in.q);
  for_blocks(work, [&](const Block& block) {
    const Scores scores = scores_of(work, query_rows(work, work.in.q, block),
                                    key_rows(work, work.in.k, block), block);
    out.narrow(2, block.first, block.last - block.first)
        .copy_(as_heads(work, at::matmul(scores.softmax,
                                         key_rows(work, work.in.v, block))));
  });
  return out;
}

SplitHeads backward_all(const Work& work, const at::Tensor& dy) {
  const at::Tensor d_q = empty_heads(work.in.q);
  const auto wide = work.in.k.options().dtype(work.wide());
  const at::Tensor d_k = at::zeros(work.in.k.sizes(), wide);
  const at::Tensor d_v = at::zeros(work.in.v.sizes(), wide);
  for_blocks(work, [&](const Block& block) {
    const at::Tensor q = query_rows(work, work.in.q, block);
    const at::Tensor k = key_rows(work, work.in.k, block);
    const at::Tensor v = key_rows(work, work.in.v, block);
    const at::Tensor d_out = query_rows(work, dy, block);
    const Scores scores = scores_of(work, q, k, block);
    const std::int64_t keys = block.key_last - block.key_first;
    d_v.narrow(2, block.key_first, keys)
        .add_(at::matmul(scores.softmax.transpose(2, 3), d_out));
    at::Tensor d_scores = at::matmul(d_out, v.transpose(2, 3));
    d_scores.sub_((d_scores * scores.softmax).sum(-1, true))
        .mul_(scores.softmax)
        .mul_(work.options.scale);
    if (scores.tanh.defined()) {
      d_scores.mul_(1.0 - scores.tanh.square());
    }
    d_q.narrow(2, block.first, block.last - block.first)
        .copy_(as_heads(work, at::matmul(d_scores, k)));
    d_k.narrow(2, block.key_first, keys)
        .add_(at::matmul(d_scores.transpose(2, 3), q));
  });
  const at::ScalarType type = work.in.k.scalar_type();
  return {d_q, d_k.to(type), d_v.to(type)};
}

// Not tensors to autograd: `groups` may be undefined.
struct Visibility {
  ScoreOptions options;
  at::Tensor groups;
};

struct BlockedFunction : torch::autograd::Function<BlockedFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q,
                            const at::Tensor& k, const at::Tensor& v,
                            const Visibility& visibility) {
    const auto& [options, groups] = visibility;
    ctx->save_for_backward({q, k, v, groups});
    ctx->saved_data["scale"] = options.scale;
    ctx->saved_data["soft_cap"] = options.soft_cap;
    ctx->saved_data["window"] = options.window;
    return forward_all({{q, k, v}, options, groups});
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list out(4);
    if (!grads[0].defined()) return out;
    const variable_list saved = ctx->get_saved_variables();
    const ScoreOptions options{ctx->saved_data["scale"].toDouble(),
                               ctx->saved_data["soft_cap"].toDouble(),
                               ctx->saved_data["window"].toInt()};
    SplitHeads found = backward_all(
        {{saved[0], saved[1], saved[2]}, options, saved[3]}, grads[0]);
    out[0] = std::move(found.q);
    out[1] = std::move(found.k);
    out[2] = std::move(found.v);
    return out;
  }
};

}  // namespace

at::Tensor blocked_attention(const SplitHeads& in, const ScoreOptions& options,
                             const at::Tensor& groups) {
  return BlockedFunction::apply(in.q, in.k, in.v, Visibility{options, groups})
      .transpose(1, 2)
      .flatten(2);
}

}  // namespace graft::nn

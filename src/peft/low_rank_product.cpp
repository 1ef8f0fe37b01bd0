// Forward and backward of an adapted linear layer. Entry points:
// low_rank_product, run_low_rank, differentiate_low_rank. Products of adapters
// go straight into slices of the one result.
#include "peft/low_rank_product_internal.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "graft/base/error.h"
#include "graft/nn/thin_product.h"
#include "peft/dropout_mask_internal.h"

namespace graft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kCall = "call";

at::Tensor as_matrix(const at::Tensor& x) {
  return x.reshape({-1, x.size(-1)});
}

at::Tensor empty_result(const at::Tensor& x, std::int64_t columns) {
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.back() = columns;
  return at::empty(sizes, x.options());
}

// One group's factors in the compute type, its A matrices stacked.
class GroupFactors {
 public:
  GroupFactors(const LowRankCall& call, const LowRankGroup& group,
               at::TensorList factors, at::ScalarType type) {
    std::vector<at::Tensor> a;
    for (std::size_t i = group.begin; i < group.end; ++i) {
      a.push_back(factors[2 * i].to(type));
      b_.push_back(factors[2 * i + 1].to(type));
      offsets_.push_back(rank_);
      rank_ += call.pieces[i].rank;
    }
    stacked_a_ = a.size() == 1 ? a[0] : at::cat(a);
  }

  const at::Tensor& stacked_a() const { return stacked_a_; }
  std::int64_t rank() const { return rank_; }
  const at::Tensor& b(std::size_t index) const { return b_[index]; }
  // The columns of (N, rank) that belong to the group's piece `index`.
  at::Tensor columns(const at::Tensor& z, std::size_t index,
                     std::int64_t rank) const {
    return z.narrow(1, offsets_[index], rank);
  }
  std::int64_t offset(std::size_t index) const { return offsets_[index]; }

 private:
  at::Tensor stacked_a_;
  std::vector<at::Tensor> b_;
  std::vector<std::int64_t> offsets_;
  std::int64_t rank_ = 0;
};

at::Tensor slice(const at::Tensor& y, const RowSet& rows) {
  return y.narrow(1, rows.begin, rows.size());
}

// Adds to y; returns x A^T (N, rank), which backward reads.
at::Tensor add_group(const LowRankCall& call, const LowRankGroup& group,
                     const at::Tensor& x, at::TensorList factors,
                     const at::Tensor& y) {
  const GroupFactors f(call, group, factors, x.scalar_type());
  const at::Tensor seen =
      group.dropout > 0.0 ? x * dropout_mask(x, call.dropout_key, group.dropout)
                          : x;
  at::Tensor z = at::empty({x.size(0), f.rank()}, x.options());
  nn::thin_product({seen, f.stacked_a().t()}, z);
  for (std::size_t i = group.begin; i < group.end; ++i) {
    const LowRankPiece& piece = call.pieces[i];
    const std::size_t local = i - group.begin;
    nn::thin_product(
        {f.columns(z, local, piece.rank), f.b(local).t(), piece.scale, true},
        slice(y, piece.rows));
  }
  return z;
}

struct GroupBackward {
  const LowRankCall& call;
  at::TensorList factors;
  at::TensorList z;      // (N, rank) of each group
  const at::Tensor& x;   // (N, in)
  const at::Tensor& dy;  // (N, out)
  at::Tensor dx;         // (N, in), added to; undefined when not wanted
};

// scale * (z^T dy)^T in fp32: the transposed product is the faster one.
at::Tensor gradient_of_b(const at::Tensor& z, const at::Tensor& dy,
                         double scale) {
  at::Tensor transposed = at::empty({z.size(1), dy.size(1)}, dy.options());
  nn::thin_product({z.t(), dy}, transposed);
  at::Tensor db = at::empty({dy.size(1), z.size(1)},
                            transposed.options().dtype(at::kFloat));
  return db.copy_(transposed.t()).mul_(scale);
}

void backward_group(GroupBackward& work, std::size_t index,
                    variable_list& gradients) {
  const LowRankCall& call = work.call;
  const LowRankGroup& group = call.groups[index];
  const at::Tensor& z = work.z[index];
  const GroupFactors f(call, group, work.factors, work.x.scalar_type());
  at::Tensor mask;
  if (group.dropout > 0.0) {
    mask = dropout_mask(work.x, call.dropout_key, group.dropout);
  }
  const at::Tensor seen = mask.defined() ? work.x * mask : work.x;
  at::Tensor u = at::empty({work.x.size(0), f.rank()}, work.x.options());
  for (std::size_t i = group.begin; i < group.end; ++i) {
    const LowRankPiece& piece = call.pieces[i];
    const std::size_t local = i - group.begin;
    const at::Tensor dy = slice(work.dy, piece.rows);
    nn::thin_product({dy, f.b(local), piece.scale},
                     f.columns(u, local, piece.rank));
    gradients[2 * i + 1] =
        gradient_of_b(f.columns(z, local, piece.rank), dy, piece.scale);
  }
  at::Tensor da = at::empty({f.rank(), seen.size(1)}, seen.options());
  nn::thin_product({u.t(), seen}, da);
  da = da.to(at::kFloat);
  for (std::size_t i = group.begin; i < group.end; ++i) {
    gradients[2 * i] =
        da.narrow(0, f.offset(i - group.begin), call.pieces[i].rank);
  }
  if (!work.dx.defined()) return;
  if (mask.defined()) {
    work.dx.add_(at::mm(u, f.stacked_a()).mul_(mask));
  } else {
    nn::thin_product({u, f.stacked_a(), 1.0, true}, work.dx);
  }
}

// What autograd saved, in the order of forward.
struct Saved {
  Saved(const LowRankCall& call, at::TensorList saved) {
    const std::size_t factor_count = 2 * call.pieces.size();
    factors = saved.slice(0, factor_count);
    z = saved.slice(factor_count, call.groups.size());
    rest = saved.slice(factor_count + call.groups.size());
  }
  at::Tensor input(const LowRankCall& call) const {
    return call.make_input ? call.make_input(rest) : rest[0];
  }

  at::TensorList factors;
  at::TensorList z;     // (N, rank) of each group
  at::TensorList rest;  // x, or what makes it
};

struct LowRankFunction : torch::autograd::Function<LowRankFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            at::TensorList factors,
                            const c10::intrusive_ptr<LowRankCall>& call) {
    at::Tensor y = empty_result(x, call->weight->out());
    at::Tensor rows = y.view({-1, y.size(-1)});
    const variable_list z = run_low_rank(*call, as_matrix(x), factors, rows);
    variable_list saved(factors.begin(), factors.end());
    saved.insert(saved.end(), z.begin(), z.end());
    if (call->make_input) {
      std::ranges::move(std::exchange(call->sources, {}),
                        std::back_inserter(saved));
    } else {
      saved.push_back(x);
    }
    ctx->save_for_backward(std::move(saved));
    ctx->saved_data[kCall] = c10::IValue::make_capsule(call);
    return y;
  }

  // Gradients of x, of the factors, and nothing for the call.
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    if (at::GradMode::is_enabled()) {
      throw ConfigError(ErrorText{"adapted linear layer",
                                  "second derivatives",
                                  "a backward that builds a graph",
                                  "a first derivative",
                                  {}});
    }
    const variable_list saved = ctx->get_saved_variables();
    const auto capsule = ctx->saved_data[kCall].toCapsule();
    const auto& call = static_cast<const LowRankCall&>(*capsule);
    const Saved parts(call, saved);
    const at::Tensor input = parts.input(call);
    const LowRankSaved kept{as_matrix(input), parts.factors, parts.z};
    variable_list gradients(1);
    at::Tensor dx;
    if (ctx->needs_input_grad(0)) {
      gradients[0] = at::empty(input.sizes(), input.options());
      dx = gradients[0].view({-1, kept.x.size(1)});
    }
    const variable_list found =
        differentiate_low_rank(call, kept, as_matrix(grads[0]), dx);
    gradients.insert(gradients.end(), found.begin(), found.end());
    gradients.emplace_back();
    return gradients;
  }
};

}  // namespace

std::vector<at::Tensor> run_low_rank(const LowRankCall& call,
                                     const at::Tensor& x,
                                     at::TensorList factors, at::Tensor y) {
  call.weight->multiply_out(x, y);
  if (call.bias.defined()) y.add_(call.bias);
  std::vector<at::Tensor> z;
  for (const LowRankGroup& group : call.groups) {
    z.push_back(add_group(call, group, x, factors, y));
  }
  return z;
}

std::vector<at::Tensor> differentiate_low_rank(const LowRankCall& call,
                                               const LowRankSaved& saved,
                                               const at::Tensor& dy,
                                               at::Tensor dx) {
  if (dx.defined()) call.weight->multiply_transposed_out(dy, dx);
  std::vector<at::Tensor> gradients(2 * call.pieces.size());
  GroupBackward work{call, saved.factors, saved.z, saved.x, dy, dx};
  for (std::size_t i = 0; i < call.groups.size(); ++i) {
    backward_group(work, i, gradients);
  }
  return gradients;
}

at::Tensor low_rank_product(const at::Tensor& x, at::TensorList factors,
                            const c10::intrusive_ptr<LowRankCall>& call) {
  return LowRankFunction::apply(x, factors, call);
}

}  // namespace graft

// Autograd functions that turn q and k in place and hand out the whole product,
// or strided views of its parts; backward turns the gradients back. ATen
// operations elsewhere than on the CPU.
#include "graft/nn/rotary.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "nn/row_tensor_internal.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// x: (B, T, width) contiguous; turns the first `heads` heads of each token.
void rotate_in_place(const at::Tensor& x, const RotaryTable& table,
                     HeadShape shape) {
  const std::int64_t width = x.size(-1);
  const std::int64_t tokens = width == 0 ? 0 : x.numel() / width;
  const std::int64_t half = table.cos.size(1);
  const std::int64_t period = table.cos.size(0);
  for_row_ranges(x, tokens, width, [&]<typename T>(T, auto begin, auto end) {
    for (std::int64_t token = begin; token < end; ++token) {
      const std::int64_t row = token % period;
      rotate_heads({shape.heads + shape.kv_heads, half, shape.head_dim,
                    row_data<float>(table.cos) + row * half,
                    row_data<float>(table.sin) + row * half},
                   mutable_row_data<T>(x) + token * width);
    }
  });
}

// Views (B, heads, T, head_dim) of (B, T, width).
SplitHeads views_of(const at::Tensor& qkv, HeadShape shape) {
  const std::int64_t q = shape.heads * shape.head_dim;
  const std::int64_t kv = shape.kv_heads * shape.head_dim;
  const auto view = [&](std::int64_t begin, std::int64_t size) {
    return qkv.narrow(2, begin, size)
        .unflatten(2, {size / shape.head_dim, shape.head_dim})
        .transpose(1, 2);
  };
  return {view(0, q), view(q, kv), view(q + kv, kv)};
}

void save_shape(AutogradContext* ctx, const HeadShape& shape) {
  ctx->saved_data["heads"] = shape.heads;
  ctx->saved_data["kv_heads"] = shape.kv_heads;
  ctx->saved_data["head_dim"] = shape.head_dim;
}

HeadShape saved_shape(AutogradContext* ctx) {
  return {ctx->saved_data["heads"].toInt(), ctx->saved_data["kv_heads"].toInt(),
          ctx->saved_data["head_dim"].toInt()};
}

struct RotatedSplit : torch::autograd::Function<RotatedSplit> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& qkv,
                               const at::Tensor& cos, const at::Tensor& sin,
                               HeadShape shape) {
    // Below autograd the results are plain tensors, not views that it tracks:
    // nothing else reads qkv again.
    const at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({cos, sin});
    save_shape(ctx, shape);
    ctx->saved_data["sizes"] = qkv.sizes().vec();
    rotate_in_place(qkv, {cos, sin}, shape);
    SplitHeads out = views_of(qkv, shape);
    return {out.q, out.k, out.v};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list out(4);
    const at::Tensor* any = nullptr;
    for (const at::Tensor& grad : grads) {
      if (grad.defined()) any = &grad;
    }
    if (any == nullptr) return out;
    const variable_list saved = ctx->get_saved_variables();
    const HeadShape shape = saved_shape(ctx);
    out[0] = at::empty(ctx->saved_data["sizes"].toIntVector(), any->options());
    const SplitHeads parts = views_of(out[0], shape);
    const at::Tensor* targets[] = {&parts.q, &parts.k, &parts.v};
    for (std::size_t i = 0; i < 3; ++i) {
      if (grads[i].defined()) {
        targets[i]->copy_(grads[i]);
      } else {
        targets[i]->zero_();
      }
    }
    rotate_in_place(out[0], {saved[0], -saved[1]}, shape);
    return out;
  }
};

struct Rotated : torch::autograd::Function<Rotated> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& qkv,
                            const at::Tensor& cos, const at::Tensor& sin,
                            HeadShape shape) {
    const at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({cos, sin});
    save_shape(ctx, shape);
    rotate_in_place(qkv, {cos, sin}, shape);
    return qkv.view(qkv.sizes());
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list out(4);
    if (!grads[0].defined()) return out;
    const variable_list saved = ctx->get_saved_variables();
    out[0] = grads[0].clone(at::MemoryFormat::Contiguous);
    rotate_in_place(out[0], {saved[0], -saved[1]}, saved_shape(ctx));
    return out;
  }
};

// x: (B, heads, T, head_dim); out of place, through autograd.
at::Tensor rotate_aten(const at::Tensor& x, const RotaryTable& table) {
  const std::int64_t half = table.cos.size(1);
  const auto shaped = [&](const at::Tensor& t) {
    return t.to(x.scalar_type()).view({-1, x.size(2), half}).unsqueeze(1);
  };
  const at::Tensor cos = shaped(table.cos);
  const at::Tensor sin = shaped(table.sin);
  const at::Tensor a = x.narrow(-1, 0, half);
  const at::Tensor b = x.narrow(-1, half, half);
  const std::int64_t kept = x.size(-1) - 2 * half;
  return at::cat(
      {a * cos - b * sin, b * cos + a * sin, x.narrow(-1, 2 * half, kept)}, -1);
}

}  // namespace

RotaryTable rotary_table(const at::Tensor& positions,
                         const std::vector<float>& inverse_frequencies,
                         double factor) {
  const at::NoGradGuard no_grad;
  const at::Tensor frequencies =
      at::tensor(inverse_frequencies).to(positions.device());
  const at::Tensor angles =
      positions.to(at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);
  RotaryTable table{angles.cos(), angles.sin()};
  if (factor != 1.0) {
    table.cos.mul_(factor);
    table.sin.mul_(factor);
  }
  return table;
}

SplitHeads split_heads(const at::Tensor& qkv, HeadShape shape) {
  return views_of(qkv, shape);
}

SplitHeads split_rotated(at::Tensor qkv, const RotaryTable& table,
                         HeadShape shape) {
  if (!has_row_kernels(qkv)) {
    const SplitHeads parts = views_of(qkv, shape);
    return {rotate_aten(parts.q, table), rotate_aten(parts.k, table), parts.v};
  }
  qkv = qkv.contiguous();
  if (at::GradMode::is_enabled() && qkv.requires_grad()) {
    const variable_list out =
        RotatedSplit::apply(qkv, table.cos, table.sin, shape);
    return {out[0], out[1], out[2]};
  }
  const at::NoGradGuard no_grad;
  rotate_in_place(qkv, table, shape);
  return views_of(qkv, shape);
}

at::Tensor rotated(at::Tensor qkv, const RotaryTable& table, HeadShape shape) {
  if (!has_row_kernels(qkv)) {
    const SplitHeads parts = split_rotated(qkv, table, shape);
    const auto joined = [](const at::Tensor& heads) {
      return heads.transpose(1, 2).flatten(2);
    };
    return at::cat({joined(parts.q), joined(parts.k), joined(parts.v)}, 2);
  }
  qkv = qkv.contiguous();
  if (at::GradMode::is_enabled() && qkv.requires_grad()) {
    return Rotated::apply(qkv, table.cos, table.sin, shape);
  }
  const at::NoGradGuard no_grad;
  rotate_in_place(qkv, table, shape);
  return qkv;
}

}  // namespace graft::nn

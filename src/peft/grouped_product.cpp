// Expert by expert, each into its rows of the one result.
#include "peft/grouped_product_internal.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "graft/base/error.h"

namespace graft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kCall = "call";

at::Tensor of_expert(const at::Tensor& factor, std::int64_t expert) {
  return factor.dim() == 3 ? factor.select(0, expert) : factor;
}

// The factors of the part's pieces.
variable_list factors_of(const GroupedPart& part, at::TensorList factors) {
  variable_list out;
  for (const std::size_t adapter : part.adapters) {
    out.push_back(of_expert(factors[2 * adapter], part.expert));
    out.push_back(of_expert(factors[2 * adapter + 1], part.expert));
  }
  return out;
}

// Adds what one expert found to the gradients of all.
void place_gradients(const GroupedPart& part, variable_list found,
                     variable_list& gradients) {
  for (std::size_t i = 0; i < part.adapters.size(); ++i) {
    for (const std::size_t half : {std::size_t{0}, std::size_t{1}}) {
      at::Tensor& sum = gradients[1 + 2 * part.adapters[i] + half];
      of_expert(sum, part.expert).copy_(found[2 * i + half]);
    }
  }
}

struct GroupedFunction : torch::autograd::Function<GroupedFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            at::TensorList factors,
                            const c10::intrusive_ptr<GroupedCall>& call) {
    at::Tensor y = at::empty({x.size(0), call->out}, x.options());
    variable_list saved{x};
    saved.insert(saved.end(), factors.begin(), factors.end());
    for (const GroupedPart& part : call->parts) {
      const variable_list own = factors_of(part, factors);
      const variable_list z =
          run_low_rank(*part.call, x.narrow(0, part.begin, part.count), own,
                       y.narrow(0, part.begin, part.count));
      saved.insert(saved.end(), z.begin(), z.end());
    }
    ctx->save_for_backward(std::move(saved));
    ctx->saved_data[kCall] = c10::IValue::make_capsule(call);
    ctx->saved_data["factors"] = static_cast<std::int64_t>(factors.size());
    return y;
  }

  // Gradients of x, of the factors, and nothing for the call.
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    if (at::GradMode::is_enabled()) {
      throw ConfigError(ErrorText{"adapted grouped linear",
                                  "second derivatives",
                                  "a backward that builds a graph",
                                  "a first derivative",
                                  {}});
    }
    const variable_list saved = ctx->get_saved_variables();
    const auto capsule = ctx->saved_data[kCall].toCapsule();
    const auto& call = static_cast<const GroupedCall&>(*capsule);
    const auto count =
        static_cast<std::size_t>(ctx->saved_data["factors"].toInt());
    const at::TensorList factors = at::TensorList(saved).slice(1, count);
    at::TensorList z = at::TensorList(saved).slice(1 + count);
    variable_list gradients(count + 2);
    if (ctx->needs_input_grad(0)) gradients[0] = at::empty_like(saved[0]);
    for (std::size_t i = 0; i < count; ++i) {
      gradients[1 + i] = at::zeros_like(factors[i]);
    }
    const at::Tensor dy = grads[0].contiguous();
    for (const GroupedPart& part : call.parts) {
      const variable_list own = factors_of(part, factors);
      const auto rows = [&part](const at::Tensor& all) {
        return all.narrow(0, part.begin, part.count);
      };
      const std::size_t groups = part.call->groups.size();
      const LowRankSaved kept{rows(saved[0]), own, z.slice(0, groups)};
      z = z.slice(groups);
      place_gradients(
          part,
          differentiate_low_rank(
              *part.call, kept, rows(dy),
              gradients[0].defined() ? rows(gradients[0]) : at::Tensor()),
          gradients);
    }
    return gradients;
  }
};

}  // namespace

at::Tensor grouped_product(const at::Tensor& x, at::TensorList factors,
                           const c10::intrusive_ptr<GroupedCall>& call) {
  return GroupedFunction::apply(x, factors, call);
}

}  // namespace graft

// The kinds whose forward is not the plain product.
#include "graft/nn/te_linear.h"

#include <ATen/ATen.h>

#include <numeric>
#include <string>

#include "graft/base/error.h"
#include "graft/nn/rms_norm.h"

namespace graft::nn {

TeLayerNormColumnParallelLinear::TeLayerNormColumnParallelLinear(
    std::int64_t in, std::int64_t out, bool with_bias, double eps)
    : LinearSlot(in, out, with_bias),
      norm_weight_(register_parameter("layer_norm_weight", at::ones({in}))),
      eps_(eps) {}

at::Tensor TeLayerNormColumnParallelLinear::forward(const at::Tensor& x) {
  return LinearSlot::forward(rms_norm(x, norm_weight_, eps_));
}

TeGroupedLinear::TeGroupedLinear(std::int64_t experts, std::int64_t in,
                                 std::int64_t out)
    : LinearSlot(in, experts * out, false), experts_(experts) {}

at::Tensor TeGroupedLinear::forward(const at::Tensor& x,
                                    const std::vector<std::int64_t>& counts) {
  if (op()) {
    throw ConfigError(ErrorText{"grouped linear",
                                "adapters on its experts",
                                "an operation",
                                "none",
                                {}});
  }
  const auto total =
      std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (static_cast<std::int64_t>(counts.size()) != experts_ ||
      total != x.size(0)) {
    throw ConfigError(ErrorText{"grouped linear",
                                "rows by expert",
                                std::to_string(counts.size()) + " experts, " +
                                    std::to_string(total) + " rows",
                                std::to_string(experts_) + " experts, " +
                                    std::to_string(x.size(0)) + " rows",
                                {}});
  }
  const std::int64_t out = this->out() / experts_;
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0;
  for (std::int64_t e = 0; e < experts_; ++e) {
    const RowSet rows{e * out, (e + 1) * out};
    const at::Tensor weight =
        is_frozen() ? dense_rows(rows)
                    : this->weight().narrow(0, rows.begin, rows.size());
    parts.push_back(
        at::linear(x.narrow(0, begin, counts[static_cast<std::size_t>(e)]),
                   weight.to(x.scalar_type())));
    begin += counts[static_cast<std::size_t>(e)];
  }
  return at::cat(parts);
}

}  // namespace graft::nn

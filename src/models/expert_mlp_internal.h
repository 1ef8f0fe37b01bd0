// A router and the experts that it chooses among, in place of one MLP. Entry
// point: ExpertMlp. Private to models.
#pragma once

#include <memory>
#include <string>

#include "graft/nn/te_linear.h"
#include "models/gpt_layer_internal.h"

namespace graft {

// Tokens are sorted by expert, so that each expert that any token chose is one
// product over its tokens.
class ExpertMlp : public FeedForward {
 public:
  ExpertMlp(const GptConfig& config, const WeightReader& reader,
            const std::string& path, std::int64_t layer);
  // (B, T, hidden) -> the same. Probabilities are fp32, over all experts.
  at::Tensor forward(const nn::LinearInput& input,
                     const LayerContext& context) override;

 private:
  class Experts;
  struct Choice;
  Choice choose(const at::Tensor& rows, const LayerContext& context) const;

  GptExperts config_;
  std::int64_t layer_;
  nn::Gate gate_;
  std::shared_ptr<nn::Router> router_;
  std::shared_ptr<Experts> experts_;
};

}  // namespace graft

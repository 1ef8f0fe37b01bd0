// What depends on the input and the configuration alone.
#include "models/layer_context_internal.h"

#include <ATen/ATen.h>

#include "models/gpt_layer_internal.h"

namespace graft {

nn::RotaryTable make_rotary_table(const RotarySpec& spec,
                                  const at::Tensor& positions) {
  if (!spec.for_length || positions.numel() == 0) {
    return nn::rotary_table(positions, spec.inverse_frequencies,
                            spec.attention_factor);
  }
  const auto length = positions.max().item<std::int64_t>() + 1;
  return nn::rotary_table(positions, spec.for_length(length),
                          spec.attention_factor);
}

at::Tensor segment_positions(const std::vector<std::int64_t>& segments,
                             at::Device device) {
  std::vector<at::Tensor> parts;
  parts.reserve(segments.size());
  for (const std::int64_t length : segments)
    parts.push_back(at::arange(length));
  return at::cat(parts).to(device);
}

AttentionNeeds attention_needs(const GptConfig& config, std::int64_t keys) {
  AttentionNeeds out;
  // Without kinds of their own all layers are as the first.
  const std::int64_t kinds = config.layer_kinds.empty() ? 1 : config.layers;
  for (std::int64_t n = 0; n < kinds; ++n) {
    const bool blocked = is_blocked(config, config.layer(n), keys);
    (blocked ? out.blocked : out.plain) = true;
  }
  return out;
}

at::Tensor mask_groups(const at::Tensor& mask) {
  if (!mask.defined()) return {};
  const at::Tensor real = mask.ne(0);
  if (real.all().item<bool>()) return {};
  return real.to(at::kLong).sub_(1);
}

at::Tensor segment_groups(const std::vector<std::int64_t>& segments,
                          at::Device device) {
  std::vector<at::Tensor> parts;
  parts.reserve(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    parts.push_back(
        at::full({segments[i]}, static_cast<std::int64_t>(i), at::kLong));
  }
  return at::cat(parts).unsqueeze(0).to(device);
}

}  // namespace graft

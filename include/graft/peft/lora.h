// LoRA and CanonicalLoRA as methods on live models. Entry points: Lora,
// CanonicalLora.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graft/peft/peft.h"

namespace graft {

// One adapter on each selected linear, fused layers included.
class Lora : public Peft {
 public:
  Lora() = default;

 protected:
  std::vector<Site> sites_of(const ModuleInfo& info,
                             const Match& match) override;
};

// Separate adapters for q, k, v (and gate, up) on fused layers; any non-empty
// subset is legal. Targets are linear_q, linear_k, linear_v, linear_proj,
// linear_fc1_up, linear_fc1_gate, linear_fc2, alone or as endings of patterns;
// canonical_mapping and the aliases are derived from them. linear_qkv and
// linear_fc1 are refused with the reference's text.
class CanonicalLora : public Peft {
 public:
  CanonicalLora();
  explicit CanonicalLora(std::vector<std::string> targets);

  void init_target_match_state() override;

 protected:
  std::vector<Site> sites_of(const ModuleInfo& info,
                             const Match& match) override;
};

}  // namespace graft

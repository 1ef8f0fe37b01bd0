// Uses the core alone, without LibTorch.
#include <cstdio>

#include "graft/match/name_pattern.h"

int main() {
  const auto pattern = graft::NamePattern::glob("*.layers.{0..1}.*.q_proj");
  const bool right = pattern.matches("model.layers.1.self_attn.q_proj") &&
                     !pattern.matches("model.layers.10.self_attn.q_proj");
  std::puts(right ? "names match as they should" : "names match wrongly");
  return right ? 0 : 1;
}

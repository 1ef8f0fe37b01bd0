// SmolLM3: every fourth layer without rope.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family smollm3_family() {
  return {.model_type = "smollm3",
          .class_name = "SmolLM3ForCausalLM",
          .switches = {.default_kv_heads = 4,
                       .default_max_positions = 32768,
                       .default_theta = 2e6,
                       .default_tied = true,
                       .attention_bias = true,
                       .mlp_bias = true,
                       .window = WindowRule::kSwitchedNoRope,
                       .no_rope_interval = 4},
          .gguf = {.architecture = "smollm3", .interleaved = true},
          .head = embedding_rows(),
          .layer = pre_norm_layer(attention_rows(), mlp_rows()),
          .tail = head_rows()};
}

}  // namespace graft

// Mixtral: experts in every layer, the chosen probabilities brought to a sum
// of one.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family mixtral_family() {
  return {.model_type = "mixtral",
          .class_name = "MixtralForCausalLM",
          .switches = {.default_kv_heads = 8,
                       .default_max_positions = 131072,
                       .default_norm_eps = 1e-5,
                       .default_theta = 1e6,
                       .window = WindowRule::kAll},
          .experts = {.has = true,
                      .default_count = 8,
                      .default_per_token = 2,
                      .always_normalised = true},
          .gguf = {.architecture = "llama", .interleaved = true},
          .head = embedding_rows(),
          .layer = pre_norm_layer(
              attention_rows(),
              expert_rows({.router = "block_sparse_moe.gate",
                           .gate = "block_sparse_moe.experts.*.w1",
                           .up = "block_sparse_moe.experts.*.w3",
                           .down = "block_sparse_moe.experts.*.w2",
                           .packed_router = "mlp.gate",
                           .packed_gate_up = "mlp.experts.gate_up_proj",
                           .packed_down = "mlp.experts.down_proj"})),
          .tail = head_rows()};
}

}  // namespace graft

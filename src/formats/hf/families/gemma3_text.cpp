// Gemma 3, the text model: layers with a sliding window have a rope of their
// own, and queries and keys a norm.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family gemma3_text_family() {
  return {
      .model_type = "gemma3_text",
      .class_name = "Gemma3ForCausalLM",
      .switches = {.default_kv_heads = 4,
                   .default_head_dim = 256,
                   .default_max_positions = 131072,
                   .default_theta = 1e6,
                   .default_tied = true,
                   .activation_field = "hidden_activation",
                   .default_activation = "gelu_pytorch_tanh",
                   .attention_bias = true,
                   .window = WindowRule::kPattern,
                   .default_window = 4096,
                   .window_pattern = 6,
                   .pattern_field = "sliding_window_pattern",
                   .default_sliding_theta = 1e4,
                   .norms = {.zero_centred = true,
                             .behind = true,
                             .qk = QkNorm::kHead},
                   .scaled_embedding = true,
                   .query_scalar = 256,
                   .logit_soft_cap = 0,
                   .ignores_attention_cap = true},
      .gguf = {.architecture = "gemma3", .wide_query_layers = 62},
      .head = embedding_rows(),
      .layer = four_norm_layer(
          attention_rows(qk_norm_rows(Size::kHead, Size::kHead)), mlp_rows()),
      .tail = head_rows()};
}

}  // namespace graft

// Gemma 2: soft caps, four zero-centred norms a layer, every other layer with a
// sliding window.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family gemma2_family() {
  return {.model_type = "gemma2",
          .class_name = "Gemma2ForCausalLM",
          .switches = {.default_kv_heads = 4,
                       .default_head_dim = 256,
                       .default_max_positions = 8192,
                       .default_tied = true,
                       .activation_field = "hidden_activation",
                       .default_activation = "gelu_pytorch_tanh",
                       .attention_bias = true,
                       .window = WindowRule::kPattern,
                       .default_window = 4096,
                       .window_pattern = 2,
                       .norms = {.zero_centred = true, .behind = true},
                       .scaled_embedding = true,
                       .query_scalar = 256,
                       .attention_soft_cap = 50,
                       .logit_soft_cap = 30},
          .gguf = {.architecture = "gemma2",
                   .wide_query_layers = 46,
                   .default_window = 4096},
          .head = embedding_rows(),
          .layer = four_norm_layer(attention_rows(), mlp_rows()),
          .tail = head_rows()};
}

}  // namespace graft

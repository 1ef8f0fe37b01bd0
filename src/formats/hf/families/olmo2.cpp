// OLMo 2: norms behind attention and MLP alone, and of all query heads and all
// key heads together.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family olmo2_family() {
  return {.model_type = "olmo2",
          .class_name = "Olmo2ForCausalLM",
          .switches = {.default_norm_eps = 1e-5,
                       .attention_bias = true,
                       .norms = {.before = false,
                                 .behind = true,
                                 .qk = QkNorm::kAll}},
          .gguf = {.architecture = "olmo2"},
          .head = embedding_rows(),
          .layer = layer_rows(
              {attention_rows(qk_norm_rows(Size::kQuery, Size::kKeyValue)),
               {norm_row("post_self_attn_layernorm", "post_attention_layernorm",
                         "post_attention_norm")},
               mlp_rows(),
               {norm_row("post_mlp_layernorm", "post_feedforward_layernorm",
                         "post_ffw_norm")}}),
          .tail = head_rows()};
}

}  // namespace graft

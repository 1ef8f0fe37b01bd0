// Qwen2 and Qwen2.5: biases on q, k and v.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family qwen2_family() {
  return {.model_type = "qwen2",
          .class_name = "Qwen2ForCausalLM",
          .switches = {.default_kv_heads = 32,
                       .default_max_positions = 32768,
                       .qkv_bias = true,
                       .window = WindowRule::kSwitchedTopLayers,
                       .default_window = 4096},
          .gguf = {.architecture = "qwen2"},
          .head = embedding_rows(),
          .layer = pre_norm_layer(attention_rows(), mlp_rows()),
          .tail = head_rows()};
}

}  // namespace graft

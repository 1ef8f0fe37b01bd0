// Qwen3, dense: a norm on each query and key head.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family qwen3_family() {
  return {
      .model_type = "qwen3",
      .class_name = "Qwen3ForCausalLM",
      .switches = {.default_kv_heads = 32,
                   .default_head_dim = 128,
                   .default_max_positions = 32768,
                   .attention_bias = true,
                   .window = WindowRule::kSwitchedTopLayers,
                   .default_window = 4096,
                   .norms = {.qk = QkNorm::kHead}},
      .gguf = {.architecture = "qwen3"},
      .head = embedding_rows(),
      .layer = pre_norm_layer(
          attention_rows(qk_norm_rows(Size::kHead, Size::kHead)), mlp_rows()),
      .tail = head_rows()};
}

}  // namespace graft

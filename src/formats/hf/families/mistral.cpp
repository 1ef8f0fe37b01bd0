// Mistral: a sliding window in every layer, unless it is null.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family mistral_family() {
  return {.model_type = "mistral",
          .class_name = "MistralForCausalLM",
          .switches = {.default_kv_heads = 8,
                       .default_max_positions = 131072,
                       .window = WindowRule::kAll,
                       .default_window = 4096},
          .gguf = {.architecture = "llama", .interleaved = true},
          .head = embedding_rows(),
          .layer = pre_norm_layer(attention_rows(), mlp_rows()),
          .tail = head_rows()};
}

}  // namespace graft

// Llama 1 to 3.x, and what is built like it.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {

Family llama_family() {
  return {.model_type = "llama",
          .class_name = "LlamaForCausalLM",
          .switches = {.attention_bias = true, .mlp_bias = true},
          .gguf = {.architecture = "llama", .interleaved = true},
          .head = embedding_rows(),
          .layer = pre_norm_layer(attention_rows(), mlp_rows()),
          .tail = head_rows()};
}

}  // namespace graft

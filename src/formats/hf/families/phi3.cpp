// Phi-3 and Phi-4: q, k and v in one tensor, gate and up in another; longrope
// and partly turned heads.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {
namespace {

std::vector<ModuleRow> fused_attention() {
  return {container_row("self_attention"),
          {"self_attention.linear_qkv",
           LayerKind::kColumnParallel,
           Size::kHidden,
           Bias::kNever,
           {{"self_attn.qkv_proj", "", Size::kQkv, "attn_qkv"}}},
          container_row("self_attention.core_attention"),
          {"self_attention.linear_proj",
           LayerKind::kRowParallel,
           Size::kQuery,
           Bias::kNever,
           {{"self_attn.o_proj", "", Size::kHidden, "attn_output"}}}};
}

std::vector<ModuleRow> fused_mlp() {
  return {container_row("mlp"),
          {"mlp.linear_fc1",
           LayerKind::kColumnParallel,
           Size::kHidden,
           Bias::kNever,
           {{"mlp.gate_up_proj", "", Size::kTwoInner, "ffn_up"}}},
          {"mlp.linear_fc2",
           LayerKind::kRowParallel,
           Size::kInner,
           Bias::kNever,
           {{"mlp.down_proj", "", Size::kHidden, "ffn_down"}}}};
}

}  // namespace

Family phi3_family() {
  return {.model_type = "phi3",
          .class_name = "Phi3ForCausalLM",
          .switches = {.default_max_positions = 4096,
                       .default_norm_eps = 1e-5,
                       .window = WindowRule::kAll,
                       .partial_rotary = true,
                       .original_positions = 4096},
          .gguf = {.architecture = "phi3"},
          .head = embedding_rows(),
          .layer = pre_norm_layer(fused_attention(), fused_mlp()),
          .tail = head_rows()};
}

}  // namespace graft

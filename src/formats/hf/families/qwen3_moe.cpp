// Qwen3 with experts, and dense layers where config.json says so.
#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_rows_internal.h"

namespace graft {
namespace {

std::vector<ModuleRow> dense_or_experts() {
  std::vector<ModuleRow> out = mlp_rows(Where::kDenseLayers);
  for (const ModuleRow& row : expert_rows({.router = "mlp.gate",
                              .gate = "mlp.experts.*.gate_proj",
                              .up = "mlp.experts.*.up_proj",
                              .down = "mlp.experts.*.down_proj",
                              .packed_router = "mlp.gate",
                              .packed_gate_up = "mlp.experts.gate_up_proj",
                              .packed_down = "mlp.experts.down_proj"})) {
    out.push_back(row);
  }
  return out;
}

}  // namespace

Family qwen3_moe_family() {
  return {.model_type = "qwen3_moe",
          .class_name = "Qwen3MoeForCausalLM",
          .switches = {.default_kv_heads = 4,
                       .default_max_positions = 32768,
                       .attention_bias = true,
                       .window = WindowRule::kSwitchedAll,
                       .default_window = 4096,
                       .norms = {.qk = QkNorm::kHead}},
          .experts = {.has = true,
                      .default_count = 128,
                      .default_per_token = 8,
                      .count_field = "num_experts",
                      .size_field = "moe_intermediate_size",
                      .default_size = 768,
                      .rounded_weights = true,
                      .has_dense_layers = true},
          .gguf = {.architecture = "qwen3moe"},
          .head = embedding_rows(),
          .layer = pre_norm_layer(
              attention_rows(qk_norm_rows(Size::kHead, Size::kHead)),
              dense_or_experts()),
          .tail = head_rows()};
}

}  // namespace graft

// Builders of table rows; family_rows_internal.h has the contract.
#include "formats/hf/family_rows_internal.h"

#include <utility>

namespace graft {
namespace {

constexpr LayerKind kColumn = LayerKind::kColumnParallel;
constexpr LayerKind kRow = LayerKind::kRowParallel;

void append(std::vector<ModuleRow> rows, std::vector<ModuleRow>& out) {
  for (ModuleRow& row : rows) out.push_back(std::move(row));
}

// The token embedding or the head: (vocabulary, hidden).
ModuleRow vocabulary_row(std::string_view path, LayerKind kind,
                         std::string_view hf, std::string_view gguf) {
  return {.path = path,
          .kind = kind,
          .in = Size::kHidden,
          .parts = {{hf, "", Size::kVocab, gguf}}};
}

}  // namespace

ModuleRow container_row(std::string_view path) {
  return {.path = path, .kind = LayerKind::kContainer};
}

ModuleRow norm_row(std::string_view path, std::string_view hf,
                   std::string_view gguf, Size size) {
  return {
      .path = path, .kind = LayerKind::kNorm, .parts = {{hf, "", size, gguf}}};
}

std::vector<ModuleRow> embedding_rows() {
  return {container_row("embedding"),
          vocabulary_row("embedding.word_embeddings", LayerKind::kEmbedding,
                         "embed_tokens", "token_embd"),
          container_row("decoder"),
          {.path = "decoder.layers", .kind = LayerKind::kModuleList}};
}

std::vector<ModuleRow> head_rows() {
  return {norm_row("decoder.final_layernorm", "norm", "output_norm"),
          vocabulary_row("output_layer", kColumn, "lm_head", "output")};
}

std::vector<ModuleRow> attention_rows(std::vector<ModuleRow> norms) {
  std::vector<ModuleRow> out = {
      container_row("self_attention"),
      {"self_attention.linear_qkv",
       kColumn,
       Size::kHidden,
       Bias::kQkv,
       {{"self_attn.q_proj", "linear_q", Size::kQuery, "attn_q", true},
        {"self_attn.k_proj", "linear_k", Size::kKeyValue, "attn_k", true},
        {"self_attn.v_proj", "linear_v", Size::kKeyValue, "attn_v"}}}};
  append(std::move(norms), out);
  append({container_row("self_attention.core_attention"),
          {"self_attention.linear_proj",
           kRow,
           Size::kQuery,
           Bias::kProjection,
           {{"self_attn.o_proj", "", Size::kHidden, "attn_output"}}}},
         out);
  return out;
}

std::vector<ModuleRow> qk_norm_rows(Size query, Size key) {
  return {norm_row("self_attention.q_layernorm", "self_attn.q_norm",
                   "attn_q_norm", query),
          norm_row("self_attention.k_layernorm", "self_attn.k_norm",
                   "attn_k_norm", key)};
}

std::vector<ModuleRow> mlp_rows(Where where) {
  std::vector<ModuleRow> out = {
      container_row("mlp"),
      {"mlp.linear_fc1",
       kColumn,
       Size::kHidden,
       Bias::kMlp,
       {{"mlp.gate_proj", "linear_fc1_gate", Size::kInner, "ffn_gate"},
        {"mlp.up_proj", "linear_fc1_up", Size::kInner, "ffn_up"}}},
      {"mlp.linear_fc2",
       kRow,
       Size::kInner,
       Bias::kMlp,
       {{"mlp.down_proj", "", Size::kHidden, "ffn_down"}}}};
  for (ModuleRow& row : out) row.where = where;
  return out;
}

std::vector<ModuleRow> expert_rows(const ExpertNames& names) {
  std::vector<ModuleRow> out = {
      container_row("mlp"),
      {.path = "mlp.router",
       .kind = LayerKind::kRouter,
       .in = Size::kHidden,
       .parts = {{names.router, "", Size::kExperts, "ffn_gate_inp"}},
       .packed = names.packed_router},
      container_row("mlp.experts"),
      {.path = "mlp.experts.linear_fc1",
       .kind = LayerKind::kTeGrouped,
       .in = Size::kHidden,
       .parts = {{names.gate, "linear_fc1_gate", Size::kExpertInner,
                  "ffn_gate_exps"},
                 {names.up, "linear_fc1_up", Size::kExpertInner,
                  "ffn_up_exps"}},
       .packed = names.packed_gate_up},
      {.path = "mlp.experts.linear_fc2",
       .kind = LayerKind::kTeGrouped,
       .in = Size::kExpertInner,
       .parts = {{names.down, "", Size::kHidden, "ffn_down_exps"}},
       .packed = names.packed_down}};
  for (ModuleRow& row : out) row.where = Where::kExpertLayers;
  return out;
}

std::vector<ModuleRow> layer_rows(
    std::initializer_list<std::vector<ModuleRow>> parts) {
  std::vector<ModuleRow> out = {container_row("")};
  for (const std::vector<ModuleRow>& part : parts) append(part, out);
  return out;
}

std::vector<ModuleRow> pre_norm_layer(std::vector<ModuleRow> attention,
                                      std::vector<ModuleRow> mlp) {
  return layer_rows(
      {{norm_row("input_layernorm", "input_layernorm", "attn_norm")},
       std::move(attention),
       {norm_row("pre_mlp_layernorm", "post_attention_layernorm", "ffn_norm")},
       std::move(mlp)});
}

std::vector<ModuleRow> four_norm_layer(std::vector<ModuleRow> attention,
                                       std::vector<ModuleRow> mlp) {
  return layer_rows(
      {{norm_row("input_layernorm", "input_layernorm", "attn_norm")},
       std::move(attention),
       {norm_row("post_self_attn_layernorm", "post_attention_layernorm",
                 "post_attention_norm"),
        norm_row("pre_mlp_layernorm", "pre_feedforward_layernorm", "ffn_norm")},
       std::move(mlp),
       {norm_row("post_mlp_layernorm", "post_feedforward_layernorm",
                 "post_ffw_norm")}});
}

}  // namespace graft

// Rows that many families share. Entry points: the functions, in the order of
// a model. Private to formats.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "formats/hf/family_internal.h"

namespace graft {

std::vector<ModuleRow> embedding_rows();
std::vector<ModuleRow> head_rows();

ModuleRow container_row(std::string_view path);
// `gguf`: llama.cpp's name.
ModuleRow norm_row(std::string_view path, std::string_view hf,
                   std::string_view gguf, Size size = Size::kHidden);

// self_attn.{q,k,v,o}_proj; `norms` stand between projection and scores.
std::vector<ModuleRow> attention_rows(std::vector<ModuleRow> norms = {});
// self_attn.{q,k}_norm.
std::vector<ModuleRow> qk_norm_rows(Size query, Size key);
// mlp.{gate,up,down}_proj.
std::vector<ModuleRow> mlp_rows(Where where = Where::kEveryLayer);

// Names below the layer's prefix; '*' stands for the expert's number.
struct ExpertNames {
  std::string_view router;
  std::string_view gate;
  std::string_view up;
  std::string_view down;
  // In checkpoints that pack them: the router, and the tensors of all experts.
  std::string_view packed_router;
  std::string_view packed_gate_up;
  std::string_view packed_down;
};

// A router, and the experts' matrices.
std::vector<ModuleRow> expert_rows(const ExpertNames& names);

// The parts of a layer one after another, behind the layer's own row.
std::vector<ModuleRow> layer_rows(
    std::initializer_list<std::vector<ModuleRow>> parts);

// The whole of a layer with a norm before attention and one before the MLP.
std::vector<ModuleRow> pre_norm_layer(std::vector<ModuleRow> attention,
                                      std::vector<ModuleRow> mlp);
// The same with a norm behind each as well: Gemma's names.
std::vector<ModuleRow> four_norm_layer(std::vector<ModuleRow> attention,
                                       std::vector<ModuleRow> mlp);

}  // namespace graft

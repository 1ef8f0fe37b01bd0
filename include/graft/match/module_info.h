// What selection knows about one module of a model, and the ordered list of
// them. Entry points: ModuleInfo, Inventory. Made by formats (from files) or
// by peft (from a live module tree); the same selection code serves both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/dtype.h"
#include "graft/base/row_set.h"

namespace graft {

enum class LayerKind {
  kLinear,
  kColumnParallel,
  kRowParallel,
  kTeColumn,
  kTeLayerNormColumn,
  kTeRow,
  kTeGrouped,
  kTeDuplicated,
  kConv1d,
  kConv2d,
  kEmbedding,
  kNorm,
  kRouter,
  kContainer,
  kModuleList,
  kModuleDict,
  kSequential,
};

// The kinds that exclude mode may pick: plain, column, row, and with
// `te_available` the TE-style column, layer-norm column and row linears.
bool is_linear_kind(LayerKind kind, bool te_available);

// The kinds that adapters may sit on: all linear ones, the grouped linears of
// experts, and routers.
bool takes_adapter(LayerKind kind);

std::string_view layer_kind_name(LayerKind kind);

// One name of (a part of) the module in the Hugging Face naming world.
struct ModulePart {
  std::string path;       // "model.layers.0.self_attn.q_proj"
  std::string component;  // "linear_q", "linear_k", "linear_v",
                          // "linear_fc1_gate", "linear_fc1_up"; empty when
                          // the part is the whole module
  RowSet rows;            // rows of the module's weight
};

struct ModuleInfo {
  std::string path;  // runtime (Megatron) path, or the HF path in an
                     // inventory without a family table
  LayerKind kind = LayerKind::kContainer;
  std::int64_t in = 0;   // linear: input features; embedding: vocabulary
  std::int64_t out = 0;  // linear: output features; embedding: width; both 0
                         // in an inventory of bare names
  std::int64_t experts = 1;  // grouped: `out` is the rows of so many, one
                             // expert below another
  bool has_bias = false;
  bool transposed = false;            // weight stored (in, out), as by GPT-2
  std::optional<DType> dtype;         // storage type of the weight, if known
  std::optional<std::int64_t> layer;  // decoder layer
  std::optional<std::int64_t> expert;
  std::vector<ModulePart> parts;  // HF names, in row order; empty for
                                  // containers and without a table
  // The weight where Hugging Face's class holds it as a parameter and not as
  // linear layers: "model.layers.0.mlp.experts.gate_up_proj" (all experts),
  // "model.layers.0.mlp.gate.weight" (a router). Needs a table; else empty.
  std::string hf_parameter;
  bool output_head = false;
  std::optional<std::size_t> same_as;  // earlier module that is this object
  std::uint64_t parameter_count = 0;   // direct parameters of the module

  // The last component of `path`.
  std::string_view name() const;
};

// A parameter of the Hugging Face tree that no linear layer or embedding holds
// as its weight or bias: packed experts, norms, a router's weight.
struct ParameterInfo {
  std::string path;  // "model.layers.0.mlp.experts.down_proj"
  std::vector<std::int64_t> shape;
  bool transposed = false;  // three axes: (experts, in, out), not (.., out, in)
};

struct Inventory {
  std::string source;  // file or model it was made from
  std::optional<std::string> model_type;
  bool has_family_table = false;  // false: HF names only
  // Why a family that has a table was read by names; empty otherwise.
  std::string table_problem;
  std::vector<ModuleInfo> modules;  // pre-order, registration order; no root
  std::vector<ParameterInfo> parameters;  // in the order of their modules
  std::uint64_t total_parameters = 0;     // of the whole base model
  std::vector<std::string> warnings;      // about the model it was made from
};

}  // namespace graft

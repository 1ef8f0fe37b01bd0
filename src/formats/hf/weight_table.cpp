// The families as tables. One row per module of the runtime model says its
// kind, its size and the HF modules that fill it; weights, biases, names and
// the inventory are read off the same rows. Entry points: make_weight_table,
// make_family_inventory.
#include "graft/formats/hf/weight_table.h"

#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace graft {
namespace {

// A size, as an expression of the configuration.
enum class Size { kNone, kHidden, kVocab, kQuery, kKeyValue, kInner };

std::int64_t evaluate(Size size, const ModelConfig& config) {
  switch (size) {
    case Size::kNone:
      return 0;
    case Size::kHidden:
      return config.hidden_size;
    case Size::kVocab:
      return config.vocab_size;
    case Size::kQuery:
      return config.heads * config.head_dim;
    case Size::kKeyValue:
      return config.kv_heads * config.head_dim;
    case Size::kInner:
      return config.intermediate_size;
  }
  return 0;
}

enum class Bias { kNever, kAttention, kMlp };

bool has_bias(Bias bias, const ModelConfig& config) {
  return (bias == Bias::kAttention && config.attention_bias) ||
         (bias == Bias::kMlp && config.mlp_bias);
}

struct PartRow {
  std::string_view hf;  // below the layer's prefix inside a layer
  std::string_view component;
  Size rows;
};

struct ModuleRow {
  std::string_view path;  // below "decoder.layers.N." inside a layer
  LayerKind kind;
  Size in = Size::kNone;  // second dimension of the weight; none: 1-D or none
  Bias bias = Bias::kNever;
  std::vector<PartRow> parts = {};
};

// The rows before, of and after the layers, in the walk order.
struct FamilyTable {
  std::vector<ModuleRow> head;
  std::vector<ModuleRow> layer;
  std::vector<ModuleRow> tail;
};

ModuleRow norm(std::string_view path, std::string_view hf) {
  return {.path = path,
          .kind = LayerKind::kNorm,
          .parts = {{hf, "", Size::kHidden}}};
}

ModuleRow container(std::string_view path) {
  return {.path = path, .kind = LayerKind::kContainer};
}

// The token embedding or the head: (vocabulary, hidden).
ModuleRow vocabulary(std::string_view path, LayerKind kind,
                     std::string_view hf) {
  return {.path = path,
          .kind = kind,
          .in = Size::kHidden,
          .parts = {{hf, "", Size::kVocab}}};
}

std::vector<ModuleRow> llama_layer() {
  constexpr LayerKind kColumn = LayerKind::kColumnParallel;
  constexpr LayerKind kRow = LayerKind::kRowParallel;
  return {container(""),
          norm("input_layernorm", "input_layernorm"),
          container("self_attention"),
          {"self_attention.linear_qkv",
           kColumn,
           Size::kHidden,
           Bias::kAttention,
           {{"self_attn.q_proj", "linear_q", Size::kQuery},
            {"self_attn.k_proj", "linear_k", Size::kKeyValue},
            {"self_attn.v_proj", "linear_v", Size::kKeyValue}}},
          container("self_attention.core_attention"),
          {"self_attention.linear_proj",
           kRow,
           Size::kQuery,
           Bias::kAttention,
           {{"self_attn.o_proj", "", Size::kHidden}}},
          norm("pre_mlp_layernorm", "post_attention_layernorm"),
          container("mlp"),
          {"mlp.linear_fc1",
           kColumn,
           Size::kHidden,
           Bias::kMlp,
           {{"mlp.gate_proj", "linear_fc1_gate", Size::kInner},
            {"mlp.up_proj", "linear_fc1_up", Size::kInner}}},
          {"mlp.linear_fc2",
           kRow,
           Size::kInner,
           Bias::kMlp,
           {{"mlp.down_proj", "", Size::kHidden}}}};
}

const FamilyTable& llama_table() {
  static const FamilyTable kTable = {
      .head = {container("embedding"),
               vocabulary("embedding.word_embeddings", LayerKind::kEmbedding,
                          "model.embed_tokens"),
               container("decoder"),
               {.path = "decoder.layers", .kind = LayerKind::kModuleList}},
      .layer = llama_layer(),
      .tail = {
          norm("decoder.final_layernorm", "model.norm"),
          vocabulary("output_layer", LayerKind::kColumnParallel, "lm_head")}};
  return kTable;
}

// One module of one configuration: the row with names and sizes filled in.
struct Placed {
  const ModuleRow* row;
  std::string path;
  std::string hf_prefix;
  std::optional<std::int64_t> layer;
};

void place(std::span<const ModuleRow> rows, std::optional<std::int64_t> layer,
           std::vector<Placed>& out) {
  for (const ModuleRow& row : rows) {
    if (!layer) {
      out.push_back({&row, std::string(row.path), "", layer});
      continue;
    }
    const std::string number = std::to_string(*layer);
    std::string path = "decoder.layers." + number;
    if (!row.path.empty()) path += "." + std::string(row.path);
    out.push_back({&row, path, "model.layers." + number + ".", layer});
  }
}

std::vector<Placed> place_family(const ModelConfig& config) {
  const FamilyTable& table = llama_table();
  std::vector<Placed> out;
  place(table.head, std::nullopt, out);
  for (std::int64_t n = 0; n < config.layers; ++n) place(table.layer, n, out);
  place(table.tail, std::nullopt, out);
  return out;
}

// The head of a tied model owns no tensor.
bool owns_tensors(const ModuleRow& row, const ModelConfig& config) {
  return !(config.tied_embeddings && row.path == "output_layer");
}

void add_weights(const Placed& module, const ModelConfig& config, bool bias,
                 std::vector<WeightRow>& out) {
  const std::string suffix = bias ? ".bias" : ".weight";
  const std::int64_t in = evaluate(module.row->in, config);
  std::int64_t begin = 0;
  for (const PartRow& part : module.row->parts) {
    const std::int64_t rows = evaluate(part.rows, config);
    WeightRow weight{
        .hf_name = module.hf_prefix + std::string(part.hf) + suffix,
        .runtime_name = module.path + suffix,
        .shape = {rows},
        .rows = {begin, begin + rows}};
    if (!bias && in > 0) weight.shape.push_back(in);
    out.push_back(std::move(weight));
    begin += rows;
  }
}

std::uint64_t count_parameters(const ModuleInfo& info, std::int64_t rows,
                               std::int64_t in) {
  const std::uint64_t row_count = static_cast<std::uint64_t>(rows);
  return row_count * static_cast<std::uint64_t>(in > 0 ? in : 1) +
         (info.has_bias ? row_count : 0);
}

ModuleInfo describe(const Placed& module, const ModelConfig& config) {
  const ModuleRow& row = *module.row;
  ModuleInfo info;
  info.path = module.path;
  info.kind = row.kind;
  info.layer = module.layer;
  info.has_bias = has_bias(row.bias, config);
  info.output_head = row.path == "output_layer";
  std::int64_t rows = 0;
  for (const PartRow& part : row.parts) {
    const std::int64_t size = evaluate(part.rows, config);
    info.parts.push_back({module.hf_prefix + std::string(part.hf),
                          std::string(part.component),
                          {rows, rows + size}});
    rows += size;
  }
  const std::int64_t in = evaluate(row.in, config);
  if (row.kind == LayerKind::kEmbedding) {
    info.in = rows;
    info.out = in;
  } else if (in > 0) {
    info.in = in;
    info.out = rows;
  }
  if (owns_tensors(row, config)) {
    info.parameter_count = count_parameters(info, rows, in);
  }
  return info;
}

}  // namespace

std::vector<WeightRow> make_weight_table(const ModelConfig& config) {
  std::vector<WeightRow> out;
  for (const Placed& module : place_family(config)) {
    if (!owns_tensors(*module.row, config)) continue;
    add_weights(module, config, false, out);
    if (has_bias(module.row->bias, config)) {
      add_weights(module, config, true, out);
    }
  }
  return out;
}

Inventory make_family_inventory(const ModelConfig& config) {
  Inventory out;
  out.source = config.model_type;
  out.model_type = config.model_type;
  out.has_family_table = true;
  for (const Placed& module : place_family(config)) {
    out.modules.push_back(describe(module, config));
    out.total_parameters += out.modules.back().parameter_count;
  }
  return out;
}

}  // namespace graft

// Expands a family's rows for one configuration. One row per module of the
// runtime model says its kind, its size and the HF modules that fill it;
// weights, biases, names and the inventory are read off the same rows. Entry
// points: make_weight_table, make_family_inventory.
#include "graft/formats/hf/weight_table.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "formats/hf/family_internal.h"

namespace graft {
namespace {

// One module of one configuration: the row with names and sizes filled in.
struct Placed {
  const ModuleRow* row;
  std::string path;
  std::string hf_prefix;
  std::optional<std::int64_t> layer;
};

constexpr std::string_view kHeadPath = "output_layer";

bool is_part_of(const ModuleRow& row, const LayerTraits& layer) {
  return row.where == Where::kEveryLayer ||
         (row.where == Where::kExpertLayers) == layer.experts;
}

void place_whole(std::span<const ModuleRow> rows, const NamePrefix& prefix,
                 std::vector<Placed>& out) {
  for (const ModuleRow& row : rows) {
    const bool head = row.path == kHeadPath;
    out.push_back({&row, std::string(row.path),
                   head ? prefix.head : prefix.body, std::nullopt});
  }
}

void place_layer(std::span<const ModuleRow> rows, const ModelConfig& config,
                 std::int64_t layer, std::vector<Placed>& out) {
  const std::string number = std::to_string(layer);
  const std::string hf = config.prefix.body + "layers." + number + ".";
  const LayerTraits traits = config.layer(layer);
  for (const ModuleRow& row : rows) {
    if (!is_part_of(row, traits)) continue;
    std::string path = "decoder.layers." + number;
    if (!row.path.empty()) path += "." + std::string(row.path);
    out.push_back({&row, std::move(path), hf, layer});
  }
}

std::vector<Placed> place_family(const ModelConfig& config) {
  const Family& family = find_family(config.model_type);
  std::vector<Placed> out;
  place_whole(family.head, config.prefix, out);
  for (std::int64_t n = 0; n < config.layers; ++n) {
    place_layer(family.layer, config, n, out);
  }
  place_whole(family.tail, config.prefix, out);
  return out;
}

// The head of a tied model owns no tensor.
bool owns_tensors(const ModuleRow& row, const ModelConfig& config) {
  return !(config.tied_embeddings && row.path == kHeadPath);
}

// Number `expert` in the place of '*'.
std::string part_name(const Placed& module, std::string_view hf,
                      std::int64_t expert) {
  const std::size_t star = hf.find('*');
  if (star == std::string_view::npos) return module.hf_prefix + std::string(hf);
  return module.hf_prefix + std::string(hf.substr(0, star)) +
         std::to_string(expert) + std::string(hf.substr(star + 1));
}

// "linear_q"; of an expert "linear_fc1_gate.3", "linear_fc2.3": a component is
// unique within its module.
std::string component_name(const ModuleRow& row, const PartRow& part,
                           std::int64_t expert) {
  std::string name(part.component);
  if (row.kind != LayerKind::kTeGrouped) return name;
  if (name.empty()) name = row.path.substr(row.path.rfind('.') + 1);
  return name + "." + std::to_string(expert);
}

bool is_packed(const ModuleRow& row, const ModelConfig& config) {
  return config.experts.packed && !row.packed.empty();
}

// The HF modules of a module with their rows, experts one after another.
std::vector<ModulePart> parts_of(const Placed& module,
                                 const ModelConfig& config) {
  const ModuleRow& row = *module.row;
  const std::int64_t copies =
      row.kind == LayerKind::kTeGrouped ? config.experts.count : 1;
  std::vector<ModulePart> out;
  std::int64_t begin = 0;
  for (std::int64_t copy = 0; copy < copies; ++copy) {
    for (const PartRow& part : row.parts) {
      const std::int64_t end = begin + evaluate(part.rows, config);
      out.push_back({part_name(module, part.hf, copy),
                     component_name(row, part, copy),
                     {begin, end}});
      begin = end;
    }
  }
  if (!is_packed(row, config)) return out;
  return {{module.hf_prefix + std::string(row.packed), "", {0, begin}}};
}

void add_weights(const Placed& module, const ModelConfig& config, bool bias,
                 std::vector<WeightRow>& out) {
  const std::string suffix = bias ? ".bias" : ".weight";
  const bool packed = is_packed(*module.row, config) &&
                      module.row->kind == LayerKind::kTeGrouped;
  const std::int64_t in = evaluate(module.row->in, config);
  for (const ModulePart& part : parts_of(module, config)) {
    WeightRow weight{.hf_name = packed ? part.path : part.path + suffix,
                     .runtime_name = module.path + suffix,
                     .shape = {part.rows.size()},
                     .rows = part.rows};
    if (packed) {
      const std::int64_t experts = config.experts.count;
      weight.shape = {experts, part.rows.size() / experts};
    }
    if (!bias && in > 0) weight.shape.push_back(in);
    out.push_back(std::move(weight));
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
  info.output_head = row.path == kHeadPath;
  info.parts = parts_of(module, config);
  const bool grouped = row.kind == LayerKind::kTeGrouped;
  if (grouped) info.experts = config.experts.count;
  if (!row.packed.empty()) {
    info.hf_parameter =
        module.hf_prefix + std::string(row.packed) + (grouped ? "" : ".weight");
  }
  const std::int64_t rows = info.parts.empty() ? 0 : info.parts.back().rows.end;
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

bool has_named_parts(const ModelConfig& config) {
  const Family& family = find_family(config.model_type);
  return std::ranges::any_of(family.layer, [](const ModuleRow& row) {
    return row.path == "self_attention.linear_qkv" && row.parts.size() > 1;
  });
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

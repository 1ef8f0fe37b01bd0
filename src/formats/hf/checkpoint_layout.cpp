// Tries each layout against the whole index.
#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "formats/hf/checkpoint_layout_internal.h"
#include "formats/hf/key_mismatch_internal.h"
#include "graft/formats/hf/weight_table.h"

namespace graft {
namespace {

// The usual one first; multimodal wrappers, old and new; a model saved without
// its head's class.
const std::array<NamePrefix, 4>& known_prefixes() {
  static const std::array<NamePrefix, 4> kPrefixes = {
      {{"model.", ""},
       {"language_model.model.", "language_model."},
       {"model.language_model.", ""},
       {"", ""}}};
  return kPrefixes;
}

// How many tensors of a layout's table are there.
struct LayoutFit {
  std::size_t present = 0;
  bool complete = false;
};

LayoutFit fit_of(const ShardedSafetensors& weights, const ModelConfig& config) {
  const std::vector<WeightRow> table = make_weight_table(config);
  LayoutFit out;
  for (const WeightRow& row : table) {
    out.present += weights.find_or_null(row.hf_name) != nullptr;
  }
  out.complete = out.present == table.size();
  return out;
}

// Tensors inside of the layers that older writers stored and nobody reads.
bool is_cache(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq") ||
         name.ends_with(".self_attn.masked_bias");
}

}  // namespace

ModelConfig fit_layout(const ShardedSafetensors& weights, ModelConfig config) {
  // Not the fewest missing: packed experts have so few names that a wrong
  // number of experts would be told as missing packed ones.
  LayoutFit most = fit_of(weights, config);
  ModelConfig best = config;
  for (const NamePrefix& prefix : known_prefixes()) {
    for (const bool packed : {false, true}) {
      if (most.complete) return best;
      if (packed && config.experts.count == 0) continue;
      config.prefix = prefix;
      config.experts.packed = packed;
      const LayoutFit fit = fit_of(weights, config);
      if (!fit.complete && fit.present <= most.present) continue;
      most = fit;
      best = config;
    }
  }
  return best;
}

TensorFit compare_tensors(const ShardedSafetensors& weights,
                          const ModelConfig& config) {
  TensorFit out;
  std::vector<std::string> known;
  for (const WeightRow& row : make_weight_table(config)) {
    known.push_back(row.hf_name);
    const TensorEntry* entry = weights.find_or_null(row.hf_name);
    if (entry == nullptr) {
      out.missing.push_back(row.hf_name);
    } else if (entry->shape != row.shape) {
      out.shapes.push_back(row.hf_name + " is " + shape_text(entry->shape) +
                           " instead of " + shape_text(row.shape));
    }
  }
  std::sort(known.begin(), known.end());
  const std::string head = config.prefix.head + "lm_head.weight";
  const std::string layers = config.prefix.body + "layers.";
  for (const std::string& name : weights.names()) {
    if (std::binary_search(known.begin(), known.end(), name)) continue;
    if (is_cache(name) || (config.tied_embeddings && name == head)) continue;
    const bool inside = name.starts_with(layers);
    (inside ? out.unknown : out.extra).push_back(name);
  }
  return out;
}

}  // namespace graft

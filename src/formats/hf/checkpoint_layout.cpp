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

std::size_t count_missing(const ShardedSafetensors& weights,
                          const ModelConfig& config) {
  const std::vector<WeightRow> table = make_weight_table(config);
  return static_cast<std::size_t>(
      std::ranges::count_if(table, [&](const WeightRow& row) {
        return weights.find_or_null(row.hf_name) == nullptr;
      }));
}

// Tensors inside of the layers that older writers stored and nobody reads.
bool is_cache(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq") ||
         name.ends_with(".self_attn.masked_bias");
}

}  // namespace

ModelConfig fit_layout(const ShardedSafetensors& weights, ModelConfig config) {
  std::size_t fewest = count_missing(weights, config);
  ModelConfig best = config;
  for (const NamePrefix& prefix : known_prefixes()) {
    for (const bool packed : {false, true}) {
      if (fewest == 0) return best;
      if (packed && config.experts.count == 0) continue;
      config.prefix = prefix;
      config.experts.packed = packed;
      const std::size_t missing = count_missing(weights, config);
      if (missing >= fewest) continue;
      fewest = missing;
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

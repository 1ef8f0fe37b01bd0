// Makes the inventory of a checkpoint: by the family's table when its
// config.json is one that graft can run, by names otherwise. Entry point:
// read_inventory.
#include "graft/formats/hf/checkpoint_inventory.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/hf/key_mismatch_internal.h"
#include "formats/hf/name_inventory_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/model_config.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/sharded_safetensors.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr char kOperation[] = "inventory";

// Tensors that older writers stored and nobody reads; and the head of a tied
// model, which transformers ignores too.
bool is_ignored(std::string_view name, const ModelConfig& config) {
  return name.ends_with(".rotary_emb.inv_freq") ||
         (config.tied_embeddings && name == "lm_head.weight");
}

struct Mismatch {
  std::vector<std::string> missing;
  std::vector<std::string> extra;
  std::vector<std::string> shapes;

  bool empty() const {
    return missing.empty() && extra.empty() && shapes.empty();
  }
};

Mismatch compare(const ShardedSafetensors& weights,
                 const std::vector<WeightRow>& table,
                 const ModelConfig& config) {
  Mismatch out;
  std::vector<std::string> known;
  for (const WeightRow& row : table) {
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
  for (const std::string& name : weights.names()) {
    if (!std::binary_search(known.begin(), known.end(), name) &&
        !is_ignored(name, config)) {
      out.extra.push_back(name);
    }
  }
  return out;
}

void throw_mismatch(const std::filesystem::path& directory,
                    const Mismatch& mismatch) {
  std::string what = directory.string() +
                     ": the tensors are not those that config.json describes";
  const auto append = [&what](const char* label,
                              const std::vector<std::string>& names) {
    if (!names.empty()) what += std::string(label) + sample_names(names);
  };
  append("; missing: ", mismatch.missing);
  append("; unknown: ", mismatch.extra);
  append("; wrong shape: ", mismatch.shapes);
  throw FileError({.operation = kOperation,
                   .what = what,
                   .hint = explain_names(mismatch.missing, mismatch.extra)});
}

void fill_dtypes(const ShardedSafetensors& weights, Inventory& inventory) {
  for (ModuleInfo& module : inventory.modules) {
    for (const ModulePart& part : module.parts) {
      const TensorEntry* entry = weights.find_or_null(part.path + ".weight");
      if (entry != nullptr && !module.dtype) module.dtype = entry->dtype;
    }
  }
}

// The head of a tied model is stored as the embedding is.
void fill_tied_dtype(Inventory& inventory) {
  std::optional<DType> embedding;
  for (ModuleInfo& module : inventory.modules) {
    if (module.kind == LayerKind::kEmbedding) embedding = module.dtype;
    if (module.output_head && !module.dtype) module.dtype = embedding;
  }
}

// nullopt when the family has no table, or the model is a variant that it does
// not describe (quantised, a classifier, ...).
std::optional<ModelConfig> read_family_config(
    const std::filesystem::path& directory,
    const std::optional<std::string>& model_type) {
  if (!model_type || !is_supported_family(*model_type)) return std::nullopt;
  try {
    return read_model_config(directory / "config.json");
  } catch (const FileError&) {
    return std::nullopt;
  }
}

CheckpointHints read_hints(const std::filesystem::path& directory,
                           const std::optional<std::string>& model_type) {
  CheckpointHints out{.model_type = model_type};
  const std::filesystem::path path = directory / "config.json";
  if (!std::filesystem::exists(path)) return out;
  const nlohmann::json config = parse_json_file(path, kOperation);
  const auto tied = config.find("tie_word_embeddings");
  if (tied != config.end() && tied->is_boolean()) {
    out.tied_head = tied->get<bool>();
    return out;
  }
  // Families that are tied by default do not say so in the file.
  const auto names = config.find("architectures");
  out.tied_head = names != config.end() && names->is_array() &&
                  !names->empty() && names->front().is_string() &&
                  names->front().get<std::string>().ends_with("ForCausalLM");
  return out;
}

}  // namespace

Inventory read_inventory(const std::filesystem::path& directory) {
  const ShardedSafetensors weights = ShardedSafetensors::open(directory);
  const auto model_type = read_model_type(directory);
  Inventory out;
  if (const auto config = read_family_config(directory, model_type)) {
    const Mismatch mismatch =
        compare(weights, make_weight_table(*config), *config);
    if (!mismatch.empty()) throw_mismatch(directory, mismatch);
    out = make_family_inventory(*config);
    fill_dtypes(weights, out);
    fill_tied_dtype(out);
  } else {
    out = make_name_inventory(weights, read_hints(directory, model_type));
  }
  out.source = directory.string();
  return out;
}

}  // namespace graft

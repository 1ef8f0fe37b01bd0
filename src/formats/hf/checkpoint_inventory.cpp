// Makes the inventory of a checkpoint: by the family's table when its
// config.json is one that graft can run, by names otherwise, and from
// config.json alone where there are no weights. Entry points: read_inventory,
// read_checkpoint_config.
#include "graft/formats/hf/checkpoint_inventory.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/hf/checkpoint_layout_internal.h"
#include "formats/hf/config_inventory_internal.h"
#include "formats/hf/key_mismatch_internal.h"
#include "formats/hf/name_inventory_internal.h"
#include "formats/hf/tied_head_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/model_config.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/sharded_safetensors.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr char kOperation[] = "inventory";

// Tensors that only a quantised checkpoint has, by the end of their names.
struct QuantisedEnding {
  std::string_view ending;
  std::string_view kind;
};
constexpr std::array<QuantisedEnding, 8> kQuantisedEndings = {
    {{".qweight", "GPTQ or AWQ"},
     {".qzeros", "GPTQ or AWQ"},
     {".weight_scale_inv", "FP8"},
     {".weight_scale", "FP8"},
     {".weight_packed", "compressed-tensors"},
     {".weight.absmax", "bitsandbytes"},
     {".weight.quant_map", "bitsandbytes"},
     {".SCB", "bitsandbytes"}}};

std::string explain_quantised(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    for (const QuantisedEnding& row : kQuantisedEndings) {
      if (!name.ends_with(row.ending)) continue;
      return printable(name) + " is of a checkpoint quantised with " +
             std::string(row.kind) +
             ", which graft does not run: use the unquantised checkpoint, or a "
             "GGUF file of the model";
    }
  }
  return {};
}

void throw_mismatch(const std::filesystem::path& directory,
                    const TensorFit& fit) {
  std::string what = directory.string() +
                     ": the tensors are not those that config.json describes";
  const auto append = [&what](const char* label,
                              const std::vector<std::string>& names) {
    if (!names.empty()) what += std::string(label) + sample_names(names);
  };
  append("; missing: ", fit.missing);
  // Beside missing tensors any other may be theirs under a wrong name.
  std::vector<std::string> unknown = fit.unknown;
  if (!fit.missing.empty()) {
    unknown.insert(unknown.end(), fit.extra.begin(), fit.extra.end());
  }
  append("; unknown: ", unknown);
  append("; wrong shape: ", fit.shapes);
  const std::string quantised = explain_quantised(unknown);
  throw FileError({.operation = kOperation,
                   .what = what,
                   .hint = quantised.empty()
                               ? explain_names(fit.missing, unknown)
                               : quantised});
}

std::string extra_tensors_warning(const std::filesystem::path& directory,
                                  const std::vector<std::string>& names) {
  return directory.string() + ": " + std::to_string(names.size()) +
         " stored tensors are not part of the language model; they are not "
         "read, and kept as they are on export: " +
         sample_names(names);
}

void fill_dtypes(const ShardedSafetensors& weights, const ModelConfig& config,
                 Inventory& inventory) {
  std::map<std::string_view, DType> types;  // by runtime path
  const std::vector<WeightRow> table = make_weight_table(config);
  for (const WeightRow& row : table) {
    constexpr std::string_view kWeight = ".weight";
    std::string_view path = row.runtime_name;
    if (!path.ends_with(kWeight)) continue;
    path.remove_suffix(kWeight.size());
    types.emplace(path, weights.find_or_null(row.hf_name)->dtype);
  }
  for (ModuleInfo& module : inventory.modules) {
    const auto found = types.find(module.path);
    if (found != types.end()) module.dtype = found->second;
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

// The tensors of head and embedding by the family's table.
HeadNames head_names(ModelConfig config) {
  config.tied_embeddings = false;
  config.layers = 1;  // the names are the same, the table is short
  HeadNames out;
  for (const WeightRow& row : make_weight_table(config)) {
    if (row.runtime_name == "output_layer.weight") out.head = row.hf_name;
    if (row.runtime_name == "embedding.word_embeddings.weight") {
      out.embedding = row.hf_name;
    }
  }
  return out;
}

// nullopt when the family has no table, or the model is a variant that it does
// not describe (quantised, a classifier, ...): `problem` says why.
std::optional<ModelConfig> read_family_config(
    const std::filesystem::path& directory, std::string& problem) {
  if (!read_family_type(directory)) return std::nullopt;
  try {
    return read_model_config(directory / "config.json");
  } catch (const FileError& error) {
    problem = error.what();
    return std::nullopt;
  }
}

// Each layer has tensors of its own: a forged count makes no large tables.
void check_layer_count(const std::filesystem::path& directory,
                       const ShardedSafetensors& weights,
                       const ModelConfig& config) {
  const auto tensors = static_cast<std::int64_t>(weights.names().size());
  if (config.layers <= tensors) return;
  throw FileError(
      {.operation = kOperation,
       .what = (directory / "config.json").string() + ": 'num_hidden_layers'",
       .got = std::to_string(config.layers),
       .expected = "at most " + std::to_string(tensors) +
                   ", the number of tensors beside it"});
}

Inventory read_by_table(const std::filesystem::path& directory,
                        const ShardedSafetensors& weights, ModelConfig config) {
  check_layer_count(directory, weights, config);
  config = fit_layout(weights, std::move(config));
  const HeadNames names = head_names(config);
  const bool own_head = config.tied_embeddings && has_own_head(weights, names);
  if (own_head) config.tied_embeddings = false;
  const TensorFit fit = compare_tensors(weights, config);
  if (!fit.fits()) throw_mismatch(directory, fit);
  Inventory out = make_family_inventory(config);
  if (!fit.extra.empty()) {
    out.warnings.push_back(extra_tensors_warning(directory, fit.extra));
  }
  fill_dtypes(weights, config, out);
  fill_tied_dtype(out);
  if (own_head) out.warnings.push_back(own_head_warning(weights, names));
  return out;
}

// The head of a tied model that is stored all the same: no tensor of its own
// when it equals the embedding.
void resolve_stored_head(const ShardedSafetensors& weights, bool says_tied,
                         Inventory& out) {
  const auto head = std::ranges::find_if(out.modules, &ModuleInfo::output_head);
  const auto embedding =
      std::ranges::find_if(out.modules, [&](const ModuleInfo& module) {
        return module.kind == LayerKind::kEmbedding && module.in == head->out &&
               module.out == head->in;
      });
  if (embedding == out.modules.end() || head->has_bias) return;
  const HeadNames names{head->path + ".weight", embedding->path + ".weight"};
  if (!weights.contains(names.head) || !weights.contains(names.embedding)) {
    return;
  }
  if (!has_own_head(weights, names)) {
    out.total_parameters -= head->parameter_count;
    head->parameter_count = 0;
  } else if (says_tied) {
    out.warnings.push_back(own_head_warning(weights, names));
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
    out.says_tied = out.tied_head;
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
  if (is_config_alone(directory)) return read_config_inventory(directory);
  const ShardedSafetensors weights = ShardedSafetensors::open(directory);
  const auto model_type = read_model_type(directory);
  Inventory out;
  std::string problem;
  if (auto config = read_family_config(directory, problem)) {
    out = read_by_table(directory, weights, *std::move(config));
  } else {
    const CheckpointHints hints = read_hints(directory, model_type);
    out = make_name_inventory(weights, hints);
    if (hints.tied_head) resolve_stored_head(weights, hints.says_tied, out);
    out.table_problem = problem;
    if (!problem.empty()) {
      out.warnings.push_back(
          "graft cannot run this model; its modules are "
          "told by the names of tensors: " +
          problem);
    }
    warn_of_shard(directory, out);
  }
  out.source = directory.string();
  return out;
}

ModelConfig read_checkpoint_config(const std::filesystem::path& directory,
                                   const ShardedSafetensors& weights) {
  ModelConfig config = read_model_config(directory / "config.json");
  check_layer_count(directory, weights, config);
  config = fit_layout(weights, std::move(config));
  if (config.tied_embeddings && has_own_head(weights, head_names(config))) {
    config.tied_embeddings = false;
  }
  return config;
}

}  // namespace graft

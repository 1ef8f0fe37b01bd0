// The names of PEFT's adapter files and of the modules they speak about, read
// and written in this one place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graft/match/module_info.h"

namespace graft {

inline constexpr std::string_view kAdapterConfigName = "adapter_config.json";
inline constexpr std::string_view kAdapterWeightsName =
    "adapter_model.safetensors";

// Tensor names of the adapter on HF module `path`.
std::string lora_a_name(std::string_view path);
std::string lora_b_name(std::string_view path);
// A copy of the module's own weight, which PEFT saves for adapted heads.
std::string base_copy_name(std::string_view path);

// "q_proj" of "model.layers.0.self_attn.q_proj".
std::string last_component(std::string_view path);
// PEFT's list rule: equal, or a dotted ending.
bool is_named_by(std::string_view path, std::string_view entry);
// Every HF module of the inventory that a target could name. Experts and
// routers of a family's table are parameters of modules that no target can
// mean, or layers by `experts_as_layers` (PeftFields).
std::vector<std::string> hf_module_names(const Inventory& inventory,
                                         bool experts_as_layers);
// The text as a regular expression that means itself.
std::string escaped_pattern(std::string_view text);
// A PEFT pattern key that hits `path` and nothing else.
std::string exact_pattern(std::string_view path);
// All of hf_module_names with the containers around them, each once, sorted.
std::vector<std::string> hf_tree_names(const Inventory& inventory,
                                       bool experts_as_layers = false);

}  // namespace graft

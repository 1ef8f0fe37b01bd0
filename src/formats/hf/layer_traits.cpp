// Sliding windows, layers without rope, and experts, by each family's rule.
#include <algorithm>
#include <set>
#include <string>

#include "formats/hf/layer_traits_internal.h"

namespace graft {
namespace {

constexpr std::string_view kWindow = "sliding_window";
constexpr std::string_view kTypes = "layer_types";
constexpr std::string_view kSliding = "sliding_attention";
constexpr std::string_view kFull = "full_attention";

std::size_t layer_count(const ModelConfig& config) {
  return static_cast<std::size_t>(config.layers);
}

bool is_switched(WindowRule rule) {
  return rule == WindowRule::kSwitchedAll ||
         rule == WindowRule::kSwitchedTopLayers ||
         rule == WindowRule::kSwitchedNoRope;
}

// Keys that a query of a sliding layer sees; 0: all.
std::int64_t read_window(const JsonFields& fields,
                         const FamilySwitches& switches) {
  if (switches.window == WindowRule::kNone) return 0;
  if (is_switched(switches.window) &&
      !fields.boolean("use_sliding_window").value_or(false)) {
    return 0;
  }
  if (!fields.mentions(kWindow)) return switches.default_window;
  return fields.count(kWindow).value_or(0);
}

// layer_types as flags; nullopt when absent or wrong.
std::optional<std::vector<bool>> read_types(const JsonFields& fields,
                                            const ModelConfig& config) {
  const auto types = fields.texts(kTypes);
  if (!types) return std::nullopt;
  if (types->size() != layer_count(config)) {
    fields.problems().add("'" + fields.path(kTypes) + "': got " +
                          std::to_string(types->size()) +
                          " entries, expected num_hidden_layers (" +
                          std::to_string(config.layers) + ")");
    return std::nullopt;
  }
  std::vector<bool> out;
  for (const std::string& type : *types) {
    if (type != kSliding && type != kFull) {
      fields.problems().add("'" + fields.path(kTypes) + "': got " + type +
                            ", expected full_attention or sliding_attention");
      return std::nullopt;
    }
    out.push_back(type == kSliding);
  }
  return out;
}

std::vector<bool> read_rope_layers(const JsonFields& fields,
                                   const FamilySwitches& switches,
                                   const ModelConfig& config) {
  std::vector<bool> out(layer_count(config), true);
  if (switches.no_rope_interval == 0) return out;
  const auto flags = fields.integers("no_rope_layers");
  const std::int64_t interval = fields.count("no_rope_layer_interval")
                                    .value_or(switches.no_rope_interval);
  if (flags && flags->size() < out.size()) {
    fields.reject("no_rope_layers", "an entry for every layer (" +
                                        std::to_string(config.layers) + ")");
    return out;
  }
  for (std::size_t n = 0; n < out.size(); ++n) {
    const auto number = static_cast<std::int64_t>(n) + 1;
    out[n] = flags ? (*flags)[n] != 0 : number % interval != 0;
  }
  return out;
}

// What a family's rule chooses where layer_types does not say.
struct SlidingRule {
  WindowRule rule = WindowRule::kNone;
  std::int64_t first = 0;    // kSwitchedTopLayers
  std::int64_t pattern = 1;  // kPattern

  bool slides(std::int64_t layer, bool rope) const {
    switch (rule) {
      case WindowRule::kNone:
        return false;
      case WindowRule::kAll:
      case WindowRule::kSwitchedAll:
        return true;
      case WindowRule::kSwitchedTopLayers:
        return layer >= first;
      case WindowRule::kSwitchedNoRope:
        return !rope;
      case WindowRule::kPattern:
        return (layer + 1) % pattern != 0;
    }
    return false;
  }
};

SlidingRule read_rule(const JsonFields& fields,
                      const FamilySwitches& switches) {
  SlidingRule out{.rule = switches.window};
  if (out.rule == WindowRule::kSwitchedTopLayers) {
    out.first = fields.integer("max_window_layers").value_or(28);
  }
  if (out.rule == WindowRule::kPattern) {
    out.pattern = switches.window_pattern;
    if (!switches.pattern_field.empty()) {
      out.pattern = fields.count(switches.pattern_field).value_or(out.pattern);
    }
  }
  return out;
}

bool obeys_types(WindowRule rule) {
  return rule == WindowRule::kSwitchedTopLayers ||
         rule == WindowRule::kSwitchedNoRope || rule == WindowRule::kPattern;
}

void set_sliding(const JsonFields& fields, const FamilySwitches& switches,
                 ModelConfig& out) {
  const auto types = read_types(fields, out);
  const SlidingRule rule = read_rule(fields, switches);
  const bool has_rule =
      out.sliding_window > 0 || rule.rule == WindowRule::kPattern;
  for (std::size_t n = 0; n < layer_count(out); ++n) {
    LayerTraits& layer = out.layer_traits[n];
    layer.sliding =
        has_rule && rule.slides(static_cast<std::int64_t>(n), layer.rope);
    if (!types || (*types)[n] == layer.sliding) continue;
    if (!obeys_types(switches.window)) {
      fields.problems().add("'" + fields.path(kTypes) + "': got " +
                            std::string((*types)[n] ? kSliding : kFull) +
                            " for layer " + std::to_string(n) + ", expected " +
                            std::string(layer.sliding ? kSliding : kFull) +
                            ": layers of this family are all alike");
      return;
    }
    layer.sliding = (*types)[n];
  }
  if (out.sliding_window > 0 ||
      std::ranges::none_of(out.layer_traits, &LayerTraits::sliding)) {
    return;
  }
  fields.problems().add("'" + fields.path(kWindow) +
                        "': got no window, expected one for the layers of "
                        "kind sliding_attention");
}

void set_experts(const JsonFields& fields, const ExpertSwitches& switches,
                 ModelConfig& out) {
  if (out.experts.count == 0) return;
  std::int64_t step = 1;
  std::set<std::int64_t> dense;
  if (switches.has_dense_layers) {
    step = fields.count("decoder_sparse_step").value_or(1);
    const auto layers = fields.integers("mlp_only_layers");
    if (layers) dense = {layers->begin(), layers->end()};
  }
  for (std::int64_t n = 0; n < out.layers; ++n) {
    out.layer_traits[static_cast<std::size_t>(n)].experts =
        (n + 1) % step == 0 && !dense.contains(n);
  }
}

// num_local_experts, or num_experts in older files.
std::int64_t read_expert_count(const JsonFields& fields,
                               std::int64_t fallback) {
  const auto newer = fields.count("num_local_experts");
  const auto older = fields.count("num_experts");
  if (newer && older && *newer != *older) {
    fields.reject("num_experts",
                  "num_local_experts (" + std::to_string(*newer) + ")");
  }
  return newer ? *newer : older.value_or(fallback);
}

// Each expert has tensors of its own: a forged count makes no large tables.
void check_expert_count(const JsonFields& fields, const ModelConfig& config) {
  constexpr std::int64_t kMaxExperts = 1000000;  // in all layers together
  const std::int64_t most = std::max<std::int64_t>(
      1, kMaxExperts / std::max<std::int64_t>(1, config.layers));
  if (config.experts.count <= most) return;
  const char* name = fields.mentions("num_local_experts") ? "num_local_experts"
                                                          : "num_experts";
  fields.reject(name, "at most " + std::to_string(most) + " for " +
                          std::to_string(config.layers) + " layers");
}

}  // namespace

void read_experts(const JsonFields& fields, const ExpertSwitches& switches,
                  ModelConfig& out) {
  if (!switches.has) return;
  ExpertConfig& experts = out.experts;
  experts.count = read_expert_count(fields, switches.default_count);
  check_expert_count(fields, out);
  experts.per_token =
      fields.count("num_experts_per_tok").value_or(switches.default_per_token);
  if (experts.per_token > experts.count) {
    fields.reject("num_experts_per_tok", "at most the number of experts (" +
                                             std::to_string(experts.count) +
                                             ")");
  }
  experts.size =
      switches.default_size > 0
          ? fields.count(switches.size_field).value_or(switches.default_size)
          : out.intermediate_size;
  experts.rounded = switches.rounded_weights;
  experts.normalised = switches.always_normalised ||
                       fields.boolean("norm_topk_prob").value_or(false);
}

void read_layer_traits(const JsonFields& fields, const Family& family,
                       ModelConfig& out) {
  out.sliding_window = read_window(fields, family.switches);
  const std::vector<bool> rope = read_rope_layers(fields, family.switches, out);
  out.layer_traits.assign(layer_count(out), {});
  for (std::size_t n = 0; n < rope.size(); ++n) {
    out.layer_traits[n].rope = rope[n];
  }
  set_sliding(fields, family.switches, out);
  set_experts(fields, family.experts, out);
  const auto is_plain = [](const LayerTraits& layer) {
    return layer == LayerTraits{};
  };
  if (std::ranges::all_of(out.layer_traits, is_plain)) out.layer_traits = {};
}

}  // namespace graft

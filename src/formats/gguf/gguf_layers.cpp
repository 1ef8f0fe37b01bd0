// expert_* and attention.sliding_window* keys, and the routers of the layers.
#include "formats/gguf/gguf_layers_internal.h"

#include <algorithm>
#include <string>
#include <vector>

#include "formats/hf/key_mismatch_internal.h"
#include "graft/base/error.h"

namespace graft {
namespace {

constexpr std::string_view kWindow = "attention.sliding_window";
constexpr std::string_view kPattern = "attention.sliding_window_pattern";

// Keys that a query of a sliding layer sees; 0: all. llama.cpp gives no window
// to families that switch theirs.
std::int64_t read_window(const GgufSource& source, const ModelConfig& config) {
  const std::string key = source.key(kWindow);
  const std::int64_t window = source.metadata().integer(key).value_or(
      source.family.gguf.default_window);
  if (window < 0) source.metadata().refuse(key, "0 or more");
  const WindowRule rule = source.family.switches.window;
  if (rule == WindowRule::kAll || rule == WindowRule::kPattern) return window;
  if (window >= config.max_positions) return 0;
  if (window > 0) {
    source.metadata().refuse(
        key, "0, or at least the context length (" +
                 std::to_string(config.max_positions) +
                 "): graft does not support it for this family");
  }
  return 0;
}

// One flag for each layer, or a period: all but every n-th slide.
std::vector<bool> read_pattern(const GgufSource& source,
                               const ModelConfig& config) {
  const auto layers = static_cast<std::size_t>(config.layers);
  const std::string key = source.key(kPattern);
  const GgufMetadata& metadata = source.metadata();
  std::vector<bool> out(layers);
  if (metadata.is_array(key)) {
    out = *metadata.flags(key);
    if (out.size() != layers) {
      metadata.refuse(key, std::to_string(layers) + " flags, one a layer");
    }
    return out;
  }
  const std::int64_t period =
      metadata.count(key).value_or(source.family.switches.window_pattern);
  for (std::size_t n = 0; n < layers; ++n) {
    out[n] = (static_cast<std::int64_t>(n) + 1) % period != 0;
  }
  return out;
}

std::vector<bool> sliding_layers(const GgufSource& source,
                                 const ModelConfig& config) {
  const auto layers = static_cast<std::size_t>(config.layers);
  if (config.sliding_window == 0) return std::vector<bool>(layers, false);
  if (source.family.switches.window == WindowRule::kPattern) {
    return read_pattern(source, config);
  }
  return std::vector<bool>(layers, true);
}

std::string router_name(const Family& family, std::int64_t layer) {
  const auto row =
      std::ranges::find(family.layer, LayerKind::kRouter, &ModuleRow::kind);
  return "blk." + std::to_string(layer) + "." +
         std::string(row->parts.front().gguf) + ".weight";
}

// Whether the layer has experts.
bool has_experts(const GgufSource& source, const ModelConfig& config,
                 std::int64_t layer) {
  if (config.experts.count == 0) return false;
  const std::string name = router_name(source.family, layer);
  const GgufEntry* router = source.file.find_or_null(name);
  if (router == nullptr && source.family.experts.has_dense_layers) return false;
  const std::vector<std::int64_t> wanted{config.experts.count,
                                         config.hidden_size};
  if (router != nullptr && router->shape == wanted) return true;
  throw FileError(ErrorText{
      .operation = "gguf",
      .what = source.file.path().string() + ": tensor '" + name + "'",
      .got = router == nullptr ? "nothing" : shape_text(router->shape),
      .expected = shape_text(wanted) + " as " + source.key("expert_count") +
                  " and " + source.key("embedding_length") + " say"});
}

}  // namespace

void read_gguf_experts(const GgufSource& source, ModelConfig& out) {
  const ExpertSwitches& switches = source.family.experts;
  if (!switches.has) return;
  const GgufMetadata& metadata = source.metadata();
  ExpertConfig& experts = out.experts;
  experts.count = metadata.required_count(source.key("expert_count"));
  const std::string used = source.key("expert_used_count");
  experts.per_token = metadata.required_count(used);
  if (experts.per_token > experts.count) {
    metadata.refuse(used, "at most " + std::to_string(experts.count) + ", as " +
                              source.key("expert_count"));
  }
  const bool own_size = switches.default_size > 0;
  experts.size =
      own_size
          ? metadata.required_count(source.key("expert_feed_forward_length"))
          : out.intermediate_size;
  experts.rounded = switches.rounded_weights;
  const std::string norm = source.key("expert_weights_norm");
  experts.normalised = metadata.boolean(norm).value_or(true);
  if (switches.always_normalised && !experts.normalised) {
    metadata.refuse(norm, "true: this family always normalises");
  }
}

void read_gguf_layers(const GgufSource& source, ModelConfig& out) {
  out.sliding_window = read_window(source, out);
  const std::vector<bool> sliding = sliding_layers(source, out);
  const std::int64_t interval = source.family.switches.no_rope_interval;
  out.layer_traits.assign(static_cast<std::size_t>(out.layers), {});
  for (std::int64_t n = 0; n < out.layers; ++n) {
    LayerTraits& layer = out.layer_traits[static_cast<std::size_t>(n)];
    layer.sliding = sliding[static_cast<std::size_t>(n)];
    layer.rope = interval == 0 || (n + 1) % interval != 0;
    layer.experts = has_experts(source, out, n);
  }
  const auto is_plain = [](const LayerTraits& layer) {
    return layer == LayerTraits{};
  };
  if (std::ranges::all_of(out.layer_traits, is_plain)) out.layer_traits = {};
}

}  // namespace graft

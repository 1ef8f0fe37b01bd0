// Says what a ModelConfig means to a person who chooses targets, lengths and
// memory. Entry points: model_rows, model_to_json.
#include <algorithm>
#include <cstdio>

#include "io/json_file_internal.h"
#include "match/text_table_internal.h"
#include "merge/model_rows_internal.h"

namespace graft {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

std::string number(std::int64_t value) {
  return with_separators(static_cast<std::uint64_t>(value));
}

std::string decimal(double value) {
  if (value >= 1e5 && value < 1e15) {
    return number(static_cast<std::int64_t>(value));
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

// "layers 0-3,6" of the layers for which `has` is true; empty for none.
template <typename Has>
std::string layer_ranges(const ModelConfig& config, const Has& has) {
  std::string out;
  const auto is_in = [&](std::int64_t n) {
    return n < config.layers && has(config.layer(n));
  };
  for (std::int64_t first = 0; first < config.layers; ++first) {
    if (!is_in(first)) continue;
    std::int64_t last = first;
    while (is_in(last + 1)) ++last;
    out += (out.empty() ? "" : ",") + std::to_string(first);
    if (last > first) out += "-" + std::to_string(last);
    first = last;
  }
  if (out.empty()) return out;
  const bool one = out.find_first_of("-,") == std::string::npos;
  return (one ? "layer " : "layers ") + out;
}

std::string activation_name(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return "silu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_tanh";
    case Activation::kRelu:
      return "relu";
  }
  return "";
}

// "134,515,008; BF16 99.9 %, F32 0.1 %".
std::string parameters_text(const Inspection& inspection) {
  std::string out = with_separators(inspection.parameters);
  const auto total = static_cast<double>(inspection.parameters);
  std::vector<std::pair<std::uint64_t, std::string>> shares;
  for (const auto& [dtype, count] : inspection.dtypes) {
    shares.emplace_back(count, dtype);
  }
  std::ranges::sort(shares, std::ranges::greater{});
  for (std::size_t i = 0; i < shares.size(); ++i) {
    out += i == 0 ? "; " : ", ";
    out += shares[i].second;
    if (shares.size() == 1) break;
    char share[16];
    std::snprintf(share, sizeof(share), " %.3g %%",
                  100.0 * static_cast<double>(shares[i].first) / total);
    out += share;
  }
  if (!inspection.model->config) return out;
  const ModelConfig& config = *inspection.model->config;
  return out + (config.tied_embeddings ? "; head tied to the embedding"
                                       : "; head of its own");
}

std::string heads_text(const ModelConfig& config) {
  std::string out = number(config.heads) + " of " + number(config.head_dim) +
                    ", " + number(config.kv_heads) + " for keys and values";
  if (config.attention_bias) out += "; biases";
  if (config.qkv_bias) out += "; biases on q, k and v";
  if (config.norms.qk != QkNorm::kNone) out += "; norms on q and k";
  return out;
}

std::string rope_text(const RopeConfig& rope) {
  std::string out =
      std::string(rope_kind_name(rope.kind)) + ", theta " + decimal(rope.theta);
  if (rope.factor != 1) out += ", factor " + decimal(rope.factor);
  if (rope.original_max_positions > 0) {
    out += ", first trained to " + number(rope.original_max_positions);
  }
  if (rope.rotated_share != 1) {
    out += ", " + decimal(100 * rope.rotated_share) + " % of each head";
  }
  return out;
}

std::string context_text(const ModelConfig& config) {
  std::string out = number(config.max_positions) + " tokens";
  const std::string sliding = layer_ranges(
      config, [](const LayerTraits& layer) { return layer.sliding; });
  if (sliding.empty()) return out;
  return out + "; window of " + number(config.sliding_window) + " in " +
         sliding;
}

std::string ropes_text(const ModelConfig& config) {
  std::string out = rope_text(config.rope);
  if (config.sliding_rope) {
    out += "; " + rope_text(*config.sliding_rope) + " in sliding layers";
  }
  const std::string none = layer_ranges(
      config, [](const LayerTraits& layer) { return !layer.rope; });
  if (!none.empty()) out += "; none in " + none;
  return out;
}

std::string experts_text(const Inspection& inspection) {
  const ModelConfig& config = *inspection.model->config;
  const std::uint64_t idle =
      std::min(idle_parameters(config), inspection.parameters);
  return number(config.experts.count) + " of " + number(config.experts.size) +
         ", " + number(config.experts.per_token) + " a token, in " +
         layer_ranges(config,
                      [](const LayerTraits& layer) { return layer.experts; }) +
         "; " + with_separators(inspection.parameters - idle) +
         " parameters at work for a token";
}

std::string tokenizer_text(const TokenizerSummary& tokenizer) {
  if (tokenizer.kind.empty()) return "none";
  return tokenizer.kind + " (" + printable(tokenizer.file) + ")" +
         (tokenizer.chat_template ? ", with a chat template"
                                  : ", no chat template");
}

void add_config(const Inspection& inspection, Rows& rows) {
  const ModelConfig& config = *inspection.model->config;
  rows.emplace_back("layers", number(config.layers) + ", hidden size " +
                                  number(config.hidden_size));
  rows.emplace_back("mlp", number(config.intermediate_size) + " (" +
                               activation_name(config.activation) + ")");
  if (config.experts.count > 0) {
    rows.emplace_back("experts", experts_text(inspection));
  }
  rows.emplace_back("heads", heads_text(config));
  rows.emplace_back("context", context_text(config));
  rows.emplace_back("rope", ropes_text(config));
  rows.emplace_back("vocabulary", number(config.vocab_size));
}

nlohmann::ordered_json rope_to_json(const RopeConfig& rope) {
  return {{"type", rope_kind_name(rope.kind)},
          {"theta", rope.theta},
          {"factor", rope.factor}};
}

nlohmann::ordered_json experts_to_json(const Inspection& inspection) {
  const ModelConfig& config = *inspection.model->config;
  if (config.experts.count == 0) return nullptr;
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (std::int64_t n = 0; n < config.layers; ++n) {
    if (config.layer(n).experts) layers.push_back(n);
  }
  return {{"count", config.experts.count},
          {"per_token", config.experts.per_token},
          {"size", config.experts.size},
          {"layers", layers}};
}

void add_config(const Inspection& inspection, nlohmann::ordered_json& out) {
  const ModelConfig& config = *inspection.model->config;
  const std::uint64_t idle =
      std::min(idle_parameters(config), inspection.parameters);
  out["tied_embeddings"] = config.tied_embeddings;
  out["parameters_per_token"] = inspection.parameters - idle;
  out["layers"] = config.layers;
  out["hidden_size"] = config.hidden_size;
  out["intermediate_size"] = config.intermediate_size;
  out["activation"] = activation_name(config.activation);
  out["heads"] = config.heads;
  out["kv_heads"] = config.kv_heads;
  out["head_dim"] = config.head_dim;
  out["vocab_size"] = config.vocab_size;
  out["context"] = config.max_positions;
  out["sliding_window"] = config.sliding_window;
  out["rope"] = rope_to_json(config.rope);
  out["experts"] = experts_to_json(inspection);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> model_rows(
    const Inspection& inspection) {
  Rows out;
  if (!inspection.model) return out;
  const ModelSummary& model = *inspection.model;
  out.emplace_back("family", model.family);
  if (!model.problem.empty()) out.emplace_back("cannot run", model.problem);
  out.emplace_back("parameters", parameters_text(inspection));
  if (model.config) add_config(inspection, out);
  out.emplace_back("tokenizer", tokenizer_text(model.tokenizer));
  return out;
}

nlohmann::ordered_json model_to_json(const Inspection& inspection) {
  if (!inspection.model) return nullptr;
  const ModelSummary& model = *inspection.model;
  nlohmann::ordered_json out{{"family", model.family},
                             {"runs", model.config.has_value()}};
  if (!model.problem.empty()) out["problem"] = model.problem;
  if (model.config) add_config(inspection, out);
  if (model.tokenizer.kind.empty()) {
    out["tokenizer"] = nullptr;
  } else {
    out["tokenizer"] = {{"kind", model.tokenizer.kind},
                        {"file", model.tokenizer.file},
                        {"chat_template", model.tokenizer.chat_template}};
  }
  return out;
}

}  // namespace graft

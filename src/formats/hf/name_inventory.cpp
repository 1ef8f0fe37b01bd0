// Builds a module tree from dotted tensor names (numbers in numeric order) and
// tells each module's kind by its own name and the shape of its weight. Entry
// point: make_name_inventory; the tree is private.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/hf/name_inventory_internal.h"
#include "graft/base/error.h"
#include "match/folded_path_internal.h"
#include "match/kind_term_internal.h"

namespace graft {
namespace {

constexpr std::size_t kDepthLimit = 64;

std::int64_t to_number(std::string_view digits) {
  std::int64_t value = 0;
  for (char c : digits) value = value * 10 + (c - '0');
  return value;
}

// Numbers by value and before words.
struct NaturalLess {
  bool operator()(const std::string& a, const std::string& b) const {
    if (is_path_number(a) != is_path_number(b)) return is_path_number(a);
    if (is_path_number(a) && to_number(a) != to_number(b)) {
      return to_number(a) < to_number(b);
    }
    return a < b;
  }
};

struct Node {
  std::map<std::string, Node, NaturalLess> children;
  std::map<std::string, const TensorEntry*, std::less<>> tensors;

  const TensorEntry* find_or_null(std::string_view name) const {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : found->second;
  }
};

// Adds tensors one by one. Neighbours in a file mostly share their beginnings,
// so the nodes of the last name are kept at hand.
class TreeBuilder {
 public:
  explicit TreeBuilder(Node& root) : root_(root) {}

  void insert(const TensorEntry& tensor) {
    std::string_view rest = tensor.name;
    std::size_t depth = 0;
    for (std::size_t dot = rest.find('.'); dot != std::string_view::npos;
         dot = rest.find('.')) {
      if (depth == kDepthLimit) {
        throw FileError({.operation = "inventory",
                         .what = tensor.name.substr(0, 60) + "...",
                         .got = "a tensor name of more than 64 parts"});
      }
      enter(rest.substr(0, dot), depth++);
      rest.remove_prefix(dot + 1);
    }
    Node& node = depth == 0 ? root_ : *path_[depth - 1].second;
    node.tensors.emplace(rest, &tensor);
  }

 private:
  void enter(std::string_view part, std::size_t depth) {
    if (depth < path_.size() && path_[depth].first == part) return;
    path_.resize(depth);
    Node& parent = depth == 0 ? root_ : *path_.back().second;
    path_.emplace_back(part, &parent.children[std::string(part)]);
  }

  Node& root_;
  std::vector<std::pair<std::string_view, Node*>> path_;
};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_embedding_name(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "wte",
      "wpe",
      "embed_tokens",
      "embed_in",
      "embed_positions",
      "tok_embeddings",
      "shared",
      "relative_attention_bias"};
  return contains(kNames, name) || name.ends_with("embedding") ||
         name.ends_with("embeddings");
}

// GPT-2's own layer, which stores its weight as (in, out).
bool is_transposed(std::string_view name, const TensorEntry& weight,
                   const CheckpointHints& hints) {
  static constexpr std::array<std::string_view, 4> kLayers = {
      "c_attn", "c_proj", "c_fc", "q_attn"};
  static constexpr std::array<std::string_view, 4> kTypes = {
      "gpt2", "openai-gpt", "imagegpt", "decision_transformer"};
  if (!contains(kLayers, name)) return false;
  if (hints.model_type) return contains(kTypes, *hints.model_type);
  return name == "c_attn" && weight.shape[1] == 3 * weight.shape[0];
}

// Where the walk stands.
struct Place {
  std::string path;
  std::string_view name;
  const Node* parent;
  std::optional<std::int64_t> layer;
  std::optional<std::int64_t> expert;
};

void describe_matrix(const Place& place, const TensorEntry& weight,
                     const CheckpointHints& hints, ModuleInfo& out) {
  out.kind = LayerKind::kLinear;
  out.out = weight.shape[0];
  out.in = weight.shape[1];
  if (is_embedding_name(place.name)) {
    out.kind = LayerKind::kEmbedding;
    std::swap(out.in, out.out);
  } else if (is_transposed(place.name, weight, hints)) {
    out.kind = LayerKind::kConv1d;
    std::swap(out.in, out.out);
  } else if ((place.name == "gate" || place.name == "router") &&
             place.parent->children.contains("experts")) {
    out.kind = LayerKind::kRouter;
  }
}

void describe_weight(const Place& place, const TensorEntry& weight,
                     const CheckpointHints& hints, ModuleInfo& out) {
  out.dtype = weight.dtype;
  if (weight.shape.size() == 2) {
    describe_matrix(place, weight, hints, out);
  } else if (weight.shape.size() == 1) {
    out.kind = LayerKind::kNorm;
  } else if (weight.shape.size() == 3 || weight.shape.size() == 4) {
    out.kind =
        weight.shape.size() == 3 ? LayerKind::kConv1d : LayerKind::kConv2d;
    out.out = weight.shape[0];
    out.in = weight.shape[1];
  }
}

// GPTQ and AWQ: packed integers; the scales have one column per output.
void describe_packed(const Node& node, ModuleInfo& out) {
  const TensorEntry& packed = *node.find_or_null("qweight");
  const TensorEntry* scales = node.find_or_null("scales");
  const TensorEntry* groups = node.find_or_null("g_idx");
  if (packed.shape.size() != 2) return;
  out.kind = LayerKind::kLinear;
  out.dtype = packed.dtype;
  out.in =
      groups && !groups->shape.empty() ? groups->shape[0] : packed.shape[0];
  out.out =
      scales && scales->shape.size() == 2 ? scales->shape[1] : packed.shape[1];
}

ModuleInfo describe(const Place& place, const Node& node,
                    const CheckpointHints& hints) {
  ModuleInfo out;
  out.path = place.path;
  out.layer = place.layer;
  out.expert = place.expert;
  out.has_bias = node.find_or_null("bias") != nullptr;
  for (const auto& [name, tensor] : node.tensors) {
    out.parameter_count += static_cast<std::uint64_t>(tensor->element_count());
  }
  if (const TensorEntry* weight = node.find_or_null("weight")) {
    describe_weight(place, *weight, hints, out);
  } else if (node.find_or_null("qweight") != nullptr) {
    describe_packed(node, out);
  } else if (!node.children.empty() &&
             std::all_of(node.children.begin(), node.children.end(),
                         [](const auto& child) {
                           return is_path_number(child.first);
                         })) {
    out.kind = LayerKind::kModuleList;
  }
  out.output_head = out.kind == LayerKind::kLinear && is_head_name(place.name);
  return out;
}

// Experts that the model's code multiplies as (experts, in, out).
bool has_transposed_experts(const CheckpointHints& hints) {
  static constexpr std::array<std::string_view, 4> kTypes = {
      "gpt_oss", "aria", "aria_text", "openai_privacy_filter"};
  return hints.model_type && contains(kTypes, *hints.model_type);
}

// Tensors that are no weight or bias of a linear layer or embedding.
void add_parameters(const std::string& path, const Node& node,
                    const CheckpointHints& hints, Inventory& out) {
  const bool is_layer =
      !path.empty() && (is_linear_kind(out.modules.back().kind, true) ||
                        out.modules.back().kind == LayerKind::kEmbedding);
  if (node.find_or_null("qweight") != nullptr) return;
  for (const auto& [name, tensor] : node.tensors) {
    if (is_layer && (name == "weight" || name == "bias")) continue;
    out.parameters.push_back({path.empty() ? name : path + "." + name,
                              tensor->shape, has_transposed_experts(hints)});
  }
}

void walk(const Node& node, const Place& place, const CheckpointHints& hints,
          Inventory& out) {
  for (const auto& [name, child] : node.children) {
    Place next{place.path.empty() ? name : place.path + "." + name, name, &node,
               place.layer, place.expert};
    if (is_path_number(name) &&
        (place.name == "experts" || place.name == "local_experts")) {
      next.expert = to_number(name);
    } else if (is_path_number(name) && !next.layer) {
      next.layer = to_number(name);
    }
    out.modules.push_back(describe(next, child, hints));
    add_parameters(next.path, child, hints, out);
    walk(child, next, hints, out);
  }
}

// A head without a tensor of its own: the token embedding, transposed.
void add_tied_head(Inventory& out) {
  const auto is_token_embedding = [](const ModuleInfo& module) {
    return module.kind == LayerKind::kEmbedding && !module.layer &&
           module.name() != "wpe" && module.name() != "embed_positions";
  };
  const auto found =
      std::find_if(out.modules.begin(), out.modules.end(), is_token_embedding);
  if (found == out.modules.end()) return;
  ModuleInfo head;
  head.path = found->path.starts_with("language_model.")
                  ? "language_model.lm_head"
                  : "lm_head";
  head.kind = LayerKind::kLinear;
  head.in = found->out;
  head.out = found->in;
  head.dtype = found->dtype;
  head.output_head = true;
  out.modules.push_back(std::move(head));
}

}  // namespace

Inventory make_name_inventory(const ShardedSafetensors& weights,
                              const CheckpointHints& hints) {
  Node root;
  TreeBuilder tree(root);
  Inventory out;
  out.model_type = hints.model_type;
  for (const SafetensorsFile& shard : weights.shards()) {
    for (const TensorEntry& tensor : shard.entries()) {
      tree.insert(tensor);
      out.total_parameters +=
          static_cast<std::uint64_t>(tensor.element_count());
    }
  }
  add_parameters("", root, hints, out);
  walk(root, Place{}, hints, out);
  const bool has_head =
      std::any_of(out.modules.begin(), out.modules.end(),
                  [](const ModuleInfo& module) { return module.output_head; });
  if (hints.tied_head && !has_head) add_tied_head(out);
  return out;
}

}  // namespace graft

// A small model of the Llama kind, as formats would describe it.
#include "match/model_inventory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <utility>

#include "graft/match/selector.h"
#include "match/folded_path_internal.h"
#include "match/kind_term_internal.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

constexpr std::int64_t kHidden = 8;
constexpr std::int64_t kKeys = 4;
constexpr std::int64_t kWidth = 12;
constexpr std::int64_t kVocabulary = 20;

ModuleInfo module(std::string path, LayerKind kind, std::int64_t in = 0,
                  std::int64_t out = 0) {
  ModuleInfo info;
  info.path = std::move(path);
  info.kind = kind;
  info.in = in;
  info.out = out;
  return info;
}

ModuleInfo with_whole(ModuleInfo info, const std::string& hf_path) {
  info.parts = {{hf_path, "", {0, info.out}}};
  return info;
}

void add_layer(std::int64_t layer, Inventory& inventory) {
  const std::string path = "decoder.layers." + std::to_string(layer);
  const std::string hf = "model.layers." + std::to_string(layer);
  const std::size_t first = inventory.modules.size();
  const auto add = [&](ModuleInfo info) {
    inventory.modules.push_back(std::move(info));
  };
  add(module(path, LayerKind::kContainer));
  add(with_whole(module(path + ".input_layernorm", LayerKind::kNorm),
                 hf + ".input_layernorm"));
  add(module(path + ".self_attention", LayerKind::kContainer));
  ModuleInfo qkv = module(path + ".self_attention.linear_qkv",
                          LayerKind::kLinear, kHidden, kHidden + 2 * kKeys);
  const std::string attention = hf + ".self_attn.";
  qkv.parts = {{attention + "q_proj", "linear_q", {0, 8}},
               {attention + "k_proj", "linear_k", {8, 12}},
               {attention + "v_proj", "linear_v", {12, 16}}};
  add(std::move(qkv));
  add(with_whole(module(path + ".self_attention.linear_proj",
                        LayerKind::kLinear, kHidden, kHidden),
                 attention + "o_proj"));
  add(module(path + ".mlp", LayerKind::kContainer));
  ModuleInfo fc1 =
      module(path + ".mlp.linear_fc1", LayerKind::kLinear, kHidden, 2 * kWidth);
  fc1.parts = {{hf + ".mlp.gate_proj", "linear_fc1_gate", {0, 12}},
               {hf + ".mlp.up_proj", "linear_fc1_up", {12, 24}}};
  add(std::move(fc1));
  add(with_whole(
      module(path + ".mlp.linear_fc2", LayerKind::kLinear, kWidth, kHidden),
      hf + ".mlp.down_proj"));
  for (std::size_t i = first; i < inventory.modules.size(); ++i) {
    inventory.modules[i].layer = layer;
  }
}

}  // namespace

Inventory make_llama_inventory(std::int64_t layers) {
  Inventory out;
  out.source = "models/small";
  out.model_type = "llama";
  out.has_family_table = true;
  out.total_parameters = 10000;
  out.modules.push_back(
      with_whole(module("embedding.word_embeddings", LayerKind::kEmbedding,
                        kVocabulary, kHidden),
                 "model.embed_tokens"));
  for (std::int64_t layer = 0; layer < layers; ++layer) add_layer(layer, out);
  ModuleInfo head =
      module("output_layer", LayerKind::kLinear, kHidden, kVocabulary);
  head.output_head = true;
  out.modules.push_back(with_whole(std::move(head), "lm_head"));
  return out;
}

Inventory make_hf_names_inventory(std::int64_t layers) {
  Inventory family = make_llama_inventory(layers);
  Inventory out = family;
  out.has_family_table = false;
  out.modules.clear();
  for (const ModuleInfo& info : family.modules) {
    for (const ModulePart& part : info.parts) {
      ModuleInfo own = info;
      own.path = part.path;
      own.out = part.rows.size();
      own.parts.clear();
      out.modules.push_back(std::move(own));
    }
  }
  return out;
}

Inventory make_moe_inventory() {
  Inventory out;
  out.source = "models/moe";
  out.model_type = "some_moe";
  const auto add = [&](const std::string& path, LayerKind kind, std::int64_t in,
                       std::int64_t rows) {
    ModuleInfo info = module(path, kind, in, rows);
    const PathNumbers numbers = path_numbers(path);
    info.layer = numbers.layer;
    info.expert = numbers.expert;
    info.output_head = is_head_name(info.name());
    info.parameter_count = static_cast<std::uint64_t>(in * rows);
    out.total_parameters += info.parameter_count;
    out.modules.push_back(std::move(info));
  };
  const auto add_mlp = [&](const std::string& path, std::int64_t width) {
    add(path + ".gate_proj", LayerKind::kLinear, kHidden, width);
    add(path + ".up_proj", LayerKind::kLinear, kHidden, width);
    add(path + ".down_proj", LayerKind::kLinear, width, kHidden);
  };
  add("model.embed_tokens", LayerKind::kEmbedding, kVocabulary, kHidden);
  for (int layer = 0; layer < 4; ++layer) {
    const std::string path = "model.layers." + std::to_string(layer);
    add(path + ".input_layernorm", LayerKind::kNorm, 0, 0);
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      add(path + ".self_attn." + name, LayerKind::kLinear, kHidden, kHidden);
    }
    if (layer == 0) {
      add_mlp(path + ".mlp", kWidth);
      continue;
    }
    add(path + ".mlp.gate", LayerKind::kRouter, kHidden, 4);
    for (int expert = 0; expert < 4; ++expert) {
      add_mlp(path + ".mlp.experts." + std::to_string(expert), 4);
    }
    add_mlp(path + ".mlp.shared_expert", kWidth);
  }
  add("lm_head", LayerKind::kLinear, kHidden, kVocabulary);
  return out;
}

namespace {

constexpr std::int64_t kExperts = 4;
constexpr std::int64_t kSize = 6;  // inner, of one expert

// A router and grouped experts, as mixtral's table has them.
void add_experts(std::int64_t layer, Inventory& out) {
  const std::string path = "decoder.layers." + std::to_string(layer) + ".mlp.";
  const std::string hf = "model.layers." + std::to_string(layer) + ".";
  ModuleInfo router =
      with_whole(module(path + "router", LayerKind::kRouter, kHidden, kExperts),
                 hf + "block_sparse_moe.gate");
  router.hf_parameter = hf + "mlp.gate.weight";
  ModuleInfo fc1 = module(path + "experts.linear_fc1", LayerKind::kTeGrouped,
                          kHidden, kExperts * 2 * kSize);
  ModuleInfo fc2 = module(path + "experts.linear_fc2", LayerKind::kTeGrouped,
                          kSize, kExperts * kHidden);
  fc1.hf_parameter = hf + "mlp.experts.gate_up_proj";
  fc2.hf_parameter = hf + "mlp.experts.down_proj";
  for (std::int64_t e = 0; e < kExperts; ++e) {
    const std::string number = std::to_string(e);
    const std::string own = hf + "block_sparse_moe.experts." + number;
    const std::int64_t row = e * 2 * kSize;
    fc1.parts.push_back(
        {own + ".w1", "linear_fc1_gate." + number, {row, row + kSize}});
    fc1.parts.push_back({own + ".w3",
                         "linear_fc1_up." + number,
                         {row + kSize, row + 2 * kSize}});
    fc2.parts.push_back({own + ".w2",
                         "linear_fc2." + number,
                         {e * kHidden, (e + 1) * kHidden}});
  }
  fc1.experts = fc2.experts = kExperts;
  for (ModuleInfo* info : {&router, &fc1, &fc2}) {
    info->layer = layer;
    out.modules.push_back(std::move(*info));
  }
}

}  // namespace

Inventory make_expert_inventory() {
  Inventory out;
  out.source = "models/experts";
  out.model_type = "mixtral";
  out.has_family_table = true;
  out.total_parameters = 10000;
  for (std::int64_t layer = 0; layer < 2; ++layer) {
    add_layer(layer, out);
    // In place of the MLP's two layers.
    out.modules.resize(out.modules.size() - 2);
    add_experts(layer, out);
  }
  return out;
}

Inventory make_bare_inventory(const std::vector<std::string>& names) {
  Inventory out;
  out.source = "names";
  for (const std::string& name : names) {
    ModuleInfo info = module(name, LayerKind::kLinear);
    const PathNumbers numbers = path_numbers(name);
    info.layer = numbers.layer;
    info.expert = numbers.expert;
    out.modules.push_back(std::move(info));
  }
  return out;
}

Rule make_rule(std::vector<std::string> targets,
               std::vector<std::string> excludes, PatternSyntax syntax) {
  Rule rule;
  rule.targets = std::move(targets);
  rule.excludes = std::move(excludes);
  rule.syntax = syntax;
  return rule;
}

Plan select(const Inventory& inventory, std::vector<Rule> rules) {
  return Selector::compile(std::move(rules)).select(inventory);
}

std::string site_paths(const Plan& plan) {
  std::string out;
  for (const Site& site : plan.sites) {
    if (!out.empty()) out += ' ';
    out += site.path();
  }
  static const std::regex shared(
      "(decoder|model)\\.layers\\.|self_[a-z]+\\.|"
      "mlp\\.");
  return std::regex_replace(out, shared, "");
}

void expect_golden(const std::string& text, const std::string& name) {
  const auto path = source_path("tests/golden/match/" + name);
  if (std::getenv("GRAFT_UPDATE_GOLDEN")) std::ofstream(path) << text;
  EXPECT_EQ(text, read_text(path)) << name;
}

}  // namespace graft::test

// A tiny random GPT of two layers. Entry points: tiny_config, random_source,
// tiny_model, tiny_expert_model.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graft/models/gpt.h"

namespace graft::test {

inline GptConfig tiny_config(bool tied) {
  GptConfig config;
  config.vocab_size = 31;
  config.hidden_size = 24;
  config.intermediate_size = 20;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 8;
  config.max_positions = 64;
  config.norm_eps = 1e-5;
  config.attention_bias = true;
  config.tied_embeddings = tied;
  config.padding_id = 0;
  config.rotary.inverse_frequencies = {1.F, 0.3F, 0.1F, 0.03F};
  return config;
}

// Random tensors of the right shape by name, the same on every call.
inline WeightSource random_source(at::ScalarType type) {
  const std::map<std::string, std::vector<std::int64_t>> shapes = {
      {"experts.linear_fc1.weight", {4 * 2 * 10, 24}},
      {"experts.linear_fc2.weight", {4 * 24, 10}},
      {"router.weight", {4, 24}},
      {"word_embeddings.weight", {31, 24}},
      {"output_layer.weight", {31, 24}},
      {"linear_qkv.weight", {64, 24}},
      {"linear_qkv.bias", {64}},
      {"linear_proj.weight", {24, 32}},
      {"linear_proj.bias", {24}},
      {"linear_fc1.weight", {40, 24}},
      {"linear_fc2.weight", {24, 20}},
      {"layernorm.weight", {24}}};
  return [=](const std::string& name) {
    for (const auto& [ending, shape] : shapes) {
      if (!name.ends_with(ending)) continue;
      at::manual_seed(std::hash<std::string>{}(name) % 1000);
      return std::vector<nn::WeightBlock>{
          {at::randn(shape).mul_(0.3).to(type), nullptr}};
    }
    ADD_FAILURE() << "asked for " << name;
    return std::vector<nn::WeightBlock>{};
  };
}

// Four experts of 10, two a token, in place of both MLPs.
inline std::shared_ptr<nn::CausalLm> tiny_expert_model() {
  GptConfig config = tiny_config(false);
  config.layer_kinds.assign(2, GptLayer{.experts = true});
  config.experts = {.count = 4, .per_token = 2, .size = 10, .normalised = true};
  return make_gpt(config, random_source(at::kFloat), {});
}

inline std::shared_ptr<nn::CausalLm> tiny_model(bool tied = false) {
  return make_gpt(tiny_config(tied), random_source(at::kFloat), {});
}

inline at::Tensor some_ids(std::int64_t rows, std::int64_t tokens) {
  at::manual_seed(9);
  return at::randint(1, 31, {rows, tokens}, at::kLong);
}

inline nn::LmInput input_of(const at::Tensor& ids,
                            const at::Tensor& mask = {}) {
  nn::LmInput input;
  input.input_ids = ids;
  input.attention_mask = mask;
  return input;
}

inline double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace graft::test

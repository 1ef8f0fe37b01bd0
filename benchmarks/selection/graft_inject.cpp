// Times inventory, selection and inject of LoRA on a live model of 48 layers
// and 128 experts, small shapes. Prints JSON lines, one a round.
#include <torch/nn/modules/container/modulelist.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "graft/match/selector.h"
#include "graft/nn/linear_slot.h"
#include "graft/peft/inject.h"
#include "graft/peft/lora.h"
#include "graft/peft/peft.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLayers = 48;
constexpr int kExperts = 128;
constexpr std::int64_t kWidth = 16;
constexpr std::int64_t kRank = 8;

struct Block : torch::nn::Module {
  void add_linear(const std::string& name) {
    register_module(name,
                    std::make_shared<graft::nn::Linear>(kWidth, kWidth, false));
  }
};

std::shared_ptr<Block> make_layer() {
  auto layer = std::make_shared<Block>();
  auto attention = std::make_shared<Block>();
  for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
    attention->add_linear(name);
  }
  layer->register_module("self_attn", attention);
  auto mlp = std::make_shared<Block>();
  torch::nn::ModuleList experts;
  for (int i = 0; i < kExperts; ++i) {
    auto expert = std::make_shared<Block>();
    for (const char* name : {"gate_proj", "up_proj", "down_proj"}) {
      expert->add_linear(name);
    }
    experts->push_back(expert);
  }
  mlp->register_module("experts", experts);
  layer->register_module("mlp", mlp);
  return layer;
}

std::shared_ptr<torch::nn::Module> make_model() {
  auto model = std::make_shared<Block>();
  torch::nn::ModuleList layers;
  for (int i = 0; i < kLayers; ++i) layers->push_back(make_layer());
  model->register_module("layers", layers);
  return model;
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

graft::Rule expert_rule() {
  graft::Rule rule;
  rule.targets = {"gate_proj", "up_proj", "down_proj"};
  rule.adapter.rank = kRank;
  return rule;
}

void run_round() {
  const auto model = make_model();
  const auto start = Clock::now();
  const graft::Inventory inventory = graft::make_inventory(*model);
  const double inventory_ms = milliseconds_since(start);
  const auto selecting = Clock::now();
  const graft::Plan plan =
      graft::Selector::compile({expert_rule()}).select(inventory);
  const double select_ms = milliseconds_since(selecting);
  const auto injecting = Clock::now();
  const auto adapters = graft::inject(*model, plan);
  const double inject_ms = milliseconds_since(injecting);

  const auto other = make_model();
  graft::Lora lora;
  lora.target_modules = expert_rule().targets;
  lora.dim = kRank;
  const auto applying = Clock::now();
  lora.apply(*other);
  std::cout << nlohmann::ordered_json{{"engine", "graft"},
                                      {"linears", adapters.size()},
                                      {"inventory_ms", inventory_ms},
                                      {"select_ms", select_ms},
                                      {"inject_ms", inject_ms},
                                      {"peft_class_apply_ms",
                                       milliseconds_since(applying)}}
            << std::endl;
}

}  // namespace

int main() {
  for (int i = 0; i < 3; ++i) run_round();
  return 0;
}

// Applies an adapter method to a live model. Entry points: Peft (base of Lora
// and CanonicalLora), AdapterSet (what it attached).
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "graft/match/module_info.h"
#include "graft/match/plan.h"
#include "graft/peft/module_matcher.h"

namespace graft {

// The inventory of a live module tree: paths, kinds, sizes, shared modules, in
// registration order. HF names are absent.
Inventory make_inventory(const torch::nn::Module& model);

// The kind of a live module, told by its C++ type.
LayerKind layer_kind_of(const torch::nn::Module& module);

// Where adapter weights start.
struct AdapterInitSeed {
  std::uint64_t seed = 42;
};

// The documented call of every method: init state, validation walk, validate,
// reset, freeze, transform walk, and with training = false freeze again and
// eval mode.
class Peft : public ModuleMatcher {
 public:
  std::int64_t dim = 32;        // rank
  double alpha = 32.0;
  double dropout = 0.0;
  AdapterInit init = AdapterInit::kXavier;
  std::uint64_t seed = 42;

  // Attaches adapters to one model or to a list of chunks. Applying a method
  // twice is a no-op that leaves adapters trainable. Throws ConfigError when a
  // selected module can take no adapter; nothing is attached then.
  void apply(torch::nn::Module& model, bool training = true);
  void apply(const std::vector<torch::nn::Module*>& chunks,
             bool training = true);

  // Which sites of `chunk` the current settings select, without changing it.
  Plan plan(const torch::nn::Module& chunk);

 protected:
  // Adapters of one hit; nothing when the method leaves the module alone.
  virtual std::vector<Site> sites_of(const ModuleInfo& info,
                                     const Match& match) = 0;
};

}  // namespace graft

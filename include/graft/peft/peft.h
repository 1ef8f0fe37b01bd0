// Applies an adapter method to a live model. Entry points: Peft (base of Lora
// and CanonicalLora), make_inventory.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "graft/match/module_info.h"
#include "graft/match/plan.h"
#include "graft/peft/layer_kind.h"
#include "graft/peft/module_matcher.h"

namespace graft {

// The inventory of a live module tree: paths, kinds, sizes, shared modules, in
// registration order. HF names are absent.
Inventory make_inventory(const torch::nn::Module& model);

// The documented call of every method: init state, validation walk, validate,
// reset, freeze, transform walk, and with training = false freeze again and
// eval mode.
class Peft : public ModuleMatcher {
 public:
  std::int64_t dim = 32;  // rank
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
  // Entries without a match have no sites; hits that take no adapter are among
  // the exclusions. Throws as apply does.
  Plan plan(const torch::nn::Module& chunk);

 protected:
  // Adapters of one hit on a slot; nothing when the method leaves the module
  // alone. Throws ConfigError when it cannot tell the rows.
  virtual std::vector<Site> sites_of(const ModuleInfo& info,
                                     const Match& match) = 0;

  // A site on `rows` of the module with the method's settings.
  Site make_site(const ModuleInfo& info, const Match& match,
                 AdapterKind kind) const;

 private:
  struct Hit;
  struct Selection;
  using ModuleSet = std::unordered_set<const torch::nn::Module*>;
  std::vector<Hit> hits_of(const torch::nn::Module& chunk);
  void record_hits(const std::vector<Hit>& hits);
  static void drop_repeated(std::vector<Hit>& hits, ModuleSet& seen);
  void select(const std::vector<Hit>& hits, Selection& selection);
  static std::vector<std::string> faults_of(
      const std::vector<Selection>& selections);
  std::vector<Plan> plans_of(
      const std::vector<const torch::nn::Module*>& chunks);
};

}  // namespace graft

// Attaches the adapters of a Plan to a live model and finds them again. Entry
// points: inject, adapters_of, remove_adapters, ScopedAdaptersDisabled,
// set_adapters_enabled, set_dropout_counter.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graft/match/plan.h"

namespace graft {

// One live adapter: A (rank, in) and B (rows, rank), fp32 parameters of the
// slot's child module, named lora_A and lora_B. On all experts of a grouped
// linear: A (experts, rank, in) and B (experts, rows of one, rank).
struct LiveAdapter {
  Site site;
  at::Tensor a;
  at::Tensor b;
};

struct InjectOptions {
  std::uint64_t seed = 42;  // A's start; site i draws from (seed, path)
  bool initialise = true;   // false: leave A and B uninitialised
};

// Freezes the base (no parameter of it requires a gradient), then attaches the
// plan's adapters to the slots at plan.sites[i].module. Throws ConfigError when
// a path is no slot, or a slot already has adapters on overlapping rows;
// nothing is attached then. Returns the adapters in plan order.
std::vector<LiveAdapter> inject(torch::nn::Module& model, const Plan& plan,
                                const InjectOptions& options = {});

// The adapters attached to `model`, in walk order then row order.
std::vector<LiveAdapter> adapters_of(const torch::nn::Module& model);

// Clears every slot's operation and unregisters the adapters.
void remove_adapters(torch::nn::Module& model);

// Switches every adapter of the model on or off.
void set_adapters_enabled(torch::nn::Module& model, bool enabled);

// While it lives, the model computes as its base. The earlier state returns at
// the end, whatever it was.
class ScopedAdaptersDisabled {
 public:
  explicit ScopedAdaptersDisabled(torch::nn::Module& model);
  ~ScopedAdaptersDisabled();
  ScopedAdaptersDisabled(const ScopedAdaptersDisabled&) = delete;
  ScopedAdaptersDisabled& operator=(const ScopedAdaptersDisabled&) = delete;

 private:
  std::vector<std::function<void()>> restore_;
};

// The training step that dropout masks are drawn for: masks come from
// (seed, step, micro-batch, site), so that a resumed run draws the same.
struct DropoutCounter {
  std::uint64_t seed = 42;
  std::uint64_t step = 0;
  std::uint64_t micro_batch = 0;
};
// Sets it on every adapter of the model.
void set_dropout_counter(torch::nn::Module& model,
                         const DropoutCounter& counter);

}  // namespace graft

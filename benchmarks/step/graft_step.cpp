// Times LoRA training steps of graft: forward, backward, clipping, AdamW; batch
// 1, rank 16 on all linear layers but the head, one adapter for each of q, k,
// v, gate and up as PEFT has them. --parts also times the parts of a step
// alone. Entry point: main. Prints one JSON line.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graft/base/process_memory.h"
#include "graft/checkpoint/base_model.h"
#include "graft/match/selector.h"
#include "graft/nn/cpu_memory.h"
#include "graft/peft/inject.h"
#include "graft/train/train.h"
#include "part_times.h"

namespace {

constexpr std::int64_t kRank = 16;

struct Arguments {
  std::string model;
  std::int64_t tokens = 512;
  std::int64_t steps = 3;
  std::string dtype = "auto";
  std::string layout = "auto";  // compute.weight_layout
  bool checkpoint = false;
  bool parts = false;
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--tokens" && i + 1 < argc) {
      out.tokens = std::stoll(argv[++i]);
    } else if (word == "--steps" && i + 1 < argc) {
      out.steps = std::stoll(argv[++i]);
    } else if (word == "--dtype" && i + 1 < argc) {
      out.dtype = argv[++i];
    } else if (word == "--layout" && i + 1 < argc) {
      out.layout = argv[++i];
    } else if (word == "--checkpoint") {
      out.checkpoint = true;
    } else if (word == "--parts") {
      out.parts = true;
    } else {
      out.model = word;
    }
  }
  return out;
}

// The same random row in every step; every token is learnt.
class OneRow : public graft::BatchSource {
 public:
  OneRow(std::int64_t vocabulary, std::int64_t tokens) {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(tokens));
    std::uint64_t state = 1;
    for (std::int64_t& id : ids) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      id = static_cast<std::int64_t>((state >> 33) %
                                     static_cast<std::uint64_t>(vocabulary));
    }
    batch_.input_ids =
        at::tensor(ids, at::TensorOptions(at::kLong)).unsqueeze(0);
    batch_.labels = batch_.input_ids;
    batch_.label_count = tokens - 1;
    batch_.token_count = tokens;
    batch_.rows = {0};
  }
  std::vector<graft::MicroBatch> step_batches(std::int64_t) const override {
    return {batch_};
  }
  std::int64_t steps_per_epoch() const override { return 1; }

 private:
  graft::MicroBatch batch_;
};

graft::Rule all_linear() {
  graft::Rule rule;
  rule.targets = {"all-linear"};
  rule.adapter.kind = graft::AdapterKind::kCanonicalLora;
  rule.adapter.rank = kRank;
  rule.adapter.alpha = 32;
  return rule;
}

struct Steps {
  std::vector<double> seconds;
  std::vector<double> updates;  // clipping and AdamW of each
  std::vector<double> losses;   // of the first step too
};

Steps run_steps(graft::nn::CausalLm& model, const graft::BatchSource& data,
                const graft::TrainOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Steps out;
  Clock::time_point last = Clock::now();
  Clock::time_point update = last;
  graft::TrainCallbacks callbacks;
  callbacks.step_hook = [&](std::int64_t, const auto&) {
    update = Clock::now();
  };
  callbacks.on_step = [&](const graft::StepMetrics& metrics) {
    out.updates.push_back(since(update));
    out.seconds.push_back(since(last));
    out.losses.push_back(metrics.loss);
    last = Clock::now();
  };
  graft::train(model, {data}, options, callbacks);
  out.seconds.erase(out.seconds.begin());
  out.updates.erase(out.updates.begin());
  return out;
}

int run(const Arguments& arguments) {
  graft::ComputeOptions compute;
  compute.dtype = arguments.dtype;
  compute.weight_layout = arguments.layout;
  graft::BaseModel base = graft::load_base_model(arguments.model, compute);
  const graft::Plan plan =
      graft::Selector::compile({all_linear()}).select(base.inventory);
  graft::inject(*base.model, plan);
  base.model->set_checkpoint_activations(arguments.checkpoint);

  graft::TrainOptions options;
  options.steps = arguments.steps + 1;  // the first step warms up
  options.schedule.base_rate = 1e-4;
  options.schedule.total_steps = options.steps;
  const OneRow data(base.model->vocab_size(), arguments.tokens);
  Steps steps = run_steps(*base.model, data, options);
  nlohmann::ordered_json line{
      {"program", "graft"},
      {"compute", base.compute.reason},
      {"checkpoint", arguments.checkpoint},
      {"seconds", steps.seconds},
      {"peak_rss_mb", graft::peak_resident_bytes() >> 20},
      {"losses", steps.losses}};
  if (arguments.parts) {
    line.update(graft_bench::time_parts(
        base, {.tokens = arguments.tokens,
               .rank = kRank,
               .update_s = std::ranges::min(steps.updates),
               .step_s = std::ranges::min(steps.seconds)}));
  }
  std::cout << line << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // As the command does.
  graft::nn::keep_cpu_memory();
  return run(parse(argc, argv));
}

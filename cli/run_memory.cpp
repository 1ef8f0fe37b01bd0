// Memory of a run. Entry points: plan_memory, memory_text.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/process_memory.h"
#include "graft/nn/linear_slot.h"
#include "run_estimate.h"

namespace graft::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMega = std::int64_t{1} << 20;
// Kernels' code that is first run, packing buffers of the GEMMs, thread stacks.
constexpr std::int64_t kRuntimeGrowth = 20 * kMega;
// What each number of tokens adds in half types: 13.7 to 14 MB were measured,
// with 2 numbers as with 16.
constexpr std::int64_t kKernelsOfShape = 14 * kMega;
// Freed memory between live tensors that no tensor fits.
constexpr double kFragmentation = 0.1;
// Decisions leave this part of the free memory to others.
constexpr double kUsable = 0.9;
constexpr std::int64_t kEpochsLookedAt = 4;
constexpr std::int64_t kShortestCut = 32;  // tokens; shorter helps nobody

std::string mega_text(std::int64_t bytes) {
  return std::to_string((bytes + kMega / 2) / kMega) + " MB";
}

std::vector<fs::path> weight_files(const fs::path& model) {
  if (!fs::is_directory(model)) return {model};
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(model)) {
    if (entry.path().extension() == ".safetensors") {
      out.push_back(entry.path());
    }
  }
  return out;
}

// The most tokens that are computed at once, and how many numbers occur.
struct MicroBatchSizes {
  std::int64_t most = 0;
  std::set<std::int64_t> all;

  void add(const std::vector<BatchShape>& step) {
    for (const BatchShape& shape : step) {
      most = std::max(most, shape.computed);
      all.insert(shape.computed);
    }
  }
};

MicroBatchSizes micro_batch_sizes(const TrainSetup& setup) {
  MicroBatchSizes out;
  const std::int64_t per_epoch = setup.train_data->steps_per_epoch();
  const std::int64_t epochs =
      std::min((setup.steps + per_epoch - 1) / per_epoch, kEpochsLookedAt);
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    std::int64_t step = epoch * per_epoch;
    for (const auto& shapes : setup.train_data->epoch_shapes(epoch)) {
      if (step++ == setup.steps) break;
      out.add(shapes);
    }
  }
  return out;
}

std::int64_t largest_micro_batch(const TrainSetup& setup) {
  return micro_batch_sizes(setup).most;
}

// Half types: kernels that oneDNN compiled for each number of tokens, and
// keeps. Evaluation brings numbers of its own.
std::int64_t kernel_bytes(const TrainSetup& setup) {
  if (setup.base.compute.mode != nn::ComputeMode::kNative) return 0;
  MicroBatchSizes sizes = micro_batch_sizes(setup);
  if (setup.eval_data) {
    for (const auto& step : setup.eval_data->epoch_shapes(0)) sizes.add(step);
  }
  const std::int64_t lengths =
      static_cast<std::int64_t>(sizes.all.size()) +
      gpt_expert_lengths(*setup.base.model, sizes.most);
  return lengths * kKernelsOfShape;
}

// Sizes that do not depend on the micro batch.
struct FixedMemory {
  std::int64_t present = 0;
  std::int64_t weights = 0;
  std::int64_t streamed = 0;  // of them, with recomputation
  std::int64_t trained = 0;
  std::int64_t kernels = 0;
};

FixedMemory fixed_memory(const TrainSetup& setup) {
  FixedMemory out;
  out.present = resident_bytes();
  const bool full = setup.recipe.method == "full";
  // Full training copies the weights and lets the files go.
  if (!full) {
    const std::int64_t unread =
        unread_mapped_bytes(weight_files(setup.base.directory));
    out.weights =
        std::max<std::int64_t>(unread - gpt_packed_bytes(*setup.base.model), 0);
    out.streamed = std::min(gpt_streamed_bytes(*setup.base.model), out.weights);
  }
  const auto trained =
      full ? gpt_parameters(gpt_config(*setup.base.model))
           : static_cast<std::int64_t>(setup.plan.trainable_parameters());
  // fp32: the value, its gradient and two moments.
  out.trained = trained * 16;
  out.kernels = kernel_bytes(setup);
  return out;
}

class MemoryCount {
 public:
  explicit MemoryCount(const TrainSetup& setup)
      : model_(*setup.base.model), fixed_(fixed_memory(setup)) {
    step_.full = setup.recipe.method == "full";
    const bool native = setup.base.compute.mode == nn::ComputeMode::kNative;
    step_.element_bytes = native && !step_.full ? 2 : 4;
    add_ranks(setup.plan.sites);
    learnt_ = static_cast<double>(setup.train_counts.learnt_tokens) /
              static_cast<double>(
                  std::max<std::size_t>(setup.train_counts.tokens, 1));
  }

  RunMemory of(std::int64_t tokens, bool recompute) const {
    GptStep step = step_;
    step.tokens = tokens;
    step.labels = static_cast<std::int64_t>(static_cast<double>(tokens) *
                                            std::min(1.0, learnt_ * 1.1));
    step.recompute = recompute;
    const GptStepMemory found =
        gpt_step_memory(model_, step, [this](const std::string& path) {
          const auto found = ranks_.find(path);
          return found == ranks_.end() ? 0 : found->second;
        });
    RunMemory out;
    out.present = fixed_.present;
    out.weights = fixed_.weights - (recompute ? fixed_.streamed : 0);
    out.trained = fixed_.trained;
    out.activations = found.kept;
    out.work = found.peak() - found.kept;
    out.work += kRuntimeGrowth + fixed_.kernels +
                static_cast<std::int64_t>(kFragmentation *
                                          static_cast<double>(found.peak()));
    out.tokens = tokens;
    out.recompute = recompute;
    return out;
  }

 private:
  // A token passes the adapters of one expert: the most that one has.
  void add_ranks(const std::vector<Site>& sites) {
    std::map<std::pair<std::string, std::int64_t>, std::int64_t> single;
    std::unordered_map<std::string, std::int64_t> most;
    for (const Site& site : sites) {
      if (site.adapter.dropout > 0.0) step_.dropout = true;
      if (site.layer_kind != LayerKind::kTeGrouped || !site.expert) {
        ranks_[site.module] += site.adapter.rank;
        continue;
      }
      std::int64_t& rank = single[{site.module, *site.expert}];
      rank += site.adapter.rank;
      most[site.module] = std::max(most[site.module], rank);
    }
    for (const auto& [module, rank] : most) ranks_[module] += rank;
  }

  const nn::CausalLm& model_;
  FixedMemory fixed_;
  GptStep step_;
  std::unordered_map<std::string, std::int64_t> ranks_;  // sums, by module
  double learnt_ = 1.0;
};

bool fits(const RunMemory& memory, const std::optional<MemoryRoom>& room) {
  return !room || static_cast<double>(memory.added()) <=
                      kUsable * static_cast<double>(room->bytes);
}

// Automatic micro batches get smaller until the run fits, or every row stands
// alone. Under microbatch_mean their layout would move the loss.
RunMemory shrink_micro_batches(TrainSetup& setup, const MemoryCount& count,
                               RunMemory memory, const MemoryRoom& room) {
  const TrainingOptions& training = setup.recipe.training;
  if (training.micro_batch_size ||
      training.loss_normalisation != "token_mean") {
    return memory;
  }
  std::int64_t limit = std::min(memory.tokens, kMicroBatchTokens);
  while (memory.added() > room.bytes && limit / 2 >= kShortestCut) {
    limit /= 2;
    setup.train_data->limit_micro_batch(limit);
    memory = count.of(largest_micro_batch(setup), memory.recompute);
  }
  return memory;
}

std::int64_t longest_row(const TrainSetup& setup) {
  std::int64_t longest = 0;
  for (const auto& shapes : setup.train_data->epoch_shapes(0)) {
    for (const BatchShape& shape : shapes) {
      longest = std::max(longest, shape.longest_row);
    }
  }
  return rounded_length(longest);
}

// The most rows of that length that fit at once; 0: not even one does.
std::int64_t rows_that_fit(const TrainSetup& setup, const MemoryCount& count,
                           const std::optional<MemoryRoom>& room,
                           std::int64_t length) {
  const TrainingOptions& training = setup.recipe.training;
  std::int64_t fitting = 0;
  std::int64_t most = training.micro_batch_size.value_or(training.batch_size);
  while (fitting < most) {
    const std::int64_t rows = (fitting + most + 1) / 2;
    if (fits(count.of(rows * length, true), room)) {
      fitting = rows;
    } else {
      most = rows - 1;
    }
  }
  return fitting;
}

// The gentlest change of settings that fits; empty: none does.
std::string settings_that_fit(const TrainSetup& setup, const MemoryCount& count,
                              const std::optional<MemoryRoom>& room) {
  std::string words = "compute.checkpoint_activations=on";
  const auto answer = [&](const RunMemory& memory) {
    return words + " (" + mega_text(memory.peak()) + " in all)";
  };
  RunMemory memory = count.of(largest_micro_batch(setup), true);
  if (fits(memory, room)) return answer(memory);
  std::int64_t cut = longest_row(setup);
  const std::int64_t rows = rows_that_fit(setup, count, room, cut);
  words += " training.micro_batch_size=" +
           std::to_string(std::max<std::int64_t>(rows, 1));
  if (setup.train_data->is_packed()) words += " data.packing=off";
  if (rows > 0) return answer(count.of(rows * cut, true));
  while (cut / 2 >= kShortestCut) {
    cut /= 2;
    memory = count.of(cut, true);
    if (!fits(memory, room)) continue;
    words += " data.max_length=" + std::to_string(cut);
    return answer(memory);
  }
  return {};
}

[[noreturn]] void throw_too_little(const TrainSetup& setup,
                                   const MemoryCount& count,
                                   const RunMemory& memory,
                                   const MemoryRoom& room) {
  const std::string settings = settings_that_fit(setup, count, room);
  throw SystemError(ErrorText{
      .operation = "train",
      .what = "the run needs more memory than there is (" + room.source + ")",
      .got = mega_text(room.bytes) + " free",
      .expected = mega_text(memory.added()) + " beyond the " +
                  mega_text(memory.present) + " in use, for " +
                  std::to_string(memory.tokens) + " tokens at once",
      .hint = settings.empty()
                  ? "No setting of this run fits: take a smaller model"
                  : "These settings would fit: " + settings});
}

}  // namespace

RunMemory plan_memory(TrainSetup& setup) {
  const std::string& wanted = setup.recipe.compute.checkpoint_activations;
  const std::int64_t tokens = largest_micro_batch(setup);
  const MemoryCount count(setup);
  RunMemory memory = count.of(tokens, wanted == "on");
  // A device's memory is not counted here.
  if (setup.base.compute.device.is_cpu()) {
    const auto room = memory_room();
    if (wanted == "auto" && !fits(memory, room)) {
      memory = count.of(tokens, true);
    }
    if (room) memory = shrink_micro_batches(setup, count, memory, *room);
    if (room && memory.added() > room->bytes) {
      throw_too_little(setup, count, memory, *room);
    }
  }
  setup.base.model->set_checkpoint_activations(memory.recompute);
  return memory;
}

std::string memory_text(const RunMemory& memory) {
  const std::int64_t before = memory.present + memory.weights;
  return "memory   about " + mega_text(memory.peak()) + ": program and model " +
         mega_text(before) + ", trained parts " + mega_text(memory.trained) +
         ", " + std::to_string(memory.tokens) + " tokens at once " +
         mega_text(memory.activations + memory.work) +
         (memory.recompute ? "; blocks are computed again in backward\n"
                           : "\n");
}

}  // namespace graft::cli

// Training runs of the reference, step by step: loss, gradient norm, rate,
// first gradients, final weights. Data: goldens/training.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "graft/checkpoint/full_model.h"
#include "graft/checkpoint/live_adapter.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/model_config.h"
#include "graft/io/safetensors.h"
#include "graft/train/train.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Tensors = std::map<std::string, at::Tensor>;

Tensors read_tensors(const fs::path& path) {
  Tensors out;
  const SafetensorsFile file = SafetensorsFile::open(path);
  for (const TensorEntry& entry : file.entries()) {
    out[entry.name] = from_host_tensor(file.tensor(entry));
  }
  return out;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// The recorded micro batches, `accumulation` a step.
class RecordedBatches : public BatchSource {
 public:
  RecordedBatches(const fs::path& path, std::int64_t accumulation)
      : tensors_(read_tensors(path)), accumulation_(accumulation) {}

  std::vector<MicroBatch> step_batches(std::int64_t step) const override {
    std::vector<MicroBatch> out;
    for (std::int64_t i = 0; i < accumulation_; ++i) {
      const std::int64_t index = step * accumulation_ + i;
      MicroBatch batch;
      batch.input_ids = tensors_.at("input_ids")[index];
      batch.labels = tensors_.at("labels")[index];
      batch.attention_mask = tensors_.at("attention_mask")[index];
      batch.label_count = count_labels(batch.labels);
      out.push_back(batch);
    }
    return out;
  }
  std::int64_t steps_per_epoch() const override {
    return tensors_.at("input_ids").size(0) / accumulation_;
  }

 private:
  Tensors tensors_;
  std::int64_t accumulation_;
};

TrainOptions options_of(const json& config) {
  TrainOptions out;
  const json& schedule = config.at("schedule");
  const json& adamw = config.at("optimizer");
  out.steps = config.at("steps");
  out.schedule = {
      *schedule_kind_from_name(schedule.at("kind").get<std::string>()),
      adamw.at("lr"), schedule.at("warmup_steps"), schedule.at("total_steps")};
  out.adamw = {adamw.at("betas").at(0), adamw.at("betas").at(1),
               adamw.at("eps"), adamw.at("weight_decay")};
  const json& norm = config.at("max_grad_norm");
  out.max_grad_norm = norm.is_null() ? 0.0 : norm.get<double>();
  if (config.at("accumulation_normalisation") == "microbatch_mean") {
    out.normalisation = LossNormalisation::kMicrobatchMean;
  }
  return out;
}

// One run of the reference beside graft's.
class Trajectory {
 public:
  Trajectory(fs::path run, const fs::path& goldens, const json& data)
      : run_(std::move(run)),
        data_(data),
        config_(data.at("config")),
        base_(load_base_model(goldens / config_.at("base").get<std::string>(),
                              {.dtype = "fp32"})) {}

  void check() {
    const bool full = config_.at("method") == "full";
    full ? base_.model->make_trainable()
         : static_cast<void>(plan_ =
                                 load_hf_adapter(base_, run_ / "initial").plan);
    const RecordedBatches batches(run_ / "batches.safetensors",
                                  config_.at("gradient_accumulation"));
    TrainCallbacks callbacks;
    callbacks.on_step = [&](const StepMetrics& m) { check_step(m); };
    callbacks.step_hook = [&](std::int64_t step, const auto&) {
      if (step == 0) full ? check_full_gradients() : check_gradients();
    };
    train(*base_.model, {batches}, options_of(config_), callbacks);
    full ? check_full_weights() : check_adapter();
  }

 private:
  void check_step(const StepMetrics& metrics) {
    const auto i = static_cast<std::size_t>(metrics.step - 1);
    const double base_rate = config_.at("optimizer").at("lr");
    const double norm = data_.at("grad_norm").at(i);
    EXPECT_NEAR(metrics.loss, data_.at("loss").at(i).get<double>(), 5e-5) << i;
    EXPECT_NEAR(metrics.grad_norm, norm, 5e-5 * norm) << i;
    EXPECT_NEAR(metrics.learning_rate, data_.at("lr").at(i).get<double>(),
                1e-9 * base_rate)
        << i;
    EXPECT_EQ(metrics.tokens, data_.at("tokens").at(i).get<std::int64_t>());
    const json& micro = data_.at("micro_loss");
    const std::size_t count = metrics.micro_losses.size();
    for (std::size_t j = 0; j < count; ++j) {
      EXPECT_NEAR(metrics.micro_losses[j],
                  micro.at(i * count + j).get<double>(), 5e-5)
          << i;
    }
  }

  // Adapter tensors, or gradients in their place, against a file.
  void compare_adapter(const AdapterFile& got, const fs::path& file,
                       double relative, double absolute) {
    const test::TemporaryDirectory folder;
    write_hf_adapter(folder.path() / "out", got, {.base_model = "base"});
    const Tensors own =
        read_tensors(folder.path() / "out" / "adapter_model.safetensors");
    const Tensors expected = read_tensors(file);
    EXPECT_EQ(own.size(), expected.size());
    for (const auto& [name, tensor] : expected) {
      ASSERT_TRUE(own.contains(name)) << name;
      const double scale =
          relative > 0 ? tensor.abs().max().item<double>() : 0.0;
      EXPECT_LE(largest_difference(own.at(name), tensor),
                relative * scale + absolute)
          << name;
    }
  }

  // Gradients travel as an adapter, so that one naming rule serves.
  void check_gradients() {
    std::vector<LiveAdapter> adapters = adapters_of(*base_.model);
    for (LiveAdapter& adapter : adapters) {
      adapter.a = adapter.a.grad();
      adapter.b = adapter.b.grad();
    }
    compare_adapter(snapshot_adapter(plan_, adapters),
                    run_ / "grads_step0.safetensors", 1e-4, 1e-7);
  }

  void check_adapter() {
    compare_adapter(snapshot_adapter(plan_, adapters_of(*base_.model)),
                    run_ / "final" / "adapter_model.safetensors", 0.0, 3e-4);
  }

  void check_full_gradients() {
    const Tensors expected = read_tensors(run_ / "grads_step0.safetensors");
    double sum = 0.0;
    for (const auto& [name, tensor] : expected) {
      sum += tensor.to(at::kDouble).square().sum().item<double>();
    }
    double own = 0.0;
    for (const auto& p : trained_parameters(*base_.model, 1.0)) {
      own += p.tensor.grad().to(at::kDouble).square().sum().item<double>();
    }
    EXPECT_NEAR(std::sqrt(own), std::sqrt(sum), 1e-4 * std::sqrt(sum));
  }

  void check_full_weights() {
    const test::TemporaryDirectory folder;
    save_full_model(base_, folder.path() / "out");
    const Tensors own =
        read_tensors(folder.path() / "out" / "model.safetensors");
    for (const auto& [name, tensor] :
         read_tensors(run_ / "final" / "model.safetensors")) {
      ASSERT_TRUE(own.contains(name)) << name;
      EXPECT_LE(largest_difference(own.at(name), tensor), 2e-3) << name;
    }
  }

  fs::path run_;
  json data_;
  json config_;
  BaseModel base_;
  Plan plan_;
};

TEST(Train, golden_trajectories) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::printf("no goldens: nothing compared\n");
    return;
  }
  test::CaseCounter counter("training trajectories");
  for (const fs::path& run : test::sub_directories(*goldens / "training")) {
    SCOPED_TRACE(run.filename().string());
    const json data = test::read_json(run / "trajectory.json");
    const json& config = data.at("config");
    const std::string method = config.at("method");
    const auto family =
        read_model_type(*goldens / config.at("base").get<std::string>());
    if (!family || !is_supported_family(*family)) {
      counter.skipped("model_type " + family.value_or("unknown"));
    } else if (method != "lora" && method != "full") {
      counter.skipped("method " + method);
    } else {
      Trajectory(run, *goldens, data).check();
      counter.ran();
    }
  }
  EXPECT_GT(counter.ran_count(), 0U);
}

}  // namespace
}  // namespace graft

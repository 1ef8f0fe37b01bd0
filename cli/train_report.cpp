// Texts and JSON rows of a training run. Entry points: setup_text,
// TrainReport, finished_text.
#include "train_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "arguments.h"
#include "graft/base/process_memory.h"
#include "graft/checkpoint/environment.h"
#include "graft/models/gpt_memory.h"

namespace graft::cli {
namespace {

using Json = nlohmann::ordered_json;

double peak_rss_mb() {
  return static_cast<double>(peak_resident_bytes()) / (1 << 20);
}

std::string number(double value, const char* format = "%.4g") {
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

std::string counts_text(const DataCounts& counts) {
  return std::to_string(counts.rows) + " rows, " +
         std::to_string(counts.tokens) + " tokens, " +
         std::to_string(counts.learnt_tokens) + " learnt";
}

Json counts_json(const DataCounts& counts) {
  return {{"rows", counts.rows},
          {"tokens", counts.tokens},
          {"learnt_tokens", counts.learnt_tokens},
          {"truncated", counts.truncated},
          {"dropped", counts.dropped}};
}

std::string trained_text(const TrainSetup& setup) {
  const auto base = static_cast<double>(setup.plan.base_parameters);
  if (setup.recipe.method == "full") return "every weight";
  const auto own = static_cast<double>(setup.plan.trainable_parameters());
  std::string out = std::to_string(setup.plan.sites.size()) + " adapters, " +
                    std::to_string(setup.plan.trainable_parameters()) +
                    " parameters";
  if (base > 0) out += " (" + number(100.0 * own / base, "%.2f") + " %)";
  return out;
}

std::string percent(const Utilisation& part) {
  return number(100.0 * part.ratio(), "%.0f") + " %";
}

std::string packing_text(const RowBatches& data) {
  const std::string before = percent(data.padded_utilisation());
  if (!data.is_packed()) return "off, " + before + " of the tokens are real";
  return "on, " + percent(data.utilisation()) +
         " of the tokens are real, padded " + before;
}

const char* reason_text(StopReason reason) {
  switch (reason) {
    case StopReason::kFinished:
      return "finished";
    case StopReason::kCancelled:
      return "interrupted";
    case StopReason::kEarly:
      return "stopped early";
  }
  return "";
}

// What a faster layout costs.
std::string packed_text(const nn::CausalLm& model) {
  const std::int64_t bytes = gpt_packed_bytes(model);
  if (bytes == 0) return {};
  return ", " + number(static_cast<double>(bytes) / 1e6, "%.1f") +
         " MB of weights copied for it (compute.weight_layout)";
}

}  // namespace

std::string setup_text(const TrainSetup& setup) {
  const TrainingOptions& training = setup.recipe.training;
  std::string out = "model    " + setup.recipe.model + "\n";
  out += "trains   " + trained_text(setup) + "\n";
  out += "data     " + counts_text(setup.train_counts) + "\n";
  if (setup.eval_data) {
    out += "eval     " + counts_text(setup.eval_counts) + "\n";
  }
  out += "packing  " + packing_text(*setup.train_data) + "\n";
  out += "compute  " + setup.base.compute.reason + ", " +
         std::to_string(setup.threads) + " threads" +
         packed_text(*setup.base.model) + "\n";
  out += "steps    " + std::to_string(setup.steps) + " of " +
         std::to_string(training.batch_size) + " sequences, " +
         training.schedule + " from " + number(training.learning_rate) + "\n";
  return out;
}

namespace {

Json memory_json(const RunMemory& memory) {
  return {{"peak_bytes", memory.peak()},
          {"present_bytes", memory.present},
          {"weights_bytes", memory.weights},
          {"trained_bytes", memory.trained},
          {"activations_bytes", memory.activations},
          {"work_bytes", memory.work},
          {"tokens_at_once", memory.tokens},
          {"checkpoint_activations", memory.recompute}};
}

Json time_json(const RunTime& time) {
  return {{"seconds", time.seconds},
          {"measured_seconds", time.measured},
          {"computed_tokens", time.computed},
          {"tokens_per_s", time.tokens_per_s},
          {"evaluations", time.evaluations}};
}

}  // namespace

std::string setup_json(const TrainSetup& setup, const RunMemory& memory,
                       const RunTime& time) {
  const TrainingOptions& training = setup.recipe.training;
  Json json = {
      {"schema", "graft.train_setup/1"},
      {"model", setup.recipe.model},
      {"method", setup.recipe.method},
      {"data", counts_json(setup.train_counts)},
      {"eval", setup.eval_data ? counts_json(setup.eval_counts) : Json()},
      {"compute", setup.base.compute.reason},
      {"threads", setup.threads},
      {"packed_weight_bytes", gpt_packed_bytes(*setup.base.model)},
      {"steps", setup.steps},
      {"batch_size", training.batch_size},
      {"schedule", training.schedule},
      {"learning_rate", training.learning_rate},
      {"plan", setup.recipe.method == "adapter"
                   ? Json::parse(plan_to_json(setup.plan))
                   : Json()},
      {"memory", memory_json(memory)},
      {"time", time_json(time)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string environment_json(const TrainSetup& setup) {
  const Environment from = read_environment();
  Json json = {{"graft", from.graft_version},
               {"libtorch", from.libtorch_version},
               {"compiler", from.compiler},
               {"cpu", from.cpu},
               {"libtorch_cpu_path", from.libtorch_cpu_path},
               {"devices", from.devices},
               {"device", setup.base.compute.device.str()},
               {"compute", setup.base.compute.reason},
               {"threads", setup.threads},
               {"seed", setup.recipe.compute.seed},
               {"model", setup.recipe.model}};
  json["cpu_features"] = {{"avx2", from.features.avx2},
                          {"avx512", from.features.avx512},
                          {"avx512_bf16", from.features.avx512_bf16},
                          {"amx_bf16", from.features.amx_bf16}};
  return json.dump(1) + "\n";
}

void TrainReport::add_step(const StepMetrics& metrics) {
  const double rate =
      static_cast<double>(metrics.input_tokens) / metrics.seconds;
  const Json row = {
      {"step", metrics.step},           {"loss", metrics.loss},
      {"grad_norm", metrics.grad_norm}, {"lr", metrics.learning_rate},
      {"tokens", metrics.tokens},       {"input_tokens", metrics.input_tokens},
      {"tokens_per_s", rate},           {"peak_rss_mb", peak_rss_mb()}};
  directory_.append_metrics(row.dump());
  progress_.show(metrics.step, "loss " + number(metrics.loss, "%.4f") +
                                   "  lr " + number(metrics.learning_rate) +
                                   "  " + number(rate, "%.0f") + " tokens/s");
}

void TrainReport::add_eval(const EvalMetrics& metrics) {
  const Json row = {{"step", metrics.step},
                    {"eval_loss", metrics.loss},
                    {"eval_tokens", metrics.tokens}};
  directory_.append_metrics(row.dump());
  progress_.note("step " + std::to_string(metrics.step) + "/" +
                 std::to_string(steps_) + "  eval loss " +
                 number(metrics.loss, "%.4f") +
                 (metrics.is_best ? " (best)" : ""));
}

std::string finished_text(const TrainSetup& setup, const FinishedRun& run) {
  const TrainResult& result = run.result;
  std::string out = std::string(reason_text(result.reason)) + " after " +
                    std::to_string(result.steps) + " steps in " +
                    duration_text(run.seconds) + ", loss " +
                    number(result.last_loss, "%.4f");
  if (result.best_eval_loss) {
    out += ", best eval loss " + number(*result.best_eval_loss, "%.4f") +
           " at step " + std::to_string(result.best_step);
  }
  const std::string path = run.output.string();
  const std::string word = shell_word(path);
  const std::string model = shell_word(setup.recipe.model);
  out += "\n";
  if (setup.recipe.method == "full") {
    return out + "model    " + path + "\nnext     graft generate " + word +
           " --prompt TEXT\n";
  }
  return out + "adapter  " + path + "\nnext     graft eval " + model +
         " DATA --adapter " + word + "\n         graft generate " + model +
         " --adapter " + word + " --prompt TEXT\n         graft merge " +
         model + " " + word + " -o MERGED\n";
}

std::string finished_json(const FinishedRun& run) {
  const TrainResult& result = run.result;
  Json json = {{"reason", reason_text(result.reason)},
               {"steps", result.steps},
               {"loss", result.last_loss},
               {"output", run.output.string()},
               {"seconds", run.seconds}};
  if (result.best_eval_loss) {
    json["best_eval_loss"] = *result.best_eval_loss;
    json["best_step"] = result.best_step;
  }
  return json.dump() + "\n";
}

}  // namespace graft::cli

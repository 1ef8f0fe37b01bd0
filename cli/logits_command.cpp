// `graft logits MODEL --input X --output Y`: raw logits, and the loss when the
// input has labels. The contract is in docs and product texts: fp32 compute
// unless asked otherwise. Entry point: logits_command.
#include "logits_command.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <utility>

#include "arguments.h"
#include "graft/base/logger.h"
#include "graft/checkpoint/base_model.h"
#include "graft/checkpoint/live_adapter.h"
#include "graft/formats/hf/model_location.h"
#include "graft/io/safetensors_writer.h"
#include "recipe_arguments.h"
#include "token_tensors.h"
#include "train_setup.h"

namespace graft::cli {
namespace {

struct LogitsArguments {
  std::string model;
  std::string adapter;
  std::string input;
  std::string output;
  ComputeText compute;
};

LogitsArguments parse(const std::vector<std::string>& args) {
  CLI::App app(
      "Raw logits of token ids, for comparison with any other program.\n"
      "The input file holds input_ids [B,T] and optionally attention_mask, "
      "position_ids and labels.",
      "graft logits");
  LogitsArguments out;
  app.add_option("MODEL", out.model, "model directory, MODEL.gguf or hub id")
      ->required();
  app.add_option("--adapter", out.adapter, "An adapter directory");
  app.add_option("--input", out.input, "Token ids: a safetensors file")
      ->required();
  app.add_option("--output", out.output,
                 "Written: logits [B,T,vocabulary], and loss [1] with labels")
      ->required();
  const ScopedRecipeArguments recipe(
      app, {"logits",
            {"compute.device", "compute.dtype", "compute.weight_layout",
             "compute.threads"}});
  parse_arguments(app, args);
  out.compute = recipe.recipe().compute;
  return out;
}

at::Tensor rows_or_undefined(const at::Tensor& all, std::int64_t begin,
                             std::int64_t count) {
  return all.defined() ? all.narrow(0, begin, count) : all;
}

// Rows that go through the model together: about 256 MiB of logits.
std::int64_t rows_per_pass(const TokenTensors& tokens,
                           std::int64_t vocabulary) {
  constexpr std::int64_t kElements = std::int64_t{64} << 20;
  const std::int64_t row = tokens.input_ids.size(1) * vocabulary;
  return std::clamp<std::int64_t>(kElements / row, 1, tokens.input_ids.size(0));
}

std::vector<TensorLayout> output_layout(const TokenTensors& tokens,
                                        std::int64_t vocabulary) {
  std::vector<TensorLayout> layout = {
      {"logits",
       DType::kF32,
       {tokens.input_ids.size(0), tokens.input_ids.size(1), vocabulary}}};
  if (tokens.labels.defined()) layout.push_back({"loss", DType::kF32, {1}});
  return layout;
}

void write_logits(nn::CausalLm& model, const TokenTensors& tokens,
                  const std::filesystem::path& output) {
  const at::NoGradGuard no_grad;
  const std::int64_t vocabulary = model.vocab_size();
  SafetensorsWriter writer(output, output_layout(tokens, vocabulary),
                           {{"format", "pt"}});
  const std::int64_t rows = tokens.input_ids.size(0);
  const std::int64_t step = rows_per_pass(tokens, vocabulary);
  double loss = 0.0;
  for (std::int64_t begin = 0; begin < rows; begin += step) {
    const std::int64_t count = std::min(step, rows - begin);
    const nn::LmInput input{
        tokens.input_ids.narrow(0, begin, count),
        rows_or_undefined(tokens.attention_mask, begin, count),
        rows_or_undefined(tokens.position_ids, begin, count)};
    const at::Tensor hidden = model.hidden(input);
    writer.write(to_host_tensor(model.logits(hidden)).bytes);
    if (!tokens.labels.defined()) continue;
    loss += model.loss_sum(hidden, tokens.labels.narrow(0, begin, count))
                .item<double>();
  }
  if (tokens.labels.defined()) {
    const auto used = tokens.labels.narrow(1, 1, tokens.labels.size(1) - 1)
                          .ne(-100)
                          .sum()
                          .item<double>();
    const auto mean = used > 0 ? static_cast<float>(loss / used)
                               : std::numeric_limits<float>::quiet_NaN();
    writer.write(std::as_bytes(std::span(&mean, 1)));
  }
  writer.commit();
}

}  // namespace

int logits_command(const std::vector<std::string>& args) {
  const LogitsArguments arguments = parse(args);
  set_threads(arguments.compute);
  ComputeOptions compute = make_compute_options(arguments.compute);
  if (compute.dtype == "auto") compute.dtype = "fp32";
  BaseModel base = load_base_model(locate_model(arguments.model), compute);
  Logger("graft.logits")
      .info("compute: " + base.compute.device.str() + ", " +
            base.compute.reason);
  if (!arguments.adapter.empty()) load_hf_adapter(base, arguments.adapter);
  const TokenTensors tokens = read_token_tensors(
      arguments.input, {base.model->vocab_size(), base.model->max_positions()});
  write_logits(*base.model, tokens, arguments.output);
  return 0;
}

}  // namespace graft::cli

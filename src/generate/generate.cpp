// Decodes a batch token by token. Entry point: generate; Decoder is private.
#include "graft/generate/generate.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "graft/base/error.h"

namespace graft {
namespace {

using Prompts = std::vector<std::vector<std::int64_t>>;

[[noreturn]] void refuse(std::string what, std::string got,
                         std::string expected) {
  throw ConfigError(ErrorText{.operation = "generate",
                              .what = std::move(what),
                              .got = std::move(got),
                              .expected = std::move(expected)});
}

std::int64_t longest_of(const Prompts& prompts) {
  std::size_t longest = 0;
  for (const auto& prompt : prompts) {
    if (prompt.empty()) refuse("a prompt has no token", "", "at least one");
    longest = std::max(longest, prompt.size());
  }
  return static_cast<std::int64_t>(longest);
}

void check_ids(const Prompts& prompts, std::int64_t vocabulary) {
  for (const auto& prompt : prompts) {
    for (const std::int64_t id : prompt) {
      if (id >= 0 && id < vocabulary) continue;
      throw FileError(ErrorText{
          .operation = "generate",
          .what = "a token of the prompt has no row in the model's embedding",
          .got = "id " + std::to_string(id),
          .expected = "ids below " + std::to_string(vocabulary),
          .hint = "The tokenizer does not belong to the model"});
    }
  }
}

void check_options(const GenerateOptions& options, std::int64_t longest,
                   std::int64_t positions) {
  const SamplingOptions& sampling = options.sampling;
  if (options.max_new_tokens < 1) {
    refuse("max_new_tokens", std::to_string(options.max_new_tokens), ">= 1");
  }
  if (!(sampling.temperature >= 0.0) || std::isinf(sampling.temperature)) {
    refuse("temperature", std::to_string(sampling.temperature),
           ">= 0 and finite");
  }
  if (!(sampling.top_p > 0.0 && sampling.top_p <= 1.0)) {
    refuse("top_p", std::to_string(sampling.top_p), "> 0 and <= 1");
  }
  if (sampling.top_k < 0) {
    refuse("top_k", std::to_string(sampling.top_k), ">= 0");
  }
  if (longest > positions) {
    refuse("the prompt is longer than the model's positions",
           std::to_string(longest) + " tokens", std::to_string(positions));
  }
}

// A maximum is NaN as soon as one logit is.
void check_finite(const at::Tensor& logits, std::int64_t index) {
  const double largest = logits.max().item<double>();
  if (std::isfinite(largest)) return;
  throw Error(ErrorText{
      .operation = "generate",
      .what = "the logits of new token " + std::to_string(index + 1),
      .got = std::isnan(largest) ? "NaN" : "an infinity",
      .expected = "finite numbers",
      .hint = "The weights of the model or the adapter are damaged, or its "
              "training diverged"});
}

// The batch while it grows.
class Decoder {
 public:
  Decoder(nn::CausalLm& model, const Prompts& prompts,
          const GenerateOptions& options)
      : model_(model),
        options_(options),
        longest_(longest_of(prompts)),
        out_(prompts.size()) {
    check_ids(prompts, model.vocab_size());
    check_options(options, longest_, model.max_positions());
    new_tokens_ =
        std::min(options.max_new_tokens, model.max_positions() - longest_ + 1);
    cache_ = model.make_cache(static_cast<std::int64_t>(prompts.size()),
                              longest_ + new_tokens_);
    pad_left(prompts);
  }

  std::vector<Generation> run() {
    at::Tensor last = compute();
    for (std::int64_t i = 0; i < new_tokens_; ++i) {
      const bool all_done = choose(last, i);
      if (all_done || i + 1 == new_tokens_ ||
          options_.cancellation.is_cancelled()) {
        break;
      }
      last = compute();
    }
    return std::move(out_);
  }

 private:
  void pad_left(const Prompts& prompts) {
    const auto rows = static_cast<std::int64_t>(prompts.size());
    at::Tensor ids = at::zeros({rows, longest_}, at::kLong);
    at::Tensor mask = at::zeros({rows, longest_}, at::kLong);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto& prompt = prompts[static_cast<std::size_t>(row)];
      const auto length = static_cast<std::int64_t>(prompt.size());
      const std::int64_t start = (row + 1) * longest_ - length;
      std::ranges::copy(prompt, ids.mutable_data_ptr<std::int64_t>() + start);
      std::fill_n(mask.mutable_data_ptr<std::int64_t>() + start, length, 1);
    }
    padded_ = !mask.all().item<bool>();
    positions_ = (mask.cumsum(1) - 1).clamp_min(0).to(model_.device());
    ids_ = ids.to(model_.device());
    mask_ = mask.to(model_.device());
  }

  // Runs ids_ through the model; logits of the last position, (B, vocab).
  at::Tensor compute() {
    nn::LmInput input;
    input.input_ids = ids_;
    if (padded_) {
      input.attention_mask = mask_;
      input.position_ids = positions_;
    }
    input.cache = cache_.get();
    const at::Tensor hidden = model_.hidden(input);
    return model_.logits(hidden.select(1, hidden.size(1) - 1));
  }

  // Picks a token for every row; true when all rows have stopped.
  bool choose(const at::Tensor& logits, std::int64_t index) {
    std::vector<std::int64_t> next(out_.size(), 0);
    bool all_done = true;
    for (std::size_t row = 0; row < out_.size(); ++row) {
      if (out_[row].stopped) continue;
      const std::uint64_t draw =
          static_cast<std::uint64_t>(index) * out_.size() + row;
      const at::Tensor choices = logits[static_cast<std::int64_t>(row)];
      check_finite(choices, index);
      next[row] = choose_token(choices, options_.sampling, draw);
      out_[row].stopped = std::ranges::find(options_.stop_tokens, next[row]) !=
                          options_.stop_tokens.end();
      if (out_[row].stopped) continue;
      out_[row].tokens.push_back(next[row]);
      if (options_.on_token) options_.on_token(row, next[row]);
      out_[row].stopped =
          options_.stop_after && options_.stop_after(row, next[row]);
      all_done = all_done && out_[row].stopped;
    }
    const auto rows = static_cast<std::int64_t>(next.size());
    ids_ = at::tensor(next, at::kLong).view({rows, 1}).to(model_.device());
    mask_ = at::cat({mask_, at::ones_like(ids_)}, 1);
    positions_ = positions_.narrow(1, positions_.size(1) - 1, 1) + 1;
    return all_done;
  }

  nn::CausalLm& model_;
  const GenerateOptions& options_;
  std::int64_t longest_;
  std::int64_t new_tokens_ = 0;
  bool padded_ = false;
  std::unique_ptr<nn::KvCache> cache_;
  at::Tensor ids_, mask_, positions_;  // of the next call
  std::vector<Generation> out_;
};

}  // namespace

std::vector<Generation> generate(nn::CausalLm& model, const Prompts& prompts,
                                 const GenerateOptions& options) {
  const at::NoGradGuard no_gradient;
  if (prompts.empty()) return {};
  return Decoder(model, prompts, options).run();
}

}  // namespace graft

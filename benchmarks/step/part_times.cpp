// Each part is run again and again for a moment; the best time counts.
#include "part_times.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <vector>

#include "graft/models/gpt.h"
#include "graft/nn/causal_attention.h"
#include "graft/nn/head_loss.h"
#include "graft/nn/rms_norm.h"
#include "graft/nn/swiglu.h"
#include "graft/nn/thin_product.h"

namespace graft_bench {
namespace {

using Clock = std::chrono::steady_clock;
using graft::GptConfig;

double best_seconds(const std::function<void()>& run) {
  constexpr double kEnough = 0.25;
  run();  // buffers, kernels that are compiled once
  double best = 1e9;
  const auto start = Clock::now();
  double total = 0.0;
  for (int i = 0; i < 3 || total < kEnough; ++i) {
    const auto begin = Clock::now();
    run();
    const auto end = Clock::now();
    best = std::min(best, std::chrono::duration<double>(end - begin).count());
    total = std::chrono::duration<double>(end - start).count();
  }
  return best;
}

// Forward and backward of an operation on tracked inputs.
double differentiated(const std::function<at::Tensor()>& forward,
                      const std::vector<at::Tensor>& inputs) {
  const at::Tensor dy = at::ones_like(forward());
  return best_seconds(
      [&] { torch::autograd::grad({forward()}, inputs, {dy}); });
}

// A linear layer of the decoder and the rows of its adapters.
struct Linear {
  std::int64_t in;
  std::int64_t out;
  std::vector<std::int64_t> pieces;
};

std::vector<Linear> linears_of(const GptConfig& config) {
  const std::int64_t query = config.heads * config.head_dim;
  const std::int64_t key = config.kv_heads * config.head_dim;
  const std::int64_t inner = config.intermediate_size;
  const std::int64_t hidden = config.hidden_size;
  return {{hidden, query + 2 * key, {query, key, key}},
          {query, hidden, {hidden}},
          {hidden, 2 * inner, {inner, inner}},
          {inner, hidden, {hidden}}};
}

class Parts {
 public:
  Parts(const graft::BaseModel& base, const StepShape& shape)
      : config_(graft::gpt_config(*base.model)),
        shape_(shape),
        mode_(base.compute.mode) {
    const bool native = mode_ == graft::nn::ComputeMode::kNative;
    options_ = at::TensorOptions(native ? at::kBFloat16 : at::kFloat);
    stored_ = base.compute.reason.find("over BF16") == std::string::npos
                  ? options_
                  : at::TensorOptions(at::kBFloat16);
  }

  double layers() const { return static_cast<double>(config_.layers); }
  double products() const;     // one layer
  double conversions() const;  // one layer
  double adapters() const;     // one layer
  double attention() const;    // one layer
  double head_products() const;
  double head() const;
  double norms() const;       // one layer
  double activation() const;  // one layer
  double rotation() const;    // one layer

 private:
  at::Tensor values(std::int64_t columns) const {
    return at::randn({shape_.tokens, columns}, options_);
  }
  at::Tensor tracked(std::int64_t columns) const {
    return values(columns).unsqueeze(0).requires_grad_(true);
  }
  std::int64_t qkv_width() const {
    return (config_.heads + 2 * config_.kv_heads) * config_.head_dim;
  }
  graft::nn::HeadShape heads() const {
    return {config_.heads, config_.kv_heads, config_.head_dim};
  }

  const GptConfig& config_;
  StepShape shape_;
  graft::nn::ComputeMode mode_;
  at::TensorOptions options_;
  at::TensorOptions stored_;
};

double Parts::products() const {
  double sum = 0.0;
  for (const Linear& linear : linears_of(config_)) {
    const at::Tensor w = at::randn({linear.out, linear.in}, options_);
    at::Tensor x = values(linear.in);
    at::Tensor y = values(linear.out);
    sum += best_seconds([&] { at::mm_out(y, x, w.t()); });
    sum += best_seconds([&] { at::mm_out(x, y, w); });
  }
  return sum;
}

double Parts::conversions() const {
  if (stored_.dtype() == options_.dtype()) return 0.0;
  double sum = 0.0;
  for (const Linear& linear : linears_of(config_)) {
    const at::Tensor w = at::randn({linear.out, linear.in}, stored_);
    at::Tensor target = at::empty({linear.out, linear.in}, options_);
    sum += 2 * best_seconds([&] { target.copy_(w); });
  }
  return sum;
}

// The six products of one adapter, by `multiply(product, c)`.
template <typename Multiply>
void run_adapters(const Linear& linear, std::int64_t rank,
                  const std::vector<at::Tensor>& xy, Multiply multiply) {
  const at::Tensor& x = xy[0];
  const at::Tensor& y = xy[1];
  const auto count = static_cast<std::int64_t>(linear.pieces.size());
  const at::Tensor a = at::ones({count * rank, linear.in}, x.options());
  const at::Tensor z = at::empty({x.size(0), count * rank}, x.options());
  const at::Tensor u = at::empty_like(z);
  const at::Tensor da = at::empty_like(a);
  multiply({x, a.t()}, z);
  std::int64_t row = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t out = linear.pieces[static_cast<std::size_t>(i)];
    const at::Tensor b = at::ones({out, rank}, x.options());
    const at::Tensor db = at::empty({rank, out}, x.options());
    const at::Tensor part = y.narrow(1, row, out);
    multiply({z.narrow(1, i * rank, rank), b.t(), 1.0, true}, part);
    multiply({part, b}, u.narrow(1, i * rank, rank));
    multiply({z.narrow(1, i * rank, rank).t(), part}, db);
    row += out;
  }
  multiply({u.t(), x}, da);
  multiply({u, a, 1.0, true}, x);
}

double Parts::adapters() const {
  using graft::nn::ThinProduct;
  double sum = 0.0;
  for (const Linear& linear : linears_of(config_)) {
    const std::vector<at::Tensor> xy{values(linear.in), values(linear.out)};
    const double own = best_seconds([&] {
      run_adapters(linear, shape_.rank, xy, graft::nn::thin_product);
    });
    const double theirs = best_seconds([&] {
      run_adapters(linear, shape_.rank, xy,
                   [](const ThinProduct& p, at::Tensor c) {
                     c.addmm_(p.a, p.b, p.accumulate ? 1 : 0, p.scale);
                   });
    });
    sum += std::min(own, theirs);
  }
  return sum;
}

double Parts::attention() const {
  const at::Tensor qkv = tracked(qkv_width());
  const double own = differentiated(
      [&] {
        return graft::nn::causal_attention(qkv, heads(),
                                           {{0, 0, shape_.tokens}});
      },
      {qkv});
  const auto part = [&](std::int64_t count) {
    return at::randn({1, count, shape_.tokens, config_.head_dim}, options_)
        .requires_grad_(true);
  };
  const at::Tensor q = part(config_.heads);
  const at::Tensor k = part(config_.kv_heads);
  const at::Tensor v = part(config_.kv_heads);
  const double theirs = differentiated(
      [&] {
        return at::scaled_dot_product_attention(q, k, v, {}, 0.0, true,
                                                std::nullopt, true);
      },
      {q, k, v});
  return std::min(own, theirs);
}

double Parts::head_products() const {
  const std::int64_t rows = std::min(
      shape_.tokens - 1, graft::nn::head_loss_rows(
                             config_.vocab_size, options_.dtype().itemsize()));
  const at::Tensor w =
      at::randn({config_.vocab_size, config_.hidden_size}, options_);
  at::Tensor x = at::randn({rows, config_.hidden_size}, options_);
  at::Tensor y = at::empty({rows, config_.vocab_size}, options_);
  const double one = best_seconds([&] { at::mm_out(y, x, w.t()); }) +
                     best_seconds([&] { at::mm_out(x, y, w); });
  return one * static_cast<double>(shape_.tokens - 1) /
         static_cast<double>(rows);
}

double Parts::head() const {
  const at::Tensor w =
      at::randn({config_.vocab_size, config_.hidden_size}, stored_);
  const auto weight = graft::nn::FrozenWeight::make(
      {{w, nullptr}}, mode_, graft::nn::WeightLayout::kBlocks);
  const at::Tensor x = values(config_.hidden_size)
                           .narrow(0, 0, shape_.tokens - 1)
                           .clone()
                           .requires_grad_(true);
  const at::Tensor targets =
      at::randint(config_.vocab_size, {shape_.tokens - 1}, at::kLong);
  return differentiated(
      [&] { return graft::nn::frozen_head_loss(x, weight, targets); }, {x});
}

double Parts::norms() const {
  const at::Tensor x = tracked(config_.hidden_size);
  const at::Tensor delta = tracked(config_.hidden_size);
  const at::Tensor weight = at::ones({config_.hidden_size});
  return 2 * differentiated(
                 [&] {
                   return graft::nn::add_rms_norm(x, delta, weight, 1e-5)
                       .normalised;
                 },
                 {x, delta});
}

double Parts::activation() const {
  const at::Tensor x = tracked(2 * config_.intermediate_size);
  return differentiated([&] { return graft::nn::swiglu(x); }, {x});
}

double Parts::rotation() const {
  const at::Tensor x = tracked(qkv_width());
  const graft::nn::RotaryTable table = graft::nn::rotary_table(
      at::arange(shape_.tokens), config_.rotary.inverse_frequencies, 1.0);
  const at::Tensor one = at::ones({1}, options_).requires_grad_(true);
  const at::Tensor base = x.detach();
  return differentiated(
      [&] { return graft::nn::rotated(base * one, table, heads()); }, {one});
}

}  // namespace

nlohmann::ordered_json time_parts(const graft::BaseModel& base,
                                  const StepShape& shape) {
  const Parts parts(base, shape);
  const double layers = parts.layers();
  const double head_products = parts.head_products();
  nlohmann::ordered_json out;
  auto& table = out["parts"];
  table["linear_products"] = layers * parts.products();
  table["head_products"] = head_products;
  table["attention"] = layers * parts.attention();
  table["adapter_products"] = layers * parts.adapters();
  double roof = 0.0;
  for (const auto& part : table) roof += part.get<double>();
  table["weight_conversion"] = layers * parts.conversions();
  table["softmax_and_loss"] = std::max(parts.head() - head_products, 0.0);
  table["norms"] = layers * parts.norms();
  table["activation"] = layers * parts.activation();
  table["rotation"] = layers * parts.rotation();
  table["update"] = shape.update_s;
  double sum = 0.0;
  for (const auto& part : table) sum += part.get<double>();
  table["rest"] = shape.step_s - sum;
  for (auto& part : table) part = std::round(part.get<double>() * 1e4) / 1e4;
  out["roof_s"] = std::round(roof * 1e4) / 1e4;
  out["roof_of_step"] = std::round(roof / shape.step_s * 1e3) / 1e3;
  return out;
}

}  // namespace graft_bench

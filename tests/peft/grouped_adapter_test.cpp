// Adapters on the experts of a grouped linear: equal to plain autograd on every
// path, one start for each expert, and refused where they do not fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <cmath>

#include "graft/base/error.h"
#include "graft/nn/te_linear.h"
#include "graft/peft/delta.h"
#include "graft/peft/lora.h"
#include "peft/adapted_linear_internal.h"
#include "peft/dropout_mask_internal.h"

namespace graft {
namespace {

using Counts = std::vector<std::int64_t>;

constexpr std::int64_t kExperts = 4, kIn = 6, kOut = 5;

struct Holder : torch::nn::Module {
  explicit Holder(std::shared_ptr<nn::TeGroupedLinear> slot)
      : fc(register_module("fc", std::move(slot))) {}
  std::shared_ptr<nn::TeGroupedLinear> fc;
};

std::shared_ptr<Holder> frozen_holder(at::ScalarType type,
                                      std::int64_t experts = kExperts) {
  const auto mode =
      type == at::kFloat ? nn::ComputeMode::kFp32 : nn::ComputeMode::kNative;
  return std::make_shared<Holder>(std::make_shared<nn::TeGroupedLinear>(
      experts,
      std::vector<nn::WeightBlock>{
          {at::randn({experts * kOut, kIn}).to(type), nullptr}},
      mode));
}

Site whole_site(double dropout = 0.0, std::int64_t experts = kExperts) {
  Site site;
  site.module = "fc";
  site.rows = {0, experts * kOut};
  site.in = kIn;
  site.module_out = experts * kOut;
  site.layer_kind = LayerKind::kTeGrouped;
  site.experts = experts;
  site.adapter.rank = 3;
  site.adapter.dropout = dropout;
  site.scale = 0.5;
  return site;
}

Site part_site(RowSet rows, const std::string& component) {
  Site site = whole_site();
  site.rows = rows;
  site.component = component;
  site.experts = 1;
  site.adapter.rank = 2;
  return site;
}

Plan whole_plan(double dropout = 0.0) {
  Plan plan;
  plan.sites = {whole_site(dropout)};
  return plan;
}

// Two parts of expert 1, one of expert 3, nothing on the others.
Plan part_plan() {
  Plan plan;
  plan.sites = {part_site({5, 7}, "gate.1"), part_site({8, 10}, "up.1"),
                part_site({15, 20}, "fc.3")};
  return plan;
}

void randomise(const std::vector<LiveAdapter>& adapters) {
  const at::NoGradGuard no_grad;
  for (const LiveAdapter& adapter : adapters) {
    at::Tensor b = adapter.b;
    b.normal_();
  }
}

// The weight of one expert with its deltas, by tensor operations.
at::Tensor expert_weight(const nn::TeGroupedLinear& slot, std::int64_t expert,
                         const std::vector<LiveAdapter>& adapters) {
  const std::int64_t first = expert * kOut;
  at::Tensor weight = slot.dense_rows({first, first + kOut});
  for (const LiveAdapter& adapter : adapters) {
    const bool of_all = adapter.a.dim() == 3;
    RowSet rows = adapter.site.rows;
    if (of_all) rows = {first, first + kOut};
    if (rows.begin < first || rows.end > first + kOut) continue;
    const at::Tensor a = of_all ? adapter.a[expert] : adapter.a;
    const at::Tensor b = of_all ? adapter.b[expert] : adapter.b;
    weight = weight + at::constant_pad_nd(
                          at::mm(b, a) * adapter.site.scale,
                          {0, 0, rows.begin - first, first + kOut - rows.end});
  }
  return weight;
}

at::Tensor expected(const nn::TeGroupedLinear& slot, const at::Tensor& x,
                    const Counts& counts,
                    const std::vector<LiveAdapter>& adapters) {
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0;
  for (std::int64_t e = 0; e < slot.experts(); ++e) {
    const std::int64_t count = counts[static_cast<std::size_t>(e)];
    parts.push_back(at::linear(x.narrow(0, begin, count),
                               expert_weight(slot, e, adapters)));
    begin += count;
  }
  return at::cat(parts);
}

// Of x and of the factors; zero where nothing reaches.
std::vector<at::Tensor> gradients(const at::Tensor& y, const at::Tensor& x,
                                  const std::vector<LiveAdapter>& adapters) {
  std::vector<at::Tensor> leaves{x};
  for (const LiveAdapter& adapter : adapters) {
    leaves.push_back(adapter.a);
    leaves.push_back(adapter.b);
  }
  for (const at::Tensor& leaf : leaves) leaf.mutable_grad() = at::Tensor();
  const at::Tensor factor =
      at::arange(y.numel(), y.options().dtype(at::kFloat)).cos().view_as(y);
  (y.to(at::kFloat) * factor).sum().backward();
  std::vector<at::Tensor> found;
  for (const at::Tensor& leaf : leaves) {
    found.push_back(leaf.grad().defined() ? leaf.grad().clone()
                                          : at::zeros_like(leaf));
  }
  return found;
}

void expect_close(const at::Tensor& got, const at::Tensor& want,
                  double tolerance) {
  ASSERT_EQ(got.sizes(), want.sizes());
  const double scale = want.abs().max().item<double>() + 1e-12;
  const double worst =
      (got.to(at::kFloat) - want.to(at::kFloat)).abs().max().item<double>();
  EXPECT_LE(worst / scale, tolerance);
}

struct PathCase {
  at::ScalarType type;
  double tolerance;  // fp32: order of sums; bf16: 8 bits a rounding
  bool trained_base;
};

void check_path(const Plan& plan, const Counts& counts, const PathCase& path) {
  at::manual_seed(3);
  const auto holder = frozen_holder(path.type);
  const auto adapters = inject(*holder, plan);
  randomise(adapters);
  if (path.trained_base) holder->fc->make_trainable();
  std::int64_t rows = 0;
  for (const std::int64_t count : counts) rows += count;
  const at::Tensor x =
      at::randn({rows, kIn}).to(path.type).requires_grad_(true);
  const at::Tensor y = holder->fc->forward(x, counts);
  EXPECT_EQ(y.scalar_type(), path.type);
  const at::Tensor plain =
      x.detach().to(at::kFloat).clone().requires_grad_(true);
  const at::Tensor want = expected(*holder->fc, plain, counts, adapters);
  expect_close(y.detach(), want.detach(), path.tolerance);
  const auto got_grads = gradients(y, x, adapters);
  const auto want_grads = gradients(want, plain, adapters);
  for (std::size_t i = 0; i < got_grads.size(); ++i) {
    SCOPED_TRACE(i);
    expect_close(got_grads[i], want_grads[i], path.tolerance);
  }
}

TEST(GroupedAdapter, equals_autograd) {
  const std::vector<Counts> all_counts = {
      {2, 3, 0, 4}, {0, 1, 0, 0}, {0, 0, 7, 0}, {1, 1, 1, 1}};
  const std::vector<PathCase> paths = {{at::kFloat, 1e-5, false},
                                       {at::kBFloat16, 4e-2, false},
                                       {at::kFloat, 1e-5, true}};
  for (const PathCase& path : paths) {
    for (const Counts& counts : all_counts) {
      SCOPED_TRACE(testing::PrintToString(counts));
      check_path(whole_plan(), counts, path);
      check_path(part_plan(), counts, path);
    }
  }
}

TEST(GroupedAdapter, every_factor_gets_a_gradient) {
  const auto holder = frozen_holder(at::kFloat);
  const auto adapters = inject(*holder, part_plan());
  randomise(adapters);
  holder->fc->forward(at::randn({3, kIn}), {0, 3, 0, 0}).sum().backward();
  EXPECT_GT(adapters[0].a.grad().abs().max().item<double>(), 0);
  ASSERT_TRUE(adapters[2].b.grad().defined());
  EXPECT_EQ(adapters[2].b.grad().abs().max().item<double>(), 0);
  EXPECT_EQ(holder->fc->forward(at::randn({0, kIn}), {0, 0, 0, 0}).sizes(),
            (std::vector<std::int64_t>{0, kOut}));
}

TEST(GroupedAdapter, equals_the_merged_rows) {
  for (const Plan& plan : {whole_plan(), part_plan()}) {
    const auto holder = frozen_holder(at::kFloat);
    const auto adapters = inject(*holder, plan);
    randomise(adapters);
    const at::Tensor merged = merged_rows(*holder->fc, {0, kExperts * kOut});
    for (std::int64_t e = 0; e < kExperts; ++e) {
      expect_close(merged.narrow(0, e * kOut, kOut),
                   expert_weight(*holder->fc, e, adapters).detach(), 1e-6);
    }
    expect_close(merged_rows(*holder->fc, {3, 17}), merged.narrow(0, 3, 14),
                 1e-9);
  }
}

// Each expert as its 2-D matrix: kaiming +-1/sqrt(in) whatever the number of
// experts, and the same values for the same expert.
TEST(GroupedAdapter, starts_each_expert_on_its_own) {
  const auto start = [](std::int64_t experts) {
    const auto holder = frozen_holder(at::kFloat, experts);
    Plan plan;
    plan.sites = {whole_site(0.0, experts)};
    return inject(*holder, plan)[0];
  };
  const LiveAdapter four = start(4);
  const LiveAdapter nine = start(9);
  EXPECT_EQ(four.a.sizes(), (std::vector<std::int64_t>{4, 3, kIn}));
  EXPECT_EQ(four.b.sizes(), (std::vector<std::int64_t>{4, kOut, 3}));
  EXPECT_TRUE(at::equal(four.a, nine.a.narrow(0, 0, 4)));
  EXPECT_FALSE(at::equal(nine.a[0], nine.a[1]));
  const double bound = 1.0 / std::sqrt(static_cast<double>(kIn));
  const double largest = nine.a.abs().max().item<double>();
  EXPECT_LE(largest, bound);
  EXPECT_GT(largest, 0.8 * bound);
  EXPECT_EQ(four.b.abs().max().item<double>(), 0);
}

TEST(GroupedAdapter, replays_the_masks_of_its_experts) {
  const auto holder = frozen_holder(at::kFloat);
  const auto adapters = inject(*holder, whole_plan(0.5));
  randomise(adapters);
  holder->train();
  const DropoutCounter counter{9, 4, 1};
  set_dropout_counter(*holder, counter);
  const Counts counts{3, 0, 2, 4};
  const at::Tensor x = at::randn({9, kIn}).requires_grad_(true);
  const at::Tensor y = holder->fc->forward(x, counts);
  std::vector<at::Tensor> masks;
  std::int64_t begin = 0;
  for (std::int64_t e = 0; e < kExperts; ++e) {
    const std::int64_t count = counts[static_cast<std::size_t>(e)];
    masks.push_back(
        dropout_mask(x.narrow(0, begin, count),
                     expert_dropout_key(counter, adapters[0].site, e), 0.5));
    begin += count;
  }
  const at::Tensor seen = x * at::cat(masks);
  const at::Tensor want = holder->fc->base_forward(x, counts) +
                          expected(*holder->fc, seen, counts, adapters) -
                          holder->fc->base_forward(seen, counts);
  expect_close(y.detach(), want.detach(), 1e-5);
  const auto got_grads = gradients(y, x, adapters);
  const auto want_grads = gradients(want, x, adapters);
  for (std::size_t i = 0; i < got_grads.size(); ++i) {
    expect_close(got_grads[i], want_grads[i], 1e-5);
  }
  holder->eval();
  expect_close(holder->fc->forward(x, counts).detach(),
               expected(*holder->fc, x, counts, adapters).detach(), 1e-5);
}

TEST(GroupedAdapter, can_be_switched_off_and_removed) {
  const auto holder = frozen_holder(at::kFloat);
  const at::Tensor x = at::randn({4, kIn});
  const Counts counts{1, 1, 1, 1};
  const at::Tensor base = holder->fc->forward(x, counts);
  randomise(inject(*holder, whole_plan()));
  EXPECT_FALSE(at::equal(holder->fc->forward(x, counts), base));
  {
    const ScopedAdaptersDisabled scope(*holder);
    EXPECT_TRUE(at::equal(holder->fc->forward(x, counts), base));
  }
  EXPECT_THROW(holder->fc->nn::LinearSlot::forward(x), ConfigError);
  remove_adapters(*holder);
  EXPECT_TRUE(at::equal(holder->fc->forward(x, counts), base));
}

std::string refusal(const Site& site) {
  Plan plan;
  plan.sites = {site};
  try {
    inject(*frozen_holder(at::kFloat), plan);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(GroupedAdapter, refuses_plans_of_other_experts) {
  using testing::HasSubstr;
  Site other = whole_site();
  other.experts = 2;
  EXPECT_THAT(refusal(other), HasSubstr("planned for 2 experts, not for 4"));
  other.experts = 1;
  EXPECT_THAT(refusal(other), HasSubstr("planned for 1 experts, not for 4"));
  EXPECT_THAT(refusal(part_site({3, 8}, "fc.0")),
              HasSubstr("has rows 3..8 of some experts of 5 rows each"));
  Site half = whole_site();
  half.rows = {0, 10};
  EXPECT_THAT(refusal(half), HasSubstr("rows 0..10"));
}

// As in the reference's target mode: what is called so, whatever its kind.
TEST(GroupedAdapter, methods_take_experts_and_routers_by_name) {
  struct Mlp : torch::nn::Module {
    Mlp() {
      register_module("router", std::make_shared<nn::Router>(kIn, 2, false));
      register_module("linear_fc1",
                      std::make_shared<nn::TeGroupedLinear>(2, kIn, kOut));
    }
  };
  const auto sites = [](std::vector<std::string> targets) {
    Mlp model;
    Lora method;
    method.target_modules = std::move(targets);
    method.dim = 2;
    std::string out;
    method.apply(model);
    for (const LiveAdapter& adapter : adapters_of(model)) {
      out += adapter.site.module + ":" + std::to_string(adapter.a.dim()) + " ";
    }
    return out;
  };
  EXPECT_EQ(sites({"linear_fc1", "linear_fc2"}), "linear_fc1:3 ");
  EXPECT_EQ(sites({"*"}), "router:2 linear_fc1:3 ");
  EXPECT_EQ(sites({"all-linear"}), "linear_fc1:3 ");
  EXPECT_EQ(sites({}), "");
}

}  // namespace
}  // namespace graft

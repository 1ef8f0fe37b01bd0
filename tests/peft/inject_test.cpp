// Attaching, finding, switching off and removing adapters.
#include "graft/peft/inject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <chrono>
#include <cmath>

#include "graft/base/error.h"
#include "graft/nn/te_linear.h"
#include "graft/peft/peft.h"

namespace graft {
namespace {

using ::testing::HasSubstr;

struct Block : torch::nn::Module {
  explicit Block(std::int64_t in) {
    a = register_module("a", std::make_shared<nn::Linear>(in, 8, true));
    b = register_module("b", std::make_shared<nn::Linear>(in, 8, false));
    plain = register_module("plain", torch::nn::Linear(in, 4));
  }
  std::shared_ptr<nn::Linear> a;
  std::shared_ptr<nn::Linear> b;
  torch::nn::Linear plain{nullptr};
};

Site site_of(const std::string& module, std::int64_t in = 6) {
  Site site;
  site.module = module;
  site.rows = {0, 8};
  site.in = in;
  site.module_out = 8;
  site.adapter.rank = 2;
  return site;
}

Plan plan_of(const std::vector<Site>& sites) {
  Plan plan;
  plan.sites = sites;
  return plan;
}

std::string fault_of(torch::nn::Module& model, const Plan& plan) {
  try {
    inject(model, plan);
  } catch (const ConfigError& error) {
    EXPECT_TRUE(adapters_of(model).empty());
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(Inject, registers_parameters_below_the_slot) {
  Block block(6);
  Site part = site_of("b");
  part.component = "linear_q";
  part.rows = {2, 6};
  const auto adapters = inject(block, plan_of({site_of("a"), part}));
  ASSERT_EQ(adapters.size(), 2U);
  const auto parameters = block.named_parameters();
  ASSERT_TRUE(parameters.contains("a.adapters.adapter.lora_A"));
  const at::Tensor b = parameters["b.adapters.linear_q.lora_B"];
  EXPECT_EQ(b.sizes(), (at::IntArrayRef{4, 2}));
  EXPECT_TRUE(b.requires_grad());
  EXPECT_EQ(b.abs().max().item<float>(), 0.0F);
  EXPECT_FALSE(parameters["a.bias"].requires_grad());
  EXPECT_FALSE(parameters["plain.weight"].requires_grad());
  EXPECT_EQ(adapters_of(block).size(), 2U);
}

TEST(Inject, reports_every_problem_and_attaches_nothing) {
  Block block(6);
  Site late = site_of("a");
  late.rows = {6, 9};
  const std::string text =
      fault_of(block, plan_of({site_of("b"), site_of("aa"), site_of("plain"),
                               late, site_of("a", 5)}));
  EXPECT_THAT(text, HasSubstr("'aa' is no module of the model"));
  EXPECT_THAT(text, HasSubstr("use graft::nn::Linear"));
  EXPECT_THAT(text, HasSubstr("rows 6..9 of 0..8"));
  EXPECT_THAT(text, HasSubstr("planned for 5 -> 8, the module is 6 -> 8"));
  EXPECT_TRUE(block.b->weight().requires_grad());
}

TEST(Inject, refuses_overlapping_rows) {
  Block block(6);
  Site part = site_of("a");
  part.component = "linear_q";
  part.rows = {0, 3};
  EXPECT_THAT(fault_of(block, plan_of({site_of("a"), part})),
              HasSubstr("has an adapter on rows within 0..3 already"));
  inject(block, plan_of({part}));
  EXPECT_THROW(inject(block, plan_of({site_of("a")})), ConfigError);
}

TEST(Inject, refuses_what_is_not_built_and_bad_settings) {
  Block block(6);
  Site dora = site_of("a");
  dora.adapter.kind = AdapterKind::kDora;
  EXPECT_THAT(fault_of(block, plan_of({dora})), HasSubstr("DoRA"));
  Site rankless = site_of("a");
  rankless.adapter.rank = 0;
  EXPECT_THAT(fault_of(block, plan_of({rankless})), HasSubstr("rank"));
  Site always = site_of("a");
  always.adapter.dropout = 1.0;
  EXPECT_THAT(fault_of(block, plan_of({always})), HasSubstr("dropout"));
}

at::Tensor start_of(const std::string& module, AdapterInit init,
                    std::uint64_t seed) {
  Block block(600);
  std::vector<Site> sites{site_of("a", 600), site_of("b", 600)};
  for (Site& site : sites) {
    site.adapter.init = init;
    site.adapter.rank = 16;
  }
  if (module == "b") sites.erase(sites.begin());
  return inject(block, plan_of(sites), {seed, true}).front().a.detach();
}

TEST(Inject, starts_a_by_seed_and_path_alone) {
  const auto init = AdapterInit::kKaiming;
  EXPECT_TRUE(at::equal(start_of("a", init, 1), start_of("a", init, 1)));
  EXPECT_FALSE(at::equal(start_of("a", init, 1), start_of("a", init, 2)));
  EXPECT_FALSE(at::equal(start_of("a", init, 1), start_of("b", init, 1)));
}

TEST(Inject, starts_a_with_the_documented_spread) {
  struct Row {
    AdapterInit init;
    double deviation;
  };
  const Row rows[] = {
      {AdapterInit::kKaiming, 1.0 / std::sqrt(600.0) / std::sqrt(3.0)},
      {AdapterInit::kXavier, std::sqrt(2.0 / 616.0)},
      {AdapterInit::kGaussian, 1.0 / 16.0},
      {AdapterInit::kNormal, 0.2}};
  for (const Row& row : rows) {
    const at::Tensor a = start_of("a", row.init, 5);
    const double deviation = a.std().item<double>();
    EXPECT_NEAR(deviation / row.deviation, 1.0, 0.05)
        << adapter_init_name(row.init);
    EXPECT_NEAR(a.mean().item<double>() / row.deviation, 0.0, 0.05);
  }
  const double bound = 1.0 / std::sqrt(600.0);
  EXPECT_LE(start_of("a", AdapterInit::kKaiming, 5).abs().max().item<double>(),
            bound);
}

TEST(Inject, switches_off_in_a_scope_and_returns_to_the_earlier_state) {
  Block block(6);
  const auto adapters = inject(block, plan_of({site_of("a")}));
  at::Tensor b = adapters[0].b;
  {
    const at::NoGradGuard no_grad;
    b.fill_(1.0);
  }
  const at::Tensor x = at::randn({2, 6});
  const at::Tensor base = block.a->base_forward(x);
  const auto is_base = [&] { return at::equal(block.a->forward(x), base); };
  EXPECT_FALSE(is_base());
  {
    const ScopedAdaptersDisabled scope(block);
    EXPECT_TRUE(is_base());
  }
  EXPECT_FALSE(is_base());
  set_adapters_enabled(block, false);
  { const ScopedAdaptersDisabled scope(block); }
  EXPECT_TRUE(is_base());
  set_adapters_enabled(block, true);
  EXPECT_FALSE(is_base());
  remove_adapters(block);
  EXPECT_TRUE(is_base());
  EXPECT_TRUE(adapters_of(block).empty());
  EXPECT_FALSE(block.named_parameters().contains("a.adapters.adapter.lora_A"));
}

// As many linears as a mixture of 48 layers of 128 experts has.
TEST(Inject, keeps_up_with_mixtures_of_experts) {
  struct Experts : torch::nn::Module {};
  Experts model;
  Plan plan;
  for (int i = 0; i < 18624; ++i) {
    const std::string name = "expert" + std::to_string(i);
    model.register_module(name, std::make_shared<nn::Linear>(2, 8, false));
    plan.sites.push_back(site_of(name, 2));
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(inject(model, plan).size(), 18624U);
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
  std::printf("18624 adapters in %.3f s\n", took.count());
  // Far above the measured time, below any quadratic behaviour.
  EXPECT_LT(took.count(), 5.0);
}

}  // namespace
}  // namespace graft

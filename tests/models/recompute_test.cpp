// Blocks that are computed again in backward: the same bits of every gradient,
// the same dropout masks, no work twice below the first adapter, less memory.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/models/gpt_memory.h"
#include "graft/peft/inject.h"
#include "support/memory_meter.h"
#include "support/tiny_gpt.h"

namespace graft {
namespace {

using test::input_of;
using test::some_ids;
using test::tiny_model;
using ::testing::HasSubstr;

struct Adapted {
  std::string module;
  std::int64_t in;
  std::int64_t out;
};
const Adapted kQkv0{"decoder.layers.0.self_attention.linear_qkv", 24, 64};
const Adapted kQkv1{"decoder.layers.1.self_attention.linear_qkv", 24, 64};
const Adapted kFc1{"decoder.layers.1.mlp.linear_fc1", 24, 40};
const Adapted kFc2{"decoder.layers.1.mlp.linear_fc2", 20, 24};

Plan plan_of(const std::vector<Adapted>& modules, double dropout) {
  Plan plan;
  for (const Adapted& module : modules) {
    Site site;
    site.module = module.module;
    site.in = module.in;
    site.module_out = module.out;
    site.rows = {0, module.out};
    site.adapter.rank = 2;
    site.adapter.dropout = dropout;
    site.scale = 0.5;
    plan.sites.push_back(site);
  }
  return plan;
}

// B is not zero, so that A has a gradient too.
void adapt(nn::CausalLm& model, const std::vector<Adapted>& modules,
           double dropout) {
  const auto adapters = inject(model, plan_of(modules, dropout));
  const at::NoGradGuard no_grad;
  for (const LiveAdapter& adapter : adapters) {
    at::Tensor b = adapter.b;
    b.copy_(at::linspace(-0.3, 0.4, b.numel()).view(b.sizes()));
  }
}

using Gradients = std::map<std::string, at::Tensor>;

Gradients gradients_of(nn::CausalLm& model, const nn::LmInput& input) {
  set_dropout_counter(model, {.seed = 4, .step = 7, .micro_batch = 1});
  at::Tensor labels = input.input_ids.clone();
  labels[0].narrow(0, 0, 2).fill_(-100);
  const at::Tensor loss = model.loss_sum(model.hidden(input), labels);
  loss.backward();
  Gradients out{{"loss", loss.detach()}};
  for (const auto& item : model.named_parameters()) {
    if (!item.value().grad().defined()) continue;
    out[item.key()] = item.value().grad().clone();
    item.value().mutable_grad().reset();
  }
  return out;
}

void expect_equal(const Gradients& got, const Gradients& want) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, gradient] : want) {
    EXPECT_TRUE(gradient.equal(got.at(name))) << name;
  }
}

void expect_same_bits(nn::CausalLm& model, const nn::LmInput& input,
                      std::size_t count) {
  model.train();
  model.set_checkpoint_activations(false);
  const Gradients plain = gradients_of(model, input);
  model.set_checkpoint_activations(true);
  const Gradients again = gradients_of(model, input);
  EXPECT_EQ(plain.size(), count + 1);
  expect_equal(again, plain);
}

nn::LmInput masked_input(bool left) {
  at::Tensor mask = at::ones({2, 6}, at::kLong);
  mask[1].narrow(0, left ? 0 : 4, 2).zero_();
  return input_of(some_ids(2, 6), mask);
}

TEST(Recompute, adapters_get_the_same_bits) {
  for (const double dropout : {0.0, 0.3}) {
    SCOPED_TRACE(dropout);
    const auto model = tiny_model();
    adapt(*model, {kQkv0, kFc1, kFc2}, dropout);
    expect_same_bits(*model, input_of(some_ids(3, 7)), 6);
    expect_same_bits(*model, masked_input(false), 6);
    expect_same_bits(*model, masked_input(true), 6);
    nn::LmInput packed = input_of(some_ids(1, 9));
    packed.segments = {4, 4, 1};
    expect_same_bits(*model, packed, 6);
  }
}

TEST(Recompute, native_bf16_gets_the_same_bits) {
  GptOptions options;
  options.compute = nn::ComputeMode::kNative;
  const auto model = make_gpt(test::tiny_config(false),
                              test::random_source(at::kBFloat16), options);
  adapt(*model, {kQkv0, kFc1, kFc2}, 0.3);
  expect_same_bits(*model, input_of(some_ids(3, 7)), 6);
  expect_same_bits(*model, masked_input(true), 6);
}

TEST(Recompute, dropout_is_at_work) {
  const auto model = tiny_model();
  adapt(*model, {kFc1}, 0.3);
  model->set_checkpoint_activations(true);
  const nn::LmInput input = input_of(some_ids(3, 7));
  model->train();
  const Gradients dropped = gradients_of(*model, input);
  model->eval();
  EXPECT_FALSE(
      dropped.at("loss").equal(gradients_of(*model, input).at("loss")));
}

TEST(Recompute, full_training_gets_the_same_bits) {
  for (const bool tied : {false, true}) {
    const auto model = tiny_model(tied);
    model->make_trainable();
    const std::size_t count = model->named_parameters().size();
    expect_same_bits(*model, input_of(some_ids(2, 7)), count);
    expect_same_bits(*model, masked_input(true), count);
  }
}

TEST(Recompute, gradients_add_up_once_over_micro_batches) {
  const auto model = tiny_model();
  adapt(*model, {kQkv0}, 0.0);
  model->set_checkpoint_activations(true);
  const nn::LmInput input = input_of(some_ids(1, 6));
  const auto once = [&] {
    model->loss_sum(model->hidden(input), input.input_ids).backward();
  };
  const LiveAdapter adapter = adapters_of(*model)[0];
  once();
  const at::Tensor first = adapter.b.grad().clone();
  once();
  EXPECT_TRUE(at::allclose(adapter.b.grad(), 2 * first, 1e-6, 0.0));
}

// Counts what a layer of the base computes.
class CountingOp : public nn::LinearOp {
 public:
  at::Tensor forward(const nn::LinearSlot& slot,
                     const nn::LinearInput& x) override {
    ++calls;
    return slot.base_forward(x.value);
  }
  int calls = 0;
};

TEST(Recompute, nothing_runs_twice_below_the_first_adapter) {
  const auto model = tiny_model();
  adapt(*model, {kFc2}, 0.0);
  model->set_checkpoint_activations(true);
  std::vector<int> calls;
  for (const char* layer : {"0", "1"}) {
    const auto slot = std::dynamic_pointer_cast<nn::LinearSlot>(
        model->named_modules("", false)["decoder.layers." + std::string(layer) +
                                        ".self_attention.linear_proj"]);
    const auto counter = std::make_shared<CountingOp>();
    slot->set_op(counter);
    gradients_of(*model, input_of(some_ids(1, 5)));
    calls.push_back(counter->calls);
  }
  EXPECT_THAT(calls, ::testing::ElementsAre(1, 2));
}

// Hands on the plain tensor, which the operation then keeps.
class KeepingOp : public nn::LinearOp {
 public:
  explicit KeepingOp(std::shared_ptr<nn::LinearOp> inner)
      : inner_(std::move(inner)) {}
  at::Tensor forward(const nn::LinearSlot& slot,
                     const nn::LinearInput& x) override {
    if (x.make) ++made_again;
    return inner_->forward(slot, x.value);
  }
  std::uint64_t state_key() const override { return inner_->state_key(); }
  int made_again = 0;

 private:
  std::shared_ptr<nn::LinearOp> inner_;
};

std::vector<std::shared_ptr<KeepingOp>> keep_inputs(
    nn::CausalLm& model, const std::vector<Adapted>& modules) {
  std::vector<std::shared_ptr<KeepingOp>> out;
  auto tree = model.named_modules("", false);
  for (const Adapted& module : modules) {
    const auto slot =
        std::dynamic_pointer_cast<nn::LinearSlot>(tree[module.module]);
    out.push_back(std::make_shared<KeepingOp>(slot->op()));
    slot->set_op(out.back());
  }
  return out;
}

TEST(Recompute, inputs_made_again_give_the_same_bits) {
  const std::vector<Adapted> modules = {kQkv0, kQkv1, kFc1, kFc2};
  for (const double dropout : {0.0, 0.3}) {
    const auto model = tiny_model();
    adapt(*model, modules, dropout);
    model->train();
    const nn::LmInput input = input_of(some_ids(3, 7));
    const Gradients made = gradients_of(*model, input);
    model->set_checkpoint_activations(true);
    expect_equal(gradients_of(*model, input), made);
    const auto ops = keep_inputs(*model, modules);
    expect_equal(gradients_of(*model, input), made);
    model->set_checkpoint_activations(false);
    expect_equal(gradients_of(*model, input), made);
    // Nothing is tracked before the first adapter.
    EXPECT_EQ(ops[0]->made_again, 0);
    for (std::size_t i = 1; i < ops.size(); ++i) {
      EXPECT_EQ(ops[i]->made_again, 2) << i;
    }
  }
}

TEST(Recompute, another_state_in_backward_is_refused) {
  const auto model = tiny_model();
  adapt(*model, {kFc1}, 0.3);
  model->train();
  model->set_checkpoint_activations(true);
  const nn::LmInput input = input_of(some_ids(1, 5));
  const std::vector<std::function<void()>> changes = {
      [&] { set_dropout_counter(*model, {.step = 99}); },
      [&] { set_adapters_enabled(*model, false); }, [&] { model->eval(); }};
  for (const auto& change : changes) {
    set_adapters_enabled(*model, true);
    set_dropout_counter(*model, {.step = 1});
    model->train();
    const at::Tensor loss =
        model->loss_sum(model->hidden(input), input.input_ids);
    change();
    try {
      loss.backward();
      FAIL() << "no error";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr("changed since forward"));
    }
  }
}

TEST(Recompute, keeps_less) {
  const auto model = tiny_model();
  model->make_trainable();
  const nn::LmInput input = input_of(some_ids(4, 60));
  std::vector<std::int64_t> kept;
  for (const bool on : {false, true}) {
    model->set_checkpoint_activations(on);
    const test::MemoryMeter meter;
    const at::Tensor hidden = model->hidden(input);
    kept.push_back(meter.current());
  }
  EXPECT_LT(3 * kept[1], kept[0]);
}

// Every matrix counts how often it is let go.
WeightSource mapped_source(int& calls) {
  return [&calls,
          source = test::random_source(at::kFloat)](const std::string& name) {
    auto blocks = source(name);
    blocks[0].give_back = [&calls] { ++calls; };
    return blocks;
  };
}

TEST(Recompute, mapped_weights_leave_memory_after_each_block) {
  int calls = 0;
  const auto model =
      make_gpt(test::tiny_config(false), mapped_source(calls), {});
  adapt(*model, {kQkv0}, 0.0);
  const nn::LmInput input = input_of(some_ids(1, 5));
  gradients_of(*model, input);
  EXPECT_EQ(calls, 0);
  model->set_checkpoint_activations(true);
  gradients_of(*model, input);
  // Four matrices of two layers, in forward and in backward.
  EXPECT_EQ(calls, 16);
  // Both layers have 64 * 24 + 24 * 32 + 40 * 24 + 24 * 20 values.
  EXPECT_EQ(gpt_streamed_bytes(*model), 3744 * 4);
}

TEST(Recompute, evaluation_and_decoding_are_as_ever) {
  const auto model = tiny_model();
  const nn::LmInput input = input_of(some_ids(2, 6));
  const at::Tensor want = model->forward_logits(input);
  model->set_checkpoint_activations(true);
  EXPECT_TRUE(want.equal(model->forward_logits(input)));
  nn::LmInput cached = input;
  const auto cache = model->make_cache(2, 6);
  cached.cache = cache.get();
  EXPECT_LT(test::distance(model->forward_logits(cached), want), 1e-5);
}

}  // namespace
}  // namespace graft

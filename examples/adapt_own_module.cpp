// LoRA on a model of your own: graft::nn::Linear in place of torch::nn::Linear
// is all it takes. Trains the adapter alone and prints the loss.
#include <torch/optim/adamw.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "graft/nn/linear_slot.h"
#include "graft/peft/inject.h"
#include "graft/peft/lora.h"

struct Net : torch::nn::Module {
  using Linear = graft::nn::Linear;
  std::shared_ptr<Linear> up =
      register_module("up", std::make_shared<Linear>(8, 32, true));
  std::shared_ptr<Linear> down =
      register_module("down", std::make_shared<Linear>(32, 1, true));

  at::Tensor forward(const at::Tensor& x) {
    return down->forward(at::relu(up->forward(x)));
  }
};

int main() {
  at::manual_seed(1);
  Net net;
  graft::Lora lora;
  lora.target_modules = {{"up", "down"}};  // names or patterns of modules
  lora.dim = 4;
  lora.apply(net);  // freezes the model and attaches the adapters

  std::vector<at::Tensor> parameters;
  for (const graft::LiveAdapter& adapter : graft::adapters_of(net)) {
    parameters.push_back(adapter.a);
    parameters.push_back(adapter.b);
  }
  torch::optim::AdamW optimizer(parameters, torch::optim::AdamWOptions(1e-2));
  const at::Tensor x = at::randn({64, 8});
  const at::Tensor target = x.sum(1, true).sin();
  double first = 0.0;
  double last = 0.0;
  for (int step = 0; step < 200; ++step) {
    optimizer.zero_grad();
    const at::Tensor loss = at::mse_loss(net.forward(x), target);
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  std::printf("loss %.4f -> %.4f\n", first, last);
  return last < 0.5 * first ? 0 : 1;
}

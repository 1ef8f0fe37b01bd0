// Routing, and the experts as grouped products.
#include "models/expert_mlp_internal.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <numeric>
#include <tuple>
#include <vector>

#include "models/expert_rows_internal.h"

namespace graft {

// The container "experts" of Megatron's tree.
class ExpertMlp::Experts : public torch::nn::Module {
 public:
  Experts(const GptConfig& config, const WeightReader& reader,
          const std::string& path) {
    const std::int64_t count = config.experts.count;
    const std::int64_t size = config.experts.size;
    fc1 =
        make(reader, path, "linear_fc1", count, {2 * size, config.hidden_size});
    fc2 = make(reader, path, "linear_fc2", count, {config.hidden_size, size});
  }
  std::shared_ptr<nn::TeGroupedLinear> fc1;
  std::shared_ptr<nn::TeGroupedLinear> fc2;

 private:
  struct Size {
    std::int64_t out;
    std::int64_t in;
  };
  std::shared_ptr<nn::TeGroupedLinear> make(const WeightReader& reader,
                                            const std::string& path,
                                            const std::string& name,
                                            std::int64_t count, Size size) {
    return register_module(
        name,
        std::make_shared<nn::TeGroupedLinear>(
            count, reader.blocks(path + "." + name, count * size.out, size.in),
            reader.mode()));
  }
};

// For each pair of a token and an expert that it chose, sorted by expert.
struct ExpertMlp::Choice {
  at::Tensor token;                  // (pairs) int64
  at::Tensor weight;                 // (pairs)
  std::vector<std::int64_t> counts;  // rows of each expert
  at::Tensor place;  // (pairs) rows among those of `counts`; undefined: the
                     // rows are the pairs
};

namespace {

// Behind its pairs each expert gets rows of zeros.
void pad_counts(std::vector<std::int64_t>& counts, at::Tensor& place) {
  std::vector<at::Tensor> rows;
  std::int64_t begin = 0;
  for (std::int64_t& count : counts) {
    rows.push_back(at::arange(begin, begin + count, at::kLong));
    count = padded_rows(count);
    begin += count;
  }
  place = at::cat(rows);
}

bool needs_padding(const at::Tensor& rows) {
  return rows.is_cpu() && at::isReducedFloatingType(rows.scalar_type());
}

}  // namespace

ExpertMlp::ExpertMlp(const GptConfig& config, const WeightReader& reader,
                     const std::string& path, std::int64_t layer)
    : config_(config.experts), layer_(layer), gate_(config.gate) {
  router_ = register_module(
      "router",
      std::make_shared<nn::Router>(
          reader.matrix(path + ".router", config_.count, config.hidden_size),
          at::Tensor()));
  experts_ = register_module(
      "experts", std::make_shared<Experts>(config, reader, path + ".experts"));
}

ExpertMlp::Choice ExpertMlp::choose(const at::Tensor& rows,
                                    const LayerContext& context) const {
  const at::Tensor scores = router_->forward(rows);
  at::Tensor probabilities = at::softmax(scores, -1, at::kFloat);
  auto [weight, expert] = at::topk(probabilities, config_.per_token, -1);
  if (context.balance) {
    probabilities = context.balance->attach(layer_, probabilities, expert);
    weight = probabilities.gather(-1, expert);
  }
  if (config_.normalised) weight = weight / weight.sum(-1, true);
  if (config_.rounded_weights) weight = weight.to(scores.scalar_type());
  const at::Tensor flat = expert.reshape({-1});
  const at::Tensor order =
      std::get<1>(at::sort(flat, /*stable=*/true, 0, /*descending=*/false));
  Choice out{at::div(order, config_.per_token, "floor"),
             weight.reshape({-1}).index_select(0, order),
             {}};
  const at::Tensor counts =
      at::bincount(flat, {}, config_.count).to(at::kCPU).contiguous();
  const auto* first = counts.const_data_ptr<std::int64_t>();
  out.counts.assign(first, first + config_.count);
  if (needs_padding(rows)) pad_counts(out.counts, out.place);
  return out;
}

at::Tensor ExpertMlp::forward(const nn::LinearInput& input,
                              const LayerContext& context) {
  const at::Tensor& x = input.value;
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  if (rows.size(0) == 0) return x;
  const Choice choice = choose(rows, context);
  at::Tensor in = rows.index_select(0, choice.token);
  if (choice.place.defined()) {
    const auto padded = std::accumulate(choice.counts.begin(),
                                        choice.counts.end(), std::int64_t{0});
    in = in.new_zeros({padded, in.size(1)}).index_copy(0, choice.place, in);
  }
  const at::Tensor inner = experts_->fc1->forward(in, choice.counts);
  at::Tensor made =
      experts_->fc2->forward(nn::gated(gate_, inner), choice.counts);
  if (choice.place.defined()) made = made.index_select(0, choice.place);
  const at::Tensor weighted =
      (made * choice.weight.unsqueeze(1)).to(rows.scalar_type());
  return at::zeros_like(rows)
      .index_add(0, choice.token, weighted)
      .view(x.sizes());
}

}  // namespace graft

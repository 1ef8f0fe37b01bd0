// A model whose config.json ties the head although the file holds another one:
// the stored head is loaded, trained and saved as a tensor of the model.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "graft/checkpoint/base_model.h"
#include "graft/checkpoint/full_model.h"
#include "graft/io/safetensors_writer.h"
#include "graft/io/sharded_safetensors.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;

constexpr char kEmbedding[] = "model.embed_tokens.weight";
constexpr char kHead[] = "lm_head.weight";

// The example's model, which is tied, with `head` in its file.
void write_model(const fs::path& directory, const at::Tensor& head) {
  const fs::path tiny = source_path("examples/tiny/model");
  fs::create_directories(directory);
  fs::copy_file(tiny / "config.json", directory / "config.json");
  const auto weights = ShardedSafetensors::open(tiny);
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const std::string& name : weights.names()) {
    tensors.emplace_back(name, weights.tensor(name));
  }
  tensors.emplace_back(kHead, to_host_tensor(head));
  save_safetensors(directory / "model.safetensors", std::move(tensors));
}

at::Tensor embedding() {
  const auto weights =
      ShardedSafetensors::open(source_path("examples/tiny/model"));
  return from_host_tensor(weights.tensor(kEmbedding));
}

at::Tensor stored(const fs::path& directory, const char* name) {
  return from_host_tensor(ShardedSafetensors::open(directory).tensor(name));
}

at::Tensor logits_of(const BaseModel& base) {
  const at::NoGradGuard no_grad;
  nn::LmInput input;
  input.input_ids = at::arange(3, 11, at::kLong).view({1, 8});
  return base.model->logits(base.model->hidden(input));
}

TEST(OwnHead, is_used_instead_of_the_embedding) {
  const TemporaryDirectory folder;
  write_model(folder.path() / "equal", embedding());
  write_model(folder.path() / "other", embedding() * 2);
  const ComputeOptions fp32{.dtype = "fp32"};
  const BaseModel tiny =
      load_base_model(source_path("examples/tiny/model"), fp32);
  const BaseModel equal = load_base_model(folder.path() / "equal", fp32);
  const BaseModel other = load_base_model(folder.path() / "other", fp32);
  EXPECT_TRUE(tiny.config.tied_embeddings);
  EXPECT_TRUE(equal.config.tied_embeddings);
  EXPECT_FALSE(other.config.tied_embeddings);
  const at::Tensor expected = logits_of(tiny);
  EXPECT_TRUE(at::equal(logits_of(equal), expected));
  // Twice the head gives twice the logits, exactly.
  EXPECT_TRUE(at::equal(logits_of(other), expected * 2));
}

TEST(OwnHead, is_trained_and_saved_as_a_tensor) {
  const TemporaryDirectory folder;
  write_model(folder.path() / "base", embedding() * 2);
  const BaseModel base =
      load_base_model(folder.path() / "base", {.dtype = "fp32"});
  const std::size_t frozen = base.model->named_parameters().size();
  base.model->make_trainable();
  const auto parameters = base.model->named_parameters();
  EXPECT_GT(parameters.size(), frozen);
  {
    const at::NoGradGuard no_grad;
    parameters["output_layer.weight"].select(0, 0).fill_(3.0);
  }
  const fs::path out = folder.path() / "out";
  save_full_model(base, out);
  at::Tensor head = embedding() * 2;
  head.select(0, 0).fill_(3.0);
  EXPECT_TRUE(at::equal(stored(out, kHead), head));
  EXPECT_TRUE(at::equal(stored(out, kEmbedding), embedding()));
  const BaseModel again = load_base_model(out, {.dtype = "fp32"});
  EXPECT_FALSE(again.config.tied_embeddings);
  EXPECT_TRUE(at::equal(logits_of(again), logits_of(base)));
}

}  // namespace
}  // namespace graft::test

// config.json, generation_config.json and safetensors behind Checkpoint.
#include <mutex>
#include <optional>

#include "formats/hf/hf_checkpoint_internal.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/io/sharded_safetensors.h"

namespace graft {
namespace {

class HfCheckpoint : public Checkpoint {
 public:
  explicit HfCheckpoint(const std::filesystem::path& directory)
      : directory_(directory) {}

  const std::filesystem::path& path() const override { return directory_; }
  Inventory inventory() const override { return read_inventory(directory_); }
  ModelConfig config() const override {
    // Before the tensors: its errors say more than theirs.
    read_model_config(directory_ / "config.json");
    return read_checkpoint_config(directory_, weights());
  }
  GenerationConfig generation() const override {
    return read_generation_config(directory_);
  }
  StoredTensor tensor(const std::string& hf_name) const override {
    return StoredTensor::from_plain(weights().tensor(hf_name),
                                    "tensor '" + hf_name + "'");
  }
  std::vector<std::filesystem::path> weight_files() const override {
    std::vector<std::filesystem::path> out;
    for (const SafetensorsFile& file : weights().shards()) {
      out.push_back(file.path());
    }
    return out;
  }

 private:
  const ShardedSafetensors& weights() const {
    std::call_once(opened_, [this] {
      weights_.emplace(ShardedSafetensors::open(directory_));
    });
    return *weights_;
  }

  std::filesystem::path directory_;
  // Opened with the first tensor: a plan needs none.
  mutable std::once_flag opened_;
  mutable std::optional<ShardedSafetensors> weights_;
};

}  // namespace

std::unique_ptr<const Checkpoint> open_hf_checkpoint(
    const std::filesystem::path& directory) {
  return std::make_unique<HfCheckpoint>(directory);
}

}  // namespace graft

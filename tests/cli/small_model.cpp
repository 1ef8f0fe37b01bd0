// Small files with fixed contents.
#include "cli/small_model.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "graft/io/atomic_output.h"
#include "graft/io/safetensors_writer.h"
#include "graft/io/sharded_safetensors.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using Tensors = std::vector<std::pair<std::string, HostTensor>>;

// Numbers without pattern, about as large as trained weights.
HostTensor make_tensor(std::int64_t rows, std::int64_t columns) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  std::uint32_t state = static_cast<std::uint32_t>(rows * 31 + columns);
  for (float& value : values) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(state >> 8) / (1U << 24) * 0.2F - 0.1F;
  }
  return HostTensor::from_floats({rows, columns}, values);
}

void add_pair(Tensors& tensors, const std::string& module, std::int64_t out,
              std::int64_t in) {
  constexpr std::int64_t kRank = 2;
  const std::string name = "base_model.model." + module;
  tensors.emplace_back(name + ".lora_A.weight", make_tensor(kRank, in));
  tensors.emplace_back(name + ".lora_B.weight", make_tensor(out, kRank));
}

void write_adapter(const fs::path& directory, Tensors tensors,
                   const std::vector<std::string>& targets) {
  fs::create_directories(directory);
  const nlohmann::json config = {{"peft_type", "LORA"},
                                 {"task_type", "CAUSAL_LM"},
                                 {"r", 2},
                                 {"lora_alpha", 4},
                                 {"target_modules", targets}};
  write_file_atomically(directory / "adapter_config.json", config.dump());
  save_safetensors(directory / "adapter_model.safetensors", std::move(tensors));
}

}  // namespace

fs::path tiny_model() { return source_path("examples/tiny/model"); }

void link_tiny_model(const fs::path& directory) {
  fs::create_directories(directory);
  for (const auto& entry : fs::directory_iterator(tiny_model())) {
    fs::create_symlink(fs::absolute(entry.path()),
                       directory / entry.path().filename());
  }
}

void write_tiny_model_with(const fs::path& directory, const std::string& name,
                           const HostTensor& tensor) {
  link_tiny_model(directory);
  fs::remove(directory / "model.safetensors");
  const auto weights = ShardedSafetensors::open(tiny_model());
  Tensors tensors = {{name, tensor}};
  for (const std::string& other : weights.names()) {
    if (other != name) tensors.emplace_back(other, weights.tensor(other));
  }
  save_safetensors(directory / "model.safetensors", std::move(tensors));
}

void write_nan_model(const fs::path& directory) {
  const std::vector<float> values(
      read_json(tiny_model() / "config.json").at("hidden_size"),
      std::numeric_limits<float>::quiet_NaN());
  const auto size = static_cast<std::int64_t>(values.size());
  write_tiny_model_with(directory, "model.norm.weight",
                        HostTensor::from_floats({size}, values));
}

void write_small_adapter(const fs::path& directory, const fs::path& model) {
  const auto config = read_json(model / "config.json");
  const std::int64_t hidden = config.at("hidden_size");
  const std::int64_t size = config.at("head_dim");
  const std::int64_t query = config.at("num_attention_heads");
  const std::int64_t value = config.at("num_key_value_heads");
  Tensors tensors;
  for (int i = 0; i < config.at("num_hidden_layers").get<int>(); ++i) {
    const std::string layer = "model.layers." + std::to_string(i);
    add_pair(tensors, layer + ".self_attn.q_proj", query * size, hidden);
    add_pair(tensors, layer + ".self_attn.v_proj", value * size, hidden);
  }
  write_adapter(directory, std::move(tensors), {"q_proj", "v_proj"});
}

LargePair write_large_pair(const fs::path& directory, std::int64_t megabytes) {
  constexpr std::int64_t kSide = 1024;  // 4 MiB a matrix
  const LargePair out{directory / "base", directory / "adapter"};
  const HostTensor weight = make_tensor(kSide, kSide);
  Tensors base;
  Tensors adapter;
  for (std::int64_t i = 0; i < megabytes / 4; ++i) {
    const std::string module = "layers." + std::to_string(i) + ".proj";
    base.emplace_back(module + ".weight", weight);
    add_pair(adapter, module, kSide, kSide);
  }
  fs::create_directories(out.base);
  save_safetensors(out.base / "model.safetensors", std::move(base));
  write_adapter(out.adapter, std::move(adapter), {"proj"});
  return out;
}

std::string bytes_of(const fs::path& path) { return read_text(path); }

std::string names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename().string());
  }
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : " ") + name;
  return out;
}

}  // namespace graft::test

// Checkpoints and adapters that tests of the commands make themselves. Entry
// points: tiny_model, write_tiny_model_with, write_small_adapter,
// write_large_pair.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "graft/base/host_tensor.h"

namespace graft::test {

// The embedded example's base: four Llama layers, BF16, with tokenizer.
std::filesystem::path tiny_model();

// A folder of links to the files of the tiny model, for tests that replace one.
void link_tiny_model(const std::filesystem::path& directory);

// The tiny model with the tensor `name` replaced, or added.
void write_tiny_model_with(const std::filesystem::path& directory,
                           const std::string& name, const HostTensor& tensor);
// One whose logits are all NaN.
void write_nan_model(const std::filesystem::path& directory);

// LoRA of rank 2 on q_proj and v_proj of every layer of a Llama directory.
void write_small_adapter(const std::filesystem::path& directory,
                         const std::filesystem::path& model = tiny_model());

// LoRA on a checkpoint of `count` square matrices `layers.N.proj.weight` of
// about `megabytes` in all: no family, large enough to be interrupted.
struct LargePair {
  std::filesystem::path base;
  std::filesystem::path adapter;
};
LargePair write_large_pair(const std::filesystem::path& directory,
                           std::int64_t megabytes);

std::string bytes_of(const std::filesystem::path& path);
// Names in a folder, hidden ones included, sorted and joined by spaces.
std::string names_in(const std::filesystem::path& directory);

}  // namespace graft::test

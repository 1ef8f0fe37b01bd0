// Loads a base checkpoint into a runnable model. Entry points: load_base_model,
// choose_compute.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/host_tensor.h"
#include "graft/formats/hf/model_config.h"
#include "graft/io/file_prefetch.h"
#include "graft/match/module_info.h"
#include "graft/nn/causal_lm.h"
#include "graft/nn/frozen_weight.h"

namespace graft {

// compute.device and compute.dtype as people write them.
struct ComputeOptions {
  std::string device = "auto";         // auto | cpu | cuda
  std::string dtype = "auto";          // auto | fp32 | native
  std::string weight_layout = "auto";  // auto (blocks) | blocks | packed
};

// What was chosen and why; printed, recorded, compared on resume.
struct ComputeChoice {
  at::Device device = at::kCPU;
  nn::ComputeMode mode = nn::ComputeMode::kFp32;
  nn::WeightLayout layout = nn::WeightLayout::kBlocks;
  std::string reason;  // "fp32: F32 storage", "native bf16: CPU has AMX", ...
};

// Follows CPU or device features and the storage type, never a timing: native
// bf16 only for BF16 storage where it is fast (AMX, AVX512_BF16, CUDA). Throws
// ConfigError for an unknown word or a device that is not there.
ComputeChoice choose_compute(const ComputeOptions& options, DType storage);

// The same over weights that are decoded block by block, of the types that
// `quantised` names: fp32 on the CPU. Throws ConfigError for anything else.
ComputeChoice choose_decoding_compute(const ComputeOptions& options,
                                      const std::string& quantised);

struct BaseModel {
  std::filesystem::path directory;  // or the GGUF file
  ModelConfig config;
  GenerationConfig generation;
  Inventory inventory;  // from the files; equals the live model's
  ComputeChoice compute;
  std::shared_ptr<nn::CausalLm> model;
  // At work while the model is set up and first used.
  std::shared_ptr<const FilePrefetch> prefetch;
};

// `path`: a Hugging Face directory or a GGUF file. Base weights are used
// straight from the mapped files; quantised ones stay quantised. Throws
// FileError or ConfigError.
BaseModel load_base_model(const std::filesystem::path& path,
                          const ComputeOptions& options);

// A CPU tensor as host bytes (shares memory), and the reverse (a copy).
HostTensor to_host_tensor(const at::Tensor& tensor);
at::Tensor from_host_tensor(const HostTensor& tensor);

}  // namespace graft

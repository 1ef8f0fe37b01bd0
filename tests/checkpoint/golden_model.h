// The golden models of the families that graft runs, and their expected
// tensors. Entry points: for_each_golden_model, GoldenTensors. Test support of
// checkpoint.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "graft/checkpoint/base_model.h"
#include "graft/io/safetensors.h"

namespace graft::test {

// golden.safetensors of one model.
class GoldenTensors {
 public:
  explicit GoldenTensors(const std::filesystem::path& file);
  bool contains(const std::string& name) const;
  // Undefined when absent.
  at::Tensor find(const std::string& name) const;
  at::Tensor at(const std::string& name) const;

 private:
  SafetensorsFile file_;
};

// tests/golden/families, and the models of the goldens folder where it is.
std::vector<std::filesystem::path> golden_models();

// Calls check(directory) for each, counts under `name`, and skips unfinished
// families with their reason.
void for_each_golden_model(
    const std::string& name,
    const std::function<void(const std::filesystem::path&)>& check);

BaseModel load_golden_model(const std::filesystem::path& directory,
                            const std::string& dtype = "fp32");

// Largest difference where mask (B, T) is not zero; logits (B, T, V).
double masked_difference(const at::Tensor& got, const at::Tensor& want,
                         const at::Tensor& mask);

}  // namespace graft::test

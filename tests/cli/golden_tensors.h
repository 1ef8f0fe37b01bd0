// Token files for `graft logits` made from golden tensors, and comparison of
// what it wrote. Entry points: write_golden_input, expect_golden_logits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace graft::test {

// Copies the tensors of `golden` that the command reads, named PREFIX and
// input_ids, ..., to `path`, if they are there; position_ids only when wanted.
void write_golden_input(const std::filesystem::path& golden,
                        const std::string& prefix, bool with_positions,
                        const std::filesystem::path& path);

struct Tolerance {
  double logits = 0.0;
  double loss = 0.0;
};
struct GoldenNames {
  std::string mask, logits, loss;  // tensors of the golden file
};

// Logits are compared where the mask is 1, or everywhere when there is none;
// the loss when there is one.
void expect_golden_logits(const std::filesystem::path& written,
                          const std::filesystem::path& golden,
                          const GoldenNames& names, Tolerance tolerance);

// A safetensors file of I64 tensors, all of one shape.
struct TokenTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> values;
};
void write_token_file(const std::filesystem::path& path,
                      const std::vector<TokenTensor>& tensors);

}  // namespace graft::test

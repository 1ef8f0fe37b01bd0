// Reads and writes with graft's own safetensors classes.
#include "cli/golden_tensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/safetensors.h"
#include "graft/io/safetensors_writer.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using Tensors = std::vector<std::pair<std::string, HostTensor>>;

HostTensor tensor_of(const SafetensorsFile& file, const std::string& name) {
  const TensorEntry* entry = file.find_or_null(name);
  if (entry == nullptr) {
    throw FileError(file.path().string() + " has no " + name);
  }
  return file.tensor(*entry);
}

std::vector<std::int64_t> integers_of(const HostTensor& tensor) {
  std::vector<std::int64_t> out(tensor.bytes.size() / sizeof(std::int64_t));
  std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

}  // namespace

void write_golden_input(const fs::path& golden, const std::string& prefix,
                        bool with_positions, const fs::path& path) {
  const SafetensorsFile file = SafetensorsFile::open(golden);
  Tensors tensors;
  std::vector<std::string> names = {"input_ids", "attention_mask", "labels"};
  if (with_positions) names.push_back("position_ids");
  for (const std::string& name : names) {
    if (const auto* entry = file.find_or_null(prefix + name)) {
      tensors.emplace_back(name, file.tensor(*entry));
    }
  }
  save_safetensors(path, std::move(tensors));
}

void expect_golden_logits(const fs::path& written, const fs::path& golden,
                          const GoldenNames& names, Tolerance tolerance) {
  const SafetensorsFile got_file = SafetensorsFile::open(written);
  const SafetensorsFile want_file = SafetensorsFile::open(golden);
  const HostTensor got = tensor_of(got_file, "logits");
  const HostTensor want = tensor_of(want_file, names.logits);
  ASSERT_EQ(got.dtype, DType::kF32);
  ASSERT_EQ(got.shape, want.shape);
  std::vector<std::int64_t> mask(
      static_cast<std::size_t>(want.shape.at(0) * want.shape.at(1)), 1);
  if (want_file.find_or_null(names.mask)) {
    mask = integers_of(tensor_of(want_file, names.mask));
  }
  const std::vector<float> a = got.to_floats();
  const std::vector<float> b = want.to_floats();
  const std::size_t vocabulary = a.size() / mask.size();
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (mask[i / vocabulary] == 0) continue;
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    // NaN must fail, and std::max would drop it.
    if (!(difference <= largest)) largest = difference;
  }
  EXPECT_LE(largest, tolerance.logits);
  if (!want_file.find_or_null(names.loss)) return;
  const HostTensor loss = tensor_of(got_file, "loss");
  ASSERT_EQ(loss.shape, std::vector<std::int64_t>{1});
  EXPECT_NEAR(loss.to_floats()[0],
              tensor_of(want_file, names.loss).to_floats()[0], tolerance.loss);
}

void write_token_file(const fs::path& path,
                      const std::vector<TokenTensor>& tensors) {
  Tensors out;
  for (const TokenTensor& tensor : tensors) {
    const auto bytes = std::as_bytes(std::span(tensor.values));
    out.emplace_back(tensor.name,
                     HostTensor::make_owned(DType::kI64, tensor.shape,
                                            {bytes.begin(), bytes.end()}));
  }
  save_safetensors(path, std::move(out));
}

}  // namespace graft::test

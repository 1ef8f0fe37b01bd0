// rope.* keys, and Llama 3's scaling read back from its divisors.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

#include "formats/gguf/gguf_rope_internal.h"
#include "formats/hf/key_mismatch_internal.h"
#include "graft/base/error.h"

namespace graft {
namespace {

constexpr std::string_view kDivisors = "rope_freqs.weight";

double positive(const GgufMetadata& metadata, const std::string& key) {
  const auto value = metadata.number(key);
  if (!value || *value <= 0) metadata.refuse(key, "a number above 0");
  return shortest_decimal(*value);
}

double positive_or(const GgufMetadata& metadata, const std::string& key,
                   double fallback) {
  return metadata.has(key) ? positive(metadata, key) : fallback;
}

// What llama.cpp's converter stores for Llama 3's scaling.
std::vector<double> llama3_divisors(const RopeConfig& rope, std::int64_t dim) {
  const auto original = static_cast<double>(rope.original_max_positions);
  std::vector<double> out;
  for (std::int64_t i = 0; i < dim; i += 2) {
    const double length =
        2 * std::numbers::pi *
        std::pow(rope.theta, static_cast<double>(i) / static_cast<double>(dim));
    if (length < original / rope.high_freq_factor) {
      out.push_back(1);
    } else if (length > original / rope.low_freq_factor) {
      out.push_back(rope.factor);
    } else {
      const double smooth = (original / length - rope.low_freq_factor) /
                            (rope.high_freq_factor - rope.low_freq_factor);
      out.push_back(1 / ((1 - smooth) / rope.factor + smooth));
    }
  }
  return out;
}

std::vector<float> read_divisors(const GgufFile& file, std::int64_t dim) {
  const GgufEntry& entry = *file.find_or_null(kDivisors);
  const StoredTensor tensor = file.tensor(entry);
  const std::vector<std::int64_t> wanted{dim / 2};
  const bool fits = entry.format->dtype == DType::kF32 && entry.shape == wanted;
  if (!fits) {
    throw FileError(ErrorText{
        .operation = "gguf",
        .what = file.path().string() + ": tensor '" + entry.name + "'",
        .got =
            shape_text(entry.shape) + " of " + std::string(entry.format->name),
        .expected = shape_text(wanted) + " of F32"});
  }
  std::vector<float> out(static_cast<std::size_t>(dim / 2));
  tensor.decode({0, 1}, out.data());
  return out;
}

// The file keeps only the divisors: the factor is the largest, and the other
// parameters are those of every published Llama 3.
RopeConfig recognise_llama3(const GgufFile& file, RopeConfig rope,
                            std::int64_t dim) {
  const std::vector<float> stored = read_divisors(file, dim);
  const float largest = *std::ranges::max_element(stored);
  if (std::ranges::all_of(stored, [](float one) { return one == 1.0F; })) {
    return rope;
  }
  rope.kind = RopeKind::kLlama3;
  rope.factor = shortest_decimal(largest);
  rope.low_freq_factor = 1;
  rope.high_freq_factor = 4;
  rope.original_max_positions = 8192;
  constexpr double kTolerance = 1e-4;  // the converter computes in float32
  const std::vector<double> expected = llama3_divisors(rope, dim);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (std::abs(stored[i] - expected[i]) <= kTolerance * expected[i]) continue;
    throw FileError(ErrorText{
        .operation = "gguf",
        .what = file.path().string() + ": tensor '" + std::string(kDivisors) +
                "': rope scaling that graft does not support",
        .got =
            std::to_string(stored[i]) + " for frequency " + std::to_string(i),
        .expected = std::to_string(expected[i]) +
                    " as Llama 3's scaling has with factor " +
                    std::to_string(largest)});
  }
  return rope;
}

void read_yarn(const GgufMetadata& metadata, const std::string& scaling,
               RopeConfig& rope) {
  rope.kind = RopeKind::kYarn;
  rope.original_max_positions =
      metadata.required_count(scaling + "original_context_length");
  rope.beta_fast = positive_or(metadata, scaling + "yarn_beta_fast", 32);
  rope.beta_slow = positive_or(metadata, scaling + "yarn_beta_slow", 1);
  for (const char* name :
       {"attn_factor", "yarn_attn_factor", "yarn_ext_factor"}) {
    if (positive_or(metadata, scaling + name, 1) != 1) {
      metadata.refuse(scaling + name, "1, or nothing");
    }
  }
}

void read_scaling(const GgufMetadata& metadata, const std::string& prefix,
                  RopeConfig& rope) {
  const std::string legacy = prefix + "rope.scale_linear";
  const std::string scaling = prefix + "rope.scaling.";
  const std::string key = scaling + "type";
  const auto type = metadata.text(key);
  if (!type && metadata.has(legacy)) {
    rope.factor = positive(metadata, legacy);
    if (rope.factor != 1) rope.kind = RopeKind::kLinear;
    return;
  }
  if (!type || *type == "none") return;
  if (*type != "linear" && *type != "yarn") {
    metadata.refuse(key, "none, linear or yarn");
  }
  rope.factor = positive(metadata, scaling + "factor");
  rope.kind = RopeKind::kLinear;
  if (*type == "yarn") read_yarn(metadata, scaling, rope);
}

}  // namespace

double shortest_decimal(double value) {
  char text[64];
  const auto end =
      std::to_chars(text, text + sizeof text, static_cast<float>(value)).ptr;
  double out = value;
  std::from_chars(text, end, out);
  return out;
}

RopeConfig read_gguf_rope(const GgufFile& file, const std::string& prefix,
                          const ModelConfig& config) {
  const GgufMetadata& metadata = file.metadata();
  RopeConfig rope;
  rope.theta = positive_or(metadata, prefix + "rope.freq_base", 10000);
  const std::string rotated = prefix + "rope.dimension_count";
  const auto dimensions = metadata.integer(rotated);
  if (dimensions && *dimensions != config.head_dim) {
    metadata.refuse(rotated, std::to_string(config.head_dim) +
                                 " (partial rotation is not supported)");
  }
  read_scaling(metadata, prefix, rope);
  if (file.find_or_null(kDivisors) == nullptr) return rope;
  if (rope.kind != RopeKind::kDefault) {
    metadata.refuse(prefix + "rope.scaling.type",
                    "none beside the tensor rope_freqs.weight");
  }
  return recognise_llama3(file, rope, config.head_dim);
}

}  // namespace graft

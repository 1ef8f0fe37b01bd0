// rope.* keys, and the scalings that are stored as divisors of frequencies.
#include "formats/gguf/gguf_rope_internal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "formats/gguf/llama3_rope_internal.h"
#include "formats/hf/key_mismatch_internal.h"
#include "graft/base/error.h"

namespace graft {
namespace {

constexpr std::string_view kDivisors = "rope_freqs.weight";
constexpr std::string_view kLongFactors = "rope_factors_long.weight";
constexpr std::string_view kShortFactors = "rope_factors_short.weight";

double positive(const GgufMetadata& metadata, const std::string& key) {
  const auto value = metadata.number(key);
  if (!value || *value <= 0) metadata.refuse(key, "a number above 0");
  return shortest_decimal(*value);
}

double positive_or(const GgufMetadata& metadata, const std::string& key,
                   double fallback) {
  return metadata.has(key) ? positive(metadata, key) : fallback;
}

[[noreturn]] void refuse_tensor(const GgufSource& source, std::string_view name,
                                const std::string& got,
                                const std::string& expected) {
  throw FileError(ErrorText{.operation = "gguf",
                            .what = source.file.path().string() + ": tensor '" +
                                    std::string(name) + "'",
                            .got = got,
                            .expected = expected});
}

// One divisor, above 0, for each rotated pair.
std::vector<float> read_divisors(const GgufSource& source,
                                 std::string_view name, std::int64_t pairs) {
  const std::vector<std::int64_t> wanted{pairs};
  const std::string expected = shape_text(wanted) + " of F32";
  const GgufEntry* entry = source.file.find_or_null(name);
  if (entry == nullptr) refuse_tensor(source, name, "nothing", expected);
  if (entry->format->dtype != DType::kF32 || entry->shape != wanted) {
    refuse_tensor(
        source, name,
        shape_text(entry->shape) + " of " + std::string(entry->format->name),
        expected);
  }
  std::vector<float> out(static_cast<std::size_t>(pairs));
  source.file.tensor(*entry).decode({0, 1}, out.data());
  const auto bad = std::ranges::find_if_not(
      out, [](float one) { return std::isfinite(one) && one > 0; });
  if (bad != out.end()) {
    refuse_tensor(source, name, std::to_string(*bad), "numbers above 0");
  }
  return out;
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

std::vector<double> decimals(const std::vector<float>& values) {
  std::vector<double> out;
  for (const float value : values) out.push_back(shortest_decimal(value));
  return out;
}

// The factor of the scores stands in the file; where transformers derives the
// same one from the lengths, config.json needs none.
void read_longrope(const GgufSource& source, const std::string& scaling,
                   ModelConfig& out) {
  const GgufMetadata& metadata = source.metadata();
  RopeConfig& rope = out.rope;
  const auto rotated = static_cast<std::int64_t>(
      static_cast<double>(out.head_dim) * rope.rotated_share);
  rope.kind = RopeKind::kLongRope;
  rope.original_max_positions =
      metadata.required_count(scaling + "original_context_length");
  rope.short_factors =
      decimals(read_divisors(source, kShortFactors, rotated / 2));
  rope.long_factors =
      decimals(read_divisors(source, kLongFactors, rotated / 2));
  const auto original = static_cast<double>(rope.original_max_positions);
  rope.factor = static_cast<double>(out.max_positions) / original;
  const double derived =
      rope.factor > 1
          ? std::sqrt(1 + std::log(rope.factor) / std::log(original))
          : 1;
  const double stored = positive_or(metadata, scaling + "attn_factor", 1);
  if (std::abs(stored - derived) > 1e-6 * derived) {
    rope.attention_factor = stored;
  }
}

void read_llama3(const GgufSource& source, ModelConfig& out) {
  const std::vector<float> stored =
      read_divisors(source, kDivisors, out.head_dim / 2);
  if (out.rope.kind != RopeKind::kDefault) {
    source.metadata().refuse(source.key("rope.scaling.type"),
                             "none beside the tensor rope_freqs.weight");
  }
  const auto found = recognise_llama3(stored, out.rope);
  if (!found) {
    std::string text;
    for (const float one : stored) text += " " + std::to_string(one);
    refuse_tensor(source, kDivisors, "divisors" + text.substr(0, 200),
                  "those of Llama 3's scaling: graft does not support another");
  }
  out.rope = *found;
}

// rope.scaling.type, "" for none; one factor alone is linear.
std::string read_type(const GgufSource& source) {
  const GgufMetadata& metadata = source.metadata();
  const std::string key = source.key("rope.scaling.type");
  const auto type = metadata.text(key);
  if (type) {
    constexpr std::array<std::string_view, 4> kTypes = {"none", "linear",
                                                        "yarn", "longrope"};
    if (std::ranges::find(kTypes, *type) == kTypes.end()) {
      metadata.refuse(key, "none, linear, yarn or longrope");
    }
    return *type == "none" ? "" : std::string(*type);
  }
  if (source.file.find_or_null(kLongFactors) != nullptr) return "longrope";
  return metadata.has(source.key("rope.scale_linear")) ? "old linear" : "";
}

void read_scaling(const GgufSource& source, ModelConfig& out) {
  const GgufMetadata& metadata = source.metadata();
  const std::string scaling = source.key("rope.scaling.");
  const std::string type = read_type(source);
  RopeConfig& rope = out.rope;
  if (type.empty()) return;
  if (type == "longrope") {
    read_longrope(source, scaling, out);
    return;
  }
  rope.factor =
      positive(metadata, type == "old linear" ? source.key("rope.scale_linear")
                                              : scaling + "factor");
  if (type == "yarn") {
    read_yarn(metadata, scaling, rope);
  } else if (type == "linear" || rope.factor != 1) {
    rope.kind = RopeKind::kLinear;
  }
}

// The share of a head's dimensions that turn.
double read_share(const GgufSource& source, std::int64_t head_dim) {
  const GgufMetadata& metadata = source.metadata();
  const std::string key = source.key("rope.dimension_count");
  const std::int64_t rotated = metadata.integer(key).value_or(head_dim);
  if (rotated == head_dim) return 1;
  if (!source.family.switches.partial_rotary) {
    metadata.refuse(
        key, std::to_string(head_dim) + " (partial rotation is not supported)");
  }
  if (rotated < 2 || rotated > head_dim || rotated % 2 != 0) {
    metadata.refuse(key, "an even number of at most " +
                             std::to_string(head_dim) + " dimensions");
  }
  // int(head_dim * share) has to give the number back.
  double share = static_cast<double>(rotated) / static_cast<double>(head_dim);
  while (static_cast<double>(head_dim) * share < static_cast<double>(rotated)) {
    share = std::nextafter(share, 1.0);
  }
  return share;
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

bool is_rope_tensor(std::string_view name) {
  return name == kDivisors || name == kLongFactors || name == kShortFactors;
}

void read_gguf_rope(const GgufSource& source, ModelConfig& out) {
  const GgufMetadata& metadata = source.metadata();
  out.rope.theta = positive_or(metadata, source.key("rope.freq_base"), 10000);
  out.rope.rotated_share = read_share(source, out.head_dim);
  if (source.family.switches.default_sliding_theta > 0) {
    out.sliding_rope =
        RopeConfig{.theta = positive_or(
                       metadata, source.key("rope.freq_base_swa"), 10000)};
  }
  read_scaling(source, out);
  if (source.file.find_or_null(kDivisors) != nullptr) read_llama3(source, out);
}

}  // namespace graft

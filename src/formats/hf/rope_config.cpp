// Reads rope_parameters, or the older rope_theta with rope_scaling, as
// transformers 5.23 does (modeling_rope_utils.py). Entry point:
// read_rope_config; one function per rope_type is private.
#include <array>
#include <cmath>
#include <utility>

#include "formats/hf/rope_config_internal.h"

namespace graft {
namespace {

struct KindName {
  std::string_view name;
  RopeKind kind;
};
constexpr std::array<KindName, 5> kKinds = {{
    {"default", RopeKind::kDefault},
    {"linear", RopeKind::kLinear},
    {"dynamic", RopeKind::kDynamic},
    {"llama3", RopeKind::kLlama3},
    {"yarn", RopeKind::kYarn},
}};

// What all kinds need to know.
struct RopeSource {
  const JsonFields& config;  // the whole file
  const JsonFields& rope;    // rope_scaling or rope_parameters
  std::int64_t max_positions;
};

double positive(const JsonFields& fields, std::string_view name,
                double fallback) {
  const double value = fields.number(name).value_or(fallback);
  if (value > 0) return value;
  fields.reject(name, "a number above 0");
  return fallback;
}

double required_positive(const JsonFields& fields, std::string_view name) {
  if (!fields.has(name)) fields.reject(name, "a number above 0");
  return positive(fields, name, 1.0);
}

RopeKind read_kind(const JsonFields& rope) {
  const std::string_view field = rope.has("rope_type") ? "rope_type" : "type";
  const std::string name = rope.text(field).value_or("default");
  for (const KindName& row : kKinds) {
    if (row.name == name) return row.kind;
  }
  rope.reject(field, "default, linear, dynamic, llama3 or yarn");
  return RopeKind::kDefault;
}

// A field of the same name beside rope_parameters wins, as in transformers.
std::int64_t read_original_positions(const RopeSource& source) {
  constexpr std::string_view kName = "original_max_position_embeddings";
  const JsonFields& fields =
      source.config.has(kName) ? source.config : source.rope;
  const double value =
      fields.number(kName).value_or(static_cast<double>(source.max_positions));
  if (value >= 1 && value < 1e15 && std::floor(value) == value) {
    return static_cast<std::int64_t>(value);
  }
  if (fields.has(kName)) fields.reject(kName, "a positive integer");
  return source.max_positions;
}

void read_llama3(const RopeSource& source, RopeConfig& out) {
  out.factor = required_positive(source.rope, "factor");
  out.low_freq_factor = required_positive(source.rope, "low_freq_factor");
  out.high_freq_factor = required_positive(source.rope, "high_freq_factor");
  out.original_max_positions = read_original_positions(source);
  if (source.rope.problems().empty() &&
      out.high_freq_factor <= out.low_freq_factor) {
    source.rope.reject("high_freq_factor", "more than low_freq_factor");
  }
}

// Zero counts as absent, as in transformers.
double non_zero(const JsonFields& fields, std::string_view name,
                double fallback) {
  const double value = fields.number(name).value_or(0.0);
  return value == 0.0 ? fallback : value;
}

void read_yarn(const RopeSource& source, RopeConfig& out) {
  out.original_max_positions = read_original_positions(source);
  out.factor = source.rope.has("factor")
                   ? positive(source.rope, "factor", 1.0)
                   : static_cast<double>(source.max_positions) /
                         static_cast<double>(out.original_max_positions);
  out.beta_fast = non_zero(source.rope, "beta_fast", 32.0);
  out.beta_slow = non_zero(source.rope, "beta_slow", 1.0);
  out.attention_factor = source.rope.number("attention_factor");
  out.mscale = source.rope.number("mscale");
  out.mscale_all_dim = source.rope.number("mscale_all_dim");
  out.truncate = source.rope.boolean("truncate").value_or(true);
}

void check_unsupported(const JsonFields& rope) {
  if (rope.number("partial_rotary_factor").value_or(1.0) != 1.0) {
    rope.reject("partial_rotary_factor", "1 (partial rotation is unsupported)");
  }
  if (rope.has("mrope_section")) {
    rope.reject("mrope_section", "nothing (multimodal rope is unsupported)");
  }
  for (std::string_view nested : {"full_attention", "sliding_attention"}) {
    if (rope.has(nested)) rope.reject(nested, "one rope for all layers");
  }
}

// rope_scaling wins over rope_parameters when it is not empty.
std::string_view rope_field(const JsonFields& config) {
  const nlohmann::json* older = config.find_or_null("rope_scaling");
  return older != nullptr && !older->empty() ? "rope_scaling"
                                             : "rope_parameters";
}

}  // namespace

RopeConfig read_rope_config(const JsonFields& config,
                            std::int64_t max_positions) {
  static const nlohmann::json kNothing = nlohmann::json::object();
  const std::string_view field = rope_field(config);
  const nlohmann::json* object = config.find_or_null(field);
  if (object != nullptr && !object->is_object()) {
    config.reject(field, "an object");
    object = nullptr;
  }
  const JsonFields rope(object ? *object : kNothing, std::string(field) + ".",
                        config.problems());
  const RopeSource source{config, rope, max_positions};
  check_unsupported(rope);

  RopeConfig out;
  out.kind = read_kind(rope);
  const JsonFields& theta = rope.has("rope_theta") ? rope : config;
  out.theta = positive(theta, "rope_theta", 10000.0);
  if (out.kind == RopeKind::kLinear || out.kind == RopeKind::kDynamic) {
    out.factor = required_positive(rope, "factor");
  }
  if (out.kind == RopeKind::kDynamic) {
    out.original_max_positions = max_positions;
  }
  if (out.kind == RopeKind::kLlama3) read_llama3(source, out);
  if (out.kind == RopeKind::kYarn) read_yarn(source, out);
  return out;
}

}  // namespace graft

// Reads rope_parameters, or the older rope_theta with rope_scaling, as
// transformers 5.23 does (modeling_rope_utils.py). Entry point:
// read_rope_config; one function per rope_type is private.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "formats/hf/rope_config_internal.h"
#include "graft/formats/model_summary.h"

namespace graft {
namespace {

constexpr std::string_view kFull = "full_attention";
constexpr std::string_view kSliding = "sliding_attention";

struct KindName {
  std::string_view name;
  RopeKind kind;
};
constexpr std::array<KindName, 6> kKinds = {{
    {"default", RopeKind::kDefault},
    {"linear", RopeKind::kLinear},
    {"dynamic", RopeKind::kDynamic},
    {"llama3", RopeKind::kLlama3},
    {"yarn", RopeKind::kYarn},
    {"longrope", RopeKind::kLongRope},
}};

// What all kinds need to know.
struct RopeSource {
  const JsonFields& config;  // the whole file
  const JsonFields& rope;    // rope_scaling or rope_parameters
  const FamilySwitches& switches;
  std::int64_t max_positions;
  std::int64_t head_dim;
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

RopeKind read_kind(const RopeSource& source) {
  const JsonFields& rope = source.rope;
  const std::string_view field = rope.has("rope_type") ? "rope_type" : "type";
  std::string name = rope.text(field).value_or("default");
  // Phi-3's older words for its one scaling.
  if (source.switches.partial_rotary && (name == "su" || name == "yarn")) {
    name = "longrope";
  }
  for (const KindName& row : kKinds) {
    if (row.name == name) return row.kind;
  }
  rope.reject(field, "default, linear, dynamic, llama3, yarn or longrope");
  return RopeKind::kDefault;
}

// A field of the same name beside rope_parameters wins, as in transformers.
std::int64_t read_original_positions(const RopeSource& source) {
  constexpr std::string_view kName = "original_max_position_embeddings";
  if (!source.config.has(kName) && source.switches.original_positions > 0) {
    return source.switches.original_positions;
  }
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

std::vector<double> read_factors(const RopeSource& source,
                                 std::string_view name, std::int64_t pairs) {
  auto factors = source.rope.numbers(name);
  if (!factors && source.rope.has(name)) return {};
  const bool good =
      factors && std::ssize(*factors) == pairs &&
      std::ranges::all_of(*factors, [](double value) { return value > 0; });
  if (good) return *std::move(factors);
  source.rope.reject(name, std::to_string(pairs) +
                               " numbers above 0, one for each rotated pair");
  return {};
}

void read_longrope(const RopeSource& source, RopeConfig& out) {
  out.original_max_positions = read_original_positions(source);
  out.factor = source.rope.has("factor")
                   ? positive(source.rope, "factor", 1.0)
                   : static_cast<double>(source.max_positions) /
                         static_cast<double>(out.original_max_positions);
  out.attention_factor = source.rope.number("attention_factor");
  const auto rotated = static_cast<std::int64_t>(
      static_cast<double>(source.head_dim) * out.rotated_share);
  out.short_factors = read_factors(source, "short_factor", rotated / 2);
  out.long_factors = read_factors(source, "long_factor", rotated / 2);
}

// The share of a head's dimensions that turn.
double read_share(const RopeSource& source) {
  constexpr std::string_view kName = "partial_rotary_factor";
  const JsonFields& fields =
      source.rope.has(kName) ? source.rope : source.config;
  const double share = fields.number(kName).value_or(1.0);
  if (!source.switches.partial_rotary) {
    if (source.rope.has(kName) && share != 1.0) {
      fields.reject(kName, "1 (this family turns whole heads)");
    }
    return 1.0;
  }
  const double rotated =
      std::trunc(static_cast<double>(source.head_dim) * share);
  if (share > 0 && share <= 1 && rotated >= 2 && std::fmod(rotated, 2) == 0) {
    return share;
  }
  fields.reject(kName, "a share of head_dim (" +
                           std::to_string(source.head_dim) +
                           ") that is an even number of dimensions");
  return 1.0;
}

void check_unsupported(const JsonFields& rope) {
  if (rope.has("mrope_section")) {
    rope.reject("mrope_section", "nothing (multimodal rope is unsupported)");
  }
  for (std::string_view nested : {kFull, kSliding}) {
    if (rope.has(nested)) rope.reject(nested, "one rope for all layers");
  }
}

// One rope, of the object `source.rope`.
RopeConfig read_one(const RopeSource& source, double theta) {
  const JsonFields& rope = source.rope;
  check_unsupported(rope);
  RopeConfig out;
  out.kind = read_kind(source);
  out.rotated_share = read_share(source);
  out.theta =
      rope.has("rope_theta") ? positive(rope, "rope_theta", theta) : theta;
  if (out.kind == RopeKind::kLinear || out.kind == RopeKind::kDynamic) {
    out.factor = required_positive(rope, "factor");
  }
  if (out.kind == RopeKind::kDynamic) {
    out.original_max_positions = source.max_positions;
  }
  if (out.kind == RopeKind::kLlama3) read_llama3(source, out);
  if (out.kind == RopeKind::kYarn) read_yarn(source, out);
  if (out.kind == RopeKind::kLongRope) read_longrope(source, out);
  return out;
}

// rope_scaling wins over rope_parameters when it is not empty.
std::string_view rope_field(const JsonFields& config) {
  const nlohmann::json* older = config.find_or_null("rope_scaling");
  return older != nullptr && !older->empty() ? "rope_scaling"
                                             : "rope_parameters";
}

// The object in a field; an empty one when there is none.
const nlohmann::json& object_in(const JsonFields& fields,
                                std::string_view field) {
  static const nlohmann::json kNothing = nlohmann::json::object();
  const nlohmann::json* object = fields.find_or_null(field);
  if (object == nullptr) return kNothing;
  if (object->is_object()) return *object;
  fields.reject(field, "an object");
  return kNothing;
}

// Gemma 3: rope_parameters with an object for each kind of layer, or the older
// fields, of which rope_scaling is for layers without a window alone.
void read_by_layer_type(const JsonFields& config,
                        const FamilySwitches& switches, ModelConfig& out) {
  struct Kind {
    std::string_view name;
    std::string_view theta_field;
    double theta;
  };
  const auto read = [&](const Kind& kind) {
    const JsonFields outer(object_in(config, "rope_parameters"),
                           config.path("rope_parameters."), config.problems());
    const nlohmann::json* older = config.find_or_null("rope_scaling");
    const bool scaled =
        kind.name == kFull && older != nullptr && !older->empty();
    const JsonFields rope(scaled ? object_in(config, "rope_scaling")
                                 : object_in(outer, kind.name),
                          scaled ? config.path("rope_scaling.")
                                 : outer.path(std::string(kind.name) + "."),
                          config.problems());
    if (outer.has("rope_type") || outer.has("rope_theta")) {
      outer.reject(outer.has("rope_type") ? "rope_type" : "rope_theta",
                   "one rope for each kind of layer");
    }
    return read_one({config, rope, switches, out.max_positions, out.head_dim},
                    positive(config, kind.theta_field, kind.theta));
  };
  out.rope = read({kFull, "rope_theta", switches.default_theta});
  out.sliding_rope =
      read({kSliding, "rope_local_base_freq", switches.default_sliding_theta});
}

}  // namespace

void read_rope_config(const JsonFields& config, const FamilySwitches& switches,
                      ModelConfig& out) {
  if (switches.default_sliding_theta > 0) {
    read_by_layer_type(config, switches, out);
    return;
  }
  const std::string_view field = rope_field(config);
  const JsonFields rope(object_in(config, field), config.path(field) + ".",
                        config.problems());
  out.rope =
      read_one({config, rope, switches, out.max_positions, out.head_dim},
               rope.has("rope_theta")
                   ? switches.default_theta
                   : positive(config, "rope_theta", switches.default_theta));
}

std::string_view rope_kind_name(RopeKind kind) {
  return std::ranges::find(kKinds, kind, &KindName::kind)->name;
}

}  // namespace graft

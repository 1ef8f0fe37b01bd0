// One table of fields with their neutral values; a family that reads a field
// takes it off the table.
#include <array>
#include <string>
#include <vector>

#include "formats/hf/family_read_internal.h"
#include "formats/hf/unsupported_field_internal.h"

namespace graft {
namespace {

bool has_query_scalar(const Family& family) {
  return family.switches.query_scalar > 0;
}
bool rotates_partly(const Family& family) {
  return family.switches.partial_rotary;
}
bool has_no_rope_layers(const Family& family) {
  return family.switches.no_rope_interval > 0;
}
bool has_mlp_bias(const Family& family) { return family.switches.mlp_bias; }
bool has_attention_bias(const Family& family) {
  return family.switches.attention_bias;
}

struct FixedField {
  std::string_view name;
  nlohmann::json neutral;  // null: any value is unsupported
  IsRead is_read = never;
};

const std::vector<FixedField>& fixed_fields() {
  static const std::vector<FixedField> kFields = {
      {"sliding_window", nullptr, has_window},
      {"attention_chunk_size", nullptr},
      {"attn_logit_softcapping", nullptr, caps_attention},
      {"final_logit_softcapping", nullptr, caps_logits},
      {"query_pre_attn_scalar", nullptr, has_query_scalar},
      {"clip_qkv", nullptr},
      {"num_local_experts", 0, has_experts},
      {"num_experts", 0, has_experts},
      {"partial_rotary_factor", 1.0, rotates_partly},
      {"no_rope_layers", nullptr, has_no_rope_layers},
      {"attention_bias", false, has_attention_bias},
      {"mlp_bias", false, has_mlp_bias},
      {"embedding_multiplier", 1.0},
      {"residual_multiplier", 1.0},
      {"logits_scaling", 1.0},
      {"logit_scale", 1.0},
      {"use_qk_norm", false},
      {"qk_norm", false},
      {"use_bidirectional_attention", false},
      {"is_encoder_decoder", false},
      {"add_cross_attention", false},
  };
  return kFields;
}

// A window counts only while it is switched on.
bool is_switched_off(const JsonFields& fields, std::string_view name) {
  return name == "sliding_window" && fields.has("use_sliding_window") &&
         !fields.boolean("use_sliding_window").value_or(true);
}

}  // namespace

void check_unsupported(const JsonFields& fields, const Family& family) {
  for (const FixedField& field : fixed_fields()) {
    const nlohmann::json* value = fields.find_or_null(field.name);
    if (value == nullptr || *value == field.neutral) continue;
    if (field.is_read(family) || is_switched_off(fields, field.name)) continue;
    fields.problems().add("'" + fields.path(field.name) + "': got " +
                          json_summary(*value) +
                          ", which graft does not support for this family");
  }
}

void check_quantisation(const JsonFields& fields) {
  constexpr std::string_view kName = "quantization_config";
  const nlohmann::json* value = fields.find_or_null(kName);
  if (value == nullptr) return;
  std::string method = "an unnamed method";
  if (value->is_object()) {
    const auto named = value->find("quant_method");
    if (named != value->end() && named->is_string()) {
      method = json_summary(*named);
    }
  }
  fields.problems().add(
      "'" + std::string(kName) + "': the checkpoint is quantised with " +
      method +
      ", which graft does not run: use the unquantised checkpoint, or a GGUF "
      "file of the model");
}

}  // namespace graft

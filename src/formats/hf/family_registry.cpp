// The list of families, and what their tables' expressions mean.
#include <algorithm>
#include <string>
#include <vector>

#include "formats/hf/families/families_internal.h"
#include "formats/hf/family_internal.h"
#include "graft/base/error.h"

namespace graft {

const std::vector<Family>& families() {
  static const std::vector<Family> kFamilies = {
      llama_family(),   qwen2_family(),       qwen3_family(), mistral_family(),
      gemma2_family(),  gemma3_text_family(), phi3_family(),  smollm3_family(),
      mixtral_family(), qwen3_moe_family(),   olmo2_family(),
  };
  return kFamilies;
}

std::int64_t evaluate(Size size, const ModelConfig& config) {
  const std::int64_t query = config.heads * config.head_dim;
  const std::int64_t key_value = config.kv_heads * config.head_dim;
  switch (size) {
    case Size::kNone:
      return 0;
    case Size::kHidden:
      return config.hidden_size;
    case Size::kVocab:
      return config.vocab_size;
    case Size::kQuery:
      return query;
    case Size::kKeyValue:
      return key_value;
    case Size::kQkv:
      return query + 2 * key_value;
    case Size::kHead:
      return config.head_dim;
    case Size::kInner:
      return config.intermediate_size;
    case Size::kTwoInner:
      return 2 * config.intermediate_size;
    case Size::kExpertInner:
      return config.experts.size;
    case Size::kExperts:
      return config.experts.count;
  }
  return 0;
}

bool has_bias(Bias bias, const ModelConfig& config) {
  switch (bias) {
    case Bias::kNever:
      return false;
    case Bias::kQkv:
      return config.attention_bias || config.qkv_bias;
    case Bias::kProjection:
      return config.attention_bias;
    case Bias::kMlp:
      return config.mlp_bias;
  }
  return false;
}

const Family* find_family_or_null(std::string_view model_type) {
  const auto found =
      std::ranges::find(families(), model_type, &Family::model_type);
  return found == families().end() ? nullptr : &*found;
}

const Family& find_family(std::string_view model_type) {
  const Family* family = find_family_or_null(model_type);
  if (family != nullptr) return *family;
  throw Error("family: no table for '" + std::string(model_type) + "'");
}

std::string family_names() {
  std::string out;
  for (const Family& family : families()) {
    if (!out.empty()) out += ", ";
    out += family.model_type;
  }
  return out;
}

}  // namespace graft

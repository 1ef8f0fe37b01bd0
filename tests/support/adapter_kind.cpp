// The kinds by config field and tensor name. Entry point: refusal_word.
#include "support/adapter_kind.h"

#include <array>
#include <utility>

#include "graft/io/safetensors.h"
#include "support/shared_data.h"

namespace graft::test {

std::optional<std::string> refusal_word(const std::filesystem::path& adapter) {
  static constexpr std::array<std::pair<const char*, const char*>, 4> kFields =
      {{{"use_dora", "DoRA"},
        {"lora_bias", "lora_bias"},
        {"modules_to_save", "modules_to_save"},
        {"trainable_token_indices", "trainable tokens"}}};
  const nlohmann::json config = read_json(adapter / "adapter_config.json");
  for (const auto& [field, word] : kFields) {
    const nlohmann::json value = config.value(field, nlohmann::json());
    if (!value.is_null() && value != false && !value.empty()) return word;
  }
  if (config.value("bias", "none") != "none") return "biases";
  const auto file =
      SafetensorsFile::open(adapter / "adapter_model.safetensors");
  for (const TensorEntry& entry : file.entries()) {
    if (entry.name.find("lora_embedding") != entry.name.npos) {
      return "embedding";
    }
  }
  return std::nullopt;
}

}  // namespace graft::test

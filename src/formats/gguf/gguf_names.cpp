// The tables; names as llama.cpp's converter writes them.
#include "formats/gguf/gguf_names_internal.h"

#include <algorithm>

#include "graft/base/error.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr std::string_view kArchitectureKey = "general.architecture";
constexpr std::string_view kLayerHf = "model.layers.";
constexpr std::string_view kLayerGguf = "blk.";

constexpr GgufNameRow kWhole[] = {{"token_embd", "model.embed_tokens"},
                                  {"output_norm", "model.norm"},
                                  {"output", "lm_head"}};

constexpr GgufNameRow kLlamaLayer[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj", RowTransform::kHeads},
    {"attn_k", "self_attn.k_proj", RowTransform::kHeads},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"}};

constexpr GgufArchitecture kArchitectures[] = {
    {"llama", "llama", "LlamaForCausalLM", kWhole, kLlamaLayer}};

std::string known_architectures() {
  std::string out;
  for (const GgufArchitecture& row : kArchitectures) {
    if (!out.empty()) out += ", ";
    out += row.name;
  }
  return out;
}

// Adapters, projectors and parts of a split file are GGUF files too.
void check_is_model(const GgufMetadata& metadata) {
  const auto type = metadata.text("general.type");
  if (type && *type != "model") {
    metadata.refuse("general.type", "\"model\": a file with a whole model");
  }
  const auto parts = metadata.integer("split.count");
  if (parts && *parts > 1) {
    metadata.refuse("split.count",
                    "1: join the parts with llama-gguf-split --merge");
  }
}

const GgufNameRow& find_row(std::span<const GgufNameRow> rows,
                            std::string_view hf) {
  const auto found = std::ranges::find(rows, hf, &GgufNameRow::hf);
  if (found == rows.end()) {
    throw Error("gguf: no name for '" + std::string(hf) + "' in the table");
  }
  return *found;
}

}  // namespace

const GgufArchitecture& find_gguf_architecture(const GgufMetadata& metadata) {
  const std::string_view name = metadata.required_text(kArchitectureKey);
  check_is_model(metadata);
  const auto found =
      std::ranges::find(kArchitectures, name, &GgufArchitecture::name);
  if (found == std::end(kArchitectures)) {
    metadata.refuse(kArchitectureKey, "an architecture that graft knows: " +
                                          known_architectures());
  }
  return *found;
}

const GgufArchitecture& find_gguf_architecture_of(std::string_view model_type) {
  const auto found = std::ranges::find(kArchitectures, model_type,
                                       &GgufArchitecture::model_type);
  if (found != std::end(kArchitectures)) return *found;
  throw FileError(ErrorText{.operation = "gguf",
                            .what = "no table of llama.cpp's tensor names for "
                                    "this family",
                            .got = printable(model_type),
                            .expected = known_architectures()});
}

GgufTensorName gguf_tensor_name(const GgufArchitecture& architecture,
                                std::string_view hf_name) {
  const std::size_t dot = hf_name.rfind('.');
  const std::string suffix(hf_name.substr(dot));
  const std::string_view module = hf_name.substr(0, dot);
  if (!module.starts_with(kLayerHf)) {
    const GgufNameRow& row = find_row(architecture.whole, module);
    return {std::string(row.gguf) + suffix, row.transform};
  }
  const std::string_view rest = module.substr(kLayerHf.size());
  const std::size_t end = rest.find('.');
  const GgufNameRow& row = find_row(architecture.layer, rest.substr(end + 1));
  return {std::string(kLayerGguf) + std::string(rest.substr(0, end + 1)) +
              std::string(row.gguf) + suffix,
          row.transform};
}

std::vector<std::int64_t> stored_head_rows(std::int64_t rows,
                                           std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  std::vector<std::int64_t> out;
  out.reserve(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t in_head = row % head_dim;
    out.push_back(row - in_head + 2 * (in_head % half) + in_head / half);
  }
  return out;
}

}  // namespace graft

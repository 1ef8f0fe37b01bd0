// Configuration, tokenizer kind and template of a checkpoint. Entry points:
// summarise_directory, summarise_gguf.
#include "graft/formats/model_summary.h"

#include "formats/gguf/gguf_config_internal.h"
#include "formats/hf/tokenizer_kind_internal.h"
#include "graft/base/error.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr char kOperation[] = "inspect";

TokenizerSummary find_tokenizer(const fs::path& directory) {
  TokenizerSummary out;
  // In the order in which readers prefer them.
  if (fs::exists(directory / "tokenizer.json")) {
    out = {read_tokenizer_kind(directory / "tokenizer.json"), "tokenizer.json"};
  } else if (fs::exists(directory / "tokenizer.model")) {
    out = {"SentencePiece", "tokenizer.model"};
  } else if (fs::exists(directory / "merges.txt")) {
    out = {"BPE", "merges.txt"};
  }
  out.chat_template = fs::exists(directory / "chat_template.jinja");
  const fs::path config = directory / "tokenizer_config.json";
  if (!out.chat_template && fs::exists(config)) {
    const nlohmann::json json = parse_json_file(config, kOperation);
    out.chat_template = json.is_object() && json.contains("chat_template") &&
                        !json["chat_template"].is_null();
  }
  return out;
}

TokenizerSummary find_tokenizer(const GgufMetadata& metadata) {
  TokenizerSummary out{.file = metadata.path().filename().string()};
  const auto text = [&metadata](std::string_view key) {
    return printable(metadata.text(key).value_or(""));
  };
  out.kind = text("tokenizer.ggml.model");
  const std::string pre = text("tokenizer.ggml.pre");
  if (!pre.empty()) out.kind += ", pre " + pre;
  out.chat_template = metadata.has("tokenizer.chat_template");
  return out;
}

// Sets `config`, or `problem` for a model that graft has no runtime for.
template <typename Read>
void fill_config(ModelSummary& out, const Read& read) {
  try {
    out.config = read();
  } catch (const FileError& error) {
    out.problem = error.what();
  }
}

}  // namespace

std::optional<ModelSummary> summarise_directory(const fs::path& directory) {
  const auto family = read_model_type(directory);
  if (!family) return std::nullopt;
  ModelSummary out{.family = printable(*family)};
  fill_config(out,
              [&] { return read_model_config(directory / "config.json"); });
  out.tokenizer = find_tokenizer(directory);
  return out;
}

ModelSummary summarise_gguf(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  ModelSummary out;
  out.family =
      printable(metadata.text("general.architecture").value_or("unknown"));
  fill_config(out, [&] { return read_gguf_config(file); });
  out.tokenizer = find_tokenizer(metadata);
  return out;
}

std::uint64_t idle_parameters(const ModelConfig& config) {
  const ExpertConfig& experts = config.experts;
  std::uint64_t layers = 0;
  for (const LayerTraits& layer : config.layer_traits) layers += layer.experts;
  // Gate, up and down.
  const auto each =
      static_cast<std::uint64_t>(3 * config.hidden_size * experts.size);
  return layers * each *
         static_cast<std::uint64_t>(experts.count - experts.per_token);
}

}  // namespace graft

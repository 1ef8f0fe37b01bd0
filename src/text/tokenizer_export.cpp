// tokenizer.json is the parts that reading made, with vocabulary and merges
// put back in.
#include "graft/text/tokenizer_export.h"

#include <nlohmann/json.hpp>

#include "graft/base/error.h"
#include "graft/io/gguf.h"
#include "text/gguf_tokenizer_internal.h"

namespace graft {
namespace {

using nlohmann::ordered_json;

// Written by hand: a JSON object of 150,000 keys in order is slow to build.
std::string vocabulary_json(const text::TokenTable& vocabulary) {
  std::string out;
  for (std::size_t id = 0; id < vocabulary.id_end(); ++id) {
    const auto token = vocabulary.token(id);
    if (!token) continue;
    out += (out.empty() ? "{" : ",") + nlohmann::json(*token).dump() + ":" +
           std::to_string(id);
  }
  return out.empty() ? "{}" : out + "}";
}

std::string merges_json(const text::MergeList& merges) {
  std::string out;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const text::MergeList::Pair pair = merges[rank];
    out += (out.empty() ? "[[" : ",[") + nlohmann::json(pair.left).dump() +
           "," + nlohmann::json(pair.right).dump() + "]";
  }
  return out.empty() ? "[]" : out + "]";
}

std::string tokenizer_json(const text::TokenizerFile& file) {
  std::string out;
  for (const char* key :
       {"version", "truncation", "padding", "added_tokens", "normalizer",
        "pre_tokenizer", "post_processor", "decoder"}) {
    out += (out.empty() ? "{\n\"" : ",\n\"") + std::string(key) +
           "\":" + file.document.at(key).dump();
  }
  std::string model = file.document.at("model").dump();
  model.pop_back();
  return out + ",\n\"model\":" + model +
         ",\n\"vocab\":" + vocabulary_json(file.vocabulary) +
         ",\n\"merges\":" + merges_json(file.merges) + "}\n}\n";
}

std::string config_json(const TokenizerConfig& config,
                        std::int64_t max_length) {
  ordered_json out = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                      {"clean_up_tokenization_spaces", false},
                      {"model_max_length", max_length}};
  const auto add = [&out](const char* key,
                          const std::optional<std::string>& value) {
    if (value) out[key] = *value;
  };
  add("bos_token", config.bos_token);
  add("eos_token", config.eos_token);
  add("pad_token", config.pad_token);
  add("unk_token", config.unk_token);
  add("chat_template", config.chat_template);
  return out.dump(2) + "\n";
}

}  // namespace

TokenizerFiles export_gguf_tokenizer(const std::filesystem::path& gguf) {
  const GgufFile file = GgufFile::open(gguf);
  const GgufMetadata& metadata = file.metadata();
  const std::string length =
      std::string(metadata.required_text("general.architecture")) +
      ".context_length";
  return {tokenizer_json(text::read_gguf_tokenizer(metadata)),
          config_json(text::read_gguf_tokenizer_config(metadata),
                      metadata.count(length).value_or(2048))};
}

}  // namespace graft
